"""Which files get onto a ticket, and how an eraser is heard out that does not do as it should."""

import contextlib
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from station.acquire.erasing import Outcome, completed_entry, erase
from station.acquire.listing import Listing
from station.acquire.plan import key_of
from station.acquire.tickets import Composition, EraseRule, Evidence, compose, split
from station.records.docking_entries import ClipFact, ClipIngested, ClipNames
from station.records.reading import EntrySeen, RawName, RawTimes, VolumeSeen
from station.records.ticket import Ended, FileAnswer, Refusal

NOW = datetime(2026, 8, 10, tzinfo=UTC)
RULE = EraseRule(allowed=True, minimum_age=timedelta(days=1), copies_required=2)


def seen(name: str, number: int = 1, **other: Any) -> EntrySeen:
    path = (RawName(raw=name.encode().hex(), encoding="utf-8", text=name),)
    known = {"id": number, "volume": 0, "path": path, "address": number, "state": "file", "size_bytes": 10}
    return EntrySeen.model_validate(known | {"times": RawTimes(modified="2026-08-01T00:00:00")} | other)


def evidence(entry: EntrySeen, clip: str = "c1", *, doubt: bool = False, whole: bool = True, **fact: Any) -> Evidence:
    known = {
        "clip": clip,
        "docking": "d1",
        "recorder": "r1",
        "digest": {"sha256": "a" * 64},
        "size_bytes": entry.size_bytes,
        "media": "video",
        "container": "mp4",
        "readback": "direct",
    }
    names = ClipNames(path=entry.path, volume=entry.volume, address=entry.address, times=entry.times)
    ingested = ClipIngested(fact=ClipFact.model_validate(known | fact), names=names)
    parts = {"fact": b"{}", "names": b"{}"}
    taken_in = "2026-08-05T00:00:00.000000Z"
    return Evidence(clip, ingested if whole else None, taken_in, b"{}", b"{}", parts, (), in_doubt=doubt)


def composed(
    entries: list[EntrySeen],
    known: dict[str, Evidence],
    rule: EraseRule = RULE,
    *,
    copies: int = 2,
    read_back: Callable[[str], bool] = lambda _: True,
    unfinished: tuple[Evidence, ...] = (),
    now: datetime = NOW,
    cosignatures: int = 0,
) -> Composition:
    listing = Listing(volumes=[VolumeSeen(volume=0, offset_bytes=0, file_system="fat32")], entries=entries, whole=True)
    asked = {"copies": lambda _: copies, "read_back": read_back, "unfinished": unfinished}
    return compose(listing, "r1", known, rule, now, **asked, cosignatures=cosignatures)  # type: ignore[arg-type]


def test_only_files_that_are_listed_now_and_known_get_onto_a_ticket():
    one, two, deleted = seen("one"), seen("two", 2), seen("three", 3, state="deleted")
    known = {key_of(one, "r1"): evidence(one), key_of(deleted, "r1"): evidence(deleted, "c3")}
    found = composed([one, two, deleted], known)
    assert found.clips == ("c1",) and not found.left
    assert (found.lines[0].path, found.lines[0].address, found.size_bytes) == (("6f6e65",), 1, 10)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rule": EraseRule()}, "not_allowed"),
        ({"rule": EraseRule(allowed=True, cosignatures_required=2), "cosignatures": 1}, "too_few_cosignatures"),
        ({"whole": False}, "not_whole"),
        ({"readback": "dropped"}, "not_direct"),
        ({"doubt": True}, "in_doubt"),
        ({"now": datetime(2026, 8, 5, 12, tzinfo=UTC)}, "too_young"),
        ({"copies": 1}, "too_few_copies"),
        ({"read_back": lambda _: False}, "original_damaged"),
    ],
)
def test_what_may_not_be_erased_yet_is_left_for_one_reason(changes, reason):
    one = seen("one")
    about = {name: value for name, value in changes.items() if name in ("whole", "readback", "doubt")}
    asked = {name: value for name, value in changes.items() if name not in about}
    found = composed([one], {key_of(one, "r1"): evidence(one, **about)}, **asked)
    assert found.lines == () and found.left == {"c1": reason}


