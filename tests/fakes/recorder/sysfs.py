"""What the kernel and udev tell of a device, its interfaces and its disks, in the format of umockdev-record.

Guarantee: paths, names and attributes are those of a real machine with one controller at `CONTROLLER`, bus 1.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.recorder.disk import Disk
from tests.fakes.recorder.faces import Face
from tests.fakes.recorder.storage import StorageFunction

CONTROLLER = "0000:00:14.0"
BUS = 1
_TOP = f"/devices/pci0000:00/{CONTROLLER}/usb{BUS}"
_HUB = bytes.fromhex(
    "12010002090001406b1d0200060103020101" + "09021900010100e000" + "090400000109000000" + "0705810304000c"
)


@dataclass(frozen=True, slots=True)
class Node:
    """One device: `path` in /sys, its node in /dev if it has one, udev's properties, and the whole description."""

    path: str
    device_node: str | None
    properties: dict[str, str]
    text: str


def _node(
    path: str,
    attributes: dict[str, object],
    properties: dict[str, object],
    *,
    device: str | None = None,
    descriptors: bytes = b"",
) -> Node:
    lines = [f"P: {path}"]
    if device is not None:
        lines.append(f"N: {device}" + (f"={descriptors.hex().upper()}" if descriptors else ""))
        properties = {"DEVNAME": f"/dev/{device}", **properties}
    lines += [f"E: {name}={value}" for name, value in properties.items()]
    lines += [f"A: {name}={value}\\n" for name, value in attributes.items()]
    if descriptors:
        lines.append(f"H: descriptors={descriptors.hex().upper()}")
    told = {name: str(value) for name, value in properties.items()}
    return Node(f"/sys{path}", None if device is None else f"/dev/{device}", told, "\n".join(lines) + "\n\n")


def port_path(port: str) -> str:
    """Return the path of the device in a port ("1.3"), of the root hub for an empty port."""
    steps = port.split(".") if port else []
    names = (f"{BUS}-{'.'.join(steps[:depth])}" for depth in range(1, len(steps) + 1))
    return "/".join([_TOP, *names])


def _usb_device(port: str, address: int, descriptors: bytes, attributes: dict[str, object]) -> Node:
    """Return a device; what its descriptor says becomes attributes and properties."""
    class_code, subclass, protocol, _, vendor, product, release = struct.unpack_from("<BBBBHHH", descriptors, 4)
    told: dict[str, object] = {
        "idVendor": f"{vendor:04x}",
        "idProduct": f"{product:04x}",
        "bcdDevice": f"{release:04x}",
        "bDeviceClass": f"{class_code:02x}",
        "bDeviceSubClass": f"{subclass:02x}",
        "bDeviceProtocol": f"{protocol:02x}",
        "bNumConfigurations": 1,
        "bConfigurationValue": 1,
        "busnum": BUS,
        "devnum": address,
        "devpath": port or 0,
        "speed": 480,
        "authorized": 1,
        **attributes,
    }
    properties: dict[str, object] = {
        "SUBSYSTEM": "usb",
        "DEVTYPE": "usb_device",
        "MAJOR": 189,
        "MINOR": address - 1,
        "BUSNUM": f"{BUS:03d}",
        "DEVNUM": f"{address:03d}",
        "PRODUCT": f"{vendor:x}/{product:x}/{release:x}",
        "TYPE": f"{class_code}/{subclass}/{protocol}",
        "ID_VENDOR_ID": f"{vendor:04x}",
        "ID_MODEL_ID": f"{product:04x}",
        "ID_PATH": f"pci-{CONTROLLER}-usb-0:{port or 0}",
    }
    if "serial" in attributes:
        properties["ID_SERIAL_SHORT"] = attributes["serial"]
    device = f"bus/usb/{BUS:03d}/{address:03d}"
    return _node(port_path(port), told, properties, device=device, descriptors=descriptors)


def hub_nodes(port: str, address: int) -> list[Node]:
    """Return a hub with its one interface: the root hub for an empty port."""
    name = f"{BUS}-{port or 0}"
    interface = _interface(port_path(port), name, 0, 0, (9, 0, 0), 1)
    return [_usb_device(port, address, _HUB, {"maxchild": 16, "product": "Hub"}), interface]


