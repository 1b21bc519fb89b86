"""Erasing parts of entries by law: recorded first, then done, then completed.

Guarantees: what was recorded and not completed is found again from the ledger alone and done to the end by whoever
runs `finish` next, after a kill at any point; each step can be repeated. When `erasure.completed` is in the ledger the
text is in no table, no row of the catalogue, no index of two-character words, no free page, no journal, no line of
the dock board and no backup that could be reached; those that could not be are named in it. The record, its payload and
so every proof stay as they are (FORMAT.md, Erasure). What no program of ours can reach (the service manager's journal,
a file system's free blocks, PostgreSQL's own write-ahead log) stands in docs/THREATS.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from station.actions.backup import clear_backup
from station.actions.backups import KnownBackup, known_backups
from station.actions.problems import ProblemError
from station.config import Home
from station.custody import Custody, check_parts, drop_erased
from station.database import Database, Session
from station.digest import SHA256, sha256_hex
from station.errors import StationError
from station.evidence.removing import remove_original
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.entry import ERASED, FACT, StoredEntry, parse_record
from station.ledger.erasures import count_erasures, is_erased, numbers_of
from station.records.disposal_entries import ERASURES, BlobErased, ErasureCompleted, Ground
from station.records.docking_entries import DockingFinished
from station.records.entries import Actor, Entry
from station.records.erase_entries import EraseAuthorised, EraseCompleted
from station.records.log_entries import PayloadErased
from station.records.registry import read_entry
from station.state import undos
from station.state.looks import forget_tickets

_logger = structlog.get_logger(__name__)
PARTS_AT_ONCE = 100
_SUBJECTS = 50  # more of them are left to `entry:<seq>`: a record has 64 KiB
# Types whose `names` tell where a file lay: the docking's listings in the vault repeat that.
_LISTED = frozenset({"clip.ingested", "clip.incomplete", "docking.started"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of one entry, by the entry's number and the part's name."""

    seq: int
    name: str


@dataclass(frozen=True, slots=True)
class Pending:
    """What is recorded as erased and not completed: by entries below `through`, so many parts, and listings."""

    through: int
    parts: int
    blobs: tuple[str, ...]


def erase(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    actor: Actor,
    parts: Sequence[Part],
    ground: Ground,
) -> ErasureCompleted:
    """Erase parts for good and return what was entered at the end.

    Raises NotFoundError for an entry that is not there, ProblemError (parts_missing, too_many, part_unknown: not
    there, erased already, or a `fact`), SignerRefusedError, DatabaseError, StorageError; what was recorded by then
    is done by the next `finish`.
    """
    record(custody, actor, parts, ground)
    done = finish(home, database, custody, store)
    assert done is not None  # noqa: S101  something was recorded just now
    return done


def record(custody: Custody, actor: Actor, parts: Sequence[Part], ground: Ground) -> None:
    """Enter which parts are to go, all in one transaction; raises as `erase`."""
    chosen = tuple(dict.fromkeys(parts))
    if not chosen:
        raise ProblemError("parts_missing", "No part was named")
    if len(chosen) > PARTS_AT_ONCE:
        raise ProblemError("too_many", f"{PARTS_AT_ONCE} parts at most are erased at once")

    def compose(session: Session) -> Sequence[Entry]:
        entries: list[Entry] = []
        blobs: dict[str, Entry] = {}
        for part in chosen:
            stored = log.entry(session, part.seq)
            check_parts(stored)
            content = stored.parts.get(part.name)
            if content is None or part.name == FACT or is_erased(session, part.seq, part.name):
                raise ProblemError("part_unknown", f"Entry {part.seq} has no part {part.name} that could be erased")
            about = tuple(parse_record(stored.record).subjects)[:_SUBJECTS]
            fact = PayloadErased.Fact(
                seq=part.seq, part=part.name, digest=sha256_hex(content), ground=ground.value, about=about
            )
            entries.append(PayloadErased(fact=fact, actor=actor))
            if part.name == "names" and stored.type in _LISTED:
                for docking, digest in _listings(session, stored):
                    listing = BlobErased.Fact(digest={SHA256: digest}, about=docking, ground=ground.value)
                    blobs[digest] = BlobErased(fact=listing, actor=actor)
        return (*entries, *blobs.values())

    custody.append_from(compose)


