"""Authorising one device that a profile matched: the only write that the watch process makes on the bus.

Guarantee: what is authorised is the very enumeration that was matched, with the descriptors it was matched by. The
file is opened before the descriptors are compared: once a device is replaced by another at the same place, the kernel
refuses writes through a file that was opened for the one before.
Source: Linux, Documentation/usb/authorization.rst.
"""

import os
import time
from pathlib import Path

from station import clock
from station.device.watch.bus import check_unchanged
from station.device.watch.errors import BusError
from station.device.watch.sysfs import as_bus_error
from station.records.bus import DeviceSeen

_RULES_SECONDS = 5.0
_PAUSE_SECONDS = 0.02


def authorise(device: DeviceSeen) -> None:
    """Let the kernel configure and bind `device`.

    Waits while udev's rules, which give the dock's user the right to do so, are still at work on the device.

    Raises DeviceGoneError when it is gone, FaceChangedError when it is no longer what was matched, and BusError when
    its descriptors never were readable or the kernel refuses.
    """
    if not device.interfaces:
        raise BusError(f"the device at {device.port} told no interfaces", kept="it stays unauthorised")
    attribute = Path(device.sys_path) / "authorized"
    file = _open(attribute)
    try:
        check_unchanged(device)
        os.write(file, b"1")
    except OSError as error:
        raise as_bus_error(error, attribute) from error
    finally:
        os.close(file)


def _open(attribute: Path) -> int:
    deadline = clock.monotonic() + _RULES_SECONDS
    while True:
        try:
            return os.open(attribute, os.O_WRONLY | os.O_CLOEXEC)
        except PermissionError as error:
            # A hint about another device made us look before udev was done with this one; or it refuses this one.
            if clock.monotonic() > deadline:
                raise as_bus_error(error, attribute) from error
            time.sleep(_PAUSE_SECONDS)
        except OSError as error:
            raise as_bus_error(error, attribute) from error
