"""What the pages of amending many clips at once show."""

from dataclasses import dataclass
from typing import Literal

from station.actions.amend_many import Change
from station.catalogue.views import PersonView


@dataclass(frozen=True, slots=True)
class AmendPage:
    """amend.html, dialog or page: the form, or with `changes` the preview. `names` are those of `officers` by id."""

    clips: tuple[str, ...]
    values: dict[str, str]
    officers: tuple[PersonView, ...]
    names: dict[str, str]
    changes: tuple[Change, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DoneView:
    """done.html, the answer to an action on many clips; `action` can be undone."""

    what: Literal["amended", "undone"]
    clips: int
    action: str | None
    problem: str | None = None
