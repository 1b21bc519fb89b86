"""The worker that makes court packages, one after the other, in the background (with the copies, `station develop`).

Guarantees: there is one worker a home; a package that was being made when the station stopped is made again from the
start, and one that was finished meanwhile is recognised by what the ledger says of it; `ready` is noted only when the
package lies under its name, `failed` with the code of why.
"""

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from station import clock
from station.actions.captioned import Copies
from station.actions.casefile import read_case
from station.actions.export_state import read_export
from station.actions.exports import disks, lies_in
from station.actions.problems import ProblemError
from station.actions.produce import produce
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.digest import SHA256
from station.durable import make_folder
from station.errors import (
    ConflictError,
    DamagedError,
    DerivationError,
    LedgerError,
    NoSpaceError,
    ReadbackError,
    SandboxError,
    SignerUnavailableError,
    StationError,
    StorageError,
)
from station.evidence.store import LocalStore
from station.state import exports as jobs
from station.state.exports import Job

_PAUSE_SECONDS = 1.0
_REPORT_SECONDS = 1.0
_LOCK = "exports.lock"
_ID = re.compile(r"\b[a-z2-7]{26}\b")
# The first that fits; order matters, since the tree is searched from its leaves.
_PROBLEMS: tuple[tuple[type[StationError], str], ...] = (
    (NoSpaceError, "export_no_space"),
    (ReadbackError, "export_readback"),
    (DamagedError, "export_damaged"),
    (SignerUnavailableError, "export_unsigned"),
    (LedgerError, "export_ledger"),
    (DerivationError, "export_copy_failed"),
    (SandboxError, "export_copy_failed"),
    (ConflictError, "export_there"),
    (StorageError, "export_storage"),
    (StationError, "export_internal"),
)
_logger = structlog.get_logger(__name__)


class StoppedError(StationError):
    """The station stops while a package is being made; it is made again after the next start."""


def work(home: Home, database: Database, custody: Custody, store: LocalStore, stop: threading.Event) -> None:
    """Make packages as they are ordered, until `stop`; trouble of the whole is logged and tried again."""
    while not stop.is_set():
        try:
            with alone(home) as mine:
                if mine:
                    work_alone(home, database, custody, store, stop)
        except StationError as error:
            _logger.error("exports_stopped", error=type(error).__name__, message=error.message)
        stop.wait(_PAUSE_SECONDS)


@contextmanager
def alone(home: Home) -> Iterator[bool]:
    """Tell whether this is the home's only worker, and hold that until the end."""
    handle = os.open(home.run / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def work_alone(
    home: Home, database: Database, custody: Custody, store: LocalStore, stop: threading.Event, *, once: bool = False
) -> None:
    """Do what is ordered, first what a dead worker left; with `once` return when nothing is left to do."""
    with database.write() as session:
        jobs.restart(session)
    while not stop.is_set():
        with database.read() as session:
            idle = jobs.count_waiting(session) == 0
        if idle:
            if once:
                return
            stop.wait(_PAUSE_SECONDS)
            continue
        with database.write() as session:
            job = jobs.start_next(session)
        if job is not None:
            _do(home, database, custody, store, job, stop)


def _do(home: Home, database: Database, custody: Custody, store: LocalStore, job: Job, stop: threading.Event) -> None:
    try:
        tagmanifest = _make(home, database, custody, store, job, stop)
    except StationError as error:
        if stop.is_set():
            return  # still noted as running: the next start puts it back on the list
        code = next(code for kind, code in _PROBLEMS if isinstance(error, kind))
        code = error.code if isinstance(error, ProblemError) else code
        _logger.error("export_failed", export=job.export, problem=code, message=error.message)
        with database.write() as session:
            jobs.fail(session, job, code, _clip_named(error.message, job.export))
        return
    with database.write() as session:
        jobs.finish(session, job, tagmanifest)


def _make(home: Home, database: Database, custody: Custody, store: LocalStore, job: Job, stop: threading.Event) -> str:
    """Make a package in its place and return its tag manifest's SHA-256; raises StationError."""
    with database.read() as session:
        known = read_export(session, job.export)
    out = _place(home, job)
    made_before = tuple(fact.tagmanifest[SHA256] for fact in known.produced)
    for tagmanifest in made_before:
        if lies_in(out / job.export, (tagmanifest,)):
            return tagmanifest  # finished by a worker that did not live to note it
    show = _Progress(database, job, stop)
    copies = Copies(home, database, custody, store, job.export)
    end = known.produced[0].log_size if known.produced else None
    if known.request.disclosure and known.approved:
        size = end if end is not None else custody.seal().size
        case = read_case(database, known.request.target, size, scratch=home.run, export=job.export)
        copies.make(case, known.request.clips, end, lambda per_mille: show("copies", per_mille), stop)
    made = produce(
        home,
        database,
        custody,
        store,
        job.actor,
        job.export,
        out,
        derive=lambda case, _work: copies.derived(case, end),
        show=lambda done, total: show("files", 1000 * done // max(total, 1)),
    )
    return made.fact.tagmanifest[SHA256]


def _place(home: Home, job: Job) -> Path:
    if not job.place:
        make_folder(home.exports)
        return home.exports
    if job.place not in disks(home):
        raise ProblemError("disk_gone", f"The disk {job.place} is not there any more")
    return Path(job.place)


def _clip_named(message: str, export: str) -> str | None:
    """Return the clip an error's words name, so that a page can lead to it."""
    return next((each for each in _ID.findall(message) if each != export), None)


class _Progress:
    """Notes how far a job is, once a second; raises StoppedError when the station stops."""

    def __init__(self, database: Database, job: Job, stop: threading.Event) -> None:
        self._database, self._job, self._stop = database, job, stop
        self._told, self._step = float("-inf"), ""

    def __call__(self, step: str, per_mille: int) -> None:
        if self._stop.is_set():
            raise StoppedError("The station stops", kept="No package was made")
        now = clock.monotonic()
        if step == self._step and now - self._told < _REPORT_SECONDS:
            return
        self._told, self._step = now, step
        with self._database.write() as session:
            jobs.report(session, self._job, step, per_mille)
