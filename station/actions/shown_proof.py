"""The proof of one entry as it is shown to people: leaf, path, root, checkpoint, and who confirmed it outside.

Guarantee: what is shown was checked just before: the leaf leads by the path to the root of the checkpoint shown.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from station.actions.proofs import Wanted, anchored, write_proof
from station.config import Home
from station.database import Database, Session
from station.ledger import log
from station.ledger.anchors import anchors_at
from station.ledger.entry import leaf_of
from station.ledger.merkle import inclusion_proof, verify_inclusion
from station.ledger.sign import home_verifier

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name: what is in it has its own times


@dataclass(frozen=True, slots=True)
class ShownProof:
    """Hashes as hex; `witnesses` are names of keys that cosigned the checkpoint, `stamped_at` times of its stamps."""

    seq: int
    leaf: str
    path: tuple[str, ...]
    root: str
    origin: str
    size: int
    checkpoint: str
    witnesses: tuple[str, ...]
    stamped_at: tuple[str, ...]


def shown_proof(session: Session, seq: int) -> ShownProof:
    """Return the proof of an entry under the newest checkpoint; raises NotFoundError, DamagedError."""
    checkpoint, witnesses, _ = anchored(session)
    stored = log.entry(session, seq)
    leaf = leaf_of(stored.record)
    path = inclusion_proof(seq, checkpoint.size, log.nodes(session))
    verify_inclusion(leaf, seq, checkpoint.size, path, checkpoint.root)
    stamps = [each.time for each in anchors_at(session, checkpoint.size) if each.kind == "timestamp"]
    return ShownProof(
        seq=seq,
        leaf=leaf.hex(),
        path=tuple(each.hex() for each in path),
        root=checkpoint.root.hex(),
        origin=checkpoint.origin,
        size=checkpoint.size,
        checkpoint=checkpoint.note,
        witnesses=tuple(each.partition("+")[0] for each in witnesses),
        stamped_at=tuple(stamps),
    )


def proof_archive(home: Home, database: Database, clip: str) -> bytes:
    """Return a zip of the proof files about a clip, as `station ledger proof --clip` writes them, without any case's.

    The same ledger gives the same bytes. Raises NotFoundError, ConflictError, DamagedError.
    """
    packed = BytesIO()
    with TemporaryDirectory(prefix="proof-") as folder:
        out = Path(folder) / "proof"
        write_proof(database, out, Wanted(clips=(clip,)), [home_verifier(home)])
        with ZipFile(packed, "w") as archive:
            for path in sorted(each for each in out.rglob("*") if each.is_file()):
                info = ZipInfo(f"proof-{clip}/{path.relative_to(out).as_posix()}", _EPOCH)
                info.external_attr = 0o644 << 16
                archive.writestr(info, path.read_bytes(), ZIP_DEFLATED)
    return packed.getvalue()
