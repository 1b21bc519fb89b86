"""The physical place of a USB device: the controller's address and the chain of hub ports.

Guarantee: the same socket has the same name after a restart, when the kernel numbers buses anew, and whether a device
comes up there at high speed or at SuperSpeed. A USB 3 socket is two ports, one on each of the controller's two root
hubs; the kernel links the two as `peer` (Linux, drivers/usb/core/port.c), and the USB 2 one gives the name. Where no
peer is known, `ss` marks the SuperSpeed port, because its number alone could be another socket's.
"""

import re
from pathlib import Path

from station.device.watch.errors import DeviceGoneError
from station.device.watch.sysfs import read_text

_ROOT_HUB = re.compile(r"usb\d+")
_PEER = re.compile(r"(?:usb\d+|\d+-(?P<chain>\d+(?:\.\d+)*))-port(?P<port>\d+)")
_SUPER_SPEED_MEGABITS = 5000.0


def find_port(sys_path: Path) -> str:
    """Return the place, like `0000:00:14.0/1.4`; raises DeviceGoneError when the device has vanished."""
    controller = _controller(sys_path)
    chain = read_text(sys_path / "devpath")
    if chain is None:
        raise DeviceGoneError(f"{sys_path} is gone")
    if not _is_super_speed(sys_path):
        return f"{controller}/{chain}"
    twin = _PEER.fullmatch((sys_path / "port" / "peer").resolve().name)
    if twin is None:
        return f"{controller}/ss{chain}"
    above = twin["chain"]
    return f"{controller}/{above}.{twin['port']}" if above else f"{controller}/{twin['port']}"


def _controller(sys_path: Path) -> str:
    """Return the name of the folder that holds the root hub, or the one above where there is no root hub."""
    for folder in (sys_path, *sys_path.parents):
        if _ROOT_HUB.fullmatch(folder.name):
            return folder.parent.name
    return sys_path.parent.name


def _is_super_speed(sys_path: Path) -> bool:
    try:
        return float(read_text(sys_path / "speed") or 0) >= _SUPER_SPEED_MEGABITS
    except ValueError:
        return False
