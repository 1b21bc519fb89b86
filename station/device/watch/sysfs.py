"""Attributes of devices in sysfs, read within bounds; a device may vanish between any two reads.

Guarantee: a device that goes away is DeviceGoneError, whatever the kernel calls it; texts that a device chose carry no
control characters, so that none can steer a log or a terminal.
"""

import errno
from pathlib import Path

from station.device.watch.errors import BusError, DeviceGoneError

_VANISHED = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR, errno.ESHUTDOWN})
_LONGEST_TEXT_BYTES = 4096  # sysfs shows one page


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """Return at most `most_bytes` of a file; raises DeviceGoneError when it is not there, else BusError."""
    try:
        with path.open("rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise as_bus_error(error, path) from error


def as_bus_error(error: OSError, path: Path) -> BusError:
    """Convert what the kernel said about a file of sysfs."""
    if error.errno in _VANISHED:
        return DeviceGoneError(f"{path.parent} is gone")
    return BusError(f"{path} can't be used: {error.strerror}")


def read_text(path: Path) -> str | None:
    """Return an attribute as the device told it, without control characters; None when absent or empty."""
    try:
        data = read_bytes(path, _LONGEST_TEXT_BYTES)
    except DeviceGoneError:
        return None
    text = data.decode("utf-8", errors="replace").removesuffix("\n")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text) or None


def read_number(path: Path, base: int = 10) -> int:
    """Return a number; raises DeviceGoneError when it is absent, BusError when it is none."""
    data = read_bytes(path, _LONGEST_TEXT_BYTES)
    try:
        return int(data.strip(), base)
    except ValueError as error:
        raise BusError(f"{path} holds no number") from error


def find_number(path: Path) -> int | None:
    """Return a number, None when the attribute is absent."""
    try:
        return read_number(path)
    except DeviceGoneError:
        return None
