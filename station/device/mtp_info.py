"""What a recorder says by MTP of one object: its name, size, folder and times.

Guarantee: the name is kept as the bytes that came; times have a zone only where one was told.
Sources: ISO 15740 (PTP), section 5.3.1; MTP 1.1, section 3.2.5 for times.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from station.device.ptp import DataSet
from station.records.reading import RawTimes

_ASSOCIATION = 0x3001  # the format of a folder
# YYYYMMDDThhmmss, perhaps tenths, perhaps a zone (MTP 1.1, section 3.2.5).
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d)?(Z|[+-]\d{4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a recorder says of one object (ISO 15740, section 5.3.1)."""

    name: bytes
    folder: bool
    size_bytes: int
    parent: int
    times: RawTimes


def read_object_info(data: bytes) -> ObjectInfo:
    """Parse an ObjectInfo data set; raises OSError."""
    fields = DataSet(data)
    fields.skip(4)
    form = fields.number(2)
    fields.skip(2)
    size = fields.number(4)
    fields.skip(26)
    parent = fields.number(4)
    fields.skip(10)
    name, created, modified = fields.text(), fields.text(), fields.text()
    return ObjectInfo(name, form == _ASSOCIATION, size, parent, read_times(created, modified))


def read_times(created: bytes, modified: bytes) -> RawTimes:
    """Return the times as told, without a zone where none is told; what is no time is left out."""
    (made, _), (changed, zone) = _read_time(created), _read_time(modified)
    return RawTimes(modified=changed, created=made, zone_offset_minutes=zone)


def _read_time(raw: bytes) -> tuple[str | None, int | None]:
    found = _TIME.fullmatch(raw.decode("utf-16-le", "replace"))
    if found is None:
        return None, None
    year, month, day, hour, minute, second, tenth, zone = found.groups("")
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second}"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None, None
    offset = int(f"{zone[0]}1") * (int(zone[1:3]) * 60 + int(zone[3:])) if len(zone) > 1 else 0
    return text + tenth, offset if zone else None
