"""Handing out proofs: an extract about clips, a case or an entry, with outside anchors where there are any.

Guarantees: the recipient is shown what `records.disclosure` allows and nothing else; which case a proof is for decides
whose bindings it shows, and without a case it shows none. Nothing here changes the ledger.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.catalogue.checks import case_of_number, clips_of_target
from station.database import Database, Session
from station.errors import DamagedError, NotFoundError, RequestError
from station.ledger import log
from station.ledger.anchors import anchors_at, cosigned_note
from station.ledger.entry import Record
from station.ledger.extract import Extract, write_evidence
from station.ledger.note import Checkpoint, VerifierKey, parse_checkpoint
from station.records.case_entries import TargetResolved
from station.records.disclosure import disclosed_parts
from station.records.registry import read_entry


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a proof is asked for: clips by id, a case by its number, entries by theirs; at least one."""

    clips: tuple[str, ...] = ()
    case: str | None = None
    entries: tuple[int, ...] = ()


def write_proof(
    database: Database, out: Path, wanted: Wanted, keys: Sequence[VerifierKey], *, size: int | None = None
) -> tuple[Checkpoint, Extract]:
    """Write the extract into `out` under the newest stored checkpoint, or that of `size` entries.

    With a case and no clips it is about all clips of the case; with both, about those clips as that case may see
    them. Raises RequestError if nothing is asked for, NotFoundError for what is not there, ConflictError if `out`
    holds entries, DamagedError if the ledger does not prove it.
    """
    if not (wanted.clips or wanted.case or wanted.entries):
        raise RequestError("Say what is to be proven", hint="--clip ID, --case NUMBER or --entry N")
    with database.read() as session:
        checkpoint, witnesses, stamps = anchored(session, size)
        clips, targets, others = wanted.clips, frozenset[str](), set(wanted.entries)
        if wanted.case is not None:
            case = case_of_number(session, wanted.case)
            targets = targets_of(session, case, checkpoint.size)
            clips = clips or clips_of_target(session, case)
            about = [log.subject_entries(session, each, end=checkpoint.size, types=_CASE_TYPES) for each in targets]
            others |= {entry.seq for entries in about for entry in entries}
        extract = write_evidence(
            session,
            out,
            clips,
            checkpoint,
            lambda record: _disclosed(record, targets),
            keys=keys,
            others=others,
            witnesses=witnesses,
            stamps=stamps,
        )
    return checkpoint, extract


_CASE_TYPES = ("target.opened", "target.resolved", "target.submitted")


def anchored(session: Session, size: int | None = None) -> tuple[Checkpoint, tuple[str, ...], dict[str, bytes]]:
    """Return the newest stored checkpoint, or that of `size`, as others confirmed it.

    That is the checkpoint with its cosignature lines, the keys of these witnesses, and time stamps by name. Raises
    NotFoundError.
    """
    found = log.latest_checkpoint(session) if size is None else log.checkpoint_at(session, size)
    if found is None:
        what = "" if size is None else f" of {size} entries"
        raise NotFoundError(f"There is no signed checkpoint{what}", hint="`station ledger head` signs the newest")
    anchors = anchors_at(session, found.size)
    witnesses = tuple(sorted({each.key for each in anchors if each.kind == "cosignature"}))
    stamps = [each.data for each in anchors if each.kind == "timestamp"]
    note = cosigned_note(session, found.size)
    return parse_checkpoint(note), witnesses, {str(number): data for number, data in enumerate(stamps)}


def targets_of(session: Session, case: str, size: int) -> frozenset[str]:
    """Return the case and the matters and tasks that became it, as `kind:id`; raises DamagedError."""
    targets = {f"case:{case}"}
    for stored in log.subject_entries(session, f"case:{case}", end=size, types=("target.resolved",)):
        entry = read_entry(stored.seq, stored.type, stored.values())
        if not isinstance(entry, TargetResolved):
            raise DamagedError(f"Entry {stored.seq} is not of the type that its row says")
        if entry.fact.into == case:
            targets.add(f"{entry.fact.kind}:{entry.fact.target}")
    return frozenset(targets)


def _disclosed(record: Record, targets: Collection[str]) -> frozenset[str]:
    return disclosed_parts(record.type, record.subjects, targets)
