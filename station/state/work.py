"""Progress of derived copies, one row a digest and kind; not evidence: deleting all rows costs only time.

Guarantee: `start` hands out a piece of work once; what was running when the station stopped is waiting again after
`restart`.
"""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, func, select, update

from station import clock
from station.state.tables import Work

WorkState = Literal["waiting", "running", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a derived copy is; `error` is plain English for the log, `attempts` counts starts."""

    digest: str
    kind: str
    state: WorkState
    per_mille: int
    error: str | None
    attempts: int


def want(session: Session, digest: str, kind: str) -> bool:
    """Put a derived copy on the list; False when it is there already, in whatever state."""
    if session.get(Work, (digest, kind)) is not None:
        return False
    session.add(Work(digest=digest, kind=kind, state="waiting", changed_at=clock.timestamp()))
    return True


def find(session: Session, digest: str, kind: str) -> Progress | None:
    """Return the progress of a derived copy, None when nobody wanted it yet."""
    row = session.get(Work, (digest, kind))
    return _progress(row) if row else None


def waiting(session: Session, kind: str, limit: int = 100) -> tuple[Progress, ...]:
    """Return what is to do of a kind, what was wanted first coming first."""
    rows = select(Work).where(Work.kind == kind, Work.state == "waiting").order_by(Work.changed_at, Work.digest)
    return tuple(_progress(row) for row in session.exec(rows.limit(limit)).all())


def start(session: Session, digest: str, kind: str) -> bool:
    """Take a waiting piece of work; False when it is not waiting."""
    row = session.get(Work, (digest, kind))
    if row is None or row.state != "waiting":
        return False
    _change(session, row, "running", per_mille=0, error=None)
    row.attempts += 1
    return True


def report(session: Session, digest: str, kind: str, per_mille: int) -> None:
    """Note how far a running piece of work is."""
    row = session.get(Work, (digest, kind))
    if row is not None and row.state == "running":
        _change(session, row, "running", per_mille=min(max(per_mille, 0), 1000), error=None)


def finish(session: Session, digest: str, kind: str) -> None:
    """Note that a derived copy lies where it belongs."""
    row = session.get(Work, (digest, kind)) or Work(digest=digest, kind=kind, state="ready")
    _change(session, row, "ready", per_mille=1000, error=None)


def fail(session: Session, digest: str, kind: str, error: str, *, again: bool = False) -> None:
    """Note that a derived copy could not be made; `again` puts it back on the list."""
    row = session.get(Work, (digest, kind)) or Work(digest=digest, kind=kind, state="failed")
    _change(session, row, "waiting" if again else "failed", per_mille=0, error=error[:500])


def restart(session: Session) -> None:
    """Put what was running back on the list: called once when the program that does the work starts."""
    session.execute(update(Work).where(col(Work.state) == "running").values(state="waiting", per_mille=0))


def counts(session: Session) -> dict[str, int]:
    """Return how many pieces of work are in each state that occurs."""
    return {state: count for state, count in session.exec(select(Work.state, func.count()).group_by(Work.state))}


def _change(session: Session, row: Work, state: WorkState, *, per_mille: int, error: str | None) -> None:
    row.state, row.per_mille, row.error, row.changed_at = state, per_mille, error, clock.timestamp()
    session.add(row)


def _progress(row: Work) -> Progress:
    return Progress(row.digest, row.kind, row.state, row.per_mille, row.error, row.attempts)  # type: ignore[arg-type]
