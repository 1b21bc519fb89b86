"""The node through which a recorder is read by MTP, once it can be.

Guarantee: the path returned leads to the very device that a profile matched, whose interface can be claimed by then.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from station import clock
from station.device.usbfs import choose_interface
from station.device.watch.bus import check_unchanged, is_ready
from station.device.watch.errors import LinkError, LinkTimeoutError
from station.records.bus import DeviceSeen

_READY_SECONDS, _LOOK_AGAIN_SECONDS = 20.0, 0.02


def wait_for_node(
    device: DeviceSeen,
    pause: Callable[[float], object] | None = None,
    monotonic: Callable[[], float] = clock.monotonic,
) -> Path:
    """Return the usbfs node of an authorised device as soon as its MTP interface can be claimed.

    `pause` waits that many seconds. Raises DeviceGoneError, FaceChangedError, LinkTimeoutError, LinkError.
    """
    pause = pause or threading.Event().wait
    try:
        interface = choose_interface(device.interfaces)
    except OSError as error:
        raise LinkError(f"the device at {device.port} can't be read: {error.strerror}") from error
    ends = monotonic() + _READY_SECONDS
    while not is_ready(device, interface.number):
        if monotonic() >= ends:
            raise LinkTimeoutError(f"the device at {device.port} did not get ready")
        pause(_LOOK_AGAIN_SECONDS)
    check_unchanged(device)
    return Path(f"/dev/bus/usb/{device.bus:03}/{device.address:03}")
