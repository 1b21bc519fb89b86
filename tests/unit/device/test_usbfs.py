"""Which interface of a device is taken for MTP, and how the kernel is asked (linux/usbdevice_fs.h)."""

import os
from pathlib import Path

import pytest

from station.device import usbfs
from station.device.usbfs import Usbfs, choose_interface
from station.records.bus import EndpointSeen, InterfaceSeen

ENDS = (EndpointSeen(0x81, "bulk"), EndpointSeen(0x02, "bulk"), EndpointSeen(0x83, "interrupt"))
STORAGE = InterfaceSeen(0, 0, 0x08, 0x06, 0x50, ENDS[:2])
IMAGE = InterfaceSeen(1, 0, 0x06, 0x01, 0x01, ENDS)
VENDOR = InterfaceSeen(2, 0, 0xFF, 0xFF, 0x00, ENDS)


def test_a_still_image_interface_goes_before_a_vendors() -> None:
    assert choose_interface((STORAGE, VENDOR, IMAGE)) == IMAGE


def test_a_vendors_interface_will_do() -> None:
    assert choose_interface((STORAGE, VENDOR)) == VENDOR


@pytest.mark.parametrize(
    "interface", [STORAGE, InterfaceSeen(1, 0, 6, 1, 1, ENDS[:1]), InterfaceSeen(1, 1, 6, 1, 1, ENDS)]
)
def test_an_interface_of_another_kind_or_without_both_pipes_is_none(interface: InterfaceSeen) -> None:
    with pytest.raises(OSError, match="no interface"):
        choose_interface((interface,))


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="the numbers are of 64-bit machines")
def test_the_kernels_numbers_are_right() -> None:
    numbers = usbfs._BULK, usbfs._CLAIM, usbfs._RELEASE, usbfs._CLEAR_HALT, usbfs._DROP_PRIVILEGES
    assert numbers == (0xC0185502, 0x8004550F, 0x80045510, 0x80045515, 0x4004551E)


def test_what_is_no_device_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node"
    path.write_bytes(b"nothing")
    handle = os.open(path, os.O_RDWR)

    with pytest.raises(OSError, match="descriptors"):
        Usbfs(handle)
    os.close(handle)
