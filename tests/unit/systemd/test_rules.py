"""Who is let in on the dock's buses. The rules are applied to devices in tables; real ones meet them in the rig."""

import pytest

from tests.unit.systemd.places import RULES
from tests.unit.systemd.rules import Device, Term, apply_rules, read_rules

ROOT_HUB = ("usb", "usb1")
CONTROLLER = ("pci", "0000:00:14.0")
CHGRP = "/usr/bin/chgrp station-dock $sys$devpath/authorized"
CHMOD = "/usr/bin/chmod 0664 $sys$devpath/authorized"
STORAGE, MTP, VENDOR, HUB = ":080650:", ":060101:", ":ffffff:", ":090000:"
ALL = [read_rules(path) for path in RULES]


def settled(device: Device, rules: list[list[list[Term]]] | None = None) -> Device:
    for lines in rules or ALL:
        apply_rules(lines, device)
    return device


def usb(interfaces: str, *, authorized: str = "0", device_class: str = "00", **more: object) -> Device:
    return Device(
        "usb",
        "1-4",
        env={"DEVTYPE": "usb_device", "ID_USB_INTERFACES": interfaces},
        attributes={"authorized": authorized, "bDeviceClass": device_class},
        parents=[ROOT_HUB, CONTROLLER],
        tags=["uaccess", "seat"],
        **more,  # type: ignore[arg-type]
    )


def interface(class_code: str, *, device: str = "0/0/0", authorized: str = "0", action: str = "add") -> Device:
    return Device(
        "usb",
        "1-4:1.0",
        action=action,
        env={"DEVTYPE": "usb_interface", "TYPE": device},
        attributes={"authorized": authorized, "bInterfaceClass": class_code},
        parents=[("usb", "1-4"), ROOT_HUB, CONTROLLER],
    )


def disk(kernel: str, subsystem: str = "block", *, bus: str = "usb", action: str = "add") -> Device:
    return Device(subsystem, kernel, action=action, parents=[("scsi", "0:0:0:0"), (bus, "1-4"), CONTROLLER])


def test_files_sort_around_udevs_own() -> None:
    before = {"56-station": "60-persistent-storage.rules", "72-station": "73-seat-late.rules"}
    after = {"55-station": "50-udev-default.rules", "72-station": "70-uaccess.rules", "90-station": "60-block.rules"}
    assert len(RULES) == 4
    for path in RULES:
        name = path.name.rpartition("-")[0]
        assert path.name < before.get(name, "~")
        assert path.name > after.get(name, "")


def test_a_root_hub_lets_in_nothing_by_itself() -> None:
    hub = Device("usb", "usb1", env={"DEVTYPE": "usb_device"}, attributes={"bDeviceClass": "09"}, parents=[CONTROLLER])
    settled(hub)
    assert hub.written == [("authorized_default", "0"), ("interface_authorized_default", "0")]


@pytest.mark.parametrize("interfaces", [HUB, ":090001:090002:"])
def test_a_hub_is_let_in(interfaces: str) -> None:
    assert settled(usb(interfaces, device_class="09")).written == [("authorized", "1")]
    assert settled(usb(interfaces, device_class="09", authorized="1")).written == []


@pytest.mark.parametrize("interfaces", [STORAGE, MTP, VENDOR, ":080650:ffffff:", ":080650:080662:060101:ffff00:"])
def test_what_may_be_a_recorder_waits_for_the_dock_alone(interfaces: str) -> None:
    found = settled(usb(interfaces))
    assert found.run == [CHGRP, CHMOD]
    assert found.node == {"OWNER": "root", "GROUP": "station-dock", "MODE": "0660"}
    assert not found.env["STATION_REFUSED"]
    assert found.written == []
    assert found.tags == []


@pytest.mark.parametrize(
    "interfaces",
    [
        ":030101:",  # keyboard
        ":030102:",  # mouse
        ":020600:0a0000:",  # network card
        ":020201:0a0000:",  # modem
        ":e00101:",  # radio
        ":e00103:",  # network over RNDIS
        ":010100:010200:",  # sound
        ":0e0100:0e0200:",  # camera
        ":0b0000:",  # smart card
        ":070102:",  # printer
        ":fe0101:",  # firmware update
        ":ef0201:",  # a class of its own per interface
        ":dc0101:",  # debugging
        ":120000:",  # a class of after these rules
        ":a50000:",  # and one of nobody
        ":080650:030101:",  # a keyboard behind a disk
        ":030101:080650:",
        ":080650:ffffff:e00101:",
        ":080650:090000:",  # a hub within a disk
        ":" + "".join(f"ff{number:04x}:" for number in range(10)),  # more than anything honest has
    ],
)
def test_anything_else_is_refused(interfaces: str) -> None:
    found = settled(usb(interfaces))
    assert found.env["STATION_REFUSED"] == "interfaces"
    assert found.node == {"OWNER": "root", "GROUP": "root", "MODE": "0600"}
    assert found.run == []
    assert ("authorized", "1") not in found.written


