"""Looking at the bus: what is seen, what is left out, and where things are plugged in."""

import errno
import os
from pathlib import Path

import pytest

from station.device.watch.authorising import authorise
from station.device.watch.bus import bound_drivers, check_unchanged
from station.device.watch.errors import BusError, DeviceGoneError, FaceChangedError
from station.records.bus import DeviceSeen, DiskSeen
from tests.unit.watch.trees import (
    CHARGING,
    HUB,
    KEYBOARD,
    STORAGE,
    STORAGE_FACE,
    Tree,
    configuration,
    descriptors,
    interface,
)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def look_at_one(tree: Tree) -> DeviceSeen:
    (device,) = tree.bus().look()
    return device


def test_a_device_is_seen_with_all_that_sysfs_tells(tree: Tree) -> None:
    folder = tree.plug("1.4", 5)
    device = look_at_one(tree)
    assert (device.sys_path, device.port) == (str(folder), "0000:00:14.0/1.4")
    assert (device.bus, device.address, device.session) == (1, 5, "0000:00:14.0/1.4@1.5")
    assert (device.vendor_id, device.product_id, device.release) == (0x4255, 1, 0x0104)
    assert (device.manufacturer, device.product, device.serial) == ("Acme", "AC-200", "A1")
    assert [each.triple for each in device.interfaces] == [(0xFF, 0x42, 1)]
    assert device.authorized
    assert device.disks == ()


def test_a_device_that_is_not_authorised_is_seen_with_its_interfaces(tree: Tree) -> None:
    tree.plug(authorized=0)
    device = look_at_one(tree)
    assert not device.authorized
    assert device.interfaces


def test_hubs_are_left_out_but_not_one_with_a_keyboard(tree: Tree) -> None:
    tree.plug("1", 2, descriptors(configuration(interface(0, HUB)), device_class=9))
    tree.plug("2", 3, descriptors(configuration(interface(0, HUB), interface(1, KEYBOARD)), device_class=9))
    assert [device.address for device in tree.bus().look()] == [3]


def test_the_port_does_not_change_when_the_kernel_numbers_its_buses_anew(tree: Tree) -> None:
    first = tree.plug("1.4", 5, bus=1)
    before = look_at_one(tree).port
    tree.yank(first)
    tree.plug("1.4", 9, bus=3)
    assert look_at_one(tree).port == before


@pytest.mark.parametrize("peer", ["usb1/1-0:1.0/usb1-port3", "usb1/1-1/1-1.2/1-1.2:1.0/1-1.2-port4"])
def test_a_super_speed_device_is_at_its_sockets_usb_2_port(tree: Tree, peer: str) -> None:
    folder = tree.plug("1", 2, bus=2, speed="5000")
    twin = tree.root / "pci0000:00/0000:00:14.0" / peer
    own = tree.root / "pci0000:00/0000:00:14.0/usb2/2-0:1.0/usb2-port1"
    twin.mkdir(parents=True)
    own.mkdir(parents=True)
    (own / "peer").symlink_to(twin)
    (folder / "port").symlink_to(own)
    assert look_at_one(tree).port == "0000:00:14.0/" + {"usb1-port3": "3", "1-1.2-port4": "1.2.4"}[twin.name]


def test_a_super_speed_port_without_a_known_peer_is_not_mistaken_for_another(tree: Tree) -> None:
    tree.plug("1", 2, bus=2, speed="10000")
    tree.plug("1", 2, bus=1)
    assert {device.port for device in tree.bus().look()} == {"0000:00:14.0/ss1", "0000:00:14.0/1"}


def test_disks_are_seen_by_lun_with_size_sequence_and_protection(tree: Tree) -> None:
    folder = tree.plug(data=STORAGE)
    tree.add_disk(folder, "sdb", lun=1, sectors=10, ro=0, parts=())
    tree.add_disk(folder, "sda")
    assert look_at_one(tree).disks == (
        DiskSeen("/dev/sda", 0, 2048 * 512, 7, True),
        DiskSeen("/dev/sdb", 1, 5120, 8, False),
    )


@pytest.mark.parametrize(("disk", "parts"), [(0, (1, 1)), (1, (1, 0)), (1, (0,))])
def test_a_disk_of_which_any_part_can_be_written_is_not_read_only(
    tree: Tree, disk: int, parts: tuple[int, ...]
) -> None:
    tree.add_disk(tree.plug(data=STORAGE), "sda", ro=disk, parts=parts)
    assert not look_at_one(tree).disks[0].read_only


def test_a_disk_that_does_not_tell_its_protection_is_not_read_only(tree: Tree) -> None:
    (tree.add_disk(tree.plug(data=STORAGE), "sda") / "ro").unlink()
    assert not look_at_one(tree).disks[0].read_only


def test_a_disk_belongs_to_its_own_device_only(tree: Tree) -> None:
    tree.plug("1", 2)
    tree.add_disk(tree.plug("10", 3, STORAGE), "sda")
    assert [len(device.disks) for device in tree.bus().look()] == [0, 1]


def test_a_device_that_vanishes_while_it_is_looked_at_is_left_out(tree: Tree) -> None:
    folder = tree.plug("1", 2)
    tree.plug("2", 3)
    tree.between = lambda: tree.yank(folder)
    assert [device.address for device in tree.bus().look()] == [3]


def test_a_disk_that_vanishes_while_it_is_looked_at_is_left_out(tree: Tree) -> None:
    disk = tree.add_disk(tree.plug(data=STORAGE), "sda")
    (disk / "size").unlink()
    assert look_at_one(tree).disks == ()


