"""What a ticket must prove, field by field, before anything is written; in the test's own process."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from station.device.erase.formats import RefusedError
from station.device.image import Image
from station.eraser.lines import Lines
from station.eraser.warrant import Trust
from station.eraser.work import work
from station.ledger.cosign import CosigningKey
from station.ledger.keys import make_key
from station.records.reading import RawTimes
from station.records.ticket import Answer, Ended, FileAnswer, Refusal, TicketFile, TicketHead, ticket_lines
from tests.unit.erase.cards import check, list_card, open_direct, read_card
from tests.unit.erase.warrants import ORIGIN, Book, take_in_card

PATH, OTHER = "SHORT1.MP4", "DCIM/A.MP4"


def carry_out(
    image: Path,
    book: Book,
    files: Sequence[TicketFile],
    head: TicketHead | None = None,
    hear: Callable[[Answer], None] = lambda _: None,
    trust: Trust | None = None,
) -> list[Answer]:
    """Let the child's work be done here; returns what it answered. `hear` is told of each answer first."""
    head = head or book.head(image, len(files))
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b"".join(ticket_lines(head, (file,)).split(b"\n", 1)[1] for file in files))
    said: list[Answer] = []

    def say(answer: Answer) -> None:
        hear(answer)
        said.append(answer)

    handle = open_direct(image)
    try:
        work(Lines(reading), head, trust or Trust(book.key.verifier), handle, say)
    finally:
        os.close(handle)
        os.close(reading)
    return said


def results(said: Sequence[Answer]) -> dict[int, str]:
    return {each.file: each.reason or each.result for each in said if isinstance(each, FileAnswer)}


def test_what_is_proven_is_erased_and_answered_with_what_was_written(make, kind):
    image, files = make(kind)
    book = take_in_card(image, files)
    said = carry_out(image, book, [book.file(PATH), book.file(OTHER)])
    assert results(said) == {0: "erased", 1: "erased"}
    end = said[-1]
    assert isinstance(end, Ended) and end.complete and end.writes["directory"] >= 1 and end.writes["table"] >= 1
    assert read_card(image) == {path: data for path, data in files.items() if path not in (PATH, OTHER)}
    assert check(image) == ""


