"""A folder as a source: nothing followed out of it, nothing read that changed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from station.device.folder import Folder
from station.device.opener import open_below, start_opener
from tests.unit.device.reading import content, listing

OpenFolder = Callable[[], Folder]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


@pytest.fixture
def open_folder(root: Path) -> Iterator[OpenFolder]:
    """Return what opens the folder as a source, in this process."""
    handle = os.open(root, os.O_RDONLY)
    yield lambda: Folder(lambda steps: open_below(handle, steps))
    os.close(handle)


def states(folder: Folder) -> dict[str, str]:
    return {path: entry.state for path, entry in listing(folder).items()}


def test_files_are_listed_with_size_time_and_kind(root: Path, open_folder: OpenFolder) -> None:
    (root / "a.jpg").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    os.utime(root / "a.jpg", ns=(0, 1_785_837_602_123_456_000))
    entry = listing(open_folder())["a.jpg"]
    assert (entry.size_bytes, entry.media, entry.container) == (112, "video", "mov")
    assert (entry.times.modified, entry.times.zone_offset_minutes) == ("2026-08-04T10:00:02.123456", 0)


def test_a_listing_leaves_no_access_time_behind(root: Path, open_folder: OpenFolder) -> None:
    (root / "a").write_bytes(b"x")
    os.utime(root / "a", ns=(1000, 2_000_000_000))
    listing(open_folder())
    assert (root / "a").stat().st_atime_ns == 1000


def test_symbolic_links_and_special_files_are_told_and_never_followed(
    root: Path, tmp_path: Path, open_folder: OpenFolder
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "file-link").symlink_to(tmp_path / "secret")
    (root / "folder-link").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    assert states(open_folder()) == {"file-link": "symlink", "folder-link": "symlink", "pipe": "special"}


def test_an_empty_file_is_empty_and_an_empty_folder_is_whole(root: Path, open_folder: OpenFolder) -> None:
    (root / "empty.mp4").touch()
    (root / "nothing").mkdir()
    folder = open_folder()
    assert states(folder) == {"empty.mp4": "empty"}
    assert folder.whole


def test_a_name_that_is_no_utf8_is_kept_raw(root: Path, open_folder: OpenFolder) -> None:
    raw = "现场".encode("gbk") + b".mp4"
    (root / os.fsdecode(raw)).write_bytes(b"x")
    folder = open_folder()
    (entry,) = listing(folder).values()
    assert (entry.path[0].raw, content(folder, entry)) == (raw.hex(), b"x")


def test_a_file_that_changed_after_it_was_listed_is_not_read(root: Path, open_folder: OpenFolder) -> None:
    (root / "a").write_bytes(b"before")
    folder = open_folder()
    (entry,) = listing(folder).values()
    (root / "a").write_bytes(b"later!!")
    with pytest.raises(OSError, match="changed"):
        folder.open_content(entry.id)


def test_a_folder_swapped_for_a_link_after_the_listing_is_not_followed(
    root: Path, tmp_path: Path, open_folder: OpenFolder
) -> None:
    (root / "day").mkdir()
    (root / "day" / "a").write_bytes(b"x")
    folder = open_folder()
    (entry,) = listing(folder).values()
    (root / "day").rename(tmp_path / "elsewhere")
    (root / "day").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"[Nn]ot a directory|[Tt]oo many"):
        folder.open_content(entry.id)


def test_a_folder_too_deep_ends_the_walk_there(root: Path, open_folder: OpenFolder) -> None:
    (root / "/".join(["d"] * 70)).mkdir(parents=True)
    folder = open_folder()
    assert set(states(folder).values()) == {"directory_damaged"}
    assert not folder.whole


@pytest.mark.parametrize("steps", [(b"..",), (b".",), (b"",), (b"a/b",), (b"day", b"..", b"..")])
def test_the_opener_opens_nothing_outside(root: Path, steps: tuple[bytes, ...]) -> None:
    handle = os.open(root, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="plain name"):
            open_below(handle, steps)
    finally:
        os.close(handle)


def test_another_file_system_below_the_folder_is_not_entered() -> None:
    if os.stat("/").st_dev == os.stat("/proc").st_dev:  # noqa: PTH116 - two mounts, no path objects needed
        pytest.skip("/proc is not mounted here")
    handle = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="mounted"):
            open_below(handle, (b"proc",))
    finally:
        os.close(handle)


def test_the_helper_process_opens_for_us_and_passes_errors_on(root: Path) -> None:
    (root / "a").write_bytes(b"footage")
    handle = os.open(root, os.O_RDONLY)
    try:
        with start_opener(handle) as opener:
            opened = opener((b"a",))
            assert os.read(opened, 100) == b"footage"
            os.close(opened)
            with pytest.raises(FileNotFoundError):
                opener((b"absent",))
    finally:
        os.close(handle)
