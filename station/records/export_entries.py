"""Entries about exports: a court package (电子证据包) is asked for, approved or refused, and produced.

Guarantee: nothing leaves without the entries that say who asked why, who agreed, and what exactly it was.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Sha256


class ExportReason(StrEnum):
    """What a package is for; more is said in words."""

    COURT = "court"
    RECONSIDERATION = "reconsideration"
    TRANSFER = "transfer"
    REVIEW = "review"
    SUPERVISION = "supervision"
    OTHER = "other"


def _subjects(export: str, target: str) -> tuple[str, ...]:
    return (f"export:{export}", f"case:{target}")


class ExportRequested(Entry):
    """Somebody asked for a package of a case: exactly these clips, with these copies beside them."""

    TYPE: ClassVar[str] = "export.requested"

    class Fact(Part):
        """`target` is the case; `playable` and `disclosure` say which derived files are wanted."""

        export: str
        target: str
        clips: tuple[str, ...] = Field(min_length=1, max_length=1500)
        reason: ExportReason
        playable: bool = True
        disclosure: bool = False

    class Text(Part):
        """The reason in words."""

        reason: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the export and the case."""
        return _subjects(self.fact.export, self.fact.target)


class ExportApproved(Entry):
    """Somebody who may agreed to it."""

    TYPE: ClassVar[str] = "export.approved"

    class Fact(Part):
        """Which export."""

        export: str
        target: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the export and the case."""
        return _subjects(self.fact.export, self.fact.target)


class ExportRefused(Entry):
    """Somebody who may did not agree to it, and said why."""

    TYPE: ClassVar[str] = "export.refused"

    class Fact(Part):
        """Which export."""

        export: str
        target: str

    class Text(Part):
        """Why not."""

        reason: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the export and the case."""
        return _subjects(self.fact.export, self.fact.target)


class ExportProduced(Entry):
    """The package was made; its every byte is pinned by `tagmanifest` (station/package/FORMAT.md, The seal)."""

    TYPE: ClassVar[str] = "export.produced"

    class Fact(Part):
        """`log_size` is the size of the checkpoint that the package speaks of; sizes are of all its files."""

        export: str
        target: str
        log_size: int = Field(ge=1)
        tagmanifest: dict[str, Sha256]
        files: int = Field(ge=1)
        size_bytes: int = Field(ge=0)

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the export and the case."""
        return _subjects(self.fact.export, self.fact.target)
