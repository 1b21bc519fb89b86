"""What the pages of legal review show."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from station.actions.review import Checked
from station.catalogue.review_lists import Line
from station.catalogue.reviews import LookLine, Standing, SubmissionView
from station.catalogue.views import HistoryLine, PersonView, TargetRow
from station.records.recording_list import Act, StageState


@dataclass(frozen=True, slots=True)
class DeskPage:
    """reviews.html: each case's latest submission by where it stands; `mine` are those the visitor may answer."""

    waiting: Standing
    changed: Standing
    returned: Standing
    agreed: Standing
    mine: frozenset[str]


@dataclass(frozen=True, slots=True)
class SubmitPage:
    """submit.html: the list to be confirmed. `act` None: not chosen yet. `shown` is the fingerprint of the list.

    `former` is the submission that this one answers, None for the first. `missing` maps clips to fields they lack.
    """

    row: TargetRow
    lines: tuple[Line, ...]
    names: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    acts: tuple[Act, ...]
    act: Act | None
    stages: tuple[StageState, ...]
    former: SubmissionView | None
    shown: str
    can_submit: bool
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """A check of the case that waits or runs; `mine` may be opened by the visitor."""

    check: str
    state: str
    per_mille: int
    size_bytes: int
    total_bytes: int
    mine: bool


@dataclass(frozen=True, slots=True)
class SubmissionPage:
    """submission.html and its part submission_check.html.

    `seen` are clips whose page the visitor may open, `outcomes` what was found of each clip since it was submitted,
    `after` what happened to the case and its clips since. `apart` False: a reviewer who has another part in the case.
    """

    view: SubmissionView
    lines: tuple[Line, ...]
    lengths: Mapping[str, int | None]
    names: Mapping[str, str]
    seen: frozenset[str]
    outcomes: Mapping[str, str]
    checked: Checked
    check: CheckProgress | None
    act: Act | None
    stages: tuple[StageState, ...]
    versions: tuple[SubmissionView, ...]
    after: tuple[HistoryLine, ...]
    looks: tuple[LookLine, ...]
    can_see_looks: bool
    can_review: bool
    apart: bool
    can_resubmit: bool
    can_change: bool
    points: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """change.html: one field of a clip under review, changed by two people."""

    row: TargetRow
    clip: str
    line: Line
    officers: tuple[PersonView, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
