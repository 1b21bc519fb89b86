"""When a recording was made, as far as the recorder's clock and the profile's zone tell.

Guarantee: the device's own time is kept as it was told; a time outside the years a clock can be trusted in is
flagged, never corrected and never silently used.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from station import clock
from station.profiles.model import NameFacts, Profile
from station.records.reading import RawTimes
from station.records.terms import Source, TimeTrust

_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RecordedTime:
    """`device_time` naive local text, `recorded_at` UTC text, both None when nothing is known."""

    device_time: str | None
    zone: str | None
    recorded_at: str | None
    source: Source | None
    trust: TimeTrust


UNKNOWN = RecordedTime(None, None, None, None, TimeTrust.UNKNOWN)


def recorded_time(profile: Profile, name: NameFacts | None, times: RawTimes, taken_in: datetime) -> RecordedTime:
    """Return the best time there is: the start in the name, else the file's creation, else its last change."""
    if name is not None and name.start is not None:
        return _judge(profile, name.start, None, Source.FILE_NAME, taken_in)
    written = times.created or times.modified
    if written is None:
        return UNKNOWN
    try:
        moment = datetime.fromisoformat(written).replace(tzinfo=None)
    except ValueError:
        return UNKNOWN
    return _judge(profile, moment, times.zone_offset_minutes, Source.FILE_SYSTEM, taken_in)


def _judge(
    profile: Profile, naive: datetime, offset_minutes: int | None, source: Source, taken_in: datetime
) -> RecordedTime:
    zone = ZoneInfo(profile.clock.zone) if offset_minutes is None else timezone(timedelta(minutes=offset_minutes))
    zone_name = profile.clock.zone if offset_minutes is None else zone.tzname(naive)
    try:
        moment = naive.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return RecordedTime(naive.isoformat(timespec="seconds"), zone_name, None, source, TimeTrust.SUSPICIOUS)
    earliest = datetime.fromisoformat(profile.clock.earliest)
    believable = naive >= earliest and moment <= taken_in + _AHEAD
    return RecordedTime(
        device_time=naive.isoformat(timespec="seconds"),
        zone=zone_name,
        recorded_at=clock.format_time(moment),
        source=source,
        trust=TimeTrust.PLAIN if believable else TimeTrust.SUSPICIOUS,
    )
