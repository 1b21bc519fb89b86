"""What all dialects share: the link they speak over, what a greeting tells, and listening within bounds.

Guarantee: whatever a device sends, listening ends: after `MOST_BYTES`, `MOST_READS` or twice the profile's time-out,
whichever comes first; texts it yields are short, printable ASCII.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from station import clock
from station.device.watch.errors import LinkTimeoutError
from station.errors import SourceError

READ_BYTES = 64  # what the reported recorders send at most in one answer: recorders.md, "Talking to them"
MOST_BYTES = 4096
MOST_READS = 64
_LONGEST_TEXT = 64
_HIGHEST_PERCENT = 100


class DialectError(SourceError):
    """The answer is missing or is not this dialect's."""


class RefusedError(DialectError):
    """The device speaks this dialect and said no: a wrong password, or an order it does not take."""


class Link(Protocol):
    """The profile's own interface of one device; every call is bounded by the profile's time-out.

    Each raises LinkError; DeviceGoneError once the device is gone, LinkTimeoutError without an answer.
    """

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Make a control transfer: bytes are sent (and nothing returned), a number is the most to be read."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data` to the profile's bulk OUT endpoint."""
        ...

    def read(self, size: int) -> bytes:
        """Return one transfer of at most `size` bytes from the profile's bulk IN endpoint; may be empty."""
        ...


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a recorder tells of itself; None where the dialect or this device tells nothing.

    `clock` is naive, in the recorder's own zone. `proven` is False when the dialect had no question to ask or got an
    implausible answer: such a greeting may not serve as a discriminator.
    """

    serial: str | None = None
    police_number: str | None = None
    battery_percent: int | None = None
    clock: datetime | None = None
    firmware: str | None = None
    proven: bool = True


def listen(
    link: Link,
    patience_seconds: float,
    enough: Callable[[bytes], bool],
    heard: bytes = b"",
    monotonic: Callable[[], float] = clock.monotonic,
) -> bytes:
    """Return `heard` and what follows it, up to where `enough` holds or the device falls silent.

    Raises LinkError, but LinkTimeoutError only when nothing at all was heard; DialectError when the device goes on
    and on without `enough`.
    """
    if heard and enough(heard):
        return heard
    ends = monotonic() + patience_seconds
    for _ in range(MOST_READS):
        try:
            heard += link.read(READ_BYTES)
        except LinkTimeoutError:
            if not heard:
                raise
            return heard
        if enough(heard):
            return heard
        if len(heard) >= MOST_BYTES or monotonic() >= ends:
            break
    raise DialectError(f"the device sent {len(heard)} bytes that are no answer")


def lines(data: bytes) -> Iterator[str]:
    """Yield the non-empty lines of an answer; NUL, carriage return and line feed all end one."""
    for part in data.replace(b"\0", b"\n").replace(b"\r", b"\n").split(b"\n"):
        text = part.decode("ascii", errors="replace").strip()
        if text:
            yield text


def believable(text: str) -> str | None:
    """Return `text` if it can be an identifier: up to 64 printable ASCII characters, not all alike zeros or blanks."""
    text = text.strip(" \0\r\n\t")
    if not text or len(text) > _LONGEST_TEXT or not text.isascii() or not text.isprintable() or not text.strip("0"):
        return None
    return text


def percent(text: str) -> int | None:
    """Return a battery level of 0 to 100 from text such as `87` or `87%`, None for anything else."""
    digits = text.strip().removesuffix("%").strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(_HIGHEST_PERCENT))):
        return None
    level = int(digits)
    return level if level <= _HIGHEST_PERCENT else None
