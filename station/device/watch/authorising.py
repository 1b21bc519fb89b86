"""Authorising one device that a profile matched: the only write that the watch process makes on the bus.

Guarantees: what is authorised is the very enumeration that was matched, with the descriptors it was matched by; a
device of a class for which the kernel has drivers whatever its interfaces say, such as Bluetooth, never is. The file is
opened before the descriptors are compared: once a device is replaced by another at the same place, the kernel
refuses writes through a file that was opened for the one before.
Source: Linux, Documentation/usb/authorization.rst.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from station import clock
from station.device.watch.bus import check_unchanged
from station.device.watch.errors import BusError
from station.device.watch.sysfs import as_bus_error, read_number
from station.records.bus import CLASS_MASS_STORAGE, CLASS_STILL_IMAGE, CLASS_VENDOR, DeviceSeen

# bDeviceClass: 0 and EF leave it to the interfaces (USB-IF, "Defined Class Codes"). Linux drivers that match by the
# device's class alone take none of these: include/linux/usb.h, USB_DEVICE_INFO.
_BY_INTERFACE, _MISCELLANEOUS = 0x00, 0xEF
_DEVICE_CLASSES = frozenset({_BY_INTERFACE, CLASS_STILL_IMAGE, CLASS_MASS_STORAGE, _MISCELLANEOUS, CLASS_VENDOR})

_RULES_SECONDS, _PAUSE_SECONDS = 20.0, 0.02


def authorise(
    device: DeviceSeen,
    pause: Callable[[float], object] | None = None,
    monotonic: Callable[[], float] = clock.monotonic,
) -> None:
    """Let the kernel configure and bind `device`.

    Waits while udev's rules, which give the dock's user the right to do so, are still at work on the device.

    Raises DeviceGoneError when it is gone, FaceChangedError when it is no longer what was matched, and BusError when
    its descriptors never were readable, its class is none that a recorder has, or the kernel refuses. Waits while the
    kernel configures the device: some milliseconds, or up to seconds for one that does not answer.
    """
    if not device.interfaces:
        raise BusError(f"the device at {device.port} told no interfaces", kept="it stays unauthorised")
    attribute = Path(device.sys_path) / "authorized"
    file = _open(attribute, pause or threading.Event().wait, monotonic)
    try:
        check_unchanged(device)
        _check_class(device)
        os.write(file, b"1")
    except OSError as error:
        raise as_bus_error(error, attribute) from error
    finally:
        os.close(file)


def _open(attribute: Path, pause: Callable[[float], object], monotonic: Callable[[], float]) -> int:
    """Open for writing, waiting for the right to; `pause` waits that many seconds."""
    ends = monotonic() + _RULES_SECONDS
    while True:
        try:
            return os.open(attribute, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            # A hint about another device made us look before udev was done with this one; or it refuses this one.
            if not isinstance(error, PermissionError) or monotonic() >= ends:
                raise as_bus_error(error, attribute) from error
        pause(_PAUSE_SECONDS)


def _check_class(device: DeviceSeen) -> None:
    """Raise BusError for a device whose own class would bind a driver."""
    code = read_number(Path(device.sys_path) / "bDeviceClass", 16)
    if code not in _DEVICE_CLASSES:
        raise BusError(f"the device at {device.port} is of class {code:#04x}", kept="it stays unauthorised")
