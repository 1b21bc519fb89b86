"""Recordings on their way in from browsers, and files of the watched folder: how far each has come.

Guarantee: a row goes forward only (receiving, arrived, taking, then taken, held or refused); what is `arrived` lies
whole on the disk of this station.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, select

from station import clock
from station.state.tables import InboxFile, Upload

UNFINISHED = ("receiving", "arrived", "taking")


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload as its row has it (`tables.Upload`)."""

    upload: str
    person: str
    unit: str
    actor: str
    origin: str
    name: str
    size_bytes: int
    modified_at: str | None
    sha256: str
    device: str
    from_whom: str
    note: str
    collector: str | None
    collector_name: str | None
    recorded_at: str | None
    created_at: str
    changed_at: str
    state: str = "receiving"
    problem: str | None = None
    clip: str | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class InboxView:
    """A file of the watched folder as its row has it (`tables.InboxFile`); `result` as in a docking's account."""

    path: str
    size_bytes: int
    modified: str
    result: str
    reason: str | None
    clip: str | None
    looked_at: str


def add(session: Session, made: UploadView) -> None:
    """Keep a new upload."""
    session.add(Upload(**{name: getattr(made, name) for name in UploadView.__slots__}))


def get(session: Session, upload: str) -> UploadView | None:
    """Return an upload, None when there is none of that id."""
    row = session.get(Upload, upload, populate_existing=True)
    return None if row is None else _view(row)


def list_own(session: Session, person: str, target: str = "", limit: int = 200) -> tuple[UploadView, ...]:
    """Return a person's uploads of recordings, or of a target's documents, the newest first."""
    own = select(Upload).where(Upload.person == person, Upload.target == target)
    query = own.order_by(col(Upload.created_at).desc(), col(Upload.upload))
    return tuple(_view(row) for row in session.exec(query.limit(limit)).all())


def list_in(session: Session, states: Sequence[str]) -> tuple[UploadView, ...]:
    """Return everybody's uploads in these states, the oldest first."""
    query = select(Upload).where(col(Upload.state).in_(states)).order_by(col(Upload.changed_at), col(Upload.upload))
    return tuple(_view(row) for row in session.exec(query).all())


def ids(session: Session) -> frozenset[str]:
    """Return the ids of all uploads."""
    return frozenset(session.exec(select(Upload.upload)).all())


def note(
    session: Session, upload: str, state: str, now: datetime, *, problem: str | None = None, clip: str | None = None
) -> None:
    """Keep how far an upload has come; one that was removed meanwhile stays removed."""
    row = session.get(Upload, upload, populate_existing=True)
    if row is not None:
        row.state, row.problem, row.clip, row.changed_at = state, problem, clip, clock.format_time(now)
        session.add(row)


def forget(session: Session, upload: str) -> None:
    """Remove an upload's row."""
    session.execute(delete(Upload).where(col(Upload.upload) == upload))


def note_file(session: Session, file: InboxView) -> None:
    """Keep what became of a file of the watched folder, in place of what was known of its path."""
    session.merge(InboxFile(**{name: getattr(file, name) for name in InboxView.__slots__}))


def files(session: Session) -> tuple[InboxView, ...]:
    """Return what is known of files of the watched folder, the latest first."""
    query = select(InboxFile).order_by(col(InboxFile.looked_at).desc(), col(InboxFile.path))
    return tuple(InboxView(**{name: getattr(row, name) for name in InboxView.__slots__}) for row in session.exec(query))


def forget_files(session: Session, paths: Sequence[str]) -> None:
    """Forget files that are no longer in the watched folder."""
    for path in paths:
        session.execute(delete(InboxFile).where(col(InboxFile.path) == path))


def _view(row: Upload) -> UploadView:
    return UploadView(**{name: getattr(row, name) for name in UploadView.__slots__})
