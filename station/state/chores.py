"""When each chore of `station tend` last ran and how it went; not evidence: without a row it runs at once."""

from dataclasses import dataclass

from sqlmodel import Session, select

from station import clock
from station.state.tables import ChoreRun


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a chore: `problem` is why it failed, None when it went well; `failures` how often in a row."""

    name: str
    ended_at: str
    problem: str | None
    failures: int


def last_runs(session: Session) -> dict[str, LastRun]:
    """Return the last run of every chore that ever ran, by name."""
    rows = session.exec(select(ChoreRun).order_by(ChoreRun.name)).all()
    return {row.name: LastRun(row.name, row.ended_at, row.problem, row.failures) for row in rows}


def note_run(session: Session, name: str, problem: str | None) -> None:
    """Keep that a chore ran now, and why it failed if it did."""
    row = session.get(ChoreRun, name) or ChoreRun(name=name, ended_at="")
    row.ended_at = clock.timestamp()
    row.problem = None if problem is None else problem[:500]
    row.failures = 0 if problem is None else row.failures + 1
    session.add(row)
