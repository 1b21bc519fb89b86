"""Settling: taking a staged file over, and everything a hostile reader may have left instead."""

import hashlib
import os
from pathlib import Path

import pytest

from station.acquire.settle import settle
from station.digest import SM3, sha256_hex
from station.errors import ReadbackError, StorageError
from station.records.reading import Copied

NAME = "0123456789abcdef" * 2
DATA = os.urandom(3_000_001)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "docking" / "inbox"
    folder.mkdir(parents=True)
    return folder


def claim(data: bytes = DATA, staged: str | None = NAME) -> Copied:
    return Copied(id=0, staged=staged, sha256=sha256_hex(data), size_bytes=len(data))


def test_a_staged_file_is_moved_made_ours_and_proven(inbox: Path) -> None:
    (inbox / NAME).write_bytes(DATA)
    settled = settle(inbox, claim(), parser_gid=None)
    assert settled.path == inbox.parent / NAME
    assert (settled.sha256, settled.size_bytes) == (sha256_hex(DATA), len(DATA))
    assert settled.path.stat().st_mode & 0o7777 == 0o440
    assert list(inbox.iterdir()) == []


def test_the_kind_of_read_back_is_told_as_it_was(inbox: Path) -> None:
    (inbox / NAME).write_bytes(DATA)
    try:
        os.close(os.open(inbox / NAME, os.O_RDONLY | os.O_DIRECT))
        expected = {"direct"}
    except OSError:
        expected = {"dropped", "none"}
    assert settle(inbox, claim(), parser_gid=None).readback in expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes owners")
def test_the_parsers_group_may_read_it_and_root_owns_it(inbox: Path) -> None:
    (inbox / NAME).write_bytes(DATA)
    os.chown(inbox / NAME, 65534, 65534)
    status = settle(inbox, claim(), parser_gid=65534).path.stat()
    assert (status.st_uid, status.st_gid) == (0, 65534)


@pytest.mark.parametrize(
    "written", [DATA[:-1], DATA + b"x", b"\x01" + DATA[1:], b""], ids=["shorter", "longer", "other", "empty"]
)
def test_other_bytes_than_claimed_are_a_readback_error(inbox: Path, written: bytes) -> None:
    (inbox / NAME).write_bytes(written)
    if written[:1] == DATA[:1] == b"\x01":
        pytest.skip("the random data begins with the byte it is changed to")
    with pytest.raises(ReadbackError):
        settle(inbox, claim(), parser_gid=None)


def test_a_writer_that_still_holds_the_file_open_is_found(inbox: Path) -> None:
    with (inbox / NAME).open("wb") as writer:
        writer.write(DATA)
        writer.flush()
        with pytest.raises(StorageError, match="open for writing"):
            settle(inbox, claim(), parser_gid=None)


def test_a_symbolic_link_is_not_followed(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    (inbox / NAME).symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError):
        settle(inbox, claim(), parser_gid=None)
    assert (tmp_path / "secret").stat().st_mode & 0o777 != 0o440


def test_a_second_name_for_the_file_is_refused(inbox: Path) -> None:
    (inbox / NAME).write_bytes(DATA)
    (inbox / "other").hardlink_to(inbox / NAME)
    with pytest.raises(StorageError, match="plain file"):
        settle(inbox, claim(), parser_gid=None)


def test_a_pipe_or_folder_is_refused(inbox: Path) -> None:
    os.mkfifo(inbox / NAME)
    with pytest.raises(StorageError):
        settle(inbox, claim(), parser_gid=None)


@pytest.mark.parametrize("name", ["../escape", "", "a", NAME.upper(), NAME + "/x", "." + NAME[1:], None])
def test_a_name_the_reader_would_not_make_is_refused(inbox: Path, name: str | None) -> None:
    with pytest.raises(StorageError, match="no name of its own making"):
        settle(inbox, claim(staged=name), parser_gid=None)


def test_a_file_that_is_not_there_is_a_storage_error(inbox: Path) -> None:
    with pytest.raises(StorageError, match="taken over"):
        settle(inbox, claim(), parser_gid=None)


def test_a_further_digest_is_proven_by_the_same_reading(inbox: Path) -> None:
    (inbox / NAME).write_bytes(DATA)
    digests = {SM3: hashlib.new(SM3, DATA).hexdigest()}
    told = claim().model_copy(update={"further_digests": digests})
    assert settle(inbox, told, parser_gid=None, further=(SM3,)).further == digests


@pytest.mark.parametrize("told", [{}, {SM3: "0" * 64}], ids=["left out", "wrong"])
def test_a_further_digest_left_out_or_wrong_is_a_readback_error(inbox: Path, told: dict[str, str]) -> None:
    (inbox / NAME).write_bytes(DATA)
    with pytest.raises(ReadbackError):
        settle(inbox, claim().model_copy(update={"further_digests": told}), parser_gid=None, further=(SM3,))
