"""Backups and drills from the pages: asked for there, done by `station tend`, one at a time.

Guarantees: only into places that the settings name or the ledger knows; nothing is written to a place whose disk is not
plugged in; one that a restart interrupted is done again, since both can be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from station import clock
from station.actions.backup import Way, make_backup
from station.actions.backup_files import owner_of
from station.actions.backups import KnownBackup, known_backups
from station.actions.drill import clear_scratch, drill
from station.actions.problems import ProblemError
from station.actions.rereading import BrokenOffError, gentle
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.digest import new_id
from station.errors import DamagedError, DatabaseError, LedgerError, StationError, StorageError
from station.evidence.store import LocalStore
from station.records.entries import Actor
from station.state import backups as jobs
from station.state.backups import Job, Kind

_KEEP_SECONDS = 2.0
_PROBLEMS: tuple[tuple[type[StationError], str], ...] = (
    (DamagedError, "backup_damaged_here"),
    (StorageError, "backup_storage"),
    (DatabaseError, "backup_storage"),
    (LedgerError, "backup_unsigned"),
    (StationError, "backup_internal"),
)
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A place of backups: `known` is the backup there by the ledger; `set_up`: the settings name it."""

    folder: Path
    known: KnownBackup | None
    set_up: bool


def places(home: Home, known: Sequence[KnownBackup]) -> tuple[Place, ...]:
    """Return where a backup may be made: what the settings name, then what else the ledger knows of."""
    named = [Path(each) for each in home.settings.backup_folders]
    there = {each.folder: each for each in known if each.folder is not None}
    others = [folder for folder in there if folder not in named]
    return tuple(Place(folder, there.get(folder), folder in named) for folder in (*named, *others))


def ask(home: Home, database: Database, actor: Actor, kind: Kind, folder: str) -> None:
    """Ask for a backup into a place, or a drill with the one there.

    Raises ProblemError (backup_unknown: no such place, or nothing to try there; backup_running: one at a time).
    """
    with database.write() as session:
        known = known_backups(session)
        place = next((each for each in places(home, known) if str(each.folder) == folder), None)
        if place is None or (kind == "drill" and not (place.known and place.known.completed_at)):
            raise ProblemError("backup_unknown", f"There is no backup in {folder}")
        if not jobs.ask(session, new_id(), kind, folder, actor.model_dump_json()):
            raise ProblemError("backup_running", "A backup or a drill waits or runs already")


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Do what was asked for; a chore of `station tend`. What a killed drill left is removed."""
    with database.read() as session:
        job = jobs.current(session)
    if job is None:
        clear_scratch(home)
        return
    try:
        _do(home, database, custody, store, job)
    except BrokenOffError:
        return  # the station stops: it is begun again after the next start
    except OSError as error:
        _fail(database, job, StorageError(f"{error.filename or job.folder}: {error.strerror}"))
    except StationError as error:
        _fail(database, job, error)
    else:
        with database.write() as session:
            jobs.end(session, job.job)


def _fail(database: Database, job: Job, error: StationError) -> None:
    code = error.code if isinstance(error, ProblemError) else next(c for k, c in _PROBLEMS if isinstance(error, k))
    _logger.error("backup failed", kind=job.kind, folder=job.folder, problem=code, message=error.message)
    with database.write() as session:
        jobs.end(session, job.job, code, error.message)


def _do(home: Home, database: Database, custody: Custody, store: LocalStore, job: Job) -> None:
    pace, folder, actor = gentle(home.run), Path(job.folder), Actor.model_validate_json(job.actor)
    kept_at = float("-inf")

    def show(step: str, done: int, total: int) -> None:
        nonlocal kept_at
        pace.between()
        if clock.monotonic() - kept_at >= _KEEP_SECONDS or done == 0:
            kept_at = clock.monotonic()
            with database.write() as session:
                jobs.progress(session, job.job, step, done, total)

    pace.begin()
    if job.kind == "drill":
        drill(home, custody, actor, folder, pace, show)
        return
    _check_place(database, folder)
    vault: Way | None = "copy" if home.settings.backup_footage else None
    make_backup(home, database, custody, store, actor, folder, vault=vault, show=show)


def _check_place(database: Database, folder: Path) -> None:
    """Raise ProblemError backup_not_there where the place's disk is not plugged in, as far as that can be told."""
    with database.read() as session:
        known = next((each for each in known_backups(session) if each.folder == folder and each.completed_at), None)
    there = owner_of(folder) is not None if known else folder.exists() or folder.parent.exists()
    if not there:
        raise ProblemError("backup_not_there", f"The disk of {folder} is not plugged in")
