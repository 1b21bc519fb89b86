"""Entries about legal review (法制审核): what exactly was submitted, the written opinion, changes agreed to afterwards.

A submission is `target.submitted` followed, in the same transaction, by one `clip.submitted` for each clip of its list:
an entry of its own for each, so that its words can be erased without those of its neighbours, and a case of any number
of clips fits.
"""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Place, Proof, Sha256
from station.records.terms import ClipStage, EnforcementStage, Sensitivity, Source


class Verdict(StrEnum):
    """What the reviewer finds: `PROBLEMS` sends the case back to its handler, who answers and submits again."""

    AGREE = "agree"
    PROBLEMS = "problems"


class ReviewPoint(StrEnum):
    """What a reviewer looks at (国办发〔2018〕118号, 法制审核的内容); stored are those found wanting."""

    QUALIFIED = "qualified"
    PROCEDURE = "procedure"
    EVIDENCE = "evidence"
    LAW = "law"
    DISCRETION = "discretion"
    POWERS = "powers"
    DOCUMENTS = "documents"
    TRANSFER = "transfer"


def _subjects(target: str, clip: str) -> tuple[str, ...]:
    return (f"clip:{clip}", f"case:{target}")


class ListedBinding(Part):
    """A binding to the case as it stood; what it proves is in the part `text`, in the same order."""

    binding: str
    stage: EnforcementStage | None = None
    source: Source


class ListedProof(Part):
    """What one of the listed bindings proves, with its ranges and remark."""

    proves: tuple[Proof, ...] = ()
    note: str = ""


class ClipSubmitted(Entry):
    """One line of a submission's list (送审清单): a clip, its digest, its five fields and bindings as they stood."""

    TYPE: ClassVar[str] = "clip.submitted"

    class Fact(Part):
        """`bindings` are those to this case only; `recorded_at` is UTC; `taken_in` the entry that gave the digest."""

        submission: str
        target: str
        clip: str
        digest: dict[str, Sha256]
        size_bytes: int = Field(ge=0)
        taken_in: int = Field(ge=0)
        stage: ClipStage
        sensitivity: Sensitivity
        recorded_at: str | None = None
        time_source: Source | None = None
        place_source: Source | None = None
        collector_source: Source | None = None
        bindings: tuple[ListedBinding, ...] = ()

    class People(Part):
        """采集人 and companions: persons of ours by id, with the name that was shown."""

        collector: str | None = None
        collector_name: str | None = None
        companions: tuple[str, ...] = ()

    class Names(Part):
        """The file's name and the case's number as they were shown."""

        file_name: str = ""
        number: str = ""

    class Text(Part):
        """证明对象 of each binding of the fact."""

        bindings: tuple[ListedProof, ...] = ()

    fact: Fact
    people: People | None = None
    place: Place | None = None
    names: Names | None = None
    text: Text | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the case."""
        return _subjects(self.fact.target, self.fact.clip)


class OpinionGiven(Entry):
    """审核意见: a reviewer, who does not handle the case, answers one version of a submission in writing."""

    TYPE: ClassVar[str] = "opinion.given"

    class Fact(Part):
        """What is answered, at which size of the log; of the clips listed so many were checked sound, damaged, not."""

        opinion: str
        submission: str
        target: str
        version: int = Field(ge=1)
        verdict: Verdict
        points: tuple[ReviewPoint, ...] = ()
        log_size: int = Field(ge=0)
        sound: int = Field(default=0, ge=0)
        damaged: int = Field(default=0, ge=0)
        unchecked: int = Field(default=0, ge=0)

    class Text(Part):
        """The opinion in words."""

        opinion: str = Field(max_length=4000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the case."""
        return (f"case:{self.fact.target}",)


class ChangeAgreed(Entry):
    """A second person agreed to a change of a clip whose case is under review; the change itself follows at once."""

    TYPE: ClassVar[str] = "submission.change_agreed"

    class Fact(Part):
        """Which submission the change departs from, and what is changed."""

        submission: str
        target: str
        clip: str
        field: Literal["time", "place", "collector"]

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the case."""
        return _subjects(self.fact.target, self.fact.clip)