def pending(session: Session) -> Pending | None:
    """Return what is recorded and not completed, None if nothing is."""
    done = _completed(session)
    numbers = numbers_of(session, (ERASED, BlobErased.TYPE), done)
    if not numbers:
        return None
    entries = (read_entry(each.seq, each.type, each.values()) for each in log.chosen(session, numbers))
    blobs = (each.fact.digest[SHA256] for each in entries if isinstance(each, BlobErased))
    return Pending(numbers[-1] + 1, count_erasures(session, done, numbers[-1] + 1), tuple(dict.fromkeys(blobs)))


def _completed(session: Session) -> int:
    """Return the number before which every erasure is completed."""
    through = 0
    for stored in log.subject_entries(session, ERASURES):
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        through = entry.fact.through if isinstance(entry, ErasureCompleted) else through
    return through


def finish(home: Home, database: Database, custody: Custody, store: LocalStore) -> ErasureCompleted | None:
    """Do what is recorded and not completed; returns what was entered, None if there was nothing to do.

    The order holds: the text is gone from the tables before what is beside them is cleared, so nothing can come back
    from there.
    """
    with database.read() as session:
        due = pending(session)
        backups = known_backups(session)
    if due is None:
        return None
    drop_erased(database)
    with database.write() as session:
        undos.forget_all(session)  # former places and names would outlive their erasure
        forget_tickets(session)  # each repeats the purpose of a look, which is then entered once more
    blobs = sum(remove_original(store, digest) for digest in due.blobs)
    pages = database.free_pages("part")
    _clear_boards(home)
    cleared, unreached = clear_backups(home, database, custody, backups)
    fact = ErasureCompleted.Fact(
        through=due.through, parts=due.parts, blobs=blobs, pages=pages, backups=cleared, unreached=unreached
    )
    done = ErasureCompleted(fact=fact)

    def compose(session: Session) -> Sequence[Entry]:
        still = pending(session)
        return () if still is None or still.through > due.through else (done,)

    custody.append_from(compose)
    return done


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Finish what a kill has interrupted: the chore; raises StationError."""
    finish(home, database, custody, store)


def clear_backups(
    home: Home, database: Database, custody: Custody, backups: Sequence[KnownBackup]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Clear every backup that can be reached of what is gone here; returns ids (cleared, not reached).

    Raises SignerRefusedError, SignerUnavailableError: a database that is not sealed takes no backup's place.
    """
    cleared: list[str] = []
    unreached: list[str] = []
    if backups:
        custody.seal()
    for backup in backups:
        try:
            reached = backup.folder is not None and clear_backup(home, database, custody, backup.folder, backup.backup)
        except (StationError, OSError) as error:
            _logger.error("backup not cleared", backup=backup.backup, reason=str(error))
            reached = False
        (cleared if reached else unreached).append(backup.backup)
    return tuple(cleared), tuple(unreached)


def _listings(session: Session, stored: StoredEntry) -> list[tuple[str, str]]:
    """Return (docking, digest) of every listing of the docking that an entry is about."""
    found = []
    for docking in (each for each in parse_record(stored.record).subjects if each.startswith("docking:")):
        for other in log.subject_entries(session, docking):
            entry = read_entry(other.seq, other.type, other.values())
            if isinstance(entry, DockingFinished | EraseAuthorised | EraseCompleted) and entry.fact.listing:
                found.append((docking, entry.fact.listing[SHA256]))
    return found


def _clear_boards(home: Home) -> None:
    """Lines of the dock board name holders and recorders; a docking under way writes its own anew at once."""
    for line in sorted((home.run / "board").glob("[0-9]*.json")):
        line.unlink(missing_ok=True)
