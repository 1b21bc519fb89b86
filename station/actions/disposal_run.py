"""Doing what was decided: removing originals, incomplete ones and derived files of clips disposed of.

Guarantees: only clips whose `clip.disposed` is in the ledger, under a signed checkpoint; an original goes only with its
last clip, checked while nobody can append; what a kill interrupted is found from the ledger and done by the next run;
`disposal.completed` says what was removed, and which backups could not be reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from station.actions.backups import known_backups
from station.actions.disposal import count_due
from station.actions.erasure import clear_backups
from station.catalogue.documents import document_digests
from station.catalogue.retaining import disposals, living_digests
from station.config import Home
from station.custody import Custody, check_parts
from station.database import Database, Session
from station.derive.layout import clip_folder
from station.digest import SHA256
from station.evidence.removing import remove_folder, remove_original, remove_partial, remove_quarantined
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.erasures import numbers_of
from station.records.disposal_entries import ClipDisposed, DisposalApproved, DisposalCompleted
from station.records.docking_entries import ClipConflicted, ClipIncomplete, ClipIngested
from station.records.entries import Entry
from station.records.registry import read_entry

_logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Under:
    """A disposal under way: its clips' digests, all that ever was theirs."""

    disposal: str
    clips: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)


def pending(session: Session) -> tuple[Under, ...]:
    """Return the disposals approved and not completed, oldest first; from the ledger, not the catalogue."""
    found: dict[str, Under] = {}
    kinds = (DisposalApproved.TYPE, ClipDisposed.TYPE, DisposalCompleted.TYPE)
    for stored in log.chosen(session, numbers_of(session, kinds)):
        check_parts(stored)
        match read_entry(stored.seq, stored.type, stored.values()):
            case DisposalApproved(fact=fact):
                found[fact.disposal] = Under(fact.disposal)
            case ClipDisposed(fact=gone) if gone.disposal in found:
                found[gone.disposal].clips.append(gone.clip)
                found[gone.disposal].digests.add(gone.digest[SHA256])
            case DisposalCompleted(fact=done):
                found.pop(done.disposal, None)
            case _:
                pass
    for under in found.values():
        for clip in under.clips:
            under.digests |= _all_digests(session, clip)
    return tuple(found.values())


def _all_digests(session: Session, clip: str) -> set[str]:
    """Return the digests of everything ever kept for a clip: whole, incomplete, contradicting."""
    digests = set()
    for stored in log.subject_entries(session, f"clip:{clip}"):
        match read_entry(stored.seq, stored.type, stored.values()):
            case ClipIngested(fact=fact) | ClipIncomplete(fact=fact):
                digests.add(fact.digest[SHA256])
            case ClipConflicted(fact=conflict) if conflict.kept:
                digests.add(conflict.digest[SHA256])
            case _:
                pass
    return digests


def finish(home: Home, database: Database, custody: Custody, store: LocalStore) -> tuple[DisposalCompleted, ...]:
    """Do what is decided and not completed; returns what was entered. Raises StationError; run it again then."""
    with database.read() as session:
        due = pending(session)
    if not due:
        return ()
    custody.seal()  # nothing is removed that is not under a signature
    return tuple(_dispose(home, database, custody, store, under) for under in due)


def _dispose(home: Home, database: Database, custody: Custody, store: LocalStore, under: Under) -> DisposalCompleted:
    originals = partials = derived = shared = 0
    for sha256 in sorted(under.digests):
        # In a transaction that excludes who appends: no clip with these bytes can be entered meanwhile.
        with database.write() as session:
            living = bool(living_digests(session, [sha256]) | document_digests(session, [sha256]))
            if not living:
                originals += remove_original(store, sha256)
                partials += remove_partial(store, sha256) + remove_quarantined(store, sha256)
        if living:
            shared += 1
        else:
            derived += remove_folder(clip_folder(home.derived, sha256))
    with database.read() as session:
        backups = known_backups(session)
    cleared, unreached = clear_backups(home, database, custody, backups)
    fact = DisposalCompleted.Fact(
        disposal=under.disposal,
        clips=len(under.clips),
        originals=originals,
        partials=partials,
        derived=derived,
        shared=shared,
        backups=cleared,
        unreached=unreached,
    )
    done = DisposalCompleted(fact=fact)

    def compose(session: Session) -> Sequence[Entry]:
        completed = any(each.status == "completed" for each in disposals(session, disposal=under.disposal))
        return () if completed else (done,)

    custody.append_from(compose)
    return done


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Finish what was decided: the chore; raises StationError."""
    finish(home, database, custody, store)


def tell_due(home: Home, database: Database, _custody: Custody, _store: LocalStore) -> None:
    """Say in the log how much is due: the daily chore, which never decides anything."""
    due = count_due(database, home)
    if due:
        _logger.info("disposal due", clips=due)
