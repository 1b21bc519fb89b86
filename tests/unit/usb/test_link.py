"""The link: what is checked before anything is sent, what is claimed, and that it is always let go."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import usb.core
import usb.util
from usb.backend import libusb1

from station.device.usb import finding
from station.device.usb.link import PyusbLink
from station.device.watch.errors import (
    DeviceGoneError,
    FaceChangedError,
    LinkError,
    LinkStalledError,
    LinkTimeoutError,
)
from station.profiles.usb import Unlock
from station.records.bus import DeviceSeen
from tests.unit.usb.links import Clock
from tests.unit.watch.trees import CHARGING, Tree

UNLOCK = Unlock(dialect="ambarella-ascii", endpoint_in=0x81, endpoint_out=0x01, timeout_ms=250)
BULK, INTERRUPT = 2, 3


def endpoint(address: int, kind: int = BULK, packet: int = 512) -> SimpleNamespace:
    return SimpleNamespace(bEndpointAddress=address, bmAttributes=kind, wMaxPacketSize=packet)


class Interface(list[SimpleNamespace]):
    """Endpoints of one alternate setting."""

    def __init__(self, number: int, *endpoints: SimpleNamespace, alternate: int = 0) -> None:
        super().__init__(endpoints)
        self.bInterfaceNumber = number
        self.bAlternateSetting = alternate


@dataclass
class FakeUsb:
    """What is used of a usb.core.Device; notes what is done to it."""

    interfaces: list[Interface] = field(default_factory=lambda: [Interface(0, endpoint(0x81), endpoint(0x01))])
    idVendor: int = 0x4255  # noqa: N815 - pyusb's names
    idProduct: int = 1  # noqa: N815
    bcdDevice: int = 0x0104  # noqa: N815
    driver: bool = False
    error: Exception | None = None
    packets: list[bytes] = field(default_factory=list)
    done: list[Any] = field(default_factory=list)

    def get_active_configuration(self) -> list[Interface]:
        return self.interfaces

    def is_kernel_driver_active(self, number: int) -> bool:
        return self.driver

    def detach_kernel_driver(self, number: int) -> None:
        self.done.append(("detach", number))

    def attach_kernel_driver(self, number: int) -> None:
        self.done.append(("attach", number))

    def ctrl_transfer(self, *arguments: Any) -> Any:
        return self._transfer("control", *arguments) or b"\x01\x02"

    def write(self, address: int, data: bytes, timeout: int) -> int:
        self._transfer("write", address, data, timeout)
        return len(data)

    def read(self, address: int, size: int, timeout: int) -> bytes:
        self._transfer("read", address, size, timeout)
        return self.packets.pop(0)

    def _transfer(self, *what: Any) -> None:
        self.done.append(what)
        if self.error is not None:
            raise self.error


class FakeBackend:
    """A libusb context, which may have missed events."""

    sees = True

    def __init__(self, lib: str = "libusb") -> None:
        self.lib = lib


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.plug("1", 2, CHARGING)
    return tree


@pytest.fixture
def seen(tree: Tree) -> DeviceSeen:
    (device,) = tree.bus().look()
    return device


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUsb]:
    """A device at bus 1, address 2; libusb's calls for it are noted."""
    device = FakeUsb()

    def find(backend: FakeBackend, bus: int, address: int) -> FakeUsb | None:
        return device if (bus, address) == (1, 2) and backend.sees else None

    monkeypatch.setattr(usb.core, "find", find)
    monkeypatch.setattr(libusb1, "get_backend", FakeBackend)
    monkeypatch.setattr(libusb1, "_LibUSB", FakeBackend)
    monkeypatch.setattr(finding, "_renewed", None)
    for name in ("claim_interface", "release_interface"):
        monkeypatch.setattr(usb.util, name, lambda opened, number, name=name: opened.done.append((name, number)))
    monkeypatch.setattr(usb.util, "dispose_resources", lambda opened: opened.done.append("dispose"))
    yield device
    assert not device.done or device.done[-1] == "dispose"


def test_only_the_profiles_interface_is_claimed_and_then_let_go(seen: DeviceSeen, fake: FakeUsb) -> None:
    with PyusbLink(seen, UNLOCK) as link:
        link.write(b"@Ver;8;00000000;#")
    assert fake.done == [
        ("claim_interface", 0),
        ("write", 0x01, b"@Ver;8;00000000;#", 250),
        ("release_interface", 0),
        "dispose",
    ]


