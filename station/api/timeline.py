"""A day of a list as a strip to be drawn: hours from left to right, a line a recorder, a bar a recording."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from station.api.forms import day_bounds
from station.catalogue.timeline import Lane, day_lanes
from station.catalogue.views import ClipFilter, Viewer
from station.clock import format_time, parse_time
from station.database import Session

WIDTH = 1440.0  # of the drawing; a minute of an ordinary day
_NARROWEST = 5.0  # a bar that can still be seen and hit


@dataclass(frozen=True, slots=True)
class Bar:
    """A recording: `x` and `width` on `WIDTH`; `start` is UTC text."""

    clip: str
    x: float
    width: float
    start: str
    duration_ms: int
    segments: int
    tagged: bool


@dataclass(frozen=True, slots=True)
class DayStrip:
    """The drawing: `day` and its neighbours as ISO dates in the station's zone; `hours` are (hour, x).

    `more` counts the recorders that are left out.
    """

    day: str
    before: str
    after: str
    noon: str
    hours: tuple[tuple[int, float], ...]
    lanes: tuple[tuple[Lane, tuple[Bar, ...]], ...]
    more: int = 0


def day_strip(
    session: Session, viewer: Viewer, narrowed: ClipFilter, shown: str | None, zone: ZoneInfo
) -> DayStrip | None:
    """Return the strip of the day of `shown`, a UTC time, as far as the list goes; None without any recording."""
    if shown is None:
        return None
    day = parse_time(shown).astimezone(zone).date()
    start, end = (parse_time(str(each)) for each in day_bounds(day.isoformat(), day.isoformat(), zone))
    within = replace(narrowed, time_from=format_time(start), time_to=format_time(end))
    lanes, more = day_lanes(session, viewer, within)
    if not lanes:
        return None
    scale = WIDTH / (end - start).total_seconds()
    hours = tuple((hour, (_hour(day, hour, zone) - start).total_seconds() * scale) for hour in range(0, 24, 3))
    return DayStrip(
        day=day.isoformat(),
        before=(day - timedelta(days=1)).isoformat(),
        after=(day + timedelta(days=1)).isoformat(),
        noon=format_time(start + (end - start) / 2),
        hours=hours,
        lanes=tuple((lane, _bars(lane, start, scale)) for lane in lanes),
        more=more,
    )


def _hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), zone)


def _bars(lane: Lane, start: datetime, scale: float) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            clip=span.clip,
            x=round(min((span.start - start).total_seconds() * scale, WIDTH - _NARROWEST), 1),
            width=round(max((span.end - span.start).total_seconds() * scale, _NARROWEST), 1),
            start=format_time(span.start),
            duration_ms=int((span.end - span.start) / timedelta(milliseconds=1)),
            segments=span.segments,
            tagged=span.tagged,
        )
        for span in reversed(lane.spans)
    )
