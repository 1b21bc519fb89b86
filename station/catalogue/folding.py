"""Numbers and words as people type them: `冀石执罚〔2026〕第12号` and `冀石执罚[2026]12` are one case.

Guarantee: folding is idempotent and the same for what is stored and for what is searched, so equal texts are found
whatever brackets, widths, dashes or case were used. Pure.
"""

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\0()\[\]{}<>〈〉《》「」『』【】〔〕〖〗〘〙〚〛_/\\|.,:;#、。·‐‑‒–—―−~-]+")  # noqa: RUF001
_ORDINAL = re.compile(r"第(?=-?\d)")
_CLOSING = re.compile(r"[-号號]+$")


def fold_text(text: str) -> str:
    """Return the form words are compared in: compatible width, lower case, one `-` for any run of marks or white space.

    Unlike a number's, every other character counts: 第 and 号 stay. Never holds a line break or NUL.
    """
    return _SEPARATORS.sub("-", unicodedata.normalize("NFKC", text).casefold())


def fold_number(text: str) -> str:
    """Return the form numbers are compared in: compatible width, lower case, one `-` for any run of brackets or dashes.

    第 before digits and 号 at the end say nothing and go. An empty result means there was nothing to compare.
    """
    parted = _SEPARATORS.sub("-", _ORDINAL.sub("-", fold_text(text)))
    return _CLOSING.sub("", parted).lstrip("-")
