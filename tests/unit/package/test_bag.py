"""A bag is whole under its name or not there; nothing gets into it that its format does not allow."""

import errno
import os
from pathlib import Path

import pytest

from station.direct import Reread
from station.errors import ConflictError, DamagedError, NoSpaceError, ReadbackError, StorageError
from station.package import bag as module
from station.package.bag import building, check_space, publish


def test_a_bag_has_its_name_only_when_published(tmp_path: Path) -> None:
    with building(tmp_path, "x") as bag:
        bag.write("data/a.txt", b"a")
        assert not (tmp_path / "x").exists()
        bag.close({})
        assert publish(bag, tmp_path, "x") == tmp_path / "x"
    assert (tmp_path / "x" / "data" / "a.txt").read_bytes() == b"a"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_bag_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), building(tmp_path, "x") as bag:
        bag.write("data/a.txt", b"a")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_copy_with_other_bytes_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"evidence")
    handle = os.open(source, os.O_RDONLY)
    with pytest.raises(DamagedError, match="the clip k"), building(tmp_path / "out", "x") as bag:
        bag.copy("data/a", handle, sha256="0" * 64, what="the clip k")
    os.close(handle)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../a", "/a", "data//a", "data/.a", "data/a b", "data/ä", "data/a\n", "", "data/", "-a", "data/%41/"]
)
def test_a_path_that_could_mislead_is_refused(tmp_path: Path, path: str) -> None:
    with building(tmp_path, "x") as bag, pytest.raises(StorageError):
        bag.write(path, b"")


def test_a_link_is_not_taken_in(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("/etc/hostname")
    with building(tmp_path, "x") as bag, pytest.raises(StorageError):
        bag.write_tree("data", tmp_path / "tree")


def test_what_is_written_twice_must_be_the_same(tmp_path: Path) -> None:
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "in" / "a").write_bytes(b"a")
    with building(tmp_path, "x") as bag:
        bag.write_tree("data", tmp_path / "tree")
        bag.write_tree("data", tmp_path / "tree")
        (tmp_path / "tree" / "in" / "a").write_bytes(b"b")
        with pytest.raises(StorageError, match="data/in/a"):
            bag.write_tree("data", tmp_path / "tree")


def test_a_name_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ConflictError), building(tmp_path, "x"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with building(tmp_path, "x") as bag:
        bag.close({})
        (tmp_path / "x").mkdir()
        with pytest.raises(ConflictError):
            publish(bag, tmp_path, "x")
    assert list((tmp_path / "x").iterdir()) == []


def test_a_bag_still_being_made_is_not_swept_away(tmp_path: Path) -> None:
    with building(tmp_path, "x") as first:
        with building(tmp_path, "x"):
            assert first.root.is_dir()
        assert first.root.is_dir()


def test_a_disk_that_forgets_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with building(tmp_path, "x") as bag:
        bag.write("data/a", b"a")
        monkeypatch.setattr(module, "reread", lambda handle: Reread("0" * 64, 1, "direct"))
        with pytest.raises(ReadbackError, match="data/a"):
            bag.read_back()


def test_a_file_too_large_for_the_disk_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EFBIG, "File too large")

    with building(tmp_path, "x") as bag:
        monkeypatch.setattr(module.os, "write", refuse)
        with pytest.raises(StorageError) as told:
            bag.write("data/a", b"a")
    assert "exFAT" in told.value.hint


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with building(tmp_path, "x") as bag:
        monkeypatch.setattr(module.os, "write", refuse)
        with pytest.raises(NoSpaceError):
            bag.write("data/a", b"a")


def test_too_little_space_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(NoSpaceError):
        check_space(tmp_path / "not" / "there", 2**60)
    check_space(tmp_path / "not" / "there", 1)


def test_manifests_list_by_bytes_and_leave_the_seal_out(tmp_path: Path) -> None:
    with building(tmp_path, "x") as bag:
        for path in ("data/b", "data/B", "data/a/c", "README.txt"):
            bag.write(path, path.encode())
        bag.close({"Source-Organization": "一\n二", "Bagging-Date": "2026-08-04"})
        bag.write("seal.record", b"")
        folder = publish(bag, tmp_path, "x")
    listed = [line[66:] for line in (folder / "manifest-sha256.txt").read_text().splitlines()]
    assert listed == ["data/B", "data/a/c", "data/b"]
    tags = [line[66:] for line in (folder / "tagmanifest-sha256.txt").read_text().splitlines()]
    assert tags == ["README.txt", "bag-info.txt", "bagit.txt", "manifest-sha256.txt"]
    assert (folder / "bag-info.txt").read_text().splitlines()[0] == "Source-Organization: 一 二"