def test_descriptors_that_can_not_be_walked_leave_a_device_without_interfaces(tree: Tree) -> None:
    tree.plug(data=CHARGING + b"\x00")
    device = look_at_one(tree)
    assert (device.vendor_id, device.product_id, device.release) == (0x4255, 1, 0x0104)
    assert device.interfaces == ()


def test_texts_of_the_device_carry_no_control_characters(tree: Tree) -> None:
    folder = tree.plug()
    (folder / "serial").write_bytes(b"A\x1b[2J\n\x00\xff\n")
    (folder / "product").write_bytes(b"\n")
    (folder / "manufacturer").unlink()
    device = look_at_one(tree)
    assert device.serial is not None
    assert device.serial.isprintable()
    assert device.serial.startswith("A")
    assert device.product is None
    assert device.manufacturer is None


def test_texts_are_read_once_for_an_enumeration(tree: Tree) -> None:
    folder = tree.plug()
    bus = tree.bus()
    before = bus.look()
    (folder / "serial").unlink()
    assert bus.look() == before


def test_a_replugged_device_is_read_anew_even_at_the_same_address(tree: Tree) -> None:
    folder = tree.plug(serial="A1")
    bus = tree.bus()
    bus.look()
    folder.rename(folder.with_name("elsewhere"))  # keeps its inode from being given out again
    (folder.with_name("elsewhere") / "descriptors").unlink()
    tree.plug(serial="B2")
    assert [device.serial for device in bus.look()] == ["B2"]


def test_the_drivers_bound_to_interfaces_are_told(tree: Tree) -> None:
    folder = tree.plug(data=STORAGE)
    for number, driver in (("00", "usb-storage"), ("01", None)):
        bound = folder / f"1-1:1.{int(number)}"
        bound.mkdir()
        (bound / "bInterfaceNumber").write_text(number + "\n")
        if driver:
            (bound / "driver").symlink_to(f"../../{driver}")
    assert bound_drivers(look_at_one(tree)) == {0: "usb-storage"}


def test_authorising_writes_one(tree: Tree) -> None:
    folder = tree.plug(authorized=0)
    authorise(look_at_one(tree))
    assert (folder / "authorized").read_text().startswith("1")


def test_a_device_whose_interfaces_changed_is_not_authorised(tree: Tree) -> None:
    folder = tree.plug(authorized=0)
    device = look_at_one(tree)
    both = descriptors(configuration(interface(0, STORAGE_FACE), interface(1, KEYBOARD)))
    (folder / "descriptors").write_bytes(both)
    with pytest.raises(FaceChangedError):
        authorise(device)
    assert (folder / "authorized").read_text() == "0\n"


def test_a_device_that_came_up_anew_is_not_authorised(tree: Tree) -> None:
    folder = tree.plug(authorized=0)
    device = look_at_one(tree)
    (folder / "devnum").write_text("3\n")
    with pytest.raises(DeviceGoneError):
        authorise(device)
    assert (folder / "authorized").read_text() == "0\n"


def test_a_device_that_is_gone_can_not_be_authorised(tree: Tree) -> None:
    folder = tree.plug(authorized=0)
    device = look_at_one(tree)
    tree.yank(folder)
    with pytest.raises(DeviceGoneError):
        authorise(device)


def test_a_device_without_readable_descriptors_is_never_authorised(tree: Tree) -> None:
    folder = tree.plug(authorized=0, data=CHARGING + b"\x00")
    with pytest.raises(BusError):
        authorise(look_at_one(tree))
    assert (folder / "authorized").read_text() == "0\n"


class Refusing:
    """Stands in for os.open: refuses the right to write so many times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self._open = os.open

    def __call__(self, path: Path, flags: int) -> int:
        if self.times:
            self.times -= 1
            raise PermissionError(errno.EACCES, "Permission denied")
        return self._open(path, flags)


def test_authorising_waits_for_the_rule_that_gives_the_right_to(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree.plug(authorized=0)
    device = look_at_one(tree)
    monkeypatch.setattr("station.device.watch.authorising.os.open", Refusing(3))
    pauses: list[float] = []
    authorise(device, pauses.append, lambda: 0.0)
    assert len(pauses) == 3
    assert (folder / "authorized").read_text()[0] == "1"


def test_without_the_right_authorising_is_given_up(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.plug(authorized=0)
    device = look_at_one(tree)
    monkeypatch.setattr("station.device.watch.authorising.os.open", Refusing(2000))
    pauses: list[float] = []
    with pytest.raises(BusError):
        authorise(device, pauses.append, lambda: sum(pauses))
    assert sum(pauses) < 21


@pytest.mark.parametrize(("code", "allowed"), [("ff", True), ("ef", True), ("e0", False), ("02", False), ("09", False)])
def test_a_device_whose_own_class_binds_a_driver_is_not_authorised(tree: Tree, code: str, allowed: bool) -> None:
    folder = tree.plug(authorized=0)
    (folder / "bDeviceClass").write_text(code + "\n")
    device = look_at_one(tree)
    if allowed:
        authorise(device)
    else:
        with pytest.raises(BusError):
            authorise(device)
    assert (folder / "authorized").read_text()[0] == ("1" if allowed else "0")


def test_new_disks_are_no_change_of_face(tree: Tree) -> None:
    folder = tree.plug(data=STORAGE)
    device = look_at_one(tree)
    tree.add_disk(folder, "sda")
    check_unchanged(device)
    assert look_at_one(tree).disks
