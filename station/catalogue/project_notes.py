"""Projection of entries about notes on clips."""

import json
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.tables import Note
from station.records import note_entries


def _noted(session: Session, seq: int, time: str, entry: note_entries.ClipNoted) -> None:
    fact, text = entry.fact, entry.text
    lines = [[line.at_ms, line.words] for line in text.lines] if text else []
    session.add(
        Note(
            note=fact.note,
            seq=seq,
            clip=fact.clip,
            lines=json.dumps(lines, ensure_ascii=False),
            noted_at=time,
            noted_by=entry.actor.person if entry.actor else None,
        )
    )
    former = session.get(Note, fact.replaces) if fact.replaces else None
    if former is not None:
        former.replaced = True
        session.add(former)


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    note_entries.ClipNoted.TYPE: _noted,
}
