"""The test bed itself: what pyudev and pyusb see in it is what they would see of real devices."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.recorder.kinds import (
    ambarella_recorder,
    bcplus_recorder,
    composite,
    control_recorder,
    storage_recorder,
)
from tests.fakes.recorder.testbed import Testbed

LISTEN = """
import json, sys, pyudev
monitor = pyudev.Monitor.from_netlink(pyudev.Context())
monitor.start()
print(json.dumps("ready"), flush=True)
for device in iter(monitor.poll, None):
    print(json.dumps([device.action, device.sys_name, device.device_node]), flush=True)
"""
LIST = """
import json, pyudev
devices = [device for device in pyudev.Context().list_devices() if device.subsystem in ("usb", "block")]
print(json.dumps([[device.sys_name, device.device_type, device.device_node] for device in devices]))
"""
FIND = """
import json, sys, usb.core, usb.util
device = usb.core.find(custom_match=lambda each: each.idVendor == int(sys.argv[1], 16))
def tell(*words): print(json.dumps(words), flush=True)
def attempt(call, *arguments):
    try:
        answer = call(*arguments)
        return answer if isinstance(answer, int) else bytes(answer).decode("latin-1")
    except usb.core.USBError as error:
        return type(error).__name__ + " " + str(error.errno)
"""
UNLOCK = """
tell(device.manufacturer, device.product, device.serial_number)
tell(attempt(device.ctrl_transfer, 0xC0, 0x53, 0, 0, 32))
tell(attempt(device.ctrl_transfer, 0x40, 0x51, 0, 0, b"wrong"))
tell(attempt(device.ctrl_transfer, 0x40, 0x51, 0, 0, b"87654321"))
sys.stdin.readline()
tell(attempt(device.ctrl_transfer, 0xC0, 0x53, 0, 0, 32))
"""
SPEAK = """
for order in sys.argv[2:]:
    device.write(0x01, order.encode())
    tell(attempt(device.read, 0x81, 64, 3000).rstrip("\\0\\r\\n"))
