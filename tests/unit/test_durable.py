"""Files that survive: the old content or the new, and no litter."""

import os
import stat
from pathlib import Path

import pytest

from station import durable
from station.errors import StorageError


def failing(*_: object) -> None:
    raise OSError(5, "Input/output error")


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"one", b"two"):
        durable.replace_file(path, content, 0o444)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("broken", ["fsync", "fchmod", "open"])
def test_a_write_that_fails_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "x"
    durable.replace_file(path, b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, broken, failing)
        with pytest.raises(StorageError, match="Input/output error") as told:
            durable.replace_file(path, b"new")
    assert "unchanged" in told.value.kept
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_failed_sync_of_the_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(StorageError, match="could not be made durable"):
            durable.sync_directory(tmp_path)


def test_content_and_then_its_name_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    durable.replace_file(tmp_path / "x", b"1")
    assert synced == ["file", "folder"]
    durable.replace_volatile(tmp_path / "y", b"2")
    assert synced == ["file", "folder"], "progress waits for no disk"
    assert (tmp_path / "y").read_bytes() == b"2"


def test_folders_are_made_with_their_parents_and_an_existing_one_is_left_alone(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b" / "c" / "kept").touch()
    durable.make_folder(tmp_path / "a" / "b" / "c", 0o700)
    assert (tmp_path / "a" / "b" / "c" / "kept").exists()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        durable.make_folder(tmp_path / "file" / "below")
