"""Notes on a clip, for callers that have checked who may see it."""

import json
from dataclasses import dataclass

from sqlmodel import Session, col, select

from station.catalogue.tables import Note, Person


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note: `lines` are (milliseconds from the start or None, words), none where they were erased by law.

    `noted_by` is who wrote it, `noted_name` their name where that is known; `noted_at` UTC text.
    """

    note: str
    lines: tuple[tuple[int | None, str], ...]
    noted_at: str
    noted_by: str | None
    noted_name: str | None


def list_notes(session: Session, clip: str) -> tuple[NoteView, ...]:
    """Return the notes that stand, without those that others stand in place of, in the order they were made."""
    query = (
        select(Note, Person.name)
        .outerjoin(Person, col(Person.person) == Note.noted_by)
        .where(Note.clip == clip, col(Note.replaced).is_(False))
        .order_by(col(Note.seq))
    )
    return tuple(
        NoteView(row.note, tuple((at, words) for at, words in json.loads(row.lines)), row.noted_at, row.noted_by, name)
        for row, name in session.exec(query).all()
    )


def note_that_stands(session: Session, clip: str, note: str) -> NoteView | None:
    """Return a note of a clip, None when it has no such note or another one stands in its place."""
    return next((each for each in list_notes(session, clip) if each.note == note), None)
