"""How loud a recording is over its length: lowest and highest sample of each of a few hundred stretches.

Guarantees: times are those of the sound stream, gaps in it count as silence; all channels count, none is mixed away;
the file is JSON of a few kilobytes, in 16-bit units:

    {"rate": 8000, "bucket": 800, "low": [-4182, 0], "high": [4185, 0]}

Stretch i lasts `bucket` samples of `rate` a second and begins at i × `bucket`. Without a sound stream there is none.
"""

import re
import threading
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.derive import graphs, tool
from station.derive.layout import publish_text
from station.derive.probe import Probe
from station.errors import DerivationError
from station.sandbox.confinement import Limits

MOST_BUCKETS: Final = 480
_RATE: Final = 8000  # enough to see speech by
_LEAST_SAMPLES = 80  # 10 ms
_SILENT: Final = 33  # of 32,768: 60 dB below the loudest there is
_KEPT = "The original is untouched"
_LIMITS = Limits(cpu_seconds=300, address_space_bytes=2 * tool.GIB, file_size_bytes=0, open_files=64, wall_seconds=3600)
_AT = re.compile(rb"frame:\d{1,9} +pts:(\d{1,15}) ", re.ASCII)
_LEVEL = re.compile(rb"lavfi\.astats\.Overall\.(Min|Max)_level=(-?\d{1,5})\.\d+", re.ASCII)


class Waveform(BaseModel):
    """The content of the file, see above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: Literal[8000] = _RATE
    bucket: int = Field(ge=0)
    low: tuple[int, ...] = Field(max_length=MOST_BUCKETS + 1)
    high: tuple[int, ...] = Field(max_length=MOST_BUCKETS + 1)

    @property
    def sound(self) -> Literal["none", "silent", "heard"]:
        """Whether there is any: `silent` is never louder than -60 dB of full scale."""
        if not self.high:
            return "none"
        return "heard" if max(*self.high, *(-level for level in self.low)) >= _SILENT else "silent"

    @property
    def bucket_ms(self) -> float:
        """How long a stretch is."""
        return self.bucket * 1000 / self.rate


def make_waveform(
    source: Path, facts: Probe, target: Path, *, work: Path, user: str, cancel: threading.Event | None = None
) -> None:
    """Measure the first sound stream of a readable original into `target`; raises DerivationError, SandboxError."""
    demuxer = tool.find_demuxer(facts.container)
    if not facts.ok or demuxer is None or facts.media == "photo" or facts.duration_ms is None:
        raise DerivationError("No waveform is made of what has no known length", kept=_KEPT)
    if not facts.audio:
        publish_text(Waveform(bucket=0, low=(), high=()).model_dump_json(), work, target)
        return
    bucket = max(-(-facts.duration_ms * _RATE // (1000 * MOST_BUCKETS)), _LEAST_SAMPLES)
    measured = _Levels(bucket)
    finished = tool.call(
        _plan(demuxer, bucket), source, work=work, user=user, limits=_LIMITS, on_progress=measured.line, cancel=cancel
    )
    tool.check(finished, "waveform")
    publish_text(measured.waveform().model_dump_json(), work, target)


def read_waveform(path: Path) -> Waveform:
    """Return what `make_waveform` left; raises DerivationError when it is not that."""
    try:
        return Waveform.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DerivationError(f"{path} is not a waveform of ours: {error}", kept=_KEPT) from error


def _plan(demuxer: str, bucket: int) -> list[str]:
    stream = graphs.open_source(demuxer)["a:0"]
    # `async`: where the stream has a gap there is silence, so that what follows stays in its place.
    stream = stream.filter("aresample", _RATE, **{"async": "1", "first_pts": "0"})
    stream = stream.filter("aformat", sample_fmts="s16").filter("asetnsamples", n=str(bucket), p="0")
    levels = {"measure_overall": "Min_level+Max_level", "measure_perchannel": "none"}
    stream = stream.filter("astats", metadata="1", reset="1", **levels)
    return graphs.write_nothing(stream.filter("ametadata", mode="print", file="pipe:1"))


class _Levels:
    """Takes in what ffmpeg prints of each stretch; what has another shape, or lies beyond the end, is left out."""

    def __init__(self, bucket: int) -> None:
        self._bucket = bucket
        self._at = 0
        self._found: dict[str, dict[int, int]] = {"Min": {}, "Max": {}}

    def line(self, line: bytes) -> None:
        if begins := _AT.match(line):
            self._at = int(begins[1]) // self._bucket
        elif (level := _LEVEL.match(line)) and self._at <= MOST_BUCKETS:
            self._found[level[1].decode()][self._at] = max(-32768, min(32767, int(level[2])))

    def waveform(self) -> Waveform:
        count = max(self._found["Max"], default=-1) + 1
        if not count:
            raise DerivationError("Nothing of its sound could be decoded", kept=_KEPT)
        low, high = (tuple(self._found[name].get(at, 0) for at in range(count)) for name in ("Min", "Max"))
        return Waveform(bucket=self._bucket, low=low, high=high)
