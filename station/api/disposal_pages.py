"""What the pages of disposals and holds show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.actions.disposal import Due
from station.catalogue.retaining import DisposalView, HoldView
from station.records.retention import Rule


@dataclass(frozen=True, slots=True)
class DisposalPage:
    """disposal.html. `more` are due beyond those shown; `blocked` counts by why (group `disposal_blocked`)."""

    due: tuple[Due, ...]
    more: int
    blocked: Mapping[str, int]
    proposed: tuple[DisposalView, ...]
    decided: tuple[DisposalView, ...]
    holds: tuple[HoldView, ...]
    rules: tuple[Rule, ...]
    person: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DisposalListPage:
    """disposal_list.html: one disposal, and the source of each rule by its id."""

    disposal: DisposalView
    sources: Mapping[str, str]


def blocked_counts(due: Sequence[Due]) -> dict[str, int]:
    """Return how many clips stay for which reason, the most frequent first."""
    return dict(Counter(each.blocked for each in due if each.blocked).most_common())
