"""An extract of the log for outsiders: chosen entries with their proofs, and of their parts only what is allowed.

Guarantees: what is written has been checked first, record, payload, parts, links and path, against the signed root it
is handed out under; about each clip every entry below the checkpoint is there, from its first on, each chained to the
one before; a part leaves only if `disclose` names it. The same log, checkpoint and rule give the same bytes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from sqlmodel import Session

from station import durable
from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError
from station.ledger import log
from station.ledger.entry import Record, StoredEntry, leaf_of, parse_payload, parse_record
from station.ledger.merkle import NodeReader, consistency_proof, inclusion_proof, verify_inclusion
from station.ledger.note import Checkpoint, VerifierKey, verify_note
from station.ledger.proof import make_proof
from station.ledger.rotation import counting

ENTRIES = "entries"
_BATCH = 200

# Names the parts of an entry that the recipient may see, from its record's type and subjects.
Disclose = Callable[[Record], Collection[str]]


@dataclass(frozen=True, slots=True)
class Extract:
    """What was written: for each clip the numbers of all entries about it, ascending; and those of the others."""

    clips: Mapping[str, tuple[int, ...]]
    others: tuple[int, ...]
    withheld: int = 0  # parts that are stored but were not written
    size_bytes: int = field(default=0)


def write_evidence(
    session: Session,
    out: Path,
    clips: Sequence[str],
    checkpoint: Checkpoint,
    disclose: Disclose,
    *,
    keys: Sequence[VerifierKey],
    others: Iterable[int] = (),
    witnesses: Sequence[str] = (),
    stamps: Mapping[str, bytes] | None = None,
) -> Extract:
    """Write the folder `out` (`data/ledger` of a package; FORMAT.md, section Evidence folder); return what is in it.

        log.vkey                        `keys` from the newest that signed the checkpoint on, one a line
        checkpoint                      `checkpoint.note` as given, with whatever cosignature lines it has
        witnesses.txt                   `witnesses`, keys' texts, one a line; absent without any
        timestamps/<name>.tsr           `stamps`: name to bytes; absent without any
        entries/<seq>.record|.payload|.<part>.part|.tlog-proof

    `clips` are ids (the subject `clip:<id>`), `others` numbers of further entries; all below `checkpoint.size`. Only
    parts that `disclose(record)` names are written. Runs inside the caller's read. Nothing is fsynced. Raises
    ConflictError if `out` holds entries already, NotFoundError for a clip without entries or an entry beyond the
    checkpoint, DamagedError if anything does not lead to the checkpoint's root.
    """
    _check_signed(session, checkpoint, keys)
    folder = out / ENTRIES
    if folder.exists():
        raise ConflictError(f"There are entries in {out} already", hint="Name a folder that is new")
    durable.make_folder(folder)
    chosen = {clip: tuple(_numbers(session, clip, checkpoint.size)) for clip in sorted(set(clips))}
    further = tuple(sorted(set(others)))
    if further and not 0 <= further[0] <= further[-1] < checkpoint.size:
        raise NotFoundError(f"The checkpoint of {checkpoint.size} entries does not cover all of {further}")
    withheld, size_bytes = 0, 0
    every = sorted({*further, *(seq for numbers in chosen.values() for seq in numbers)})
    for at in range(0, len(every), _BATCH):
        some = every[at : at + _BATCH]
        proofs = prove_entries(session, some, checkpoint)
        for entry in log.chosen(session, some):
            files, kept = _files(entry, proofs[entry.seq], disclose)
            withheld += kept
            size_bytes += sum(map(len, files.values()))
            for name, content in files.items():
                (folder / name).write_bytes(content)
    (out / "log.vkey").write_text("".join(f"{key}\n" for key in counting(keys, checkpoint)), encoding="utf-8")
    (out / "checkpoint").write_text(checkpoint.note, encoding="utf-8")
    if witnesses:
        (out / "witnesses.txt").write_text("".join(f"{key}\n" for key in witnesses), encoding="utf-8")
    for name, stamp in (stamps or {}).items():
        durable.make_folder(out / "timestamps")
        (out / "timestamps" / f"{name}.tsr").write_bytes(stamp)
    return Extract(chosen, further, withheld, size_bytes)


def prove_entries(session: Session, numbers: Sequence[int], checkpoint: Checkpoint) -> dict[int, str]:
    """Return tlog-proof texts of entries below `checkpoint.size` by number; reads the tree in one go.

    Each proof is checked before it is returned; raises DamagedError if the stored tree does not lead to the root.
    """
    size = checkpoint.size
    reader = log.stored_nodes(session, {*_needed(numbers, size), *((0, seq) for seq in numbers)})
    proofs: dict[int, str] = {}
    for seq in numbers:
        path = inclusion_proof(seq, size, reader)
        verify_inclusion(reader(0, seq), seq, size, path, checkpoint.root)
        proofs[seq] = make_proof(seq, path, checkpoint.note)
    return proofs


def prove_growth(session: Session, first: int, second: int) -> list[bytes]:
    """Return the consistency proof between the trees of `first` and `second` entries, read in one go."""
    asked: set[tuple[int, int]] = set()
    consistency_proof(first, second, _recorder(asked))
    return consistency_proof(first, second, log.stored_nodes(session, asked))


def _needed(numbers: Iterable[int], size: int) -> set[tuple[int, int]]:
    asked: set[tuple[int, int]] = set()
    for seq in numbers:
        inclusion_proof(seq, size, _recorder(asked))
    return asked


def _recorder(asked: set[tuple[int, int]]) -> NodeReader:
    # Run once without the nodes, only to learn which are asked for.
    def note(level: int, index: int) -> bytes:
        asked.add((level, index))
        return b""

    return note


def _check_signed(session: Session, checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> None:
    verify_note(checkpoint.note, keys)
    if any(key.name != checkpoint.origin for key in keys):
        raise LedgerError(f"A key is not one of the log {checkpoint.origin}")
    if log.size(session) < checkpoint.size or log.root_at(session, checkpoint.size) != checkpoint.root:
        raise DamagedError(
            f"The ledger does not lead to the root signed at {checkpoint.size} entries", hint="`station ledger audit`"
        )


def _numbers(session: Session, clip: str, end: int) -> Iterable[int]:
    subject = f"clip:{clip}"
    before: str | None = None
    for entry in log.subject_entries(session, subject, end=end):
        if parse_record(entry.record).subjects.get(subject, "") != before:
            raise DamagedError(
                f"Entry {entry.seq} does not name the entry about {subject} before it", hint="`station ledger audit`"
            )
        before = leaf_of(entry.record).hex()
        yield entry.seq
    if before is None:
        raise NotFoundError(f"The first {end} entries of the ledger say nothing of the clip {clip}")


def _files(entry: StoredEntry, proof: str, disclose: Disclose) -> tuple[dict[str, bytes], int]:
    """Return an entry's files by name, and how many parts were withheld; raises DamagedError."""
    record = parse_record(entry.record)
    if leaf_of(entry.record) != entry.leaf or record.seq != entry.seq:
        raise DamagedError(f"The record of entry {entry.seq} was altered", hint="`station ledger audit`")
    if sha256(entry.payload).hexdigest() != record.payload:
        raise DamagedError(f"The payload of entry {entry.seq} was altered", hint="`station ledger audit`")
    promised = parse_payload(entry.payload)
    allowed = disclose(record)
    files = {
        f"{entry.seq}.record": entry.record,
        f"{entry.seq}.payload": entry.payload,
        f"{entry.seq}.tlog-proof": proof.encode(),
    }
    for name, part in sorted(entry.parts.items()):
        if sha256(part).hexdigest() != promised.get(name):
            raise DamagedError(f"The part {name} of entry {entry.seq} was altered", hint="`station ledger audit`")
        if name in allowed:
            files[f"{entry.seq}.{name}.part"] = part
    return files, len(entry.parts) + 3 - len(files)
