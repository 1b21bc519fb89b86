"""Webhooks (事件推送): who is told of what, how far each has been told, and what went wrong last.

Guarantees: `position` only goes forward, and only when what lies before it was answered for; a failure moves nothing.
A hook removed meanwhile stays removed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, select, update

from station import clock
from station.state.tables import Hook


class Event(StrEnum):
    """What a system can be told of."""

    CLIP_SEALED = "clip.sealed"
    CASE_BOUND = "case.bound"


@dataclass(frozen=True, slots=True)
class HookView:
    """A hook as its row has it; `secret` never leaves the station after the hook was made."""

    hook: str
    person: str
    token: str | None
    name: str
    url: str
    events: tuple[str, ...]
    secret: str
    created_at: str
    position: int
    failures: int = 0
    due_at: str | None = None
    problem: str | None = None
    dead_at: str | None = None
    delivered_at: str | None = None

    @property
    def state(self) -> str:
        """A code: ok, failing (it will be tried again) or dead."""
        return "dead" if self.dead_at else "failing" if self.failures else "ok"


def add(session: Session, made: HookView) -> None:
    """Keep a new hook."""
    values = {name: getattr(made, name) for name in HookView.__slots__}
    session.add(Hook(**values | {"events": " ".join(made.events)}))


def get(session: Session, hook: str) -> HookView | None:
    """Return a hook, None when there is none of that id."""
    row = session.get(Hook, hook, populate_existing=True)
    return None if row is None else _view(row)


def list_all(session: Session, person: str | None = None) -> tuple[HookView, ...]:
    """Return all hooks, or a person's, the oldest first."""
    query = select(Hook).order_by(Hook.created_at, Hook.hook)
    if person is not None:
        query = query.where(Hook.person == person)
    return tuple(_view(row) for row in session.exec(query).all())


def remove(session: Session, hook: str) -> bool:
    """Forget a hook; False when there is none of that id."""
    return bool(session.execute(delete(Hook).where(col(Hook.hook) == hook)).rowcount)  # type: ignore[attr-defined]


def note_told(session: Session, hook: str, position: int, now: datetime, *, sent: bool) -> bool:
    """Keep that everything before `position` is done; `sent`: by an answer just now. False if the hook is gone."""
    changes: dict[str, object] = {"position": position}
    if sent:
        changes |= {"delivered_at": clock.format_time(now), "failures": 0, "due_at": None, "problem": None}
    return _change(session, hook, changes)


def note_alive(session: Session, hook: str) -> bool:
    """Keep that the system answers again: it is told from where it stopped, at once. False if the hook is gone."""
    return _change(session, hook, {"failures": 0, "due_at": None, "problem": None, "dead_at": None})


def note_failed(session: Session, hook: str, problem: str, failures: int, pause: timedelta, now: datetime) -> bool:
    """Keep that the `failures`-th try in a row failed, and when the next one is due. False if the hook is gone."""
    due_at = clock.format_time(now + pause)
    return _change(session, hook, {"problem": problem, "failures": failures, "due_at": due_at})


def note_dead(session: Session, hook: str, problem: str, failures: int, now: datetime) -> bool:
    """Keep that there are no more tries. False if the hook is gone."""
    dead_at = clock.format_time(now)
    return _change(session, hook, {"problem": problem, "failures": failures, "due_at": None, "dead_at": dead_at})


def _change(session: Session, hook: str, changes: dict[str, object]) -> bool:
    changed = session.execute(update(Hook).where(col(Hook.hook) == hook).values(**changes))
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _view(row: Hook) -> HookView:
    values = {name: getattr(row, name) for name in HookView.__slots__}
    return HookView(**values | {"events": tuple(row.events.split())})
