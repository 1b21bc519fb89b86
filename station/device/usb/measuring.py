"""Measuring how far a recorder's clock is off.

Guarantee: the host's moment is the middle between asking and hearing, and the uncertainty is at least half the time
in between; the recorder's clock itself tells no more than whole seconds, which `resolution_ms` says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from station import clock
from station.device.usb.dialect import Dialect

_RESOLUTION_MS = 1000


@dataclass(frozen=True, slots=True)
class ClockReading:
    """`device`: naive, recorder's zone. `host`: UTC. `uncertainty_ms`: half the round trip, rounded up."""

    device: datetime
    host: datetime
    uncertainty_ms: int
    resolution_ms: int = _RESOLUTION_MS


def measure_clock(
    dialect: Dialect,
    now: Callable[[], datetime] = clock.now,
    monotonic: Callable[[], float] = clock.monotonic,
) -> ClockReading:
    """Read the recorder's clock against ours; raises DialectError or LinkError."""
    before, started = now(), monotonic()
    device = dialect.read_clock()
    half = (monotonic() - started) / 2
    return ClockReading(
        device=device,
        host=before + timedelta(seconds=half),
        uncertainty_ms=math.ceil(half * 1000),
    )
