"""A sysfs of plain files, and a udev that lists what lies in it; devices are written as the kernel describes them."""

import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from station.device.watch.bus import Bus

CONTROLLER = "pci0000:00/0000:00:14.0"
VENDOR_FACE, STORAGE_FACE, KEYBOARD = (0xFF, 0x42, 0x01), (0x08, 0x06, 0x50), (0x03, 0x01, 0x01)
HUB = (0x09, 0x00, 0x00)


def interface(
    number: int, triple: tuple[int, int, int], endpoints: tuple[tuple[int, int], ...] = (), alternate: int = 0
) -> bytes:
    """Return an interface descriptor and those of its endpoints (address, attributes)."""
    head = struct.pack("<9B", 9, 4, number, alternate, len(endpoints), *triple, 0)
    return head + b"".join(struct.pack("<4BHB", 7, 5, address, kind, 512, 0) for address, kind in endpoints)


def configuration(*interfaces: bytes, value: int = 1) -> bytes:
    """Return a configuration descriptor with all that belongs to it."""
    body = b"".join(interfaces)
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), value, 0, 0x80, 250) + body


def descriptors(
    *configurations: bytes, vendor: int = 0x4255, product: int = 1, device_class: int = 0, release: int = 0x0104
) -> bytes:
    """Return the bytes of sysfs's `descriptors`."""
    head = struct.pack(
        "<BBHBBBBHHHBBBB", 18, 1, 0x200, device_class, 0, 0, 64, vendor, product, release, 1, 2, 3, len(configurations)
    )
    return head + b"".join(configurations)


CHARGING = descriptors(configuration(interface(0, VENDOR_FACE, ((0x81, 2), (0x01, 2)))))
STORAGE = descriptors(configuration(interface(0, STORAGE_FACE, ((0x81, 2), (0x02, 2)))), product=2)


@dataclass(frozen=True)
class Listed:
    """What is used of a pyudev.Device."""

    sys_path: str


class Tree:
    """Stands in for sysfs and for pyudev.Context."""

    def __init__(self, root: Path) -> None:
        self.root = root / "sys/devices"
        self.between: Callable[[], None] = lambda: None
        """What happens after udev has listed the devices and before they are looked at."""

    def list_devices(self, *, subsystem: str, DEVTYPE: str) -> Iterator[Listed]:  # noqa: N803 - pyudev's name
        marks = {("usb", "usb_device"): "descriptors", ("block", "disk"): "queue"}
        found = sorted(self.root.rglob(marks[subsystem, DEVTYPE]))
        if subsystem == "block":
            self.between()
        return iter([Listed(str(path.parent)) for path in found])

    def bus(self) -> Bus:
        """Return a Bus that looks at this tree."""
        return Bus(self)

    def plug(
        self,
        port: str = "1",
        address: int = 2,
        data: bytes = CHARGING,
        *,
        bus: int = 1,
        controller: str = CONTROLLER,
        serial: str = "A1",
        authorized: int = 1,
        speed: str = "480",
    ) -> Path:
        """Plug a device in; returns its folder."""
        first, *rest = port.split(".")
        folder = self.root / controller / f"usb{bus}" / f"{bus}-{first}"
        for hop in rest:
            first += f".{hop}"
            folder = folder / f"{bus}-{first}"
        folder.mkdir(parents=True)
        (folder / "descriptors").write_bytes(data)
        told = {
            "busnum": bus,
            "devnum": address,
            "devpath": port,
            "speed": speed,
            "authorized": authorized,
            "bConfigurationValue": 1 if authorized else "",
            "serial": serial,
            "product": "AC-200",
            "manufacturer": "Acme",
            "idVendor": "4255",
            "idProduct": "0001",
            "bcdDevice": "0104",
            "bDeviceClass": "00",
        }
        for name, value in told.items():
            (folder / name).write_text(f"{value}\n")
        return folder

    def add_disk(
        self, device: Path, name: str, *, lun: int = 0, sectors: int = 2048, ro: int = 1, parts: tuple[int, ...] = (1,)
    ) -> Path:
        """Let a disk come up behind a device; `parts` are the `ro` of its partitions."""
        disk = device / f"{device.name}:1.0/host0/target0:0:0/0:0:0:{lun}/block" / name
        (disk / "queue").mkdir(parents=True)
        for attribute, value in {"size": sectors, "ro": ro, "diskseq": 7 + lun}.items():
            (disk / attribute).write_text(f"{value}\n")
        for number, locked in enumerate(parts, 1):
            part = disk / f"{name}{number}"
            part.mkdir()
            (part / "partition").write_text(f"{number}\n")
            (part / "ro").write_text(f"{locked}\n")
        return disk

    def yank(self, folder: Path) -> None:
        """Unplug."""
        shutil.rmtree(folder)
