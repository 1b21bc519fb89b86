"""Looking at the bus: every USB device that is no hub, authorised or not, with its disks.

Guarantees: nothing is sent to any device; a device that vanishes while it is looked at is left out; one whose
descriptors can't be read whole is there without interfaces, so that no profile fits it; a disk counts as read-only only
when the disk and every partition of it says so.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyudev
import structlog

from station.device.watch.descriptors import MOST_BYTES, Descriptors, DescriptorsError, read_descriptors
from station.device.watch.errors import BusError, DeviceGoneError, FaceChangedError
from station.device.watch.ports import find_port
from station.device.watch.sysfs import as_bus_error, find_number, read_bytes, read_number, read_text
from station.records.bus import DeviceSeen, DiskSeen

_SECTOR_BYTES = 512  # the unit of `size` in sysfs, whatever the disk's own sectors are
_NUMBER_BYTES = 16
_SCSI_ADDRESS = re.compile(r"\d+:\d+:\d+:(\d+)")

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Enumeration:
    """One enumeration by the kernel: sysfs gives each a folder with an inode of its own."""

    sys_path: str
    inode: int
    bus: int
    address: int


class Listed(Protocol):
    """What is used of a pyudev.Device."""

    @property
    def sys_path(self) -> str:
        """Its folder in sysfs."""
        ...


class Udev(Protocol):
    """What is used of a pyudev.Context."""

    def list_devices(self, *, subsystem: str, DEVTYPE: str) -> Iterable[Listed]:  # noqa: N803 - pyudev's name
        """Yield the devices of one kind."""
        ...


class Bus:
    """Looks at the bus again and again.

    What can't change within one enumeration is read once: reading texts waits for the device's lock, which the kernel
    holds for seconds while it resets a recorder that hangs, and the other slots must not wait for that one.
    """

    def __init__(self, context: Udev | None = None) -> None:
        """Look through `context`, or one of its own."""
        self._context: Udev = context or pyudev.Context()
        self._known: dict[_Enumeration, DeviceSeen | None] = {}

    def look(self) -> tuple[DeviceSeen, ...]:
        """Return what is plugged in now, by port; raises BusError when the bus itself can't be looked at."""
        try:
            devices, disks = self._list("usb", "usb_device"), self._list("block", "disk")
        except OSError as error:
            raise BusError(f"udev can't list devices: {error.strerror}") from error
        known: dict[_Enumeration, DeviceSeen | None] = {}
        seen: list[DeviceSeen] = []
        for sys_path in devices:
            try:
                enumeration = _enumeration(sys_path)
                face = self._known[enumeration] if enumeration in self._known else _read_face(sys_path)
                known[enumeration] = face
                if face is None:
                    continue
                device = replace(face, authorized=_is_authorized(sys_path), disks=_read_disks(sys_path, disks))
                if _enumeration(sys_path) == enumeration:
                    seen.append(device)
            except DeviceGoneError:
                continue
        self._known = known
        return tuple(sorted(seen, key=lambda each: (each.port, each.bus, each.address)))

    def _list(self, subsystem: str, kind: str) -> list[Path]:
        return [Path(each.sys_path) for each in self._context.list_devices(subsystem=subsystem, DEVTYPE=kind)]


def look() -> tuple[DeviceSeen, ...]:
    """Look at the bus once; raises BusError."""
    return Bus().look()


def check_unchanged(device: DeviceSeen) -> None:
    """Read the descriptors again and compare them with what was seen.

    Raises DeviceGoneError when the device is gone or was enumerated anew, FaceChangedError when it is another.
    """
    sys_path = Path(device.sys_path)
    now = _enumeration(sys_path)
    if (now.bus, now.address) != (device.bus, device.address):
        raise DeviceGoneError(f"the device at {device.port} has come up anew")
    face = _read_face(sys_path)
    if face is None or replace(face, authorized=device.authorized, disks=device.disks) != device:
        raise FaceChangedError(
            f"the device at {device.port} is not the one that was matched", kept="nothing was sent to it"
        )


