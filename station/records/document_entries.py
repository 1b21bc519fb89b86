"""Entries about documents of a case (案卷材料): PDF files and photos that were added to it, and looks at them."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Sha256
from station.records.terms import TargetKind

DocumentKind = Literal["pdf", "jpeg", "png"]


class DocumentAdded(Entry):
    """A document was taken into the vault and belongs to a case, matter or task from now on."""

    TYPE: ClassVar[str] = "document.added"

    class Fact(Part):
        """`document` is the upload's id, `kind` what its first bytes say it is.

        `digest` are those the station computed, `told` those computed before sending, which the bytes that came have.
        """

        document: str
        target: str
        target_kind: TargetKind
        digest: dict[str, Sha256]
        size_bytes: int = Field(ge=1)
        kind: DocumentKind
        readback: Literal["direct", "dropped", "none"]
        told: dict[str, Sha256] = Field(default_factory=dict)

    class Text(Part):
        """The file's name and own time (UTC text), who handed it over (提供人) and what it is, all as stated."""

        file_name: str = Field(default="", max_length=255)
        modified_at: str | None = None
        from_whom: str = Field(default="", max_length=200)
        note: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the document and what it was added to."""
        return (f"document:{self.fact.document}", f"{self.fact.target_kind}:{self.fact.target}")


class DocumentOpened(Entry):
    """A look at one document: one entry per session, document and 15 minutes, written before the first byte leaves."""

    TYPE: ClassVar[str] = "access.document"

    class Fact(Part):
        """`access` is random, so that the log shown to outsiders does not show who looked at what."""

        access: str

    class Look(Part):
        """The document and, where the role demands one, the purpose stated."""

        document: str
        purpose: str | None = None

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the access, not the document."""
        return (f"access:{self.fact.access}",)
