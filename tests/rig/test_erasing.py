"""Erasing as it runs on a box: the dock's ticket, systemd's socket, the eraser's unit, usb-storage, the card."""

from pathlib import Path

import pytest

from tests.fakes.recorder import Faults, Recorder
from tests.fakes.recorder.disk import BLOCK_BYTES, Disk
from tests.fakes.recorder.kinds import control_recorder, disks
from tests.flow.images import MIB, footage
from tests.rig.dock import Dock, digests, make_card
from tests.rig.guest import HOME, Guest
from tests.unit.erase.cards import check, read_card

pytestmark = pytest.mark.timeout(600, func_only=True)
SERIAL = "BWC000001"
RECORDINGS = {f"DCIM/100MEDIA/REC_{number:04}.MP4": footage(number, MIB + number) for number in range(3)}
FILES = RECORDINGS | {"notes.txt": b"not a recording"}
PAGE_BYTES = 4096  # what the kernel writes at once
BYTES = sum(map(len, RECORDINGS.values()))


@pytest.fixture
def dock(guest: Guest) -> Dock:
    """Return the dock of a unit that has its recorders erased."""
    guest.run(f"sed -i 's/^erase_recorders = false/erase_recorders = true/' {HOME}/station.toml")
    guest.run("systemctl restart station-dock.service", seconds=300)
    return Dock(guest)


def note_first_write(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets, with the first block written, how many bytes had been read until then."""
    read: list[int] = []
    write = disk.write

    def noting(block: int, data: bytes) -> None:
        read.append(disk.read_bytes)
        write(block, data)

    monkeypatch.setattr(disk, "write", noting)
    return read


def plug(guest: Guest, card: Path, faults: Faults | None = None) -> Recorder:
    recorder = control_recorder(card, faults=faults or Faults())
    guest.bay(3).plug(recorder)
    return recorder


def fat_of(card: Path, folder: Path) -> Path:
    """Return the card's one partition, alone."""
    whole = card.read_bytes()
    start = int.from_bytes(whole[0x1BE + 8 : 0x1BE + 12], "little") * BLOCK_BYTES
    alone = folder / "partition.img"
    alone.write_bytes(whole[start:])
    return alone


def test_what_is_provably_held_is_erased_and_what_is_no_recording_stays(
    guest: Guest, dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = make_card(tmp_path, "card", FILES)
    with plug(guest, card) as recorder:
        read = note_first_write(disks(recorder)[0], monkeypatch)
        line = dock.wait_end(SERIAL, seconds=240)
        assert (line["state"], line["new"]) == ("done", 3), line
        assert guest.text("blockdev --getro /dev/sda") == "1"
        guest.bay(3).yank()
    assert dock.clips() == digests(SERIAL, RECORDINGS)
    assert (dock.entries("erase.authorised"), dock.entries("erase.completed")) == (1, 1)
    assert read and read[0] >= 2 * BYTES  # taken in, and read again, before the first block was written
    alone = fat_of(card, tmp_path)
    assert read_card(alone) == {"notes.txt": FILES["notes.txt"]}
    assert check(alone) == ""
    guest.run("station ledger audit", seconds=300)


def test_one_yanked_while_it_is_erased_is_erased_the_next_time(guest: Guest, dock: Dock, tmp_path: Path) -> None:
    card = make_card(tmp_path, "card", FILES)
    with plug(guest, card, Faults(yank_after_written_bytes=PAGE_BYTES)) as recorder:
        guest.wait(lambda: not guest.bay(3).plugged, 240, "the yank while it is erased")
        guest.bay(3).yank()
        guest.wait(lambda: SERIAL not in dock.lines(), 60, "the slot to be shown as empty")
        assert any(name not in read_card(fat_of(card, tmp_path)) for name in FILES)  # begun, not ended
        guest.bay(3).plug(recorder)
        line = dock.wait(SERIAL, "done", seconds=240)
        assert line["new"] == 0, line
        guest.bay(3).yank()
    assert dock.clips() == digests(SERIAL, RECORDINGS)
    alone = fat_of(card, tmp_path)
    assert read_card(alone) == {"notes.txt": FILES["notes.txt"]}
    assert check(alone) == ""
    guest.run("station ledger audit", seconds=300)


@pytest.mark.trials
def test_one_that_tells_other_bytes_at_the_second_reading_is_quarantined_and_keeps_all(
    guest: Guest, dock: Dock, tmp_path: Path
) -> None:
    card = make_card(tmp_path, "card", FILES)
    before = card.read_bytes()
    # Far from its beginning, which is looked at before it is copied: the kernel reads ahead from there.
    lying = RECORDINGS["DCIM/100MEDIA/REC_0001.MP4"][1500 * BLOCK_BYTES : 1501 * BLOCK_BYTES]
    middle = before.index(lying) // BLOCK_BYTES
    with plug(guest, card, Faults(lying_blocks={middle})) as recorder:
        line = dock.wait(SERIAL, "quarantined", seconds=240)
        assert line["problem"] == "bytes_differ", line
        assert disks(recorder)[0].writes == []
        guest.bay(3).yank()
    assert card.read_bytes() == before
    assert dock.clips() == digests(SERIAL, RECORDINGS)
    assert dock.entries("recorder.quarantined") == 1
