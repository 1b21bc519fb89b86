"""What the clock starts: a table of chores, and the loop that does each of them again and again.

Guarantees: every chore has a thread of its own, so that one that fails, hangs or takes long never keeps another from
its turn; a failure is logged, kept for the health page, and the chore is due again after its period. A chore is
idempotent: it finds out from what is stored whether there is anything to do, and a restart takes the normal path.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from station import clock
from station.actions import (
    anchors,
    backing,
    checking,
    copying,
    delivering,
    disposal_run,
    erasure,
    rereading,
    scrubbing,
    witness,
)
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.errors import RequestError, StationError
from station.evidence.store import LocalStore
from station.state.chores import LastRun, last_runs, note_run

Run = Callable[[Home, Database, Custody, LocalStore], None]
_NOTE_SECONDS = 60.0
_BEAT_SECONDS = 1.0
_END_SECONDS = 10.0
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """One line of the table: `name` is a code of the group `chore`, `run` raises StationError when it can't."""

    name: str
    period_seconds: float
    run: Run


# Each asks for itself whether it is time (settings), so a short period only means that it is asked often.
CHORES: tuple[Chore, ...] = (
    Chore("erasure", 300.0, erasure.run),
    Chore("disposal", 300.0, disposal_run.run),
    Chore("disposal_due", 86400.0, disposal_run.tell_due),
    Chore("anchors", 1.0, anchors.run),
    Chore("witness_alarms", 60.0, witness.run),
    Chore("checks", 2.0, checking.run),
    Chore("scrub", 60.0, scrubbing.run),
    Chore("backups", 2.0, backing.run),
    Chore("copies", 300.0, copying.run),
    Chore("hooks", 2.0, delivering.run),
)


def named(names: Sequence[str]) -> tuple[Chore, ...]:
    """Return the chores of these names, all for none; raises RequestError naming one that there is not."""
    known = {chore.name: chore for chore in CHORES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(f"There is no chore {unknown[0]}", hint=f"Chores: {', '.join(known)}")
    return tuple(known[name] for name in names) or CHORES


def once(home: Home, database: Database, custody: Custody, store: LocalStore, chores: Sequence[Chore] = CHORES) -> bool:
    """Do each chore now, one after the other, whether it is due or not; tell whether all went well."""
    well = True
    for chore in chores:
        problem = do(chore, home, database, custody, store)
        _note(database, chore, problem)
        well = well and problem is None
    return well


def due(chore: Chore, last: LastRun | None) -> bool:
    """Tell whether a chore's period has passed since it last ended; a clock that went back makes it due."""
    if last is None:
        return True
    since = clock.now() - clock.parse_time(last.ended_at)
    return not timedelta(0) <= since < timedelta(seconds=chore.period_seconds)


def tend(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    stop: threading.Event,
    *,
    chores: Sequence[Chore] = CHORES,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Do the chores until `stop`; `alive` is called every second from the loop that would notice a stop."""
    with database.read() as session:
        known = last_runs(session)
    threads = []
    for chore in chores:
        # Daemons: what is in the middle of a long reading when the station stops is given up; nothing is lost by it.
        arguments = (chore, known.get(chore.name), home, database, custody, store, stop)
        threads.append(threading.Thread(target=_repeat, args=arguments, name=f"chore-{chore.name}", daemon=True))
    for thread in threads:
        thread.start()
    while not stop.wait(_BEAT_SECONDS):
        alive()
    rereading.stopping.set()
    deadline = clock.monotonic() + _END_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - clock.monotonic()))


def _repeat(
    chore: Chore,
    last: LastRun | None,
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    stop: threading.Event,
) -> None:
    if not due(chore, last) and last is not None:
        passed = clock.now() - clock.parse_time(last.ended_at)
        stop.wait(max(0.0, chore.period_seconds - passed.total_seconds()))
    noted_at, noted = float("-inf"), last.problem if last else None
    while not stop.is_set():
        problem = do(chore, home, database, custody, store)
        # Once a minute and when something changed: a chore asked every second must not write to the disk as often.
        if problem != noted or clock.monotonic() - noted_at >= _NOTE_SECONDS:
            noted_at, noted = clock.monotonic(), problem
            _note(database, chore, problem)
        stop.wait(chore.period_seconds)


def do(chore: Chore, home: Home, database: Database, custody: Custody, store: LocalStore) -> str | None:
    """Do a chore once; returns what went wrong, None when nothing did. It never raises: the others go on."""
    try:
        chore.run(home, database, custody, store)
    except StationError as error:
        _logger.error("chore failed", chore=chore.name, error=type(error).__name__, message=error.message)
        return error.message
    except Exception as error:  # the outermost loop of a worker: a bug in one chore must not end the others
        _logger.exception("chore broke", chore=chore.name)
        return f"{type(error).__name__}: {error}"
    return None


def _note(database: Database, chore: Chore, problem: str | None) -> None:
    try:
        with database.write() as session:
            note_run(session, chore.name, problem)
    except StationError as error:
        _logger.error("chore not noted", chore=chore.name, message=error.message)
