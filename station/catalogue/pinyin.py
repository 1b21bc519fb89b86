"""Finding Chinese titles by the initials of their pinyin: `zs` finds 张三涉嫌超限运输, without an input method.

A character with several readings is found by each (单 by s and by d), since which one a name takes is not in its text.
Worked out when it is asked for and kept in memory, not stored: the readings come from a library's dictionary, and a
catalogue has to come out the same whichever version of it made it.
"""

import re
from functools import lru_cache

_ASKED = re.compile(r"[a-z]{2,12}", re.IGNORECASE)


def asks_for_initials(text: str) -> bool:
    """Tell whether what was typed may be initials: two to twelve Latin letters and nothing else."""
    return _ASKED.fullmatch(text.strip()) is not None


def has_initials(title: str, typed: str) -> bool:
    """Tell whether characters that follow each other in `title` begin with the letters typed."""
    letters, readings = typed.strip().lower(), _readings(title)
    width = len(letters)
    return any(
        all(letter in reading for letter, reading in zip(letters, readings[at:], strict=False))
        for at in range(len(readings) - width + 1)
    )


@lru_cache(maxsize=20_000)
def _readings(title: str) -> tuple[str, ...]:
    """Return for each character the initials it can have; any that is not Chinese stands for itself."""
    from pypinyin import Style, pinyin  # here: its dictionaries are 60 MB that only the pages need

    found = pinyin(list(title.lower()), style=Style.FIRST_LETTER, heteronym=True)
    return tuple("".join(letters) for letters in found)
