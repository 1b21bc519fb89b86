"""A recorder that speaks MTP (QEMU's usb-mtp) at the dock, taken in by the station's units."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.flow.images import MIB, footage
from tests.rig.dock import Dock, digests
from tests.rig.guest import Guest

SERIAL = "MTP000001"
PLACE = "dock.5"
FILES = {f"DCIM/{100 + number % 2}MEDIA/REC_{number:04}.MP4": footage(number, MIB + number) for number in range(3)}


@pytest.fixture
def dock(guest: Guest) -> Dock:
    guest.run("systemctl stop station-transcode.service")  # there is no ffmpeg in the guest: it would start in vain
    return Dock(guest)


def fill(folder: Path, files: Mapping[str, bytes]) -> str:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return str(folder)


def test_a_recorder_that_speaks_mtp_is_taken_in_like_a_card(guest: Guest, dock: Dock, tmp_path: Path) -> None:
    folder = fill(tmp_path, FILES)
    dock.enrol(SERIAL, profile="qemu-mtp")

    guest.add_mtp(PLACE, folder, SERIAL)
    line = dock.wait_end(SERIAL)

    assert (line["state"], line["new"], line["not_kept"]) == ("done", 3, 0), line
    assert dock.clips() == digests(SERIAL, FILES)
    assert dock.rows("select source_kind from catalogue_docking") == [["mtp"]]
    assert guest.run(f"ls /sys/bus/usb/devices/{guest.port(PLACE).path}:1.0/driver", codes=(0, 2)).code == 2
    assert {path: (tmp_path / path).read_bytes() for path in FILES} == FILES

    # It comes again, with a recording more: handles have moved, the rest is held.
    more = {"DCIM/100MEDIA/REC_0000A.MP4": footage(9, MIB)}
    guest.remove_mtp(PLACE)
    guest.wait(lambda: SERIAL not in dock.lines(), 30, "the slot to be shown as empty")
    guest.add_mtp(PLACE, fill(tmp_path, more), SERIAL)
    line = dock.wait_end(SERIAL)

    assert (line["state"], line["new"], line["held"]) == ("done", 1, 3), line
    assert dock.clips() == digests(SERIAL, FILES | more)


@pytest.mark.trials
def test_one_yanked_while_it_is_read_is_whole_after_the_next_time(guest: Guest, dock: Dock, tmp_path: Path) -> None:
    files = FILES | {"DCIM/100MEDIA/REC_0009.MP4": footage(9, 16 * MIB)}
    dock.enrol(SERIAL, profile="qemu-mtp")
    guest.add_mtp(PLACE, fill(tmp_path, files), SERIAL)
    dock.wait(SERIAL, "copying", "finishing", "done")

    guest.remove_mtp(PLACE)
    cut = dock.wait_end(SERIAL)
    # Which of the two depends on what tells first that it is gone: an answer that fails, or the bus.
    assert cut["state"] == "partly" and cut["problem"] in ("not_whole", "taken_out") and cut["not_kept"], cut
    guest.add_mtp(PLACE, str(tmp_path), SERIAL)
    line = dock.wait(SERIAL, "done")

    assert line["new"] + line["held"] == len(files), line
    assert dock.clips() == digests(SERIAL, files)
    guest.run("station ledger audit", seconds=300)
