"""Cards with partition tables, and NTFS made by real tools."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station.device.volume import Card
from tests.unit.device.images import SECTOR, ExfatCard, FatCard, exfat_set, short_entry
from tests.unit.device.reading import OpenCard, content, listing

BYTES = os.urandom(200_000)


def run(*command: str | Path, given: str | None = None) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, check=True, capture_output=True, input=given, text=True)


def fat_card() -> bytes:
    card = FatCard()
    card.put(2, short_entry(b"FAT     MP4", cluster=10, size=3))
    card.put(10, b"fat")
    return card.build()


def exfat_card() -> bytes:
    card = ExfatCard(root=exfat_set("exfat.mp4", cluster=10, size=5))
    card.put(10, b"exfat")
    return card.build()


def disk(path: Path, table: str, *parts: tuple[int, bytes]) -> bytes:
    """Return a whole-disk image: sfdisk's `table`, and file systems at their first sectors."""
    with path.open("wb") as file:
        file.truncate(32 * 1024 * 1024)
    run("sfdisk", "-q", path, given=table)
    image = bytearray(path.read_bytes())
    for sector, part in parts:
        image[sector * SECTOR : sector * SECTOR + len(part)] = part
    return bytes(image)


def test_every_file_system_of_a_partitioned_card_is_read(open_card: OpenCard, tmp_path: Path) -> None:
    table = "label: dos\nstart=2048,size=8192,type=c\nstart=12288,size=16384,type=7\n"
    card = open_card(disk(tmp_path / "disk", table, (2048, fat_card()), (12288, exfat_card())))
    assert [(volume.file_system, volume.offset_bytes) for volume in card.volumes()] == [
        ("fat32", 2048 * SECTOR),
        ("exfat", 12288 * SECTOR),
    ]
    entries = listing(card)
    assert {name: content(card, entry) for name, entry in entries.items()} == {
        "FAT.MP4": b"fat",
        "exfat.mp4": b"exfat",
    }
    assert card.whole


def test_a_logical_partition_is_found(open_card: OpenCard, tmp_path: Path) -> None:
    table = "label: dos\nstart=2048,size=40000,type=5\nstart=4096,size=8192,type=c\n"
    card = open_card(disk(tmp_path / "disk", table, (4096, fat_card())))
    assert list(listing(card)) == ["FAT.MP4"]
    assert card.whole


def test_a_gpt_card_with_its_reserved_partition_is_whole(open_card: OpenCard, tmp_path: Path) -> None:
    table = (
        "label: gpt\nstart=2048,size=2048,type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE\n"
        "start=12288,size=16384,type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
    )
    card = open_card(disk(tmp_path / "disk", table, (12288, exfat_card())))
    assert list(listing(card)) == ["exfat.mp4"]
    assert card.whole


def test_a_partition_that_cannot_be_read_is_told_and_the_others_are_read(open_card: OpenCard, tmp_path: Path) -> None:
    table = "label: dos\nstart=2048,size=8192,type=c\nstart=12288,size=16384,type=7\n"
    card = open_card(disk(tmp_path / "disk", table, (2048, fat_card())))
    events = list(card.entries())
    assert [event.event for event in events] == ["fault", "entry"]
    assert not card.whole


@contextmanager
def ntfs_mount(image: Path, options: str = "rw") -> Iterator[Path]:
    place = image.parent / "mount"
    place.mkdir(exist_ok=True)
    try:
        run("ntfs-3g", "-o", options, image, place)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NTFS can't be mounted here: {error.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["fusermount", "-u", place], check=True)


@pytest.fixture
def ntfs(tmp_path: Path) -> Path:
    path = tmp_path / "ntfs.img"
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    run("mkntfs", "-F", "-q", "-L", "执法", path)
    return path


@contextmanager
def opened(path: Path) -> Iterator[Card]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield Card(handle, "gbk")
    finally:
        os.close(handle)


def test_a_fresh_ntfs_card_is_empty_and_whole(ntfs: Path) -> None:
    with opened(ntfs) as card:
        assert listing(card) == {}
        assert card.whole
        (volume,) = card.volumes()
    assert (volume.file_system, volume.label) == ("ntfs", "执法")


