"""What clips said before an action on many of them: what lets the person who did it take it back for a day.

Guarantee: rows are written in the transaction of the entries they belong to; they never outlive `KEPT`, nor the next
erasure of personal parts. Nothing is undone from them alone: undoing makes entries of its own.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, select

from station import clock
from station.state.tables import Undo

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Former:
    """One thing that an action changed: what a clip said of it before, and after; both as JSON objects."""

    clip: str
    field: str
    before: dict[str, Any]
    made: dict[str, Any]


def remember(session: Session, action: str, person: str, changes: Iterable[Former], now: datetime) -> None:
    """Keep what an action changed, and drop what is older than `KEPT`."""
    session.execute(delete(Undo).where(col(Undo.at) < clock.format_time(now - KEPT)))
    at = clock.format_time(now)
    for each in changes:
        session.add(
            Undo(
                action=action,
                clip=each.clip,
                field=each.field,
                person=person,
                at=at,
                before=json.dumps(each.before, sort_keys=True, ensure_ascii=False),
                made=json.dumps(each.made, sort_keys=True, ensure_ascii=False),
            )
        )


def formers(session: Session, action: str, person: str, now: datetime) -> tuple[Former, ...]:
    """Return what a person's action of the last day changed; nothing for anybody else's."""
    since = clock.format_time(now - KEPT)
    rows = select(Undo).where(Undo.action == action, Undo.person == person, Undo.at >= since)
    found = session.exec(rows.order_by(col(Undo.clip), col(Undo.field))).all()
    return tuple(Former(row.clip, row.field, json.loads(row.before), json.loads(row.made)) for row in found)


def forget(session: Session, action: str) -> None:
    """Drop what was kept of an action: it was undone."""
    session.execute(delete(Undo).where(col(Undo.action) == action))


def forget_all(session: Session) -> None:
    """Drop everything: values may hold names and places that are being erased."""
    session.execute(delete(Undo))
