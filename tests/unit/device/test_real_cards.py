"""FAT and exFAT cards made and filled by other people's tools: every byte must come back."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.device.reading import OpenCard, content, listing

CHANCE = random.Random(20260804)
FILES = {
    "FILE0001.MP4": CHANCE.randbytes(300_001),
    "DCIM/100MEDIA/J800000_00000020170730100947_0016.mp4": CHANCE.randbytes(70_000),
    "DCIM/100MEDIA/执法记录 二号现场.avi": CHANCE.randbytes(4096),
    "DCIM/empty.mp4": b"",
    "DCIM/one": b"1",
}


def run(*command: str | Path) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {done.stderr}")


def fill(image: Path, folder: Path) -> None:
    """Copy the files with mtools, deleting some between, so that later ones lie in pieces."""
    for number in range(12):
        (folder / f"pad{number}").write_bytes(bytes(3000))
    pads = [folder / f"pad{number}" for number in range(12)]
    run("mcopy", "-i", image, *pads, "::")
    run("mdel", "-i", image, *(f"::pad{number}" for number in range(0, 12, 2)))
    run("mmd", "-i", image, "::DCIM", "::DCIM/100MEDIA")
    for name, data in FILES.items():
        source = folder / "source"
        source.write_bytes(data)
        run("mcopy", "-i", image, source, f"::{name}")
    run("mdel", "-i", image, *(f"::pad{number}" for number in range(1, 12, 2)))


@pytest.mark.parametrize(
    ("size", "options", "kind"),
    [
        ("1440K", ("-F", "12"), "fat12"),
        ("16M", ("-F", "16"), "fat16"),
        ("48M", ("-F", "32"), "fat32"),
    ],
    ids=["FAT12", "FAT16", "FAT32"],
)
def test_every_file_on_a_fat_card_comes_back(
    tmp_path: Path, open_card: OpenCard, size: str, options: tuple[str, ...], kind: str
) -> None:
    image = tmp_path / "made.img"
    unit = {"K": 1024, "M": 1024 * 1024}[size[-1]]
    with image.open("wb") as file:
        file.truncate(int(size[:-1]) * unit)
    run("mkfs.vfat", *options, "-n", "CARD", image)
    fill(image, tmp_path)
    card = open_card(image.read_bytes())
    (volume,) = card.volumes()
    assert (volume.file_system, volume.label) == (kind, "CARD")
    entries = {name: entry for name, entry in listing(card).items() if entry.state != "deleted"}
    assert {name: content(card, entry) for name, entry in entries.items()} == FILES
    assert entries["DCIM/empty.mp4"].state == "empty"
    assert card.whole


@contextmanager
def exfat_mount(image: Path) -> Iterator[Path]:
    place = image.parent / "mount"
    place.mkdir()
    try:
        run("losetup", "--version")
        found = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device here: {error.stderr}")
    device = found.stdout.strip()
    try:
        try:
            run("mount.exfat-fuse", device, place)
        except OSError as error:
            pytest.skip(f"exFAT can't be mounted here: {error}")
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def test_every_file_on_an_exfat_card_comes_back(tmp_path: Path, open_card: OpenCard) -> None:
    image = tmp_path / "made.img"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    run("mkfs.exfat", "-L", "执法", image)
    with exfat_mount(image) as place:
        pads = [place / f"pad{number}" for number in range(12)]
        for pad in pads:
            pad.write_bytes(bytes(5000))
        for pad in pads[::2]:
            pad.unlink()
        for name, data in FILES.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        for pad in pads[1::2]:
            pad.unlink()
    card = open_card(image.read_bytes())
    (volume,) = card.volumes()
    assert (volume.file_system, volume.label) == ("exfat", "执法")
    entries = {name: entry for name, entry in listing(card).items() if entry.state != "deleted"}
    assert {name: content(card, entry) for name, entry in entries.items()} == FILES
    assert card.whole
