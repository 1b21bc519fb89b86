"""One recorder on a real bus: the kernel's usb-storage, udev, and the station's own command line."""

import hashlib
from pathlib import Path

import pytest

from tests.fakes.recorder.kinds import disks, storage_recorder
from tests.flow.images import MIB, footage, make_fat_card
from tests.rig.guest import Guest

FOLDER = "DCIM/100MEDIA"
FILES = {f"{FOLDER}/REC_{number:04}.MP4": footage(number, 2 * MIB + number) for number in range(3)}
DIGESTS = {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return make_fat_card(tmp_path / "card.img", FILES, partitioned=True)


@pytest.mark.parametrize("place", ["desk.1", "desk.2"])
def test_a_recorder_on_usb_is_taken_in_whole_and_never_written_to(guest: Guest, card: Path, place: str) -> None:
    with storage_recorder(card) as recorder:
        node = guest.port(place).plug(recorder).disk()
        guest.run(f"blockdev --setro {node}")

        docked = guest.json(f"station dock {node} --json", seconds=150)

        assert {file["path"]: file["sha256"] for file in docked["files"]} == DIGESTS
        assert {file["result"] for file in docked["files"]} == {"new"}
        assert disks(recorder)[0].read_bytes > sum(map(len, FILES.values()))
        assert disks(recorder)[0].writes == []


def test_a_recorder_pulled_out_leaves_no_node_and_can_be_put_in_again(guest: Guest, card: Path) -> None:
    with storage_recorder(card) as recorder:
        bay = guest.port("desk.1").plug(recorder)
        bay.disk()

        bay.yank()

        guest.wait(lambda: not guest.disks(), 20, "the disk's node to go")
        assert bay.plug(recorder).disk() in guest.disks()[bay.path]
