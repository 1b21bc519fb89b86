"""Entries about the end of footage (到期销毁) and what stops it (保全), about erasing by law, and about backups.

Guarantees: each act is recorded first, then done, then completed, so what is under way follows from the entries alone:
an approved disposal without its `disposal.completed`, an erasure that no `erasure.completed` covers.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Sha256

CLIPS_A_DISPOSAL = 200
ERASURES = "erasures:all"
"""The subject of all completed erasures."""
BACKUPS = "backups:all"
"""The subject of all backups."""


class Ground(StrEnum):
    """Why a part is erased by law; the values stand in `payload.erased`.

    Sources: 个人信息保护法 art. 47 (purpose fulfilled, consent withdrawn, processed against the law), 44 and 46
    (correction); a court's or an authority's order; data entered by mistake about somebody who is not concerned.
    """

    PURPOSE_FULFILLED = "purpose_fulfilled"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    UNLAWFUL = "unlawful"
    CORRECTION = "correction"
    COURT_ORDER = "court_order"
    AUTHORITY_ORDER = "authority_order"
    NOT_CONCERNED = "not_concerned"


class Reason(Part):
    """Why, in words."""

    reason: str = Field(default="", max_length=1000)


class DueClip(Part):
    """A clip that is due: by which rule of the retention table, since when (UTC)."""

    clip: str
    digest: dict[str, Sha256]
    rule: str
    due_at: str


class DisposalProposed(Entry):
    """A clerk proposes that these clips be destroyed, each with the rule that lets it go."""

    TYPE: ClassVar[str] = "disposal.proposed"

    class Fact(Part):
        """The disposal, and what it is about."""

        disposal: str
        clips: tuple[DueClip, ...] = Field(min_length=1, max_length=CLIPS_A_DISPOSAL)

    fact: Fact
    text: Reason | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the disposal and each clip."""
        return (f"disposal:{self.fact.disposal}", *(f"clip:{each.clip}" for each in self.fact.clips))


class DisposalApproved(Entry):
    """A second person agreed; `left` are clips that by then could not be disposed of, with the reason's code."""

    TYPE: ClassVar[str] = "disposal.approved"

    class Fact(Part):
        """The disposal, how many clips go, and which stay why."""

        disposal: str
        clips: int = Field(ge=0)
        left: dict[str, str] = Field(default_factory=dict)

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the disposal."""
        return (f"disposal:{self.fact.disposal}",)


class DisposalRefused(Entry):
    """A second person did not agree; nothing was touched."""

    TYPE: ClassVar[str] = "disposal.refused"

    class Fact(Part):
        """The disposal."""

        disposal: str

    fact: Fact
    text: Reason | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the disposal."""
        return (f"disposal:{self.fact.disposal}",)


class ClipDisposed(Entry):
    """到期销毁: from now on the clip is gone, and its digest is never taken in again. Recorded before it is done."""

    TYPE: ClassVar[str] = "clip.disposed"

    class Fact(Part):
        """`digest` is the tombstone; `rule` and `due_at` say by what it was due."""

        clip: str
        disposal: str
        digest: dict[str, Sha256]
        rule: str
        due_at: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the disposal."""
        return (f"clip:{self.fact.clip}", f"disposal:{self.fact.disposal}")


class DisposalCompleted(Entry):
    """What was removed. `shared`: originals that stay, since another clip has the same bytes."""

    TYPE: ClassVar[str] = "disposal.completed"

    class Fact(Part):
        """Counts of files; `backups` are those cleared, `unreached` those that still hold the footage."""

        disposal: str
        clips: int = Field(ge=0)
        originals: int = Field(ge=0)
        partials: int = Field(ge=0)
        derived: int = Field(ge=0)
        shared: int = Field(ge=0)
        backups: tuple[str, ...] = ()
        unreached: tuple[str, ...] = ()

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return the disposal."""
        return (f"disposal:{self.fact.disposal}",)


