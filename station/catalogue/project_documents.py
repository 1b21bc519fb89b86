"""Projection of entries about the documents of cases, matters and tasks."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.tables import Document, Target
from station.digest import SHA256
from station.records import document_entries


def _added(session: Session, seq: int, time: str, entry: document_entries.DocumentAdded) -> None:
    fact, text = entry.fact, entry.text
    target = session.get(Target, fact.target)
    session.add(
        Document(
            document=fact.document,
            seq=seq,
            # A matter that got its case while the document was on its way has passed on what it had.
            target=(target.into if target else None) or fact.target,
            sha256=fact.digest[SHA256],
            size_bytes=fact.size_bytes,
            kind=fact.kind,
            file_name=text.file_name if text else "",
            modified_at=text.modified_at if text else None,
            from_whom=text.from_whom if text else "",
            note=text.note if text else "",
            added_at=time,
            added_by=entry.actor.person if entry.actor else None,
        )
    )


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    document_entries.DocumentAdded.TYPE: _added,
}
