"""The dock as it runs on a box: udev, the station's units, and recorders plugged in; no hand on a keyboard."""

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.recorder import Faults, Recorder
from tests.fakes.recorder.clock import RecorderClock
from tests.fakes.recorder.kinds import (
    bcplus_recorder,
    composite,
    control_recorder,
    disks,
    ethernet,
    keyboard,
    rndis,
    storage_recorder,
    turncoat,
)
from tests.flow.images import MIB, footage
from tests.rig.dock import Dock, digests, make_card
from tests.rig.guest import Guest

FILES = {f"DCIM/100MEDIA/REC_{number:04}.MP4": footage(number, MIB + number) for number in range(3)}
SERIAL = "BWC000001"
UNKNOWN = "BWC000099"
BAYS = 16
YANKS = int(os.environ.get("STATION_YANKS", "1"))


@pytest.fixture
def dock(guest: Guest) -> Dock:
    return Dock(guest)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return make_card(tmp_path, "card", FILES)


@pytest.fixture
def recorder(card: Path) -> Iterator[Recorder]:
    with control_recorder(card) as made:
        yield made


def test_a_recorder_is_unlocked_read_and_safe_to_remove_without_a_hand(
    guest: Guest, dock: Dock, recorder: Recorder
) -> None:
    bay = guest.bay(3).plug(recorder)
    line = dock.wait_end(SERIAL)

    assert (line["state"], line["new"], line["battery_percent"]) == ("done", 3, 87)
    assert dock.clips() == digests(SERIAL, FILES)
    assert disks(recorder)[0].writes == []
    bay.yank()
    guest.wait(lambda: SERIAL not in dock.lines(), 30, "the slot to be shown as empty")


def test_an_unknown_recorder_is_charged_and_read_as_soon_as_it_is_enrolled(
    guest: Guest, dock: Dock, card: Path
) -> None:
    with control_recorder(card, serial=UNKNOWN) as recorder:
        guest.bay(3).plug(recorder)
        line = dock.wait_end(UNKNOWN)
        assert (line["state"], line["problem"]) == ("quarantined", "unknown_recorder")
        assert not recorder.log.of("unlock") and disks(recorder)[0].read_bytes == 0

        (turned_away,) = guest.json("station recorder list --json")["quarantine"]
        guest.run(f"station recorder enrol {turned_away['quarantine']}")

        assert dock.wait(UNKNOWN, "done")["new"] == 3
    assert dock.clips() == digests(UNKNOWN, FILES)


@pytest.mark.trials
def test_what_was_in_the_dock_when_the_daemon_starts_is_read_too(guest: Guest, dock: Dock, recorder: Recorder) -> None:
    guest.run("systemctl stop station-dock.service")
    guest.bay(3).plug(recorder)
    guest.wait(lambda: guest.bay(3).attribute("authorized") == "0", 20, "the recorder on the bus")

    guest.run("systemctl start station-dock.service", seconds=300)

    assert dock.wait(SERIAL, "done")["new"] == 3


@pytest.mark.timeout(600, func_only=True)
def test_what_was_in_the_dock_when_the_box_was_switched_on_is_read_and_a_keyboard_beside_it_is_not(
    guest: Guest, dock: Dock, recorder: Recorder
) -> None:
    guest.run("systemctl mask station-transcode.service")  # there is no ffmpeg in the guest
    guest.run("systemctl stop station-dock.service")
    with keyboard(serial="KEYS") as intruder:
        guest.bay(3).plug(recorder)
        guest.bay(5).plug(intruder)
        guest.wait(lambda: guest.bay(3).attribute("authorized") == "0", 20, "the recorder on the bus")
        inputs = guest.text("cat /proc/bus/input/devices")

        guest.reboot()

        assert dock.wait(SERIAL, "done", seconds=240)["new"] == 3
        assert guest.bay(5).attribute("authorized") == "0"
        assert guest.text("cat /proc/bus/input/devices") == inputs
    assert dock.clips() == digests(SERIAL, FILES)
    assert disks(recorder)[0].writes == []


def test_its_clock_is_set_after_copying_while_ours_follows_a_time_source(guest: Guest, dock: Dock, card: Path) -> None:
    wrong = RecorderClock(offset_seconds=420)
    # As a daemon that follows a time source does: adjtimex(2), ADJ_STATUS and ADJ_MAXERROR, both to 0.
    follow = "import ctypes; t = ctypes.create_string_buffer(bytes([0x14]), 208); ctypes.CDLL(None).adjtimex(t)"
    guest.run(f"python3 -c '{follow}'")
    with control_recorder(card, clock=wrong) as recorder:
        guest.bay(3).plug(recorder)
        assert dock.wait(SERIAL, "done")["new"] == 3
        guest.wait(lambda: recorder.log.of("clock"), 60, "its clock to be set")
        assert abs(wrong.read() - RecorderClock().read()) < timedelta(seconds=20)
        assert disks(recorder)[0].writes == []
        guest.wait(lambda: dock.entries("clock.set") == 1, 30, "the setting in the ledger")
    ((offset,),) = dock.rows("select offset_ms from catalogue_recorder where offset_ms is not null")
    assert 400_000 < offset < 440_000


def test_a_recorder_that_speaks_bc_plus_is_found_on_an_ordinary_hub(guest: Guest, dock: Dock, card: Path) -> None:
    dock.enrol(UNKNOWN, profile="bc-plus-1d70-single")
    with bcplus_recorder(card, serial=UNKNOWN) as recorder:
        guest.bay(12).plug(recorder)
        assert dock.wait(UNKNOWN, "done")["new"] == 3
    assert dock.clips() == digests(UNKNOWN, FILES)


