"""Entries about exports: a court package (电子证据包) is asked for, approved or refused, produced, and taken away.

Guarantee: nothing leaves without the entries that say who asked why, who agreed, what exactly it was, and who took it.
"""

from enum import StrEnum
from typing import ClassVar, Literal

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


class ClipDerived(Entry):
    """A copy with a burned-in caption (disclosure copy) was made of an original for one export: its lineage.

    It names the case, since the caption does: to the recipients of other cases it is not shown.
    """

    TYPE: ClassVar[str] = "clip.derived"

    class Fact(Part):
        """`digest` is the copy's, `original` that of what it was made of; `graph` is ffmpeg's filter graph.

        `caption` is the SHA-256 of the caption's text (UTF-8), `credentials` whether C2PA content credentials were
        added: then the bytes are not the same when it is made again.
        """

        clip: str
        target: str
        export: str
        kind: Literal["disclosure"] = "disclosure"
        digest: dict[str, Sha256]
        size_bytes: int = Field(ge=1)
        original: dict[str, Sha256]
        tool: str
        tool_version: str
        graph: str = Field(max_length=4000)
        caption: Sha256
        missing_ms: int = Field(default=0, ge=0)
        without_sound: bool = False
        credentials: bool = False

    class Text(Part):
        """The caption, line by line, as it can be read in the picture."""

        lines: tuple[str, ...]

    fact: Fact
    text: Text | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the case whose caption it bears."""
        return (f"clip:{self.fact.clip}", f"case:{self.fact.target}")


class FrameExported(Entry):
    """One frame of a clip left the station as a picture: what and why; entered before its first byte leaves."""

    TYPE: ClassVar[str] = "clip.frame_exported"

    class Fact(Part):
        """`digest` is the PNG's as it was sent, `original` the clip's; `frame` is the id that stands in the PNG.

        `number` counts the frames of the file it was made of from 0, `time_ms` is when it is first shown there, rounded
        up; `made_of` says whether that is the original or, where that can't be decoded to the frame, its playable copy.
        """

        clip: str
        frame: str
        digest: dict[str, Sha256]
        size_bytes: int = Field(ge=1)
        original: dict[str, Sha256]
        made_of: Literal["original", "copy"]
        number: int = Field(ge=0)
        time_ms: int = Field(ge=0)

    class Text(Part):
        """What the picture is for."""

        reason: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip."""
        return (f"clip:{self.fact.clip}",)


class ExportTaken(Entry):
    """A package was handed out to somebody logged in: a look at all its clips, entered before the first byte leaves."""

    TYPE: ClassVar[str] = "access.exported"

    class Fact(Part):
        """The random access id."""

        access: str

    class Look(Part):
        """Which export, and how: downloaded by a browser, or copied to a removable disk."""

        export: str
        way: Literal["download", "disk"]

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the access, not the export."""
        return (f"access:{self.fact.access}",)
