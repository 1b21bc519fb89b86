"""The bench itself: what its other tests take for granted, above all that things which must not appear could."""

import tempfile
from pathlib import Path

import pytest

from station import clock
from tests.fakes.recorder.kinds import ethernet, keyboard, storage_recorder
from tests.fakes.recorder.model import Recorder
from tests.flow.images import make_fat_card
from tests.rig.errors import RigError
from tests.rig.guest import Guest
from tests.rig.vm import Machine, Snapshot

BAYS = 16


def test_what_one_test_does_to_the_guest_is_gone_in_the_next(
    guest: Guest, snapshot: Snapshot, rig_folder: Path
) -> None:
    guest.run("touch /var/tmp/mark; sync")

    next_guest = Guest(Machine.restore(Path(tempfile.mkdtemp(dir=rig_folder)), snapshot))

    try:
        assert next_guest.run("test -e /var/tmp/mark", codes=(0, 1)).code == 1
    finally:
        next_guest.close()


def test_the_guest_shows_the_present_time(guest: Guest) -> None:
    assert abs(int(guest.text("date +%s")) - clock.now().timestamp()) < 5


def test_a_command_that_outlives_its_time_is_killed_in_the_guest(guest: Guest) -> None:
    with pytest.raises(RigError, match="not done in 1 s"):
        guest.run("sleep 4711", seconds=1)

    assert guest.run("pgrep -f 'sleep 471[1]'", codes=(0, 1)).code == 1


def test_files_go_in_and_out_whole(guest: Guest) -> None:
    content = bytes(range(256)) * 4096

    guest.put("/var/tmp/file", content)

    assert guest.get("/var/tmp/file") == content


def test_a_keyboard_at_a_controller_without_rules_is_bound_by_the_kernel(guest: Guest) -> None:
    guest.port("desk.1").plug(keyboard())

    guest.wait(lambda: "3f0a" in guest.text("cat /proc/bus/input/devices"), 20, "the keyboard's input node")


def test_a_network_card_at_a_controller_without_rules_is_bound_by_the_kernel(guest: Guest) -> None:
    guest.port("desk.2").plug(ethernet())

    guest.wait(lambda: guest.text("ls /sys/class/net") != "lo", 20, "the network card's node")


def test_qemu_shows_a_folder_as_an_mtp_recorder(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "REC_0001.MP4").write_bytes(b"footage")

    guest.add_mtp("desk.3", str(tmp_path))

    guest.wait(lambda: "46f4:0004" in guest.text("lsusb"), 20, "the MTP device")


def test_sixteen_recorders_can_be_plugged_in_at_once(guest: Guest, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", {"DCIM/REC_0001.MP4": b"footage"}, partitioned=True)
    recorders: list[Recorder] = []
    started = clock.monotonic()
    for number in range(1, BAYS + 1):
        recorders.append(storage_recorder(card, serial=f"BWC{number:06}", write_protected=True))
        guest.bay(number).plug(recorders[-1])
    assert clock.monotonic() - started < 5

    seen = {guest.bay(number).path for number in range(1, BAYS + 1)}
    present = "ls /sys/bus/usb/devices"
    guest.wait(lambda: seen <= set(guest.text(present).split()), 60, "all sixteen on the bus")

    for recorder in recorders:
        recorder.close()
