"""The only source of time; everything else is forbidden by the linter to ask the system for it.

Guarantees: wall times are aware UTC datetimes; their text form has exactly six decimals and ends in Z, so that
text order is time order. The wall clock is the station's claim; order in the ledger is by sequence number.
"""

import ctypes
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
# adjtimex(2): `struct timex` begins with an unsigned int and four longs, then the status word.
_TIMEX_BYTES = 256
_TIMEX_STATUS = struct.Struct("@I4li")
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


def now() -> datetime:
    """Return the current wall time, aware, UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def format_time(moment: datetime) -> str:
    """Write an aware datetime as `2026-08-04T10:00:00.000000Z` (RFC 3339, UTC, six decimals)."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line")
    return moment.astimezone(UTC).strftime(_FORMAT)


def parse_time(text: str) -> datetime:
    """Read what `format_time` wrote; raises ValueError for any other form."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def timestamp() -> str:
    """Return the current wall time in text form."""
    return format_time(now())


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel says of its clock: whether it follows a time source, and how far off it may be at most."""

    synchronised: bool
    error_ms: int


def kernel_clock() -> KernelClock:
    """Ask the kernel about its clock (adjtimex(2)); not synchronised where it can't be asked."""
    answer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(answer)
    _, _, _, most_error_us, _, status = _TIMEX_STATUS.unpack_from(answer)
    return KernelClock(0 <= state < _TIME_ERROR and not status & _STA_UNSYNC, -(-most_error_us // 1000))


def synchronised() -> bool:
    """Tell whether the kernel holds its clock to follow a time source; False where it can't be asked."""
    return kernel_clock().synchronised
