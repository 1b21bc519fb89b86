"""The proof of one entry as a text file that needs nothing else but the log's verifier key (c2sp.org/tlog-proof).

Guarantees: leaf, path, root and the checkpoint's signature are checked together, never one without the others.
`extra` lines of foreign proofs are read over and mean nothing, since nothing authenticates them. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from station.errors import DamagedError
from station.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from station.ledger.note import NOTE_BYTES, Checkpoint, VerifierKey, decode, encode, verify_checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
PATH_HASHES = 63
EXTRA_BYTES = 64 * 1024
PROOF_BYTES = NOTE_BYTES + EXTRA_BYTES * 2 + PATH_HASHES * 64

_index = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof: leaf `index`, its path from the sibling up, and the checkpoint as text, not verified yet."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def make_proof(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """Return the text of a proof (file extension `.tlog-proof`) for leaf `index` under a signed checkpoint."""
    lines = [HEADER, f"index {index}", *map(encode, path), "", checkpoint]
    return "\n".join(lines)


def parse_proof(raw: bytes | str) -> Proof:
    """Read a proof; raises DamagedError."""
    if len(raw) > PROOF_BYTES:
        raise DamagedError("A proof is longer than any that is honest")
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise DamagedError("A proof is not UTF-8") from error
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != HEADER or not lines:
        raise DamagedError(f"A proof must begin with the line {HEADER}")
    if lines[0].startswith("extra "):
        decode(lines.pop(0).removeprefix("extra "), "proof's extra line")
    found = _index.fullmatch(lines.pop(0)) if lines else None
    if found is None or len(lines) > PATH_HASHES:
        raise DamagedError("A proof needs an index line and a path of at most 63 hashes")
    path = tuple(decode(line, "proof's path") for line in lines)
    if any(len(item) != HASH_BYTES for item in path):
        raise DamagedError("A hash in a proof is not 32 bytes long")
    return Proof(int(found[1]), path, checkpoint)


def verify_proof(raw: bytes | str, record: bytes, key: VerifierKey) -> tuple[int, Checkpoint]:
    """Check that `record` is in the log of `key`; return its index and the checkpoint. Raises DamagedError."""
    proof = parse_proof(raw)
    checkpoint = verify_checkpoint(proof.checkpoint, key)
    verify_inclusion(leaf_hash(record), proof.index, checkpoint.size, proof.path, checkpoint.root)
    return proof.index, checkpoint