class HoldPlaced(Entry):
    """保全: what it is about is not disposed of while the hold stands."""

    TYPE: ClassVar[str] = "hold.placed"

    class Fact(Part):
        """`about` is a clip or a target as `kind:id`."""

        hold: str
        about: str = Field(pattern=r"^(clip|case|matter|task):[A-Za-z0-9]+$")

    fact: Fact
    text: Reason | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the hold and what it is about."""
        return (f"hold:{self.fact.hold}", self.fact.about)


class HoldLifted(Entry):
    """解除保全: the hold stands no more."""

    TYPE: ClassVar[str] = "hold.lifted"

    class Fact(Part):
        """The hold, and what it was about."""

        hold: str
        about: str

    fact: Fact
    text: Reason | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the hold and what it was about."""
        return (f"hold:{self.fact.hold}", self.fact.about)


class BlobErased(Entry):
    """A listing in the vault, which repeats an erased part's text, goes with it. Recorded before it is done."""

    TYPE: ClassVar[str] = "blob.erased"

    class Fact(Part):
        """`about` is the docking whose listing it was."""

        digest: dict[str, Sha256]
        about: str
        ground: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return what it was about."""
        return (self.fact.about,)


class ErasureCompleted(Entry):
    """All erasures by entries before number `through` are done: in tables, catalogue, free pages and backups."""

    TYPE: ClassVar[str] = "erasure.completed"

    class Fact(Part):
        """`parts` and `blobs` count what was removed; `pages` says how the database was freed of what it held.

        `backups` are those cleared by id, `unreached` those that could not be and still hold the text.
        """

        through: int = Field(ge=1)
        parts: int = Field(ge=0)
        blobs: int = Field(ge=0)
        pages: str
        backups: tuple[str, ...] = ()
        unreached: tuple[str, ...] = ()

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return all erasures."""
        return (ERASURES,)


class BackupBegun(Entry):
    """A backup is about to be written: entered first, so that an erasure knows of it however it ends."""

    TYPE: ClassVar[str] = "backup.begun"

    class Fact(Part):
        """`backup` is the folder's id, the same whenever it is brought up to date."""

        backup: str
        vault: bool

    class Names(Part):
        """Where it lies."""

        folder: str

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the backup, and all backups."""
        return (f"backup:{self.fact.backup}", BACKUPS)


class BackupCompleted(Entry):
    """A backup is whole: its manifest is pinned."""

    TYPE: ClassVar[str] = "backup.completed"

    class Fact(Part):
        """`log_size` entries are in it; `manifest` is the digest of its manifest.json."""

        backup: str
        log_size: int = Field(ge=1)
        files: int = Field(ge=0)
        size_bytes: int = Field(ge=0)
        manifest: dict[str, Sha256]

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return the backup, and all backups."""
        return (f"backup:{self.fact.backup}", BACKUPS)


class BackupDrilled(Entry):
    """恢复演练: a backup was restored into a scratch place, checked there, and the place removed again."""

    TYPE: ClassVar[str] = "backup.drilled"

    class Fact(Part):
        """`manifest` pins what was tried; `ledger`: its database and ledger restored whole.

        Of `originals` that its ledger names, `sound` were read whole from the backup, `missing` were not there at all.
        """

        backup: str
        manifest: dict[str, Sha256]
        log_size: int = Field(ge=0)
        ledger: bool
        originals: int = Field(ge=0)
        sound: int = Field(ge=0)
        missing: int = Field(ge=0)

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the backup, and all backups."""
        return (f"backup:{self.fact.backup}", BACKUPS)


class BackupForgotten(Entry):
    """Somebody says that a backup was destroyed or given up: erasures do not look for it any more."""

    TYPE: ClassVar[str] = "backup.forgotten"

    class Fact(Part):
        """Which."""

        backup: str

    fact: Fact
    text: Reason | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the backup, and all backups."""
        return (f"backup:{self.fact.backup}", BACKUPS)
