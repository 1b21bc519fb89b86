"""When each picture of a playable movie is shown, so that a player can step to exactly the next one.

Guarantees: the times are those of the file that is played, read from its packets without decoding any; they rise and
none is there twice; pictures that an edit list hides are left out. The file is JSON, small for a steady rate:

    {"base": [1, 12800], "first": 0, "runs": [[512, 149], [1024, 1]]}

Picture 0 is shown at `first` ticks of `base` seconds (a fraction); each run is (ticks to the next picture, how often).
"""

import json
import re
import threading
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from pathlib import Path

from station.derive import tool
from station.derive.layout import publish_text
from station.errors import DerivationError
from station.sandbox.confinement import Limits

MOST_FRAMES = 3_000_000  # a shift of 12 hours at 60 a second
_KEPT = "The original is untouched"
_LIMITS = Limits(cpu_seconds=300, address_space_bytes=2 * tool.GIB, file_size_bytes=0, open_files=64, wall_seconds=3600)
_PACKET = re.compile(rb"packet,(-?\d{1,18}),([A-Z_]*)", re.ASCII)
_STREAM = re.compile(rb"stream,([1-9]\d{0,9})/([1-9]\d{0,9})", re.ASCII)
_HIDDEN = b"D"  # ffprobe's flag of a packet that is decoded and not shown


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The times of a movie's pictures: `ticks`, rising, each of `base` seconds (numerator, denominator)."""

    base: tuple[int, int]
    ticks: tuple[int, ...]

    def ms(self, number: int) -> Fraction:
        """Return when picture `number` (from 0) is first shown, in milliseconds."""
        return Fraction(self.ticks[number] * self.base[0] * 1000, self.base[1])

    def at(self, ms: int) -> int:
        """Return the number of the picture shown at a moment: the last that has begun; the first before any has."""
        return max(0, bisect_right(self.ticks, Fraction(ms * self.base[1], self.base[0] * 1000)) - 1)


def read_frames(path: Path) -> FrameTimes:
    """Read what `make_frames` wrote; raises DerivationError when it is not of that shape."""
    try:
        made = json.loads(path.read_bytes())
        numerator, denominator = made["base"]
        steps = (step for step, often in made["runs"] for _ in range(often))
        return FrameTimes((int(numerator), int(denominator)), tuple(accumulate(steps, initial=int(made["first"]))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DerivationError(f"The list of frame times can't be read: {error}", kept=_KEPT) from error


def make_frames(
    source: Path, container: str, target: Path, *, work: Path, user: str, cancel: threading.Event | None = None
) -> None:
    """Write the times of a movie's pictures to `target`; raises DerivationError, SandboxError.

    `source` is what a browser plays, of the sniffed `container`.
    """
    demuxer = tool.find_demuxer(container)
    if demuxer is None:
        raise DerivationError("No frame times can be read from this container", kept=_KEPT)
    read = _Reading()
    finished = tool.call(
        _arguments(demuxer), source, work=work, user=user, limits=_LIMITS, on_progress=read.line, cancel=cancel
    )
    tool.check(finished, "list of frame times")
    publish_text(read.text(), work, target)


def _arguments(demuxer: str) -> list[str]:
    argv = ["ffprobe", "-v", "error", "-hide_banner"]
    for option, value in tool.input_options(demuxer).items():
        argv += [f"-{option}", value]
    entries = "packet=pts,flags:stream=time_base"
    # V: no cover picture. Packets are printed before streams.
    return [*argv, "-select_streams", "V:0", "-show_entries", entries, "-of", "csv", "-i", tool.INPUT]


class _Reading:
    """Takes in ffprobe's lines; what has another shape is not about a picture that is shown."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._base: tuple[int, int] | None = None

    def line(self, line: bytes) -> None:
        if packet := _PACKET.match(line):
            if _HIDDEN not in packet[2] and len(self._times) <= MOST_FRAMES:
                self._times.append(int(packet[1]))
        elif stream := _STREAM.match(line):
            self._base = (int(stream[1]), int(stream[2]))

    def text(self) -> str:
        """Return the file's content; raises DerivationError when there is nothing to step through."""
        times = sorted(set(self._times))
        if not times or self._base is None:
            raise DerivationError("It has no pictures with times", kept=_KEPT)
        if len(times) > MOST_FRAMES:
            raise DerivationError(f"It has more than {MOST_FRAMES} pictures", kept=_KEPT)
        steps = (later - earlier for earlier, later in pairwise(times))
        runs = [[step, sum(1 for _ in same)] for step, same in groupby(steps)]
        return json.dumps({"base": self._base, "first": times[0], "runs": runs}, separators=(",", ":"))