def test_an_original_is_read_back_once_and_only_if_nothing_else_speaks_against_it():
    one, two, three = seen("one"), seen("two", 2), seen("three", 3)
    known = {key_of(one, "r1"): evidence(one), key_of(two, "r1"): evidence(two, "c2")}
    known[key_of(three, "r1")] = evidence(three, "c3", doubt=True, digest={"sha256": "b" * 64})
    asked: list[str] = []

    def read_back(sha256: str) -> bool:
        asked.append(sha256)
        return True

    assert composed([one, two, three], known, read_back=read_back).clips == ("c1", "c2")
    assert asked == ["a" * 64]


def test_what_an_erasing_left_unfinished_is_named_again_for_its_own_disk_alone():
    one, other = seen("one"), seen("two", 2, volume=3)
    found = composed([], {}, unfinished=(evidence(one), evidence(other, "c2")))
    assert found.clips == ("c1",)


def test_many_files_become_several_tickets_that_name_each_once():
    entries = [seen(f"{number}", number) for number in range(1, 13)]
    known = {key_of(entry, "r1"): evidence(entry, f"c{entry.id}") for entry in entries}
    whole = composed(entries, known)
    big = [line.model_copy(update={"record": "x" * 60_000, "payload": "y" * 60_000}) for line in whole.lines] * 20
    many = Composition(tuple(big), tuple(map(str, range(len(big)))))
    tickets = list(split(many, device="/dev/sda", diskseq=1, session="s", recorder="r1", checkpoint="c"))
    assert len(tickets) > 1
    assert [line for _, lines in tickets for line in lines] == big
    assert all(head.files == len(lines) for head, lines in tickets)


def hear(said: bytes, *, close: bool = True, seconds: float = 5) -> Outcome:
    """Let an eraser say this, whatever it is asked."""
    one = seen("one")
    ours, theirs = socket.socketpair()
    composition = composed([one], {key_of(one, "r1"): evidence(one)})
    ((head, lines),) = split(composition, device="/dev/sda", diskseq=1, session="s", recorder="r1", checkpoint="c")

    def answer() -> None:
        while theirs.recv(65536):
            pass
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # what it says is not heard to its end
            theirs.sendall(said)
        if close:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with ours:
        outcome = erase(ours, head, lines, silence_seconds=seconds)
    thread.join()
    theirs.close()
    return outcome


ERASED = FileAnswer(file=0, result="erased", freed_clusters=3).model_dump_json().encode() + b"\n"
DONE = Ended(complete=True).model_dump_json().encode() + b"\n"


def test_answers_are_taken_by_number_and_the_end_is_the_eraser_s_own():
    outcome = hear(b'{"event":"progress","file":0,"bytes_done":5}\n' + ERASED + DONE)
    assert outcome.files[0].result == "erased" and outcome.ended.complete and not outcome.lied


@pytest.mark.parametrize("said", [b"", ERASED, ERASED[:20], b"nonsense\n", b'{"event":"file"}\n', b"x" * 1_200_000])
def test_an_eraser_that_breaks_off_or_talks_nonsense_did_not_complete(said):
    outcome = hear(said)
    assert not outcome.ended.complete and outcome.ended.reason == Refusal.DIED
    assert set(outcome.files) == ({0} if said == ERASED else set())


def test_an_eraser_that_is_silent_is_not_waited_for_without_end():
    outcome = hear(ERASED, close=False, seconds=0.05)
    assert not outcome.ended.complete and outcome.files[0].result == "erased"


def test_the_entry_counts_what_was_answered_and_what_was_not():
    entries = [seen(f"{number}", number) for number in range(1, 5)]
    known = {key_of(entry, "r1"): evidence(entry, f"c{entry.id}") for entry in entries}
    first = Outcome(
        files={
            0: FileAnswer(file=0, result="erased"),
            1: FileAnswer(file=1, result="refused", reason=Refusal.CHANGED, detail="it changed"),
            2: FileAnswer(file=2, result="gone"),
        }
    )
    entry = completed_entry(composed(entries, known), [(3, first)], erasing="e", docking="d", recorder="r1")
    fact = entry.fact
    assert (fact.erased, fact.gone, fact.unknown, fact.size_bytes) == (1, 1, 1, 10)
    assert fact.refused == {Refusal.CHANGED: 1} and fact.reason == Refusal.DIED
    assert [(file.clip, file.result) for file in fact.files] == [
        ("c1", "erased"),
        ("c2", "refused"),
        ("c3", "gone"),
        ("c4", "unknown"),
    ]
    assert entry.detail is not None and entry.detail.text == "it changed"
