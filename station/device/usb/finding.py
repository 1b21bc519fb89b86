"""Finding one device in libusb by its place on the bus.

libusb keeps its own list, fed by its own netlink socket, which can miss events like any other. So when the list lacks
a device that sysfs has just shown, or shows another one there, a new libusb context is made, which reads the bus anew.
Guarantee: looking sends nothing to any device.
"""

import threading
from typing import Any

import structlog
import usb.core
from usb.backend import libusb1

_logger = structlog.get_logger(__name__)
_lock = threading.Lock()
_renewed: Any = None  # the context that replaced pyusb's own; one that was replaced ends with its last open device


def find_device(bus: int, address: int, ids: tuple[int, int, int]) -> Any:
    """Return pyusb's device at this place if it has these ids (vendor, product, release), None otherwise.

    Raises usb.core.USBError and usb.core.NoBackendError.
    """
    found = _find(_current(), bus, address)
    if _ids(found) == ids:
        return found
    _logger.info("libusb.renewed", bus=bus, address=address, stale=found is not None)
    found = _find(_renew(), bus, address)
    return found if _ids(found) == ids else None


def _find(backend: Any, bus: int, address: int) -> Any:
    return usb.core.find(backend=backend, bus=bus, address=address)


def _ids(found: Any) -> tuple[int, int, int] | None:
    return None if found is None else (found.idVendor, found.idProduct, found.bcdDevice)


def _current() -> Any:
    with _lock:
        backend = _renewed or libusb1.get_backend()
    if backend is None:
        raise usb.core.NoBackendError("libusb 1.0 can't be loaded")
    return backend


def _renew() -> Any:
    """Make a new context; pyusb has no public way to have a second one."""
    global _renewed
    fresh = libusb1._LibUSB(_current().lib)
    with _lock:
        _renewed = fresh
    return fresh
