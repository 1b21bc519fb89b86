"""What the pages of disposals and holds show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.actions.disposal import Due
from station.api.policies import allows, policy_of
from station.catalogue.retaining import DisposalView, HoldView, holds_about
from station.catalogue.views import Viewer
from station.database import Session
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


@dataclass(frozen=True, slots=True)
class HoldingView:
    """What keeps the clip or target of a page from disposal, and what the visitor may do about it.

    `holds` are the page's own and, on a clip's page, those of the targets that the visitor sees it bound to.
    """

    holds: tuple[HoldView, ...] = ()
    can_place: bool = False
    can_lift: bool = False


def holding_of(session: Session, viewer: Viewer, about: str, *, through: Sequence[str] = ()) -> HoldingView:
    """Return the holds about `about` and about what it is held through; one of its own stands at a time."""
    holds = holds_about(session, (about, *through))
    own = [each for each in holds if each.about == about]
    return HoldingView(
        holds=holds,
        can_place=not own and allows(policy_of("POST /holds"), viewer.roles, loopback=False),
        can_lift=allows(policy_of("POST /holds/{hold}/lift"), viewer.roles, loopback=False)
        and all(each.unit == viewer.unit for each in own),
    )


def blocked_counts(due: Sequence[Due]) -> dict[str, int]:
    """Return how many clips stay for which reason, the most frequent first."""
    return dict(Counter(each.blocked for each in due if each.blocked).most_common())
