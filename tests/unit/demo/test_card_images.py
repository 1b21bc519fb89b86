"""Cards of the demonstration, read back by the station's own reader and by others' checkers."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from station.demo import cards
from station.demo.cards import NO_EXFAT_NOTE, CardImage, FileSystem, exfat_possible, make_card
from station.errors import SourceError
from tests.unit.device.reading import OpenCard, content, listing, open_cards

# 2026-08-04 10:00:02 in China.
MODIFIED = 1_785_808_802
CONTENTS = {
    "DCIM/100MEDIA/J800001_00010120260804100000_0016.MP4": b"first" * 70_000,
    "DCIM/100MEDIA/J800001_00010120260804100100_0017_IMP.MP4": b"second",
    "FILE/20260804/现场照片 01.JPG": b"\xff\xd8\xff" + bytes(5000),
    "EMPTY.LOG": b"",
}
CHECKERS: dict[FileSystem, tuple[str, ...]] = {"fat32": ("fsck.fat", "-n"), "exfat": ("fsck.exfat", "-n")}


@dataclass(frozen=True)
class SomeFile:
    path: PurePosixPath
    source: Path


@pytest.fixture
def files(tmp_path: Path) -> list[SomeFile]:
    found = []
    for number, (name, data) in enumerate(CONTENTS.items()):
        source = tmp_path / f"source{number}"
        source.write_bytes(data)
        os.utime(source, (MODIFIED, MODIFIED))
        found.append(SomeFile(PurePosixPath(name), source))
    return found


@pytest.fixture
def open_card(tmp_path: Path) -> Iterator[OpenCard]:
    yield from open_cards(tmp_path)


def make(tmp_path: Path, files: list[SomeFile], file_system: FileSystem) -> CardImage:
    image = tmp_path / "cards" / "A.img"
    made = make_card(image, files, label="BWC-A", serial="A0010101", file_system=file_system)
    assert [each.name for each in image.parent.iterdir()] == ["A.img"], "nothing half-made is left beside it"
    return made


@pytest.fixture(params=["fat32", pytest.param("exfat", marks=pytest.mark.fuse)])
def card(request: pytest.FixtureRequest, tmp_path: Path, files: list[SomeFile]) -> CardImage:
    if request.param == "exfat" and not exfat_possible():
        pytest.skip("exFAT can't be made here: it needs root, a loop device and FUSE")
    made = make(tmp_path, files, request.param)
    assert (made.file_system, made.note) == (request.param, "")
    return made


def test_every_file_comes_back_with_its_name_and_chinas_local_time(card: CardImage, open_card: OpenCard) -> None:
    opened = open_card(card.path.read_bytes())
    entries = listing(opened)
    assert {name: content(opened, entry) for name, entry in entries.items()} == CONTENTS
    times = {entry.times.modified for name, entry in entries.items() if name != "EMPTY.LOG"}
    assert [time[:19] for time in times if time] == ["2026-08-04T10:00:02"]


def test_the_volume_has_the_label_and_serial_asked_for(card: CardImage, open_card: OpenCard) -> None:
    (volume,) = open_card(card.path.read_bytes()).volumes()
    assert (volume.file_system, volume.label, volume.serial) == (card.file_system, "BWC-A", "a0010101")


def test_the_file_system_is_sound_to_its_own_checker(card: CardImage, tmp_path: Path) -> None:
    volume = tmp_path / "volume.img"
    volume.write_bytes(card.path.read_bytes()[1024 * 1024 :])
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    command = [*CHECKERS[card.file_system], str(volume)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_exfat_the_card_is_fat32_and_says_so(
    tmp_path: Path, files: list[SomeFile], open_card: OpenCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "exfat_possible", lambda: False)
    made = make(tmp_path, files, "exfat")
    assert (made.file_system, made.note) == ("fat32", NO_EXFAT_NOTE)
    (volume,) = open_card(made.path.read_bytes()).volumes()
    assert volume.file_system == "fat32"


def test_a_card_too_small_names_the_program_and_leaves_no_image(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as stream:
        stream.truncate(80 * 1024 * 1024)
    image = tmp_path / "small.img"
    with pytest.raises(SourceError, match=r"mcopy failed"):
        make_card(
            image,
            [SomeFile(PurePosixPath("LARGE.MP4"), source)],
            label="BWC-A",
            serial="A0010101",
            size_bytes=72 * 1024 * 1024,
        )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["large"]
