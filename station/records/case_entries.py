"""Entries about cases, pending matters and tasks, and about what people say of clips."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from station.records.entries import Actor, Entry, Part, Place, Proof
from station.records.terms import EnforcementStage, NoneReason, Sensitivity, Source, TargetKind, TimeTrust


def _clip_and_target(clip: str, kind: TargetKind, target: str | None) -> tuple[str, ...]:
    return (f"clip:{clip}", f"{kind}:{target}") if target else (f"clip:{clip}",)


class TargetOpened(Entry):
    """A case, a pending matter (待立案事项) or an inspection task (检查任务) that clips can be bound to."""

    TYPE: ClassVar[str] = "target.opened"

    class Fact(Part):
        """`handlers` are persons; `number_source` says who gave the number.

        `act` is the kind of act of the list of matters to be recorded, where whoever opened it knew that.
        """

        target: str
        kind: TargetKind
        handlers: tuple[str, ...] = ()
        number_source: Source
        act: str | None = None

    class Names(Part):
        """`number` is the case number, or the station's temporary number for anything else."""

        number: str = Field(min_length=1, max_length=80)
        title: str = Field(default="", max_length=200)
        unit: str = ""

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the target."""
        return (f"{self.fact.kind}:{self.fact.target}",)


class TargetResolved(Entry):
    """A pending matter got its case, was merged into one, or was dropped; all its clips follow."""

    TYPE: ClassVar[str] = "target.resolved"

    class Fact(Part):
        """`into` is the case for numbered and merged."""

        target: str
        kind: TargetKind
        outcome: Literal["numbered", "merged", "dropped"]
        into: str | None = None

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the matter and the case it went into."""
        into = (f"case:{self.fact.into}",) if self.fact.into else ()
        return (f"{self.fact.kind}:{self.fact.target}", *into)


class StageGap(Part):
    """A stage that should have been recorded and was not, with the handler's reason (文字记录足以全面反映等)."""

    stage: EnforcementStage
    reason: str = Field(min_length=1, max_length=300)


class TargetSubmitted(Entry):
    """送审: a case was submitted for review with exactly these clips at this size of the log."""

    TYPE: ClassVar[str] = "target.submitted"

    class Fact(Part):
        """The submission's list; a line for each clip follows as `clip.submitted`.

        `version` counts the case's submissions; `act` is the kind of act of the list of matters to be recorded.
        """

        submission: str
        target: str
        clips: tuple[str, ...]
        log_size: int = Field(ge=0)
        version: int = Field(default=1, ge=1)
        act: str | None = None

    class Text(Part):
        """What the handler says along with it, and why required recordings are missing."""

        note: str = Field(default="", max_length=1000)
        gaps: tuple[StageGap, ...] = ()

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the case."""
        return (f"case:{self.fact.target}",)


class ClipBound(Entry):
    """关联: a clip belongs to a target, at a stage of enforcement, and proves something there."""

    TYPE: ClassVar[str] = "clip.bound"

    class Fact(Part):
        """`action` groups what one person did in one go; `none_reason` only with kind none."""

        binding: str
        action: str
        clip: str
        kind: TargetKind
        target: str | None = None
        none_reason: NoneReason | None = None
        stage: EnforcementStage | None = None
        source: Source

        @model_validator(mode="after")
        def _target_or_reason(self) -> "ClipBound.Fact":
            if (self.kind == TargetKind.NONE) != (self.target is None):
                raise ValueError("a binding has a target, or the kind `none`")
            if (self.kind == TargetKind.NONE) != (self.none_reason is not None):
                raise ValueError("a binding to nothing gives its reason, and only that one does")
            return self

    class Text(Part):
        """What it proves (证明对象), and a remark."""

        proves: tuple[Proof, ...] = ()
        note: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the target."""
        return _clip_and_target(self.fact.clip, self.fact.kind, self.fact.target)


class ClipUnbound(Entry):
    """A binding was withdrawn; the entry that made it stays."""

    TYPE: ClassVar[str] = "clip.unbound"

    class Fact(Part):
        """The binding withdrawn."""

        binding: str
        clip: str
        kind: TargetKind
        target: str | None = None

    class Text(Part):
        """Why."""

        reason: str = ""

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the target."""
        return _clip_and_target(self.fact.clip, self.fact.kind, self.fact.target)


class ClipAmended(Entry):
    """更正: one of time, place or collector was given or corrected; the former value stays in the ledger."""

    TYPE: ClassVar[str] = "clip.amended"

    class Fact(Part):
        """`field` says which; `recorded_at` (UTC) is the value of `time`.

        `time_trust` is how far that time can be relied on; None is plain. `cleared` tells that the field is blank
        again, as before an amendment that was taken back: a value merely missing may have been erased by law.
        """

        clip: str
        field: Literal["time", "place", "collector"]
        source: Source
        recorded_at: str | None = None
        time_trust: TimeTrust | None = None
        cleared: bool = False

    class People(Part):
        """The value of `collector`: a person of ours or a name, and companions."""

        collector: str | None = None
        collector_name: str | None = None
        companions: tuple[str, ...] = ()

    class Text(Part):
        """Why it was corrected."""

        reason: str = Field(default="", max_length=1000)

    fact: Fact
    place: Place | None = None
    people: People | None = None
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip."""
        return (f"clip:{self.fact.clip}",)


class ClipDisclaimed(Entry):
    """不是我录的: a person whose recording the station took it for says that they did not make it."""

    TYPE: ClassVar[str] = "clip.disclaimed"

    class Fact(Part):
        """`person` is who says so, of themselves."""

        clip: str
        person: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the person."""
        return (f"clip:{self.fact.clip}", f"person:{self.fact.person}")


class ClipClassified(Entry):
    """The clip's class of sensitivity from now on."""

    TYPE: ClassVar[str] = "clip.classified"

    class Fact(Part):
        """The class."""

        clip: str
        sensitivity: Sensitivity

    class Text(Part):
        """Why."""

        reason: str = ""

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip."""
        return (f"clip:{self.fact.clip}",)
