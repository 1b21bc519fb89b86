"""What people type, made into what actions take; nothing here trusts the browser's own checks."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from station import clock
from station.actions.problems import ProblemError

Code = TypeVar("Code", bound=StrEnum)


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


def first_given(values: list[str]) -> str:
    """Return the first value that is not blank: a form of several panels sends one field several times."""
    return next((value for value in values if value.strip()), "")
