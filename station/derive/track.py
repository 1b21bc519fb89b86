"""Where the recorder was while it recorded: the positions that it wrote into the movie, read by exiftool.

Guarantees: exiftool runs confined, on containers only in which recorders write positions; every line it prints is
treated as hostile: what is not exactly a time and two coordinates on this earth is left out, and so is 0,0, which
recorders without a fix write. Nothing is moved to another datum: coordinates are the recorder's, by its formats' rule
WGS 84. The file is JSON:

    {"timed": "sample", "fixes": [[0, 31241667, 121473333], [1000, 31241683, 121473367]]}

A fix is milliseconds from the start of the recording, and millionths of a degree north and east, in order of time.
`timed` says what the time is from: `sample`, the movie's own clock; `clock`, the satellites', where the first fix is
taken for the start.
"""

import re
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.derive import tool
from station.derive.layout import publish_text
from station.derive.probe import Probe
from station.errors import DerivationError
from station.sandbox.confinement import Limits

MOST_FIXES: Final = 1800
_MOST_READ = 500_000  # a shift of 12 hours at 10 a second, and some
_TOLERANCE_MS = 2000  # a last fix may come a moment after the last picture
_KEPT = "The original is untouched"
_LIMITS = Limits(cpu_seconds=300, address_space_bytes=2 * tool.GIB, file_size_bytes=0, open_files=64, wall_seconds=1800)
_CONTAINERS = frozenset({"mov", "mpegts", "avi"})
_LINE = re.compile(
    rb"(?:(?P<seconds>\d{1,7}(?:\.\d{1,12})?)|-);"
    rb"(?:(?P<clock>\d{4}:\d\d:\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?)Z|[^;]{0,40});"
    rb"(?P<latitude>-?\d{1,2}(?:\.\d{1,15})?);(?P<longitude>-?\d{1,3}(?:\.\d{1,15})?)",
    re.ASCII,
)

Fix = tuple[
    Annotated[int, Field(ge=0)], Annotated[int, Field(ge=-90_000_000, le=90_000_000)],
    Annotated[int, Field(ge=-180_000_000, le=180_000_000)],
]  # fmt: skip


class Track(BaseModel):
    """The content of the file, see above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timed: Literal["sample", "clock"]
    fixes: tuple[Fix, ...] = Field(max_length=MOST_FIXES)


def make_track(
    source: Path, facts: Probe, target: Path, *, work: Path, user: str, cancel: threading.Event | None = None
) -> None:
    """Read the positions in a readable video into `target`, none if there are none.

    Raises DerivationError, SandboxError.
    """
    if not facts.ok or facts.duration_ms is None:
        raise DerivationError("No track is made of what has no known length", kept=_KEPT)
    read = _Reading(facts.duration_ms)
    if facts.container in _CONTAINERS:
        finished = tool.call(
            _ARGUMENTS, source, work=work, user=user, limits=_LIMITS, on_progress=read.line, cancel=cancel
        )
        tool.check(finished, "track")
    publish_text(read.track().model_dump_json(), work, target)


def read_track(path: Path) -> Track:
    """Return what `make_track` left; raises DerivationError when it is not that."""
    try:
        return Track.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DerivationError(f"{path} is not a track of ours: {error}", kept=_KEPT) from error


# No configuration file; every embedded document is a line, numbers as they are, a dash for what is not there.
_ARGUMENTS = [
    *("exiftool", "-config", "", "-q", "-q", "-ee", "-n", "-f"),
    *("-p", "$SampleTime;$GPSDateTime;$GPSLatitude;$GPSLongitude", "{input}"),
]


class _Reading:
    """Takes in exiftool's lines."""

    def __init__(self, duration_ms: int) -> None:
        self._longest_ms = duration_ms + _TOLERANCE_MS
        self._by_sample: dict[int, tuple[int, int]] = {}
        self._by_clock: dict[datetime, tuple[int, int]] = {}

    def line(self, line: bytes) -> None:
        found = _LINE.fullmatch(line.rstrip(b"\r"))
        if found is None or len(self._by_sample) + len(self._by_clock) >= _MOST_READ:
            return
        latitude, longitude = (round(Decimal(found[name].decode()) * 1_000_000) for name in ("latitude", "longitude"))
        if abs(latitude) > 90_000_000 or abs(longitude) > 180_000_000 or latitude == longitude == 0:
            return
        if found["seconds"] is not None:
            self._by_sample.setdefault(round(Decimal(found["seconds"].decode()) * 1000), (latitude, longitude))
        elif found["clock"] is not None and (moment := _moment(found["clock"].decode())) is not None:
            self._by_clock.setdefault(moment, (latitude, longitude))

    def track(self) -> Track:
        """Return the fixes within the recording, evenly thinned where there are many."""
        first = min(self._by_clock, default=None)
        by_clock = {
            (moment - first) // timedelta(milliseconds=1): place
            for moment, place in self._by_clock.items()
            if first is not None
        }
        timed = self._by_sample or by_clock
        fixes = [(ms, *timed[ms]) for ms in sorted(timed) if ms <= self._longest_ms]
        step = -(-len(fixes) // MOST_FIXES) or 1
        return Track(timed="sample" if self._by_sample else "clock", fixes=tuple(fixes[::step]))


def _moment(text: str) -> datetime | None:
    """Read exiftool's `2026:11:20 09:30:00.000`, UTC; None for what is no date."""
    whole, _, decimals = text.partition(".")
    try:
        moment = datetime.strptime(whole, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment + timedelta(microseconds=int(decimals.ljust(6, "0")[:6]))
