"""Checks that people asked for and that are done in the background: the list of them, and how far each is.

Guarantee: a check is taken up by one process at a time (there is one `station tend`); cancelled once, it stays so.
"""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, delete, select

from station import clock
from station.state.tables import Check

CheckState = Literal["waiting", "running", "done", "failed", "cancelled"]
OPEN = ("waiting", "running")
_KEPT = 200


@dataclass(frozen=True, slots=True)
class CheckJob:
    """One check: see `station.state.tables.Check`."""

    check: str
    scope: Literal["case", "all"]
    target: str | None
    clips: str
    person: str | None
    actor: str
    state: CheckState
    asked_at: str
    ended_at: str | None
    position: int
    size_bytes: int
    total_bytes: int
    result: str
    problem: str | None


def ask(
    session: Session,
    check: str,
    scope: Literal["case", "all"],
    *,
    person: str | None,
    actor: str,
    target: str | None = None,
    clips: str = "[]",
) -> None:
    """Put a check on the list; old ones that ended are forgotten beyond some hundred."""
    session.add(
        Check(
            check=check,
            scope=scope,
            target=target,
            clips=clips,
            person=person,
            actor=actor,
            state="waiting",
            asked_at=clock.timestamp(),
        )
    )
    old = select(Check.check).where(col(Check.state).not_in(OPEN)).order_by(col(Check.asked_at).desc()).offset(_KEPT)
    session.execute(delete(Check).where(col(Check.check).in_(session.exec(old).all())))


def find(session: Session, check: str) -> CheckJob | None:
    """Return a check."""
    row = session.get(Check, check)
    return _job(row) if row else None


def latest(
    session: Session, *, person: str | None = None, scope: str | None = None, limit: int = 20
) -> tuple[CheckJob, ...]:
    """Return the last checks, newest first: of a person, of a scope, or both."""
    query = select(Check).order_by(col(Check.asked_at).desc(), Check.check).limit(limit)
    if person is not None:
        query = query.where(Check.person == person)
    if scope is not None:
        query = query.where(Check.scope == scope)
    return tuple(map(_job, session.exec(query).all()))


def next_open(session: Session) -> CheckJob | None:
    """Return the check to go on with: one that was running when the process ended, else the one that waits longest."""
    query = select(Check).where(col(Check.state).in_(OPEN)).order_by(Check.state, Check.asked_at, Check.check).limit(1)
    row = session.exec(query).first()  # "running" comes before "waiting"
    return _job(row) if row else None


def any_open(session: Session, scope: str, target: str | None) -> CheckJob | None:
    """Return a check of the same that waits or runs."""
    query = select(Check).where(Check.scope == scope, col(Check.state).in_(OPEN), col(Check.target).is_(target))
    if target is not None:
        query = select(Check).where(Check.scope == scope, col(Check.state).in_(OPEN), Check.target == target)
    row = session.exec(query).first()
    return _job(row) if row else None


def progress(session: Session, check: str, position: int, size_bytes: int, total_bytes: int, result: str) -> bool:
    """Keep how far a check is; False when it was cancelled meanwhile."""
    row = session.get(Check, check)
    if row is None or row.state not in OPEN:
        return False
    row.state, row.position, row.size_bytes, row.total_bytes, row.result = (
        "running",
        position,
        size_bytes,
        total_bytes,
        result,
    )
    session.add(row)
    return True


def end(
    session: Session, check: str, state: CheckState, *, result: str | None = None, problem: str | None = None
) -> bool:
    """End a check that waits or runs; False when it had ended."""
    row = session.get(Check, check)
    if row is None or row.state not in OPEN:
        return False
    row.state, row.ended_at, row.problem = state, clock.timestamp(), problem
    if result is not None:
        row.result = result
    session.add(row)
    return True


def _job(row: Check) -> CheckJob:
    return CheckJob(**{name: getattr(row, name) for name in CheckJob.__dataclass_fields__})
