"""Signed notes and checkpoints: a published note, and vectors named by what is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import DamagedError, LedgerError
from station.ledger.keys import SigningKey
from station.ledger.note import (
    VerifierKey,
    checkpoint_text,
    make_note,
    parse_checkpoint,
    parse_note,
    verify_checkpoint,
    verify_note,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "ledger"
KEY = VerifierKey.parse((VECTORS / "log.vkey").read_text())

# From the documentation of golang.org/x/mod/sumdb/note, where this format comes from.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_published_note_verifies_under_its_published_key() -> None:
    key = VerifierKey.parse(PUBLISHED_KEY)
    note = verify_note(PUBLISHED_NOTE, [key])
    assert note.text.startswith("If you think")
    assert str(key) == PUBLISHED_KEY
    assert make_note(note.text, note.signatures) == PUBLISHED_NOTE


@pytest.mark.parametrize("path", sorted((VECTORS / "checkpoints").iterdir()), ids=lambda path: path.stem)
def test_only_checkpoints_without_a_flaw_are_taken(path: Path) -> None:
    raw = path.read_bytes()
    if path.stem.startswith("good"):
        checkpoint = verify_checkpoint(raw, KEY)
        assert (checkpoint.origin, checkpoint.size, checkpoint.note.encode()) == (KEY.name, 1, raw)
    else:
        with pytest.raises(DamagedError):
            verify_checkpoint(raw, KEY)


def test_the_blank_line_before_the_signatures_is_the_last_one() -> None:
    key = SigningKey("k", bytes(32))
    text = "one\n\ntwo\n"
    assert verify_note(make_note(text, [key.sign(text)]), [key.verifier]).text == text


def test_a_note_longer_than_the_bound_is_refused() -> None:
    key = SigningKey("k", bytes(32))
    text = "x" * 300_000 + "\n"
    with pytest.raises(DamagedError):
        parse_note(make_note(text, [key.sign(text)]))


@given(st.integers(0, 8 * len((VECTORS / "checkpoints" / "good.txt").read_bytes()) - 1))
def test_no_flipped_bit_leaves_a_checkpoint_valid(bit: int) -> None:
    raw = bytearray((VECTORS / "checkpoints" / "good.txt").read_bytes())
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        verify_checkpoint(bytes(raw), KEY)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"{text}\n\n— a AAAAAAAA\n".encode()))
def test_bytes_from_anywhere_never_crash_the_parser(raw: bytes) -> None:
    try:
        note = parse_note(raw)
    except DamagedError:
        return
    assert make_note(note.text, note.signatures).encode() == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_KEY.replace("c74f20a3", "C74F20A3"),
        PUBLISHED_KEY.replace("PeterNeumann", "Peter Neumann"),
        PUBLISHED_KEY.replace("ARpc", "Ahpc"),
        PUBLISHED_KEY[:-4],
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(DamagedError):
        VerifierKey.parse(text)


def test_a_note_needs_whole_lines_and_a_signature() -> None:
    with pytest.raises(LedgerError):
        make_note("no newline", [SigningKey("k", bytes(32)).sign("x\n")])
    with pytest.raises(LedgerError):
        make_note("line\n", [])


def test_an_unverified_checkpoint_reads_its_three_lines() -> None:
    text = checkpoint_text("a/b", 0, bytes(32))
    key = SigningKey("somebody-else", bytes(32))
    checkpoint = parse_checkpoint(make_note(text, [key.sign(text)]))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.extensions) == ("a/b", 0, bytes(32), ())
