"""The proof that a log only grew between two heads, as text (FORMAT.md, section Proof of growth). Pure.

Guarantees: both heads are signed by the log's keys and of one origin, and every hash of the proof is used; the text is
that of a C2SP tlog-witness `add-checkpoint` request, so whatever makes or checks those makes and checks these.
`python -m station.ledger.growth OLD_CHECKPOINT PROOF VERIFIER_KEY` checks one.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from station.errors import DamagedError, LedgerError
from station.ledger.merkle import verify_consistency
from station.ledger.note import Checkpoint, VerifierKey, parse_keys, verify_checkpoint
from station.ledger.witness import RefusedRequestError, Request, make_request, parse_request

__all__ = ["SUFFIX", "make_growth", "parse_growth", "verify_growth"]

SUFFIX = ".tlog-growth"

make_growth = make_request  # old size, hashes, the new head's note -> text


def parse_growth(raw: bytes) -> Request:
    """Read a proof of growth without verifying it; raises DamagedError."""
    try:
        return parse_request(raw)
    except RefusedRequestError as error:
        raise DamagedError(f"This is no proof of growth: {error.message}") from error


def verify_growth(raw: bytes, old_note: bytes | str, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, Checkpoint]:
    """Check that the head in the proof contains all of the head `old_note`; return both. Raises DamagedError."""
    # The earlier head may be a former key's: that the later one contains it is what is proven.
    old = verify_checkpoint(old_note, *(replace(key, until=None) for key in keys))
    proof = parse_growth(raw)
    new = verify_checkpoint(proof.checkpoint.note, *keys)
    if proof.old_size != old.size:
        raise DamagedError(f"The proof begins at {proof.old_size} entries, the earlier head is of {old.size}")
    verify_consistency(old.size, new.size, old.root, new.root, proof.proof)
    return old, new


def main(arguments: Sequence[str]) -> int:
    """Check the files named against the key's text; 0 sound, 1 damaged, 2 not checked."""
    if len(arguments) != 3:
        sys.stderr.write("usage: python -m station.ledger.growth OLD_CHECKPOINT PROOF VERIFIER_KEY\n")
        return 2
    try:
        keys = parse_keys(arguments[2])
        old, new = verify_growth(Path(arguments[1]).read_bytes(), Path(arguments[0]).read_bytes(), keys)
    except (LedgerError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, DamagedError) else 2
    sys.stdout.write(f"sound: the log of {new.size} entries begins with that of {old.size}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