def device_nodes(face: Face, port: str, address: int, authorized: bool) -> list[Node]:
    """Return the device itself; one that is not authorised has no configuration."""
    texts = {"manufacturer": face.manufacturer, "product": face.product, "serial": face.serial}
    attributes: dict[str, object] = {name: text for name, text in texts.items() if text is not None}
    attributes["authorized"] = int(authorized)
    attributes["bConfigurationValue"] = 1 if authorized else ""
    return [_usb_device(port, address, face.sysfs_descriptors(), attributes)]


def _interface(
    parent: str, name: str, number: int, alternate: int, triple: tuple[int, int, int], endpoints: int
) -> Node:
    attributes: dict[str, object] = {
        "bInterfaceNumber": f"{number:02x}",
        "bAlternateSetting": f"{alternate:2d}",
        "bNumEndpoints": f"{endpoints:02x}",
        "bInterfaceClass": f"{triple[0]:02x}",
        "bInterfaceSubClass": f"{triple[1]:02x}",
        "bInterfaceProtocol": f"{triple[2]:02x}",
        "authorized": 1,
    }
    properties: dict[str, object] = {
        "SUBSYSTEM": "usb",
        "DEVTYPE": "usb_interface",
        "INTERFACE": "/".join(map(str, triple)),
    }
    return _node(f"{parent}/{name}:1.{number}", attributes, properties)


def interface_nodes(face: Face, top: Node, port: str) -> list[Node]:
    """Return the interfaces, each in its setting 0."""
    parent = top.path.removeprefix("/sys")
    return [
        _interface(parent, f"{BUS}-{port}", each.number, 0, each.triple, len(each.endpoints))
        for each in face.active({})
    ]


def disk_nodes(
    face: Face, top: Node, port: str, letters: Iterator[int], sequences: Iterator[int], read_only: bool
) -> Iterator[tuple[Node, Path | None]]:
    """Yield disks and partitions of the face, disks with their images."""
    parent = top.path.removeprefix("/sys")
    for function in face.functions:
        if not isinstance(function, StorageFunction):
            continue
        host = next(letters)
        for lun, disk in enumerate(function.disks):
            index = host if lun == 0 else next(letters)
            name = f"sd{_letters(index)}"
            below = f"{BUS}-{port}:1.{function.interfaces[0].number}/host{host}/target{host}:0:0/{host}:0:0:{lun}"
            path = f"{parent}/{below}/block/{name}"
            about = {"ID_BUS": "usb", "ID_VENDOR_ID": f"{face.vendor_id:04x}", "ID_MODEL_ID": f"{face.product_id:04x}"}
            if face.serial is not None:
                about["ID_SERIAL_SHORT"] = face.serial
            facts: dict[str, object] = {
                "size": disk.blocks,
                "ro": int(read_only),
                "removable": 1,
                "diskseq": next(sequences),
            }
            yield _block(path, name, "disk", index * 16, facts, about), disk.image
            for number, blocks in _partitions(disk):
                part = f"{name}{number}"
                facts = {"size": blocks, "ro": int(read_only), "partition": number}
                yield _block(f"{path}/{part}", part, "partition", index * 16 + number, facts, about), None


def _block(path: str, name: str, kind: str, minor: int, attributes: dict[str, object], about: dict[str, str]) -> Node:
    properties: dict[str, object] = {"SUBSYSTEM": "block", "DEVTYPE": kind, "MAJOR": 8, "MINOR": minor, **about}
    return _node(path, {"dev": f"8:{minor}", **attributes}, properties, device=name)


def _letters(index: int) -> str:
    """Return the letters of the disk with this index: a, b, ... z, aa, ab, ..."""
    head, last = divmod(index, 26)
    return (_letters(head - 1) if head else "") + chr(ord("a") + last)


def _partitions(disk: Disk) -> list[tuple[int, int]]:
    """Return (number, blocks) of the partitions an MBR names; none where the first block is a file system's."""
    if disk.image is None:
        return []
    with disk.image.open("rb") as image:
        first = image.read(512)
    if len(first) < 512 or first[510:] != b"\x55\xaa":
        return []
    found = []
    for number in range(4):
        status, kind, start, blocks = struct.unpack_from("<B3xB3xII", first, 446 + 16 * number)
        if status in (0, 0x80) and kind and start and blocks and start + blocks <= disk.blocks:
            found.append((number + 1, blocks))
    return found