def test_nothing_is_opened_before_the_context_is_entered(seen: DeviceSeen, fake: FakeUsb) -> None:
    PyusbLink(seen, UNLOCK)
    assert not fake.done


def test_the_interfaces_own_driver_is_set_aside_and_put_back(seen: DeviceSeen, fake: FakeUsb) -> None:
    fake.driver = True
    with PyusbLink(seen, UNLOCK):
        pass
    assert fake.done[0] == ("detach", 0)
    assert fake.done[-2:] == [("attach", 0), "dispose"]


def test_a_failure_inside_lets_the_device_go(seen: DeviceSeen, fake: FakeUsb) -> None:
    with pytest.raises(ZeroDivisionError), PyusbLink(seen, UNLOCK):
        raise ZeroDivisionError
    assert fake.done[-2:] == [("release_interface", 0), "dispose"]


def test_a_device_that_is_not_authorised_is_not_opened(seen: DeviceSeen, fake: FakeUsb) -> None:
    with pytest.raises(LinkError), PyusbLink(replace(seen, authorized=False), UNLOCK):
        pass
    assert not fake.done


def test_a_device_is_opened_once_the_kernel_has_configured_it(seen: DeviceSeen, fake: FakeUsb) -> None:
    attribute = Path(seen.sys_path) / "bConfigurationValue"
    attribute.write_text("\n")
    with PyusbLink(seen, UNLOCK, pause=lambda seconds: attribute.write_text("1\n")):
        assert fake.done


def test_an_interface_is_claimed_once_it_is_authorised_itself(seen: DeviceSeen, fake: FakeUsb) -> None:
    attribute = Path(seen.sys_path) / "1-1:1.0" / "authorized"
    attribute.parent.mkdir()
    attribute.write_text("0\n")
    with PyusbLink(seen, UNLOCK, pause=lambda seconds: attribute.write_text("1\n")):
        assert attribute.read_text() == "1\n"
        assert fake.done


def test_a_device_that_is_never_configured_is_given_up(seen: DeviceSeen, fake: FakeUsb) -> None:
    (Path(seen.sys_path) / "bConfigurationValue").write_text("\n")
    passing = Clock()

    def pause(seconds: float) -> None:
        passing.seconds += seconds

    with pytest.raises(LinkTimeoutError), PyusbLink(seen, UNLOCK, pause, passing):
        pass
    assert not fake.done
    assert passing.seconds < 21


def test_a_device_that_came_up_anew_is_not_opened(tree: Tree, seen: DeviceSeen, fake: FakeUsb) -> None:
    (Path(seen.sys_path) / "devnum").write_text("3\n")
    with pytest.raises(DeviceGoneError), PyusbLink(seen, UNLOCK):
        pass
    assert not fake.done


def test_a_device_with_other_descriptors_is_not_opened(tree: Tree, seen: DeviceSeen, fake: FakeUsb) -> None:
    (Path(seen.sys_path) / "descriptors").write_bytes(CHARGING + CHARGING[18:])
    with pytest.raises(FaceChangedError), PyusbLink(seen, UNLOCK):
        pass
    assert not fake.done


