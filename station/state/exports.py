"""The queue of court packages to make and what became of them; not evidence: what was produced is in the ledger.

Guarantee: a package is begun once; what was being made when the station stopped is waiting again after `restart`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, func, select, update

from station import clock
from station.records.entries import Actor
from station.state.tables import ExportJob

JobState = Literal["waiting", "running", "ready", "failed"]
_OPEN = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """A package in a place (see `state.tables.ExportJob`)."""

    export: str
    place: str
    actor: Actor
    state: JobState
    step: str
    per_mille: int
    problem: str | None
    clip: str | None
    tagmanifest: str | None
    asked_at: str


def want(session: Session, export: str, place: str, actor: Actor) -> bool:
    """Put a package on the list, or one that failed or was made back on it; False while it is on it already."""
    row = session.get(ExportJob, (export, place))
    if row is not None and row.state in _OPEN:
        return False
    now = clock.timestamp()
    row = row or ExportJob(export=export, place=place, actor="", state="waiting", asked_at=now, changed_at=now)
    row.actor, row.state, row.step, row.per_mille = actor.model_dump_json(), "waiting", "copies", 0
    row.problem = row.clip = row.tagmanifest = None
    row.asked_at = row.changed_at = now
    session.add(row)
    return True


def jobs_of(session: Session, exports: Sequence[str]) -> dict[str, tuple[Job, ...]]:
    """Return the jobs of each export that has any, the oldest first."""
    rows = select(ExportJob).where(col(ExportJob.export).in_(exports)).order_by(ExportJob.asked_at, ExportJob.place)
    found: dict[str, tuple[Job, ...]] = {}
    for row in session.exec(rows):
        found[row.export] = (*found.get(row.export, ()), _job(row))
    return found


def find(session: Session, export: str, place: str) -> Job | None:
    """Return a job, None when nobody wanted it."""
    row = session.get(ExportJob, (export, place))
    return _job(row) if row else None


def count_waiting(session: Session) -> int:
    """Return how many jobs wait."""
    return session.exec(select(func.count()).select_from(ExportJob).where(ExportJob.state == "waiting")).one()


def start_next(session: Session) -> Job | None:
    """Take the job that waits longest; None when none does."""
    waiting = select(ExportJob).where(ExportJob.state == "waiting").order_by(ExportJob.asked_at, ExportJob.export)
    row = session.exec(waiting.limit(1)).first()
    if row is None:
        return None
    row.state, row.per_mille, row.changed_at = "running", 0, clock.timestamp()
    session.add(row)
    return _job(row)


def report(session: Session, job: Job, step: str, per_mille: int) -> None:
    """Note how far a running job is."""
    row = session.get(ExportJob, (job.export, job.place))
    if row is not None and row.state == "running":
        row.step, row.per_mille, row.changed_at = step, min(max(per_mille, 0), 1000), clock.timestamp()
        session.add(row)


def finish(session: Session, job: Job, tagmanifest: str) -> None:
    """Note that the package lies in its place, pinned by the SHA-256 of its tag manifest."""
    _end(session, job, "ready", tagmanifest=tagmanifest)


def fail(session: Session, job: Job, problem: str, clip: str | None = None) -> None:
    """Note that no package was made, and the code of why."""
    _end(session, job, "failed", problem=problem, clip=clip)


def restart(session: Session) -> int:
    """Put what was being made back on the list, when the program that makes it starts; returns how many these are."""
    running = update(ExportJob).where(col(ExportJob.state) == "running").values(state="waiting", per_mille=0)
    return int(session.connection().execute(running).rowcount)


def _end(
    session: Session,
    job: Job,
    state: JobState,
    *,
    problem: str | None = None,
    clip: str | None = None,
    tagmanifest: str | None = None,
) -> None:
    row = session.get(ExportJob, (job.export, job.place))
    if row is not None:
        row.state, row.per_mille = state, 1000 if state == "ready" else 0
        row.problem, row.clip, row.tagmanifest, row.changed_at = problem, clip, tagmanifest, clock.timestamp()
        session.add(row)


def _job(row: ExportJob) -> Job:
    return Job(
        row.export,
        row.place,
        Actor.model_validate_json(row.actor),
        row.state,  # type: ignore[arg-type]
        row.step,
        row.per_mille,
        row.problem,
        row.clip,
        row.tagmanifest,
        row.asked_at,
    )
