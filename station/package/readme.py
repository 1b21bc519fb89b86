"""`README.txt`: what lies in the folder, how to check it, and what a check proves, in 中文 and then in English."""

from typing import Final

from station.i18n import Translator
from station.package.content import Content
from station.package.words import GROUP, Words, plain

_PARAGRAPHS: Final = (
    "readme_title",
    "readme_what",
    "readme_files",
    "readme_check",
    "readme_key",
    "proves",
    "proves_not",
)


def readme(content: Content, words: Words) -> bytes:
    """Return the file's bytes; it names the case, the log's keys and nothing that differs between two productions."""
    return "\n\n".join((_told(content, words.zh), "-" * 72, _told(content, words.en))).encode() + b"\n"


def _told(content: Content, t: Translator) -> str:
    params = {
        "number": plain(content.number),
        "title": plain(content.title),
        "unit": plain(content.unit),
        "export": content.export,
        "time": t.moment(content.as_of),
        "count": len(content.clips),
        "log": content.log,
        "log_size": content.log_size,
        "key": content.keys[0],
    }
    return "\n\n".join(t.code(GROUP, paragraph, **params) for paragraph in _PARAGRAPHS)
