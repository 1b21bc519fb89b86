"""Documents of a case, matter or task: its list and one of them.

Guarantee: whoever knows a target only by their own clips in it (an officer) sees none of its documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from station.catalogue.tables import Document, Person, Target
from station.catalogue.views import Viewer
from station.catalogue.visibility import visible_target, without_role
from station.records.terms import Role


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as its row has it (`tables.Document`); `added_name` who added it, where that is known."""

    document: str
    target: str
    sha256: str
    size_bytes: int
    kind: str
    file_name: str
    modified_at: str | None
    from_whom: str
    note: str
    added_at: str
    added_name: str | None


def list_documents(session: Session, viewer: Viewer, target: str) -> tuple[DocumentView, ...]:
    """Return a target's documents in the order they were added; none where the viewer does not see all of it."""
    query = (
        select(Document, Person.name)
        .outerjoin(Person, col(Person.person) == Document.added_by)
        .join(Target, col(Target.target) == Document.target)
        .where(Document.target == target, visible_target(without_role(viewer, Role.OFFICER)))
        .order_by(col(Document.seq))
    )
    return tuple(_view(row, name) for row, name in session.exec(query).all())


def document_of_target(session: Session, target: str, sha256: str) -> str | None:
    """Return a target's document that holds these bytes, None when there is none."""
    query = select(Document.document).where(Document.target == target, Document.sha256 == sha256)
    return session.exec(query.order_by(col(Document.seq)).limit(1)).first()


def document_digests(session: Session, digests: Sequence[str]) -> set[str]:
    """Return those of `digests` that a document has."""
    return set(session.exec(select(Document.sha256).where(col(Document.sha256).in_(digests))).all())


def _view(row: Document, name: str | None) -> DocumentView:
    return DocumentView(
        document=row.document,
        target=row.target,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        kind=row.kind,
        file_name=row.file_name,
        modified_at=row.modified_at,
        from_whom=row.from_whom,
        note=row.note,
        added_at=row.added_at,
        added_name=name or row.added_by,
    )
