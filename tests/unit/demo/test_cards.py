"""A finished card image is used again as it is, and what is said about it is what it holds."""

import shutil
from pathlib import Path

import pytest

from station.demo.cards import NO_EXFAT_NOTE, make_card
from station.errors import SourceError

pytestmark = pytest.mark.skipif(
    shutil.which("mcopy") is None or shutil.which("sfdisk", path="/usr/sbin:/sbin:/usr/bin") is None,
    reason="mtools or sfdisk is not installed: no card can be made",
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a finished, empty FAT32 card."""
    path = tmp_path / "card.img"
    make_card(path, [], label="BWC-A", serial="A0010101", file_system="fat32")
    return path


def test_a_finished_image_is_used_again(image: Path) -> None:
    before = image.stat()
    again = make_card(image, [], label="BWC-X", serial="A0010102", file_system="fat32")
    after = image.stat()
    assert (again.file_system, again.note) == ("fat32", "")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_reused_fat32_card_that_should_be_exfat_says_so(image: Path) -> None:
    again = make_card(image, [], label="BWC-A", serial="A0010101", file_system="exfat")
    assert (again.file_system, again.note) == ("fat32", NO_EXFAT_NOTE)


def test_a_file_that_is_no_card_is_named_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "card.img"
    foreign.write_bytes(b"somebody's notes")
    with pytest.raises(SourceError, match="not a sample card"):
        make_card(foreign, [], label="BWC-A", serial="A0010101", file_system="fat32")
    assert foreign.read_bytes() == b"somebody's notes"