def test_a_second_ticket_for_the_same_files_answers_that_they_are_gone(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    carry_out(image, book, [book.file(PATH)])
    assert results(carry_out(image, book, [book.file(PATH), book.file(OTHER)])) == {0: "gone", 1: "erased"}


A_HASH = "A" * 43 + "="
WRONG = {
    "another size": ({"size_bytes": 7}, Refusal.NOT_AS_SEALED),
    "another digest": ({"sha256": "0" * 64}, Refusal.NOT_AS_SEALED),
    "another volume": ({"volume": 1}, Refusal.NOT_AS_SEALED),
    "another path": ({"path": ("00ff",)}, Refusal.NOT_AS_SEALED),
    "another address": ({"address": 99999}, Refusal.NOT_AS_SEALED),
    "other times": ({"times": RawTimes(modified="2001-01-01T00:00:00")}, Refusal.NOT_AS_SEALED),
    "another payload": ({"payload": '{"parts":{"fact":"' + "0" * 64 + '"}}'}, Refusal.NOT_AS_SEALED),
    "another fact": ({"fact": "{}"}, Refusal.NOT_AS_SEALED),
    "other names": ({"names": "{}"}, Refusal.NOT_AS_SEALED),
    "a proof too short": ({"inclusion": ()}, Refusal.NOT_UNDER_CHECKPOINT),
    "a wrong proof": ({"inclusion": (A_HASH, A_HASH, A_HASH, A_HASH)}, Refusal.NOT_UNDER_CHECKPOINT),
    "no record": ({"record": "{}"}, Refusal.NOT_UNDER_CHECKPOINT),
}


@pytest.mark.parametrize("flaw", WRONG)
def test_a_line_with_one_thing_wrong_is_refused_and_its_neighbour_is_not(make, flaw):
    image, files = make("fat16")
    book = take_in_card(image, files)
    other, reason = WRONG[flaw]
    said = carry_out(image, book, [book.file(PATH, **other), book.file(OTHER)])
    assert results(said) == {0: reason, 1: "erased"}
    assert read_card(image)[PATH] == files[PATH]


def test_the_record_of_another_file_proves_nothing(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    stolen = {name: book.lines[OTHER][name] for name in ("record", "payload", "fact", "names")}
    line = book.file(PATH, **stolen, inclusion=book.file(OTHER).inclusion)
    assert results(carry_out(image, book, [line])) == {0: Refusal.NOT_AS_SEALED}


@pytest.mark.parametrize(
    ("fact", "whole", "reason"),
    [
        ({"readback": "dropped"}, True, Refusal.NOT_DIRECT),
        ({"readback": "none"}, True, Refusal.NOT_DIRECT),
        ({"recorder": "r2"}, True, Refusal.OTHER_RECORDER),
        ({}, False, Refusal.NOT_INGESTED),
        ({"digest": {"sha256": "1" * 64}}, True, Refusal.NOT_AS_SEALED),
        ({"size_bytes": 3}, True, Refusal.NOT_AS_SEALED),
    ],
)
def test_an_entry_that_says_something_else_entitles_to_nothing(make, fact, whole, reason):
    image, files = make("fat16")
    book = Book()
    book.take_in(PATH, list_card(image)[PATH], files[PATH], whole=whole, **fact)
    assert results(carry_out(image, book, [book.file(PATH)])) == {0: reason}
    assert read_card(image) == files


def test_a_checkpoint_that_another_key_signed_refuses_the_whole_ticket(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    lines = [book.file(PATH)]
    book.key, true_key = make_key(ORIGIN), book.key
    head = book.head(image, 1)
    book.key = true_key
    with pytest.raises(RefusedError) as caught:
        carry_out(image, book, lines, head)
    assert caught.value.reason == Refusal.NOT_UNDER_CHECKPOINT
    assert read_card(image) == files


WITNESSES = tuple(CosigningKey(f"witness.example/w{number}", bytes([number]) * 32) for number in range(3))


@pytest.mark.parametrize(("by", "again"), [((), 0), ((0,), 0), ((0,), 1), ((0, 2), 0)])
def test_a_checkpoint_that_too_few_of_our_witnesses_cosigned_erases_nothing(make, by, again):
    image, files = make("fat16")
    book = take_in_card(image, files)
    trust = Trust(book.key.verifier, tuple(each.verifier for each in WITNESSES[:2]), 2)
    text = book.checkpoint().partition("\n\n")[0] + "\n"
    lines = [WITNESSES[number].cosign(text, time).line() for number in by for time in range(1, 2 + again)]
    head = book.head(image, 1, checkpoint=book.checkpoint() + "".join(lines))
    with pytest.raises(RefusedError) as caught:
        carry_out(image, book, [book.file(PATH)], head, trust=trust)
    assert caught.value.reason == Refusal.TOO_FEW_COSIGNATURES
    assert read_card(image) == files


def test_a_cosignature_over_another_checkpoint_refuses_the_whole_ticket(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    line = WITNESSES[0].cosign("evidence-station/test\n1\nAAAA\n", 1).line()
    head = book.head(image, 1, checkpoint=book.checkpoint() + line)
    with pytest.raises(RefusedError) as caught:
        carry_out(image, book, [book.file(PATH)], head, trust=Trust(book.key.verifier, (WITNESSES[0].verifier,)))
    assert caught.value.reason == Refusal.NOT_UNDER_CHECKPOINT
    assert read_card(image) == files


def test_under_enough_cosignatures_a_file_is_erased(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    text = book.checkpoint().partition("\n\n")[0] + "\n"
    lines = "".join(each.cosign(text, 1).line() for each in WITNESSES)
    head = book.head(image, 1, checkpoint=book.checkpoint() + lines)
    trust = Trust(book.key.verifier, tuple(each.verifier for each in WITNESSES[:2]), 2)
    assert results(carry_out(image, book, [book.file(PATH)], head, trust=trust)) == {0: "erased"}


def test_a_file_with_other_bytes_is_told_and_nothing_at_all_is_erased(make, kind):
    image, files = make(kind)
    book = take_in_card(image, files)
    data = image.read_bytes()
    at = data.index(files[OTHER][:64])
    image.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    before = image.read_bytes()
    said = carry_out(image, book, [book.file(PATH), book.file(OTHER)])
    assert results(said) == {0: Refusal.RECORDER_UNTRUSTED, 1: Refusal.DIGEST_DIFFERS}
    assert image.read_bytes() == before


def test_a_file_that_can_not_be_read_any_more_is_not_erased(make, monkeypatch):
    image, files = make("fat16")
    book = take_in_card(image, files)
    bad = image.read_bytes().index(files[PATH][:64])
    read = Image.read_into

    def fail(self: Image, offset: int, target: memoryview) -> int:
        if offset <= bad < offset + len(target) and offset == bad:
            raise OSError(errno.EIO, "bad sector")
        return read(self, offset, target)

    monkeypatch.setattr(Image, "read_into", fail)
    assert results(carry_out(image, book, [book.file(PATH), book.file(OTHER)])) == {
        0: Refusal.UNREADABLE,
        1: "erased",
    }


def test_a_card_that_fails_while_it_is_written_ends_the_work(make, monkeypatch):
    image, files = make("fat16")
    book = take_in_card(image, files)
    failing = iter([False, True])
    sync = os.fsync

    def fail(handle: int) -> None:
        if next(failing):
            raise OSError(errno.EIO, "it failed")
        sync(handle)

    monkeypatch.setattr(
        "station.device.erase.blocks.Blocks.__init__.__kwdefaults__", {"write": os.pwrite, "sync": fail}
    )
    said = carry_out(image, book, [book.file(PATH), book.file(OTHER)])
    assert results(said) == {0: Refusal.WRITE_FAILED, 1: Refusal.STOPPED}


def test_when_nobody_listens_any_more_no_further_file_is_erased_and_the_card_is_left_clean(make, kind):
    image, files = make(kind)
    book = take_in_card(image, files)

    def hang_up(_: Answer) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        carry_out(image, book, [book.file(PATH), book.file(OTHER)], hear=hang_up)
    assert read_card(image) == {path: data for path, data in files.items() if path != PATH}
    assert check(image) == ""


def test_a_ticket_that_breaks_off_is_refused_before_anything_is_read(make):
    image, files = make("fat16")
    book = take_in_card(image, files)
    with pytest.raises(RefusedError) as caught:
        carry_out(image, book, [book.file(PATH)], book.head(image, 2))
    assert caught.value.reason == Refusal.MALFORMED
    assert read_card(image) == files


def test_a_file_system_that_is_not_there_is_told(make):
    image, files = make("fat16")
    book = Book()
    entry = list_card(image)[PATH].model_copy(update={"volume": 3})
    book.take_in(PATH, entry, files[PATH])
    assert results(carry_out(image, book, [book.file(PATH)])) == {0: Refusal.NOT_LISTED}
