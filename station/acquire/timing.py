"""When a recording was made, as far as the recorder's clock and the profile's zone tell.

Guarantee: the device's own time is kept as it was told, beside the corrected one; a time outside the years a clock can
be trusted in, or told by a clock that was more than a day off, is flagged, never corrected and never silently used.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from station import clock
from station.profiles.model import NameFacts, Profile
from station.records.reading import RawTimes
from station.records.terms import Source, TimeTrust

_AHEAD = timedelta(days=1)
_FARTHEST_OFF = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RecordedTime:
    """`device_time` naive local text, `recorded_at` UTC text (corrected), both None when nothing is known."""

    device_time: str | None
    zone: str | None
    recorded_at: str | None
    source: Source | None
    trust: TimeTrust


UNKNOWN = RecordedTime(None, None, None, None, TimeTrust.UNKNOWN)


def recorded_time(
    profile: Profile, name: NameFacts | None, times: RawTimes, taken_in: datetime, offset_ms: int | None = None
) -> RecordedTime:
    """Return the best time there is: the start in the name, else the file's creation, else its last change.

    `offset_ms` is how far the recorder's clock was ahead of ours, None where it could not be read.
    """
    offset = timedelta(milliseconds=offset_ms or 0)
    if name is not None and name.start is not None:
        return _judge(profile, name.start, None, Source.FILE_NAME, taken_in, offset)
    written = times.created or times.modified
    if written is None:
        return UNKNOWN
    try:
        moment = datetime.fromisoformat(written).replace(tzinfo=None)
    except ValueError:
        return UNKNOWN
    return _judge(profile, moment, times.zone_offset_minutes, Source.FILE_SYSTEM, taken_in, offset)


def _judge(
    profile: Profile,
    naive: datetime,
    offset_minutes: int | None,
    source: Source,
    taken_in: datetime,
    offset: timedelta,
) -> RecordedTime:
    zone = ZoneInfo(profile.clock.zone) if offset_minutes is None else timezone(timedelta(minutes=offset_minutes))
    zone_name = profile.clock.zone if offset_minutes is None else zone.tzname(naive)
    try:
        moment = naive.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return RecordedTime(naive.isoformat(timespec="seconds"), zone_name, None, source, TimeTrust.SUSPICIOUS)
    earliest = datetime.fromisoformat(profile.clock.earliest)
    believable = abs(offset) <= _FARTHEST_OFF and naive >= earliest and moment - offset <= taken_in + _AHEAD
    if believable:
        moment -= offset
    return RecordedTime(
        device_time=naive.isoformat(timespec="seconds"),
        zone=zone_name,
        recorded_at=clock.format_time(moment),
        source=source,
        trust=TimeTrust.PLAIN if believable else TimeTrust.SUSPICIOUS,
    )
