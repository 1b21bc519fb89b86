"""Both languages of a package at once: words for codes, lines of history, times in the station's zone.

Guarantee: what a device or a person typed reaches no document with characters that hide, reorder or break it.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from station.i18n import Translator, translator
from station.package.content import Clip, Content, Line, Proven

GROUP: Final = "package"
# Control, format (bidirectional overrides among them), line and paragraph separators, surrogates.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})


@dataclass(frozen=True, slots=True)
class Words:
    """A speaker of each language."""

    zh: Translator
    en: Translator

    def pair(self, value: object, group: str = GROUP, **params: object) -> dict[str, str]:
        """Return the words for a code in both languages, under `zh` and `en`."""
        return {"zh": self.zh.code(group, value, **params), "en": self.en.code(group, value, **params)}

    def both(self, value: object, group: str = GROUP, between: str = " / ") -> str:
        """Return the words for a code in both languages, one after the other; once if they are the same."""
        said = self.pair(value, group)
        return between.join(dict.fromkeys(said.values()))

    def line(self, line: Line) -> dict[str, str]:
        """Return a line of the custody history in both languages."""
        params = {name: plain(value) for name, value in line.params.items()}
        said = {"zh": self.zh.line(line.code, params), "en": self.en.line(line.code, params)}
        reason = params.get("reason")
        return {language: f"{text} ({reason})" if reason else text for language, text in said.items()}

    def unaltered(self, clip: Clip) -> dict[str, str]:
        """Return the sentence a lawyer can use of a clip, in both languages."""
        return {
            "zh": self.zh.code(GROUP, f"sentence_{clip.state}", time=self.zh.moment(clip.taken_in_at)),
            "en": self.en.code(GROUP, f"sentence_{clip.state}", time=self.en.moment(clip.taken_in_at)),
        }

    def ranges(self, proven: Proven) -> str:
        """Return the stretches of a clip as on a player: `0:00:05.000-0:01:10.480`; empty without any."""
        return ", ".join(f"{self.zh.position(start)}-{self.zh.position(end)}" for start, end in proven.ranges)


def speak(content: Content) -> Words:
    """Return the speakers for a package, in the station's zone."""
    return Words(translator("zh_CN", content.zone), translator("en", content.zone))


def plain(text: str) -> str:
    """Return text with every hidden character made visible as U+FFFD."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in _HIDDEN else each for each in text)


def file_name(clip: Clip) -> str:
    """Return the name a clip's file had on the recorder, fit to be shown; its id when that is not known."""
    return plain(clip.path.rpartition("/")[2]) if clip.path else clip.clip
