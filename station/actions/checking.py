"""Checks in the background, of everything or of a case: asked for on a page, done by `station tend`.

Guarantees: a check survives a restart and goes on where it stood; it stands still while a docking copies and reads when
nobody else does; its end is an entry by whoever asked for it; one that was cancelled leaves none and says nothing.
"""

import json
from collections.abc import Sequence
from typing import Literal

import structlog

from station import clock
from station.actions.problems import ProblemError
from station.actions.rereading import BrokenOffError, gentle
from station.actions.verify import CheckResult, Course, check_all, check_clips
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.digest import new_id
from station.errors import StationError
from station.evidence.store import LocalStore
from station.records.entries import Actor
from station.state import checks
from station.state.checks import CheckJob

_KEEP_SECONDS = 2.0
_logger = structlog.get_logger(__name__)


def ask_all(database: Database, actor: Actor) -> str:
    """Ask for a check of everything and return its id; raises ProblemError when one waits or runs already."""
    return _ask(database, "all", actor, None, ())


def ask_case(database: Database, actor: Actor, target: str, clips: Sequence[str]) -> str:
    """Ask for a check of a case's clips; raises ProblemError when there are none, or one waits or runs already."""
    if not clips:
        raise ProblemError("no_clips", "The case has no clips that could be checked")
    return _ask(database, "case", actor, target, clips)


def _ask(
    database: Database, scope: Literal["case", "all"], actor: Actor, target: str | None, clips: Sequence[str]
) -> str:
    check = new_id()
    with database.write() as session:
        if checks.any_open(session, scope, target) is not None:
            raise ProblemError("check_running", "Such a check waits or runs already")
        checks.ask(
            session,
            check,
            scope,
            person=actor.person,
            actor=actor.model_dump_json(),
            target=target,
            clips=json.dumps(list(clips)),
        )
    return check


def cancel(database: Database, check: str, person: str) -> bool:
    """Cancel a person's own check; False when it is not theirs, or had ended."""
    with database.write() as session:
        job = checks.find(session, check)
        return job is not None and job.person == person and checks.end(session, check, "cancelled")


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Do the checks that were asked for, one after another; a chore of `station tend`."""
    while True:
        with database.read() as session:
            job = checks.next_open(session)
        if job is None:
            return
        try:
            _do(home, database, custody, store, job)
        except BrokenOffError:
            with database.read() as session:
                again = checks.find(session, job.check)
            if again is not None and again.state in checks.OPEN:
                return  # the station stops: it is taken up after the next start
        except StationError as error:
            _logger.error("check failed", check=job.check, message=error.message)
            with database.write() as session:
                checks.end(session, job.check, "failed", problem=error.message)


def _do(home: Home, database: Database, custody: Custody, store: LocalStore, job: CheckJob) -> None:
    clips = tuple(json.loads(job.clips))
    result = CheckResult.restore(job.result) if job.position else CheckResult(job.scope, clips)
    course = Course(result, job.position)
    kept_at = float("-inf")

    def show(done: int, total: int) -> None:
        nonlocal kept_at
        if clock.monotonic() - kept_at < _KEEP_SECONDS:
            return
        kept_at = clock.monotonic()
        with database.write() as session:
            if not checks.progress(session, job.check, course.position, done, total, course.result.keep()):
                raise BrokenOffError("Cancelled")

    def cancelled() -> bool:
        with database.read() as session:
            found = checks.find(session, job.check)
        return found is None or found.state not in checks.OPEN

    with database.write() as session:
        checks.progress(session, job.check, job.position, job.size_bytes, job.total_bytes, job.result)
    actor, pace = Actor.model_validate_json(job.actor), gentle(home.run, cancelled)
    if job.scope == "all":
        found = check_all(home, database, custody, store, actor, show=show, pace=pace, course=course)
    else:
        found = check_clips(
            home, database, custody, store, clips, actor, scope="case", show=show, pace=pace, course=course
        )
    with database.write() as session:
        checks.end(session, job.check, "done", result=found.keep())
