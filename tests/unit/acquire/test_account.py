"""The account of a docking, as scripts and the sealed listing see it."""

import json

import pytest

from station.acquire.account import Account, FileAccount, listing_bytes
from station.records.terms import FileResult


def line(result: FileResult, size: int = 10, path: str = "a.mp4") -> FileAccount:
    return FileAccount(path, size, "ab" * 32, "c1", result, None)


def account(*results: FileResult) -> Account:
    return Account("d1", "r1", "p1", files=[line(result) for result in results])


@pytest.mark.parametrize("result", [FileResult.CHANGED, FileResult.INCOMPLETE, FileResult.FAILED])
def test_one_file_that_is_not_kept_whole_makes_the_docking_not_whole(result: FileResult) -> None:
    assert not account(FileResult.NEW, result).whole


def test_new_held_and_skipped_files_make_a_whole_docking() -> None:
    assert account(FileResult.NEW, FileResult.HELD, FileResult.SKIPPED).whole
    assert account().whole


def test_a_listing_with_gaps_or_a_problem_is_not_whole_whatever_was_kept() -> None:
    gaps, broken = account(FileResult.NEW), account(FileResult.NEW)
    gaps.listing_whole = False
    broken.problem = "the reader died"
    assert (gaps.whole, broken.whole) == (False, False)


def test_counts_name_every_result_and_sizes_only_what_is_new() -> None:
    found = account(FileResult.NEW, FileResult.NEW, FileResult.HELD)
    assert found.counts == {**dict.fromkeys(FileResult, 0), FileResult.NEW: 2, FileResult.HELD: 1}
    assert found.size_bytes == 20


def test_the_document_has_exactly_the_fields_of_the_contract() -> None:
    document = account(FileResult.NEW).document()
    assert list(document) == ["docking", "recorder", "profile", "files", "checkpoint"]
    assert document["files"] == [
        {"path": "a.mp4", "size_bytes": 10, "sha256": "ab" * 32, "clip": "c1", "result": "new", "reason": None}
    ]


def test_the_sealed_listing_is_a_json_object_a_line_and_always_the_same_bytes() -> None:
    files = [line(FileResult.NEW, path="执法\n.mp4"), line(FileResult.HELD)]
    data = listing_bytes(files)
    assert data == listing_bytes(list(files))
    assert [json.loads(each)["path"] for each in data.splitlines()] == ["执法\n.mp4", "a.mp4"]
    assert "执法".encode() in data
    assert listing_bytes([]) == b""
