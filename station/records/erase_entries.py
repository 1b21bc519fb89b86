"""Entries about erasing recorders: what was to be erased and by which rule, and what became of it."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Sha256
from station.records.ticket import Refusal

# More than these are told by the listing alone: an entry has 64 KiB for all its parts.
LISTED_CLIPS, LISTED_FILES = 1500, 500


class ErasePolicy(Part):
    """The rule that allowed it: how old a clip must be, in how many places it must lie, how many must cosign."""

    minimum_age_seconds: int = Field(ge=0)
    copies_required: int = Field(ge=1)
    cosignatures_required: int = Field(default=0, ge=0)


class EraseAuthorised(Entry):
    """清空: these files may be erased from this recorder. Appended, and under a checkpoint, before the first is."""

    TYPE: ClassVar[str] = "erase.authorised"

    class Fact(Part):
        """`files` and `size_bytes` count what the tickets name; `left` counts by reason what they do not.

        `clips` are the clips named when they are few; `listing` is a blob with one line a file of the recorder.
        """

        erasing: str
        docking: str
        recorder: str
        profile: str
        policy: ErasePolicy
        files: int = Field(ge=0)
        size_bytes: int = Field(ge=0)
        left: dict[str, int] = Field(default_factory=dict)
        clips: tuple[str, ...] = Field(default=(), max_length=LISTED_CLIPS)
        listing: dict[str, Sha256] | None = None

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the erasing, its docking, its recorder, and all erasings of that recorder, which find it again."""
        return _subjects(self.fact.erasing, self.fact.docking, self.fact.recorder)


class ErasedFile(Part):
    """One file by its clip. `unknown`: the eraser ended before it told."""

    clip: str
    result: Literal["erased", "gone", "refused", "unknown"]
    reason: Refusal | None = None


class EraseCompleted(Entry):
    """清空结束: what became of every file that was to be erased."""

    TYPE: ClassVar[str] = "erase.completed"

    class Fact(Part):
        """`refused` counts by reason; `reason` is why the whole ended early, None when every file was answered.

        `size_bytes` is of the files erased. `files` names them when they are few; `listing` is a blob with all.
        """

        erasing: str
        docking: str
        recorder: str
        erased: int = Field(ge=0)
        gone: int = Field(ge=0)
        unknown: int = Field(ge=0)
        refused: dict[Refusal, int] = Field(default_factory=dict)
        size_bytes: int = Field(ge=0)
        reason: Refusal | None = None
        files: tuple[ErasedFile, ...] = Field(default=(), max_length=LISTED_FILES)
        listing: dict[str, Sha256] | None = None

    class Detail(Part):
        """Why it ended early or a file was refused, in words."""

        text: str

    fact: Fact
    detail: Detail | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the erasing, its docking, its recorder, and all erasings of that recorder, which find it again."""
        return _subjects(self.fact.erasing, self.fact.docking, self.fact.recorder)


def erasings_of(recorder: str) -> str:
    """Return the subject under which all erasings of one recorder are found."""
    return f"erasings:{recorder}"


def _subjects(erasing: str, docking: str, recorder: str) -> tuple[str, ...]:
    return (f"erasing:{erasing}", f"docking:{docking}", f"recorder:{recorder}", erasings_of(recorder))