def test_ntfs_files_come_back_whether_resident_sparse_fragmented_or_in_a_folder(ntfs: Path) -> None:
    files = {"small.txt": b"resident", "视频.mp4": BYTES, "DCIM/a.mp4": BYTES[::-1], "sparse": BYTES[:5000]}
    with ntfs_mount(ntfs) as place:
        (place / "DCIM").mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)
        os.truncate(place / "sparse", 3_000_000)
    files["sparse"] = files["sparse"].ljust(3_000_000, b"\0")
    with opened(ntfs) as card:
        assert {name: content(card, entry) for name, entry in listing(card).items()} == files
        assert card.whole


def test_ntfs_names_are_kept_as_the_utf16_they_are_stored_in(ntfs: Path) -> None:
    with ntfs_mount(ntfs) as place:
        (place / "视频.mp4").write_bytes(b"x")
    with opened(ntfs) as card:
        (entry,) = listing(card).values()
    assert (entry.path[0].encoding, bytes.fromhex(entry.path[0].raw).decode("utf-16-le")) == ("utf-16le", "视频.mp4")
    assert entry.times.zone_offset_minutes == 0


def test_compressed_ntfs_files_come_back(ntfs: Path) -> None:
    data = b"compressible " * 50_000
    with ntfs_mount(ntfs, "rw,compression") as place:
        (place / "d").mkdir()
        try:
            os.setxattr(place / "d", "system.ntfs_attrib_be", (0x0810).to_bytes(4, "big"))
        except OSError as error:
            pytest.skip(f"compression can't be switched on: {error}")
        (place / "d" / "a").write_bytes(data)
    with opened(ntfs) as card:
        (entry,) = listing(card).values()
        assert content(card, entry) == data


def test_named_streams_are_listed_beside_their_file_and_come_back(ntfs: Path) -> None:
    with ntfs_mount(ntfs, "rw,streams_interface=windows") as place:
        (place / "a.mp4").write_bytes(b"main")
        (place / "a.mp4:note").write_bytes(BYTES)
    with opened(ntfs) as card:
        entries = listing(card)
        assert {name: (entry.state, content(card, entry)) for name, entry in entries.items()} == {
            "a.mp4": ("file", b"main"),
            "a.mp4:note": ("stream", BYTES),
        }


def test_hard_links_on_ntfs_are_listed_under_each_name(ntfs: Path) -> None:
    with ntfs_mount(ntfs) as place:
        (place / "one").write_bytes(b"x")
        (place / "two").hardlink_to(place / "one")
    with opened(ntfs) as card:
        entries = listing(card)
    assert {name: bytes.fromhex(entry.path[0].raw).decode("utf-16-le") for name, entry in entries.items()} == {
        "one": "one",
        "two": "two",
    }


def test_a_deleted_ntfs_file_is_told_as_deleted_or_not_at_all(ntfs: Path) -> None:
    with ntfs_mount(ntfs) as place:
        (place / "gone").write_bytes(BYTES)
        (place / "here").write_bytes(b"x")
        (place / "gone").unlink()
    with opened(ntfs) as card:
        states = {name: entry.state for name, entry in listing(card).items()}
    assert states["here"] == "file"
    assert states.get("gone", "deleted") == "deleted"


def test_names_left_in_freed_index_blocks_do_not_make_an_ntfs_folder_look_damaged(ntfs: Path) -> None:
    with ntfs_mount(ntfs) as place:
        for number in range(1, 61):
            (place / f"f{number}.tmp").write_bytes(b"\x01" * 150)
        for number in range(1, 61, 2):
            (place / f"f{number}.tmp").unlink()
        (place / "kept.mp4").write_bytes(BYTES)
        for number in range(2, 61, 2):
            (place / f"f{number}.tmp").unlink()
    with opened(ntfs) as card:
        states = {name: entry.state for name, entry in listing(card).items()}
        assert card.whole
    assert {name for name, state in states.items() if state != "deleted"} == {"kept.mp4"}
