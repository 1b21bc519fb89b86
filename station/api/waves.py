"""A recording's loudness as one SVG path, in a box of `WIDTH` by `HEIGHT` units that is stretched over its length.

Guarantee: what is drawn is the square root of the level, so that speech is seen beside a shout; full height is full
scale.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from station.derive.waveform import Waveform

WIDTH: Final = 1000
HEIGHT: Final = 100
_FULL_SCALE = 32768


@dataclass(frozen=True, slots=True)
class WaveView:
    """`path` is what is drawn, empty unless something is heard; `sound` else says why not (none: has no sound)."""

    sound: Literal["heard", "silent", "none", "waiting", "failed"]
    path: str = ""


def draw_wave(wave: Waveform, duration_ms: int) -> WaveView:
    """Return the wave of a recording of this length as upright strokes, one for each stretch."""
    if wave.sound != "heard":
        return WaveView(wave.sound)
    strokes = []
    for number, (low, high) in enumerate(zip(wave.low, wave.high, strict=True)):
        x = round((number + 0.5) * wave.bucket_ms / duration_ms * WIDTH, 1)
        top, bottom = _height(high), _height(low)
        if x <= WIDTH:
            strokes.append(f"M{x:g} {top}V{max(bottom, top + 1)}")
    return WaveView("heard", "".join(strokes))


def _height(level: int) -> int:
    share = math.copysign(math.sqrt(min(abs(level) / _FULL_SCALE, 1)), level)
    return round(HEIGHT / 2 * (1 - share))
