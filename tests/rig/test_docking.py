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


@pytest.fixture
def quiet(guest: Guest) -> Guest:
    """The guest with nobody attending to the dock: what is plugged in stays as the udev rules leave it."""
    guest.run("systemctl stop station-dock.service")
    return guest


@pytest.mark.parametrize("number", [1, pytest.param(9, marks=pytest.mark.trials)], ids=["controller", "hub"])
def test_a_card_on_usb_is_taken_in_whole_and_never_written_to(quiet: Guest, card: Path, number: int) -> None:
    with storage_recorder(card) as recorder:
        bay = quiet.bay(number).plug(recorder)
        bay.authorise()
        node = bay.disk()

        docked = quiet.json(f"station dock {node} --json", seconds=300)

        assert {file["path"]: file["sha256"] for file in docked["files"]} == DIGESTS
        assert {file["result"] for file in docked["files"]} == {"new"}
        assert disks(recorder)[0].read_bytes > sum(map(len, FILES.values()))
        assert disks(recorder)[0].writes == []


def test_a_recorder_pulled_out_leaves_no_node_and_can_be_put_in_again(quiet: Guest, card: Path) -> None:
    with storage_recorder(card) as recorder:
        bay = quiet.port("desk.1").plug(recorder)
        bay.disk()

        bay.yank()

        quiet.wait(lambda: not quiet.disks(), 20, "the disk's node to go")
        assert bay.plug(recorder).disk() in quiet.disks()[bay.path]
