"""A proof convinces only with leaf, path, root and signature together."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import DamagedError
from station.ledger.keys import SigningKey
from station.ledger.note import VerifierKey
from station.ledger.proof import make_proof, parse_proof, verify_proof

VECTORS = Path(__file__).parents[2] / "vectors" / "ledger"
KEY = VerifierKey.parse((VECTORS / "log.vkey").read_text())
GOOD = (VECTORS / "proofs" / "good.tlog-proof").read_text()
RECORD = b"three"


@pytest.mark.parametrize("path", sorted((VECTORS / "proofs").iterdir()), ids=lambda path: path.stem)
def test_only_proofs_without_a_flaw_are_taken(path: Path) -> None:
    if path.stem.startswith("good"):
        index, checkpoint = verify_proof(path.read_text(), RECORD, KEY)
        assert (index, checkpoint.size) == (3, 5)
    else:
        with pytest.raises(DamagedError):
            verify_proof(path.read_text(), RECORD, KEY)


def test_a_proof_reads_back_as_it_was_written() -> None:
    proof = parse_proof(GOOD)
    assert make_proof(proof.index, proof.path, proof.checkpoint) == GOOD


def test_a_proof_does_not_hold_for_another_record() -> None:
    with pytest.raises(DamagedError):
        verify_proof(GOOD, b"four", KEY)


def test_a_proof_does_not_hold_under_another_key() -> None:
    with pytest.raises(DamagedError):
        verify_proof(GOOD, RECORD, SigningKey(KEY.name, bytes(32)).verifier)


@given(st.integers(0, 8 * len(GOOD.encode()) - 1))
def test_no_flipped_bit_leaves_a_proof_valid(bit: int) -> None:
    raw = bytearray(GOOD.encode())
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        verify_proof(bytes(raw), RECORD, KEY)