def test_both_cards_of_a_recorder_are_read(guest: Guest, dock: Dock, tmp_path: Path) -> None:
    other = {f"DCIM/200MEDIA/REC_{number:04}.MP4": footage(number, MIB) for number in range(10, 12)}
    cards = [make_card(tmp_path, "first", FILES), make_card(tmp_path, "second", other)]
    dock.enrol("BWC000220", profile="acme-two-lun")
    with storage_recorder(cards, serial="BWC000220", storage_ids=(0x3F0A, 0x0D52)) as recorder:
        guest.bay(3).plug(recorder)
        assert dock.wait("BWC000220", "done")["state"] == "done"
    assert dock.clips() == digests("BWC000220", FILES | other)


INTRUDERS = {
    "keyboard": keyboard,
    "network card": ethernet,
    "remote NDIS": rndis,
    "storage with a keyboard": lambda: composite(None),
}


@pytest.mark.parametrize("name", INTRUDERS)
def test_what_is_no_recorder_gets_no_node_and_is_shown(guest: Guest, dock: Dock, name: str) -> None:
    inputs, networks = guest.text("cat /proc/bus/input/devices"), guest.text("ls /sys/class/net")
    with INTRUDERS[name]() as intruder:
        bay = guest.bay(3).plug(intruder)
        line = dock.wait_end(SERIAL)
        assert (line["state"], line["problem"]) == ("quarantined", "forbidden_interface")
        assert bay.attribute("authorized") == "0"
        assert guest.text("cat /proc/bus/input/devices") == inputs
        assert guest.text("ls /sys/class/net") == networks
        assert not guest.disks()
        assert not intruder.log.of("typed", "polled")
    assert dock.entries("recorder.quarantined") == 1


def test_one_that_turns_into_a_keyboard_after_unlocking_is_refused(guest: Guest, dock: Dock, card: Path) -> None:
    inputs = guest.text("cat /proc/bus/input/devices")
    with turncoat(card) as intruder:
        guest.bay(3).plug(intruder)
        line = dock.wait_end(SERIAL)
        assert (line["state"], line["problem"]) == ("quarantined", "forbidden_interface")
        assert guest.text("cat /proc/bus/input/devices") == inputs
        assert not intruder.log.of("typed", "polled")


@pytest.mark.timeout(900, func_only=True)
def test_sixteen_recorders_plugged_in_within_a_second_are_all_taken_in(
    guest: Guest, dock: Dock, tmp_path: Path
) -> None:
    serials = [f"BWC{number:06}" for number in range(1, BAYS + 1)]
    contents = {
        serial: {f"DCIM/REC_{number:04}.MP4": footage(number, 200_000 + number)}
        for number, serial in enumerate(serials, 1)
    }
    recorders = [control_recorder(make_card(tmp_path, serial, contents[serial]), serial=serial) for serial in serials]

    for number, recorder in enumerate(recorders, 1):
        guest.bay(number).plug(recorder)
    for serial in serials:
        assert dock.wait(serial, "done", seconds=300)["new"] == 1

    wanted = {name: digest for serial in serials for name, digest in digests(serial, contents[serial]).items()}
    assert dock.clips() == wanted
    assert len({line["slot"] for line in dock.lines().values()}) == BAYS
    for recorder in recorders:
        assert disks(recorder)[0].writes == []
        recorder.close()


@pytest.mark.timeout(300 + 150 * YANKS, func_only=True)
def test_yanked_at_any_moment_and_docked_again_nothing_is_lost_or_doubled(
    guest: Guest, dock: Dock, tmp_path: Path
) -> None:
    files = {f"DCIM/REC_{number:04}.MP4": footage(number, 700_000 + number) for number in range(4)}
    size, chance = sum(map(len, files.values())), random.Random(20261122)
    for trial in range(YANKS):
        faults = Faults(yank_after_read_bytes=chance.randrange(4096, size))
        with control_recorder(make_card(tmp_path, f"card{trial}", files), faults=faults) as recorder:
            bay = guest.bay(3).plug(recorder)
            guest.wait(lambda bay=bay: not bay.plugged, 90, f"the yank of trial {trial}")
            bay.yank()
            guest.wait(lambda: not guest.disks(), 60, "the disk's node to go")
            bay.plug(recorder)
            line = dock.wait(SERIAL, "done", seconds=300)
            assert line["new"] + line["held"] == len(files)
            bay.yank()
            guest.wait(lambda: SERIAL not in dock.lines(), 60, "the slot to be shown as empty")
            assert disks(recorder)[0].writes == []
        assert dock.clips() == digests(SERIAL, files)
    guest.run("station ledger audit", seconds=300)


def test_a_recorder_that_hangs_holds_up_no_other(guest: Guest, dock: Dock, tmp_path: Path) -> None:
    hanging = control_recorder(make_card(tmp_path, "hanging", FILES), faults=Faults(hang_after_read_bytes=MIB))
    sound = control_recorder(make_card(tmp_path, "sound", FILES), serial="BWC000002")
    with hanging, sound:
        guest.bay(3).plug(hanging)
        dock.wait(SERIAL, "copying")
        guest.bay(4).plug(sound)
        assert dock.wait("BWC000002", "done", seconds=300)["new"] == 3
        assert dock.lines()[SERIAL]["state"] not in ("done", "partly")
    assert {name for name in dock.clips() if name.startswith("BWC000002")} == set(digests("BWC000002", FILES))