tell(attempt(device.read, 0x81, 64, 50))
usb.util.dispose_resources(device)
"""


class Listener:
    """A process that tells the events it gets."""

    def __init__(self, testbed: Testbed) -> None:
        self._process = testbed.start(sys.executable, "-c", LISTEN)
        assert self.next() == "ready"

    def next(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def until(self, *wanted: str) -> list[list[str]]:
        """Return events up to the one whose action and name are wanted."""
        told = [self.next()]
        while told[-1][:2] != list(wanted):
            told.append(self.next())
        return told

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()


def listed(testbed: Testbed) -> list[list[str]]:
    return json.loads(testbed.run(sys.executable, "-c", LIST).stdout)


def said(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_pyudev_hears_hub_device_interface_and_disk_come_and_go(testbed: Testbed, card: Path) -> None:
    with storage_recorder(card) as recorder, Listener(testbed) as listener:
        testbed.plug(recorder, "1.3")
        assert listener.until("add", "sda") == [
            ["add", "1-1", "/dev/bus/usb/001/002"],
            ["add", "1-1:1.0", None],
            ["add", "1-1.3", "/dev/bus/usb/001/003"],
            ["add", "1-1.3:1.0", None],
            ["add", "sda", "/dev/sda"],
        ]
        testbed.unplug("1.3")
        assert [told[1] for told in listener.until("remove", "1-1.3")] == ["sda", "1-1.3:1.0", "1-1.3"]


def test_what_was_there_before_a_process_started_is_listed(testbed: Testbed, card: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.img"
    second.write_bytes(bytes(1 << 16))
    with storage_recorder([card, second]) as recorder:
        testbed.plug(recorder, "2")
        assert {name for name, _, _ in listed(testbed)} == {"usb1", "1-0:1.0", "1-2", "1-2:1.0", "sda", "sdb"}
        testbed.unplug("2")
        assert {name for name, _, _ in listed(testbed)} == {"usb1", "1-0:1.0"}


def test_sixteen_at_once_behind_one_hub_are_all_seen(testbed: Testbed, card: Path) -> None:
    recorders = [storage_recorder(card, serial=f"K{number}") for number in range(1, 17)]
    with Listener(testbed) as listener:
        for number, recorder in enumerate(recorders, 1):
            testbed.plug(recorder, f"1.{number}")
        heard = [told[1] for told in listener.until("add", "sdp")]
    assert {name for name in heard if name.startswith("sd")} == {f"sd{letter}" for letter in "abcdefghijklmnop"}
    for recorder in recorders:
        recorder.close()


def test_a_lost_event_is_lost_but_the_device_is_there(testbed: Testbed, card: Path) -> None:
    with storage_recorder(card) as recorder, Listener(testbed) as listener:
        testbed.losing_events = True
        testbed.plug(recorder, "1")
        testbed.losing_events = False
        testbed.replug("1", to="2")
        assert listener.next()[:2] == ["remove", "sda"]
        assert "sdb" in {name for name, _, _ in listed(testbed)}


def test_pyusb_unlocks_and_the_old_handle_is_dead_afterwards(testbed: Testbed, card: Path) -> None:
    with control_recorder(card, serial="K7") as recorder, Listener(testbed) as listener:
        testbed.plug(recorder, "1")
        with testbed.start(sys.executable, "-c", FIND + UNLOCK, "3f0a") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            testbed.wait_for_face(recorder, "storage")
            listener.until("add", "sda")
            process.stdin.write("\n")
            process.stdin.flush()
            words = said(process.stdout.read())
        assert words == [["Acme Bodycam", "AC-200", "K7"], ["K7\0"], ["USBError 32"], [8], ["USBError 19"]]
        assert [event.detail["ok"] for event in recorder.log.of("unlock")] == [False, True]


@pytest.mark.parametrize(
    ("recorder", "orders", "answers"),
    [
        (ambarella_recorder(None, serial="K7"), ["@Gdv;8;12345678;#"], [["@Gdv;2;K7#"]]),
        (
            bcplus_recorder(None, charging_ids=(0x4255, 0x000F), serial="K7"),
            ["BC+LOGIN=admin:888888\r\n", "BC+UUID?\r\n"],
            [["+LOGIN:Sucess"], ["+UUID:K7"]],
        ),
    ],
    ids=["ambarella", "bcplus"],
)
def test_pyusb_speaks_the_dialects_over_bulk_and_times_out_on_silence(testbed, recorder, orders, answers) -> None:
    with recorder:
        testbed.plug(recorder, "1")
        told = said(testbed.run(sys.executable, "-c", FIND + SPEAK, "4255", *orders).stdout)
        assert told == [*answers, ["USBTimeoutError 110"]]


def test_an_unauthorised_device_shows_its_descriptors_and_nothing_else(testbed: Testbed, card: Path) -> None:
    with composite(card) as recorder, Listener(testbed) as listener:
        testbed.plug(recorder, "1", authorized=False)
        assert listener.next()[1] == "1-1"
        assert {name for name, _, _ in listed(testbed)} == {"usb1", "1-0:1.0", "1-1"}
        device = "/sys/bus/usb/devices/1-1"
        read = f"import sys; sys.stdout.write(open('{device}/descriptors', 'rb').read().hex())"
        assert testbed.run(sys.executable, "-c", read).stdout == recorder.face.sysfs_descriptors().hex()
        testbed.run(sys.executable, "-c", f"open('{device}/authorized', 'w').write('1')")
        assert listener.until("add", "sda")[0][1] == "1-1:1.0"
        assert testbed.attribute("1", "authorized") == "1"
    assert recorder.log.addressed() == []


def test_a_disk_is_read_only_with_its_size_and_can_hold_the_card(testbed: Testbed, card: Path) -> None:
    with storage_recorder(card) as recorder:
        testbed.plug(recorder, "1", readable=True)
        tell = "print(*(open(f'/sys/class/block/sda/{name}').read().strip() for name in ('ro', 'size', 'diskseq')))"
        assert testbed.run(sys.executable, "-c", tell).stdout.split() == ["1", "64", "1"]
        show = "import sys\nwith open('/dev/sda', 'rb') as disk: sys.stdout.write(disk.read(4).decode())"
        assert testbed.run(sys.executable, "-c", show).stdout == "CARD"
