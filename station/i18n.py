"""Words and figures for people, in the languages of web/locales: one `Translator` a language and time zone.

Guarantees: the catalogues are read straight from the .po files, so no build product can be stale or missing; a message
without translation comes out in English, an unknown code as itself, never as an error; every time shown is in the
station's zone. Ordinary messages are their own English text; codes (`code:<group>.<value>`) are in both catalogues.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

from station import clock

LOCALES: Final = ("zh_CN", "en")
LOCALES_FOLDER: Final = Path(__file__).resolve().parent.parent / "web" / "locales"

# Params of a history line that are codes of a group; the rest are text, but for times and sizes.
_CODED_PARAMS: Final = {
    "kind": "target_kind",
    "stage": "stage",
    "none_reason": "none_reason",
    "sensitivity": "sensitivity",
    "source": "source",
    "number_source": "source",
    "readback": "readback",
    "outcome": "outcome",
    "playable": "playable",
    "source_kind": "source_kind",
    "origin": "origin",
    "export_reason": "export_reason",
    "verdict": "verdict",
    "field": "field",
    "made_of": "made_of",
}
_DAYS_FROM: Final = 2 * 86_400
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Translator:
    """Says things in one language and one zone; call it with a message, `{name}` in it stands for a parameter."""

    locale: str
    zone: ZoneInfo
    catalogue: Translations

    def __call__(self, message: str, **params: object) -> str:
        """Return the message in this language, its parameters filled in if any is given, else left for a script."""
        text: str = self.catalogue.ugettext(message)
        return _fill(text, params) if params else text

    def plural(self, singular: str, plural: str, count: int, **params: object) -> str:
        """Return the form that fits `count`, which is also the parameter `{count}`."""
        text = self.catalogue.ungettext(singular, plural, count)
        return _fill(text, {"count": self.number(count), **params})

    def code(self, group: str, value: object, **params: object) -> str:
        """Return the words for a code, such as a stage or an outcome; the code itself when there are none."""
        key = f"code:{group}.{value}"
        text = self.catalogue.ugettext(key)
        return str(value) if text == key else _fill(text, params)

    def knows(self, group: str, value: object) -> bool:
        """Tell whether there are words for a code."""
        key = f"code:{group}.{value}"
        return bool(self.catalogue.ugettext(key) != key)

    def line(self, code: str, params: Mapping[str, str]) -> str:
        """Return a line of the custody history in plain words (`code:history.<code>`), its params put into words too.

        Where a param in `[[…{name}…]]` is not there, the whole bracket is left out.
        """
        words = {name: self._param(name, value) for name, value in params.items()}
        if code == "alarm.raised":
            words["kind"] = self.code("alarm", params.get("kind", ""))
        text = self.catalogue.ugettext(f"code:history.{code}")
        if text == f"code:history.{code}":
            return code
        return _fill(re.sub(r"\[\[(.*?)\]\]", lambda match: _known_part(match[1], words), text), words)

    def _param(self, name: str, value: str) -> str:
        if name in _CODED_PARAMS:
            return self.code(_CODED_PARAMS[name], value)
        if name.endswith("_bytes"):
            return self.size(int(value))
        if name == "frame_ms":
            return self.position(int(value))
        return self.moment(value) if name.endswith("_at") else value

    @property
    def language(self) -> str:
        """The language as HTML names it (BCP 47)."""
        return self.locale.replace("_", "-")

    def number(self, value: float) -> str:
        """Return a figure with the language's separators."""
        return format_decimal(value, locale=_babel_locale(self.locale))

    def size(self, size_bytes: int) -> str:
        """Return a size in decimal units (1 kB is 1000 bytes), three digits at most before the unit: `1.25 GB`."""
        value, unit = float(size_bytes), 0
        while value >= 999.5 and unit < len(_UNITS) - 1:
            value, unit = value / 1000, unit + 1
        pattern = "0" if unit == 0 or value >= 99.95 else "0.0" if value >= 9.995 else "0.00"
        return f"{format_decimal(value, format=pattern, locale=_babel_locale(self.locale))} {_UNITS[unit]}"

    def duration(self, duration_ms: int) -> str:
        """Return a length as on a player: `1:05`, `1:02:03`."""
        seconds = (duration_ms + 500) // 1000
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    def position(self, position_ms: int) -> str:
        """Return a moment of a clip, counted from its start, as the player shows it: `0:01:23.400`."""
        seconds, ms = divmod(position_ms, 1000)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"

    def wait(self, seconds: int) -> str:
        """Return a time still to go, in words: `about 2 min`."""
        if seconds < 60:
            return self("about {count} s", count=max(seconds, 1))
        if seconds < 3600:
            return self("about {count} min", count=(seconds + 59) // 60)
        if seconds >= _DAYS_FROM:
            return self("about {count} days", count=(seconds + 43_200) // 86_400)
        return self("about {hours} h {minutes} min", hours=seconds // 3600, minutes=seconds % 3600 // 60)

    def moment(self, text: str) -> str:
        """Return a UTC time as `station.clock` writes it, to the second, in the station's zone."""
        return self._time(text, "moment")

    def day(self, text: str) -> str:
        """Return its day with the day of the week."""
        return self._time(text, "day")

    def dated(self, text: str) -> str:
        """Return its day with the day of the week, and the year where it is not this one."""
        year = clock.parse_time(text).astimezone(self.zone).year
        return self._time(text, "day" if year == clock.now().astimezone(self.zone).year else "day_of_year")

    def date(self, text: str) -> str:
        """Return its date."""
        return self._time(text, "date")

    def time(self, text: str) -> str:
        """Return its hour, minute and second."""
        return self._time(text, "time")

    def near(self, text: str) -> str:
        """Return a time shortly, for lists: `today 18:04`, `yesterday 09:12`, else the date and the minute."""
        moment = clock.parse_time(text).astimezone(self.zone)
        today = clock.now().astimezone(self.zone)
        days = (today.date() - moment.date()).days
        key = {0: "today", 1: "yesterday"}.get(days, "this_year" if moment.year == today.year else "other_year")
        return self._format(moment, key)

    def machine_time(self, text: str) -> str:
        """Return the value of an HTML `datetime-local` field for a UTC time."""
        return clock.parse_time(text).astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def _time(self, text: str, key: str) -> str:
        return self._format(clock.parse_time(text).astimezone(self.zone), key)

    def _format(self, moment: datetime, key: str) -> str:
        pattern = self.catalogue.ugettext(f"code:format.{key}")
        return format_datetime(moment, format=pattern, tzinfo=self.zone, locale=_babel_locale(self.locale))


def translator(locale: str, zone: ZoneInfo | None = None) -> Translator:
    """Return the translator of a language (`zh_CN` when unknown) for times in `zone` (default Asia/Shanghai)."""
    known = locale if locale in LOCALES else LOCALES[0]
    return _translator(known, zone or ZoneInfo("Asia/Shanghai"))


def negotiate(preferences: Iterable[str], default: str = LOCALES[0]) -> str:
    """Return the first of `preferences` (`zh-CN`, `en_US.UTF-8`, …) that is spoken here, else `default`."""
    for preference in preferences:
        language = re.split(r"[-_.;@]", preference.strip().lower(), maxsplit=1)[0]
        for locale in LOCALES:
            if Locale.parse(locale).language == language:
                return locale
    return default


@cache
def _babel_locale(locale: str) -> Locale:
    # Babel looks through all its languages for a name, and no further for what it has parsed: a page has 120 times.
    return Locale.parse(locale)


@cache
def _translator(locale: str, zone: ZoneInfo) -> Translator:
    return Translator(locale, zone, read_catalogue(locale))


@cache
def read_catalogue(locale: str) -> Translations:
    """Read a language's .po file; raises OSError when it is not there."""
    with (LOCALES_FOLDER / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=locale, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


class _Params(dict[str, object]):
    """A parameter that is not there, such as one erased by law, leaves a dash instead of failing the page."""

    def __missing__(self, key: str) -> str:
        return "—"


def _known_part(text: str, words: Mapping[str, str]) -> str:
    return text if all(name in words for name in re.findall(r"\{(\w+)\}", text)) else ""


def _fill(text: str, params: Mapping[str, object]) -> str:
    return text.format_map(_Params(params)) if "{" in text else text
