"""What people type, made into what actions take; nothing here trusts the browser's own checks."""

import re
import unicodedata
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from station import clock
from station.actions.problems import ProblemError
from station.records.entries import TimeRange

Code = TypeVar("Code", bound=StrEnum)
_POSITION = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6})(?:\.(\d{1,3}))?", re.ASCII)


def local_page(target: str, otherwise: str = "/") -> str:
    """Return `target` if it is an address on this station, else `otherwise`: nobody is led to other sites."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and "\\" not in target else otherwise


def choice(value: str, codes: type[Code]) -> Code | None:
    """Return the code chosen, None for an empty value; raises ProblemError invalid for anything else."""
    if not value:
        return None
    try:
        return codes(value)
    except ValueError as error:
        raise ProblemError("invalid", f"{value!r} is no choice here") from error


def utc_time(text: str, zone: ZoneInfo) -> str | None:
    """Return a time of a datetime-local field (in the station's zone) as UTC text; raises ProblemError time_invalid."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ProblemError("time_invalid", f"{text!r} is no time") from error
    if moment.tzinfo is not None:
        raise ProblemError("time_invalid", "A time is given in the station's zone")
    return _utc(moment.replace(tzinfo=zone))


def day_bounds(first: str, last: str, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """Return two days of the station's zone, both included, as half-open UTC text; nonsense is no bound."""
    start, end = _day(first), _day(last)
    return (
        _utc(datetime(start.year, start.month, start.day, tzinfo=zone)) if start else None,
        _utc(datetime(end.year, end.month, end.day, tzinfo=zone) + timedelta(days=1)) if end else None,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _utc(moment: datetime) -> str:
    try:
        return clock.format_time(moment)
    except OverflowError as error:
        raise ProblemError("time_invalid", "That time is beyond the calendar") from error


def range_typed(start: str, end: str) -> TimeRange | None:
    """Return a stretch of a clip as typed (`00:01:23.4`, `1:23.4` or `83.4`), None if both are blank.

    Raises ProblemError range_invalid, or range_backwards if it ends before it starts. Fractions go down to 1 ms.
    """
    if not start.strip() and not end.strip():
        return None
    made = TimeRange(start_ms=position_ms(start), end_ms=position_ms(end))
    if made.end_ms <= made.start_ms:
        raise ProblemError("range_backwards", f"{end!r} is not after {start!r}")
    return made


def position_ms(text: str) -> int:
    """Return a moment of a clip as typed (`00:01:23.4`, `1:23.4`, `83.4`) in ms; raises ProblemError range_invalid."""
    # NFKC: a Chinese input method types the full-width colon, point and figures.
    found = _POSITION.fullmatch(unicodedata.normalize("NFKC", text).strip().replace("\N{IDEOGRAPHIC FULL STOP}", "."))
    if found is None:
        raise ProblemError("range_invalid", f"{text!r} is no time in a clip")
    hours, minutes, seconds, fraction = found.groups(default="0")
    if (found[2] is not None and int(seconds) >= 60) or (found[1] is not None and int(minutes) >= 60):
        raise ProblemError("range_invalid", f"{text!r} has more than 59 minutes or seconds")
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def first_given(values: list[str]) -> str:
    """Return the first value that is not blank: a form of several panels sends one field several times."""
    return next((value for value in values if value.strip()), "")
