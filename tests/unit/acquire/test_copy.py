"""The copy loop: bytes, digests, read errors, failing disks."""

import errno
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from station.acquire import copy as copying
from station.acquire.copy import Copier
from station.digest import SM3, sha256_hex
from station.records.reading import BadRange, Copied, CopyProgress
from tests.unit.acquire.sources import Flawed, zeroed

BUFFER_BYTES = copying._BUFFER_BYTES
BYTES = random.Random(20260804).randbytes(2 * BUFFER_BYTES + 1024 * 1024 + 777)


@pytest.fixture(params=[False, True], ids=["one read at a time", "reading ahead"])
def take(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., list[Copied]]:
    """Return what copies (or, with keep=False, hashes) contents and gives the results in the order of their ids."""

    def run(*contents: Flawed, keep: bool = True, further: tuple[str, ...] = ()) -> list[Copied]:
        results: list[Copied] = []

        def report(message: Copied | CopyProgress) -> None:
            if isinstance(message, Copied):
                results.append(message)

        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            with Copier(folder, report, further) as copier:
                for entry_id, content in enumerate(contents):
                    content.concurrent = request.param
                    (copier.copy if keep else copier.rehash)(entry_id, content)
        finally:
            os.close(folder)
        return sorted(results, key=lambda copied: copied.id)

    return run


def kept(folder: Path, copied: Copied) -> bytes:
    assert copied.staged is not None
    return (folder / copied.staged).read_bytes()


@pytest.mark.parametrize(
    "size", [0, 1, 511, 512, 4096, 1024 * 1024, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, len(BYTES)]
)
def test_what_is_kept_is_what_was_read_whatever_the_size(
    take: Callable[..., list[Copied]], tmp_path: Path, size: int
) -> None:
    (copied,) = take(Flawed(BYTES[:size]))
    assert kept(tmp_path, copied) == BYTES[:size]
    assert (copied.sha256, copied.size_bytes, copied.bad_ranges) == (sha256_hex(BYTES[:size]), size, ())


def test_many_files_at_once_are_not_mixed_up(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    parts = [BYTES[at : at + 200_000] for at in range(0, 5_000_000, 100_000)]
    results = take(*(Flawed(part) for part in parts))
    assert [copied.sha256 for copied in results] == [sha256_hex(part) for part in parts]
    assert [kept(tmp_path, copied) for copied in results] == parts


def test_names_in_the_staging_folder_have_nothing_of_the_device(
    take: Callable[..., list[Copied]], tmp_path: Path
) -> None:
    results = take(Flawed(b"a"), Flawed(b"a"))
    names = {copied.staged for copied in results}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(name and len(name) == 32 and not set(name) - set("0123456789abcdef") for name in names)


def test_only_the_sectors_that_cannot_be_read_become_zeros(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    bad = ((1024, 512), (3 * 1024 * 1024, 1536))
    (copied,) = take(Flawed(BYTES, bad))
    assert kept(tmp_path, copied) == zeroed(BYTES, *bad)
    assert copied.bad_ranges == tuple(BadRange(offset_bytes=start, length_bytes=length) for start, length in bad)
    assert copied.sha256 == sha256_hex(zeroed(BYTES, *bad))


def test_a_read_error_leaves_the_next_file_whole(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    first, second = take(Flawed(BYTES, ((0, 512),)), Flawed(BYTES))
    assert first.bad_ranges
    assert not second.bad_ranges
    assert kept(tmp_path, second) == BYTES


def test_a_read_error_in_a_last_half_sector_costs_only_that(take: Callable[..., list[Copied]]) -> None:
    size = 10 * 512 + 100
    (copied,) = take(Flawed(BYTES[:size], ((size - 1, 1),)))
    assert copied.bad_ranges == (BadRange(offset_bytes=10 * 512, length_bytes=100),)


def test_missing_ranges_are_not_asked_for(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    missing = ((BUFFER_BYTES - 512, 2048), (len(BYTES) - 777, 777))
    content = Flawed(BYTES, missing, missing)
    (copied,) = take(content)
    assert copied.bad_ranges == tuple(BadRange(offset_bytes=start, length_bytes=length) for start, length in missing)
    assert kept(tmp_path, copied) == zeroed(BYTES, *missing)
    assert all(start + length <= at or at + count <= start for at, count in content.reads for start, length in missing)


def test_a_file_of_which_nothing_can_be_read_leaves_nothing(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    size = 100_000
    unreadable, missing = take(Flawed(BYTES[:size], ((0, size),)), Flawed(BYTES[:size], missing=((0, size),)))
    assert unreadable.staged is missing.staged is None
    assert unreadable.reason
    assert missing.reason
    assert list(tmp_path.iterdir()) == []


def test_a_wholly_bad_stretch_is_given_up_on_in_larger_pieces(
    take: Callable[..., list[Copied]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PATIENCE", 64)
    content = Flawed(BYTES, ((BUFFER_BYTES, BUFFER_BYTES),))
    (copied,) = take(content)
    assert copied.bad_ranges == (BadRange(offset_bytes=BUFFER_BYTES, length_bytes=BUFFER_BYTES),)
    assert len(content.reads) < 400


def test_a_card_pulled_out_keeps_what_was_read_and_lists_the_rest_as_bad(
    take: Callable[..., list[Copied]], tmp_path: Path
) -> None:
    pulled = Flawed(BYTES, ((2 * BUFFER_BYTES, len(BYTES)),), number=errno.ENODEV)
    (copied,) = take(pulled)
    rest = (2 * BUFFER_BYTES, len(BYTES) - 2 * BUFFER_BYTES)
    assert copied.bad_ranges == (BadRange(offset_bytes=rest[0], length_bytes=rest[1]),)
    assert kept(tmp_path, copied) == zeroed(BYTES, rest)
    assert copied.sha256 == sha256_hex(zeroed(BYTES, rest))
    assert len(pulled.reads) == 3


def test_a_digest_alone_writes_nothing(take: Callable[..., list[Copied]], tmp_path: Path) -> None:
    (copied,) = take(Flawed(BYTES), keep=False)
    assert (copied.staged, copied.sha256, copied.reread) == (None, sha256_hex(BYTES), True)
    assert list(tmp_path.iterdir()) == []


def test_a_digest_of_a_card_pulled_out_is_no_digest(take: Callable[..., list[Copied]]) -> None:
    (copied,) = take(Flawed(BYTES, ((BUFFER_BYTES, len(BYTES)),), number=errno.ENODEV), keep=False)
    assert copied.sha256 is None
    assert copied.reason


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("size", [0, 1, BUFFER_BYTES, len(BYTES)])
def test_a_further_digest_is_of_the_same_pass(take: Callable[..., list[Copied]], size: int, keep: bool) -> None:
    (copied,) = take(Flawed(BYTES[:size]), keep=keep, further=(SM3,))
    assert copied.sha256 == sha256_hex(BYTES[:size])
    assert copied.further_digests == {SM3: hashlib.new(SM3, BYTES[:size]).hexdigest()}


@pytest.mark.parametrize("call", ["pwrite", "fsync", "posix_fallocate"])
def test_a_disk_that_fails_is_never_reported_as_a_copy(
    take: Callable[..., list[Copied]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    calls = []

    def fail(*arguments: object) -> int:
        calls.append(arguments)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copying.os, call, fail)
    (copied,) = take(Flawed(BYTES))
    assert copied.staged is None
    assert copied.reason
    assert len(calls) == 1
    assert list(tmp_path.iterdir()) == []