def test_a_device_that_changes_while_it_is_claimed_is_let_go(
    seen: DeviceSeen, fake: FakeUsb, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim(opened: FakeUsb, number: int) -> None:
        (Path(seen.sys_path) / "devnum").write_text("3\n")

    monkeypatch.setattr(usb.util, "claim_interface", claim)
    with pytest.raises(DeviceGoneError), PyusbLink(seen, UNLOCK):
        pass
    assert fake.done == [("release_interface", 0), "dispose"]


@pytest.mark.parametrize("ids", [{"idVendor": 1}, {"idProduct": 9}, {"bcdDevice": 0}])
def test_libusb_has_to_know_it_by_the_same_ids(seen: DeviceSeen, fake: FakeUsb, ids: dict[str, int]) -> None:
    for name, value in ids.items():
        setattr(fake, name, value)
    with pytest.raises(DeviceGoneError), PyusbLink(seen, UNLOCK):
        pass
    assert not fake.done


def test_a_device_that_libusb_has_missed_is_found_by_looking_anew(
    seen: DeviceSeen, fake: FakeUsb, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = FakeBackend()
    stale.sees = False
    monkeypatch.setattr(libusb1, "get_backend", lambda: stale)
    for _ in range(2):
        with PyusbLink(seen, UNLOCK) as link:
            link.write(b"order")
    assert fake.done.count(("write", 0x01, b"order", 250)) == 2


@pytest.mark.parametrize(
    "interfaces",
    [
        [],
        [Interface(1, endpoint(0x81), endpoint(0x01))],
        [Interface(0, endpoint(0x81))],
        [Interface(0, endpoint(0x81), endpoint(0x01)), Interface(1, endpoint(0x01))],
        [Interface(0, endpoint(0x81, INTERRUPT), endpoint(0x01))],
        [Interface(0, endpoint(0x81, packet=0), endpoint(0x01))],
        [Interface(0), Interface(0, endpoint(0x81), endpoint(0x01), alternate=1)],
    ],
    ids=["none", "another", "half", "shared", "interrupt", "empty packets", "alternate"],
)
def test_endpoints_have_to_be_the_interfaces_own(seen: DeviceSeen, fake: FakeUsb, interfaces: list[Interface]) -> None:
    fake.interfaces = interfaces
    with pytest.raises(LinkError), PyusbLink(seen, UNLOCK):
        pass
    assert not [each for each in fake.done if each[0] == "claim_interface"]


def test_one_packet_is_read_at_a_time_and_no_byte_is_lost(seen: DeviceSeen, fake: FakeUsb) -> None:
    fake.packets = [bytes(range(100)), b"next"]
    with PyusbLink(seen, UNLOCK) as link:
        told = [link.read(64), link.read(64), link.read(64)]
    assert told == [bytes(range(64)), bytes(range(64, 100)), b"next"]
    assert [each for each in fake.done if each[0] == "read"] == [("read", 0x81, 512, 250)] * 2


def test_a_control_transfer_reads_or_writes(seen: DeviceSeen, fake: FakeUsb) -> None:
    with PyusbLink(seen, UNLOCK) as link:
        assert link.control(0xC0, 0x52, 0, 0, 2) == b"\x01\x02"
        assert link.control(0x40, 0x51, 1, 2, b"secret") == b""
        with pytest.raises(LinkError):
            link.control(0xC0, 0x52, 0, 0, b"bytes")
    assert [each for each in fake.done if each[0] == "control"] == [
        ("control", 0xC0, 0x52, 0, 0, 2, 250),
        ("control", 0x40, 0x51, 1, 2, b"secret", 250),
    ]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENODEV, DeviceGoneError),
        (errno.ETIMEDOUT, LinkTimeoutError),
        (errno.EPIPE, LinkStalledError),
        (errno.EIO, LinkError),
        (None, LinkError),
    ],
)
def test_libusbs_errors_are_told_as_ours_without_what_was_sent(
    seen: DeviceSeen, fake: FakeUsb, number: int | None, kind: type[LinkError]
) -> None:
    with PyusbLink(seen, UNLOCK) as link:
        fake.error = usb.core.USBError("Input/Output Error", -1, number)
        with pytest.raises(LinkError) as caught:
            link.control(0x40, 0x51, 0, 0, b"s3cret")
    assert type(caught.value) is kind
    assert "s3cret" not in repr((caught.value, caught.value.__cause__))


def test_an_error_of_a_device_that_has_vanished_says_that_it_is_gone(
    tree: Tree, seen: DeviceSeen, fake: FakeUsb
) -> None:
    with PyusbLink(seen, UNLOCK) as link:
        tree.yank(Path(seen.sys_path))
        fake.error = usb.core.USBError("Input/Output Error", -1, errno.EIO)
        with pytest.raises(DeviceGoneError):
            link.read(64)


def test_letting_go_of_a_device_that_has_vanished_raises_nothing(
    seen: DeviceSeen, fake: FakeUsb, monkeypatch: pytest.MonkeyPatch
) -> None:
    def release(opened: FakeUsb, number: int) -> None:
        raise usb.core.USBError("No such device", -4, errno.ENODEV)

    with PyusbLink(seen, UNLOCK):
        monkeypatch.setattr(usb.util, "release_interface", release)
    assert fake.done[-1] == "dispose"


def test_without_libusb_it_is_a_link_error(seen: DeviceSeen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libusb1, "get_backend", lambda: None)
    monkeypatch.setattr(finding, "_renewed", None)
    with pytest.raises(LinkError), PyusbLink(seen, UNLOCK):
        pass
