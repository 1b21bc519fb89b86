"""What uploads.html and a case's box of documents are given."""

from dataclasses import dataclass

from station.actions import uploads as actions
from station.actions.documents import needs_purpose
from station.catalogue.documents import DocumentView, list_documents
from station.catalogue.views import PersonView, Viewer
from station.config import Home
from station.database import Session
from station.records.terms import Role
from station.state import uploads
from station.state.uploads import InboxView, UploadView


@dataclass(frozen=True, slots=True)
class UploadLine:
    """An upload in the list: how much of it is here, and until when a half one is kept (UTC text)."""

    upload: UploadView
    received_bytes: int
    expires_at: str


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """uploads.html and upload_rows.html. `inbox`: the watched folder, None where there is none; `files` are its own."""

    lines: tuple[UploadLine, ...]
    origins: tuple[str, ...]
    officers: tuple[PersonView, ...]
    most_bytes: int
    days: int
    inbox: str | None
    files: tuple[InboxView, ...]

    @property
    def busy(self) -> bool:
        """Tell whether something is being taken in, so that the list is worth looking at again."""
        return any(each.upload.state in ("arrived", "taking") for each in self.lines)


@dataclass(frozen=True, slots=True)
class DocumentsPage:
    """document_rows.html: a target's documents, and those the visitor is sending; `purpose`: one must be stated."""

    target: str
    documents: tuple[DocumentView, ...] = ()
    lines: tuple[UploadLine, ...] = ()
    may_add: bool = False
    most_bytes: int = 0
    days: int = 0
    purpose: bool = False

    @property
    def busy(self) -> bool:
        """Tell whether something is being taken in, so that the list is worth looking at again."""
        return any(each.upload.state in ("arrived", "taking") for each in self.lines)


def documents_page(session: Session, home: Home, viewer: Viewer, target: str, status: str) -> DocumentsPage:
    """Return what the box of documents shows of a target that has this status."""
    may_add = Role.CLERK in viewer.roles and status in actions.TAKES_DOCUMENTS
    own = uploads.list_own(session, viewer.person, target) if may_add else ()
    lines = (
        UploadLine(each, actions.received(home, each), actions.expires_at(home, each))
        for each in own
        if each.state != "taken"  # it is among the documents
    )
    return DocumentsPage(
        target=target,
        documents=list_documents(session, viewer, target),
        lines=tuple(lines),
        may_add=may_add,
        most_bytes=actions.DOCUMENT_BYTES,
        days=home.settings.upload_days,
        purpose=needs_purpose(session, viewer, target),
    )
