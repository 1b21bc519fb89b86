"""What the ledger has to show for clips that are to be erased from their recorder.

Guarantee: every piece of evidence is of an entry whose parts are those its record promises, and is proven under the one
checkpoint it is returned with; a clip for which that can't be had is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from station.acquire.plan import key_of
from station.acquire.tickets import Evidence
from station.catalogue.erasable import ErasableClip, named_clips, sighted_clips
from station.custody import check_parts
from station.database import Session
from station.errors import LedgerError
from station.ledger import log
from station.ledger.entry import StoredEntry
from station.ledger.merkle import inclusion_proof
from station.ledger.note import Checkpoint, encode
from station.records.docking_entries import ClipIngested
from station.records.erase_entries import EraseAuthorised, EraseCompleted, erasings_of
from station.records.reading import EntrySeen
from station.records.registry import read_entry
from station.records.ticket import Refusal

_BROKEN_OFF = {Refusal.WRITE_FAILED, Refusal.STOPPED}


@dataclass(frozen=True, slots=True)
class Gathered:
    """Evidence under one signed checkpoint: by sighting key of what is listed, and of what was left unfinished."""

    checkpoint: Checkpoint
    known: dict[str, Evidence]
    unfinished: tuple[Evidence, ...]


def gather_evidence(
    session: Session, recorder: str, entries: Sequence[EntrySeen], checkpoint: Checkpoint | None = None
) -> Gathered:
    """Gather what is known of a listing under a stored checkpoint, the newest if none is given.

    Have the log signed first. Raises LedgerError, DamagedError.
    """
    checkpoint = checkpoint or log.latest_checkpoint(session)
    if checkpoint is None:
        raise LedgerError("Nothing of this log is signed yet", kept="Nothing is erased", hint="Take a checkpoint first")
    keys = [key_of(entry, recorder) for entry in entries if entry.state == "file"]
    known = {
        key: evidence
        for key, clip in sighted_clips(session, keys).items()
        if (evidence := _evidence(session, clip, checkpoint)) is not None
    }
    left = (_evidence(session, clip, checkpoint) for clip in named_clips(session, unfinished_clips(session, recorder)))
    return Gathered(checkpoint, known, tuple(each for each in left if each is not None))


def unfinished_clips(session: Session, recorder: str) -> list[str]:
    """Return the clips that erasings of a recorder named and did not answer for, or only by a failure half-way.

    Of an erasing of more clips than its entry names, the rest is not found again: their clusters stay taken, no more.
    """
    pending: dict[str, set[str]] = {}
    for stored in log.subject_entries(session, erasings_of(recorder)):
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        if isinstance(entry, EraseAuthorised):
            pending[entry.fact.erasing] = set(entry.fact.clips)
        elif isinstance(entry, EraseCompleted):
            named = pending.pop(entry.fact.erasing, set())
            rest = named & _unanswered(entry.fact, named)
            # What a later erasing answered for, an earlier one no longer has to.
            pending = {erasing: clips - (named - rest) for erasing, clips in pending.items()}
            pending[entry.fact.erasing] = rest
    return sorted(set[str]().union(*pending.values()))


def _unanswered(fact: EraseCompleted.Fact, named: Iterable[str]) -> set[str]:
    if not fact.unknown and not _BROKEN_OFF & fact.refused.keys():
        return set()
    if len(fact.files) < fact.erased + fact.gone + fact.unknown + sum(fact.refused.values()):
        return set(named)  # too many to be told one by one
    return {file.clip for file in fact.files if file.result == "unknown" or file.reason in _BROKEN_OFF}


def _evidence(session: Session, clip: ErasableClip, checkpoint: Checkpoint) -> Evidence | None:
    if clip.seq >= checkpoint.size:
        return None
    stored = log.entry(session, clip.seq)
    check_parts(stored)
    proof = inclusion_proof(clip.seq, checkpoint.size, log.nodes(session))
    return Evidence(
        clip=clip.clip,
        entry=_ingested(stored, clip.clip),
        taken_in_at=stored.time,
        record=stored.record,
        payload=stored.payload,
        parts=stored.parts,
        inclusion=tuple(map(encode, proof)),
        in_doubt=clip.in_doubt,
    )


def _ingested(stored: StoredEntry, clip: str) -> ClipIngested | None:
    entry = read_entry(stored.seq, stored.type, stored.values())
    return entry if isinstance(entry, ClipIngested) and entry.fact.clip == clip else None