def is_ready(device: DeviceSeen, interface: int) -> bool:
    """Tell whether an interface of an authorised device can be claimed; raises DeviceGoneError.

    The kernel chooses a configuration a little later (reading which waits while it is at it), and each interface is
    authorised by a udev rule of its own after that.
    """
    sys_path = Path(device.sys_path)
    value = read_bytes(sys_path / "bConfigurationValue", _NUMBER_BYTES).strip()
    if not value.isdigit():
        return False
    return find_number(sys_path / f"{sys_path.name}:{int(value)}.{interface}" / "authorized") != 0


def bound_drivers(device: DeviceSeen) -> dict[int, str]:
    """Return the kernel driver bound to each interface of the device, by number; raises DeviceGoneError.

    Interfaces without a driver are absent.
    """
    drivers: dict[int, str] = {}
    for folder in _folders(Path(device.sys_path)):
        number = read_text(folder / "bInterfaceNumber")
        driver = folder / "driver"
        if number is not None and driver.is_symlink():
            drivers[int(number, 16)] = driver.resolve().name
    return drivers


def _enumeration(sys_path: Path) -> _Enumeration:
    try:
        inode = sys_path.stat().st_ino
    except OSError as error:
        raise DeviceGoneError(f"{sys_path} is gone") from error
    return _Enumeration(str(sys_path), inode, read_number(sys_path / "busnum"), read_number(sys_path / "devnum"))


def _is_authorized(sys_path: Path) -> bool:
    """A kernel that has no such attribute authorises everything."""
    return find_number(sys_path / "authorized") != 0


def _read_face(sys_path: Path) -> DeviceSeen | None:
    """Read what does not change within one enumeration; None for a hub."""
    try:
        told = read_descriptors(read_bytes(sys_path / "descriptors", MOST_BYTES + 1))
    except DescriptorsError as error:
        _logger.warning("bus.descriptors", device=str(sys_path), error=str(error))
        told = _ids_only(sys_path)
    if told.is_hub and told.interfaces:
        return None
    return DeviceSeen(
        sys_path=str(sys_path),
        port=find_port(sys_path),
        bus=read_number(sys_path / "busnum"),
        address=read_number(sys_path / "devnum"),
        vendor_id=told.vendor_id,
        product_id=told.product_id,
        release=told.release,
        manufacturer=read_text(sys_path / "manufacturer"),
        product=read_text(sys_path / "product"),
        serial=read_text(sys_path / "serial"),
        interfaces=told.interfaces,
        authorized=False,
    )


def _ids_only(sys_path: Path) -> Descriptors:
    """Return what the kernel keeps of the device descriptor, without interfaces."""
    names = ("idVendor", "idProduct", "bcdDevice", "bDeviceClass")
    vendor_id, product_id, release, device_class = (read_number(sys_path / name, 16) for name in names)
    return Descriptors(vendor_id, product_id, release, device_class, interfaces=())


def _read_disks(sys_path: Path, disks: Iterable[Path]) -> tuple[DiskSeen, ...]:
    """Return the disks that hang below the device; one that vanishes meanwhile is left out."""
    found: list[DiskSeen] = []
    for disk in disks:
        if sys_path not in disk.parents:
            continue
        try:
            found.append(_read_disk(disk))
        except DeviceGoneError:
            continue
    return tuple(sorted(found, key=lambda each: (each.lun, each.node)))


def _read_disk(disk: Path) -> DiskSeen:
    addresses = (_SCSI_ADDRESS.fullmatch(folder.name) for folder in disk.parents)
    lun = next((int(address.group(1)) for address in addresses if address is not None), 0)
    partitions = [folder for folder in _folders(disk) if (folder / "partition").exists()]
    return DiskSeen(
        node="/dev/" + disk.name.replace("!", "/"),
        lun=lun,
        size_bytes=read_number(disk / "size") * _SECTOR_BYTES,
        sequence=find_number(disk / "diskseq"),
        read_only=all(find_number(each / "ro") == 1 for each in (disk, *partitions)),
    )


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder of sysfs, links left out; raises DeviceGoneError when it has vanished."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise as_bus_error(error, folder) from error
