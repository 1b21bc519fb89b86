"""Backups and drills that were asked for on a page: what waits, how far it is, what came of the last ones."""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, delete, select

from station import clock
from station.state.tables import BackupJob

Kind = Literal["backup", "drill"]
JobState = Literal["waiting", "running", "done", "failed"]
OPEN = ("waiting", "running")
_KEPT = 50


@dataclass(frozen=True, slots=True)
class Job:
    """One of them: see `station.state.tables.BackupJob`."""

    job: str
    kind: Kind
    folder: str
    actor: str
    state: JobState
    asked_at: str
    ended_at: str | None
    step: str
    done: int
    total: int
    problem: str | None
    detail: str


def ask(session: Session, job: str, kind: Kind, folder: str, actor: str) -> bool:
    """Put one on the list; False while another waits or runs. Old ones that ended are forgotten."""
    if current(session) is not None:
        return False
    ended = select(BackupJob.job).order_by(col(BackupJob.asked_at).desc()).offset(_KEPT)
    session.execute(delete(BackupJob).where(col(BackupJob.job).in_(session.exec(ended).all())))
    session.add(BackupJob(job=job, kind=kind, folder=folder, actor=actor, state="waiting", asked_at=clock.timestamp()))
    return True


def current(session: Session) -> Job | None:
    """Return the one that waits or runs."""
    row = session.exec(select(BackupJob).where(col(BackupJob.state).in_(OPEN))).first()
    return _job(row) if row else None


def last(session: Session, kind: Kind) -> Job | None:
    """Return the one of a kind that was asked for last and has ended."""
    query = select(BackupJob).where(BackupJob.kind == kind, col(BackupJob.state).not_in(OPEN))
    row = session.exec(query.order_by(col(BackupJob.asked_at).desc()).limit(1)).first()
    return _job(row) if row else None


def progress(session: Session, job: str, step: str, done: int, total: int) -> None:
    """Keep how far one is."""
    row = session.get_one(BackupJob, job)
    row.state, row.step, row.done, row.total = "running", step, done, total
    session.add(row)


def end(session: Session, job: str, problem: str | None = None, detail: str = "") -> None:
    """End one, well or with a problem."""
    row = session.get_one(BackupJob, job)
    row.state, row.ended_at = "done" if problem is None else "failed", clock.timestamp()
    row.problem, row.detail = problem, detail[:500]
    session.add(row)


def _job(row: BackupJob) -> Job:
    return Job(**row.model_dump())