def test_what_udev_could_not_list_is_left_to_the_dock_and_to_the_interface_rules() -> None:
    found = settled(usb(""))
    assert found.env["STATION_REFUSED"] == ""


@pytest.mark.parametrize("interfaces", [":090000:030101:", ":090000:080650:", STORAGE])
def test_a_hub_that_is_more_than_a_hub_is_refused(interfaces: str) -> None:
    found = settled(usb(interfaces, device_class="09"))
    assert found.env["STATION_REFUSED"] == "interfaces"
    assert (found.run, found.written) == ([], [])


@pytest.mark.parametrize("interfaces", [STORAGE, ":030101:"])
def test_what_was_there_at_boot_is_shut_out_once(interfaces: str) -> None:
    first = settled(usb(interfaces, authorized="1"))
    assert first.written == [("authorized", "0")]
    assert first.env["STATION_SEEN"] == "1"
    again = settled(usb(interfaces, authorized="1", stored={"STATION_SEEN": "1"}, action="change"))
    assert again.written == []


@pytest.mark.parametrize("action", ["bind", "change", "unbind"])
def test_a_late_event_hands_nothing_out_for_what_may_be_there_by_now(action: str) -> None:
    assert settled(usb(STORAGE, action=action, stored={"STATION_SEEN": "1"})).run == []


def test_a_device_with_nine_kinds_of_interfaces_is_still_looked_at() -> None:
    found = settled(usb(":" + "".join(f"ff{number:04x}:" for number in range(9))))
    assert not found.env["STATION_REFUSED"]


@pytest.mark.parametrize("class_code", ["06", "08", "ff"])
def test_an_interface_of_a_recorder_is_bound(class_code: str) -> None:
    found = settled(interface(class_code))
    assert found.written == [("authorized", "1"), ("[subsystem/usb]drivers_probe", "$kernel")]


@pytest.mark.parametrize("class_code", ["01", "02", "03", "07", "09", "0a", "0e", "e0", "ef", "fe"])
def test_an_interface_that_no_recorder_has_is_not_bound_whatever_its_device_said(class_code: str) -> None:
    assert settled(interface(class_code)).written == []
    assert settled(interface(class_code, authorized="1")).written == [("authorized", "0")]


def test_within_a_hub_only_the_hub_is_bound() -> None:
    assert ("authorized", "1") in settled(interface("09", device="9/0/1")).written
    assert settled(interface("08", device="9/0/1")).written == []
    assert settled(interface("03", device="9/0/1")).written == []


def test_an_interface_is_decided_about_when_it_appears() -> None:
    assert settled(interface("08", action="bind")).written == []
    assert settled(interface("08", authorized="1")).written == []


@pytest.mark.parametrize("action", ["add", "change"])
@pytest.mark.parametrize("kernel", ["sda", "sda1", "sdaa15"])
def test_a_card_is_read_only_and_the_docks_before_anybody_hears_of_it(kernel: str, action: str) -> None:
    found = settled(disk(kernel, action=action))
    assert found.run == ["/usr/sbin/blockdev --setro $devnode"]
    assert found.node == {"OWNER": "root", "GROUP": "station-dock", "MODE": "0640"}
    assert found.env["UDISKS_IGNORE"] == "1"
    assert found.env["UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG"] == "1"
    assert found.options == ["nowatch"]


def test_a_cd_face_is_for_root_alone() -> None:
    found = settled(disk("sr0"))
    assert found.node == {"OWNER": "root", "GROUP": "root", "MODE": "0600"}
    assert found.run == ["/usr/sbin/blockdev --setro $devnode"]


@pytest.mark.parametrize(("kernel", "subsystem"), [("sg0", "scsi_generic"), ("0:0:0:0", "bsg")])
def test_raw_scsi_is_for_root_alone(kernel: str, subsystem: str) -> None:
    assert settled(disk(kernel, subsystem)).node == {"OWNER": "root", "GROUP": "root", "MODE": "0600"}


def test_the_systems_own_disks_are_left_alone() -> None:
    found = settled(disk("sdb", bus="pci"))
    assert (found.run, found.node, found.env, found.options) == ([], {}, {}, [])


@pytest.mark.parametrize("device", [usb(":030101:", authorized="1"), disk("sdb"), interface("03", authorized="1")])
def test_what_goes_is_left_alone(device: Device) -> None:
    device.action = "remove"
    before = dict(device.env)
    found = settled(device)
    assert (found.run, found.written, found.node, found.env) == ([], [], {}, before)
