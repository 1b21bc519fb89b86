"""Projection of entries about alarms, and of what ends their cause.

An alarm about a clip's original ends by itself when a later check finds that original sound, and every alarm about a
clip ends when the clip is disposed of; all others end by a person's word.
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, select

from station.catalogue.tables import Alarm
from station.records import log_entries

_SETTLED_BY_CHECK = frozenset(
    {"damaged", "original_damaged", "original_digests_differ", "original_missing", "original_unreadable"}
)


def _raised(session: Session, _seq: int, time: str, entry: log_entries.AlarmRaised) -> None:
    fact = entry.fact
    text = entry.detail.text if entry.detail else None
    session.add(Alarm(alarm=fact.alarm, kind=fact.kind, about=fact.about, text=text, raised_at=time))


def _acknowledged(session: Session, _seq: int, time: str, entry: log_entries.AlarmAcknowledged) -> None:
    row = session.get(Alarm, entry.fact.alarm)
    if row is None:
        return
    person = entry.actor.person if entry.actor else None
    note = entry.text.note if entry.text else None
    if entry.fact.gone:
        row.gone_at, row.gone_by, row.gone_note = time, person, note
    else:
        row.seen_at, row.seen_by, row.seen_note = time, person, note
    session.add(row)


def end_by_check(session: Session, clip: str, time: str) -> None:
    """End what a sound original contradicts: a check has just read this clip's whole."""
    for row in _standing(session, clip):
        if row.kind in _SETTLED_BY_CHECK:
            row.gone_at = time
            session.add(row)


def end_by_disposal(session: Session, clip: str, time: str) -> None:
    """End every alarm about a clip that is disposed of."""
    for row in _standing(session, clip):
        row.gone_at = time
        session.add(row)


def _standing(session: Session, clip: str) -> list[Alarm]:
    query = select(Alarm).where(Alarm.about == f"clip:{clip}", col(Alarm.gone_at).is_(None))
    return list(session.exec(query).all())


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    log_entries.AlarmRaised.TYPE: _raised,
    log_entries.AlarmAcknowledged.TYPE: _acknowledged,
}
