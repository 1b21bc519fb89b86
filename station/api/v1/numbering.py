"""Case numbers for many pending matters at once, as a case system or a nightly job delivers them (回填案件编号)."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from station.actions import importing, importing_cases, review
from station.actions.importing import Planned
from station.api.context import station_of, visit_of
from station.api.v1.models import Given, Id, Line, Told
from station.api.v1.once import Key, once
from station.api.v1.routing import Route

_AT_ONCE = 500
_Word = Annotated[Line, StringConstraints(max_length=80, strip_whitespace=True)]


class NumberGiven(Given):
    """The case that a matter has become; the matter by its number or id, or by the number of the call in its title."""

    matter: _Word = Field(default="", description="the station's number for a pending matter or task, or its id")
    call_number: _Word = Field(default="", description="the number of the call (in the title of one matter)")
    case_number: Annotated[Line, StringConstraints(min_length=1, max_length=80)] = Field(
        description="the case is opened if the station has none of that number"
    )
    title: Annotated[Line, StringConstraints(max_length=200)] = Field(default="", description="of a new case")
    act: _Word = Field(default="", description="kind of act of a new case, by id or in words")


class NumbersGiven(Given):
    """Lines that are judged one by one and entered together."""

    lines: list[NumberGiven] = Field(min_length=1, max_length=_AT_ONCE)
    dry_run: StrictBool = Field(default=False, description="only tell what would become of each line")


class NumberTold(Told):
    """What became of a line."""

    line: int = Field(description="which of the lines sent, from 1")
    outcome: Literal["new", "changed", "unchanged", "refused"] = Field(
        description="new: resolved, and the case was opened; changed: resolved into a case already there; "
        "unchanged: it was in that case already; refused: see `problem`"
    )
    case: Id | None = Field(description="the case the matter is in; none where the line was refused")
    problem: str | None = Field(description="why the line was refused, as a code", examples=["matter_unknown"])


class NumbersTold(Told):
    """What became of all of them."""

    lines: list[NumberTold]


def take_numbers(request: Request, given: NumbersGiven, key: Key) -> Response:
    """Resolve pending matters by case number; what is refused holds no other line up, and is not entered."""
    station, visit = station_of(request), visit_of(request)

    def run() -> tuple[int, NumbersTold]:
        lines = [importing.Line(number, _cells(each)) for number, each in enumerate(given.lines, 1)]
        acts = review.recording_list(station.home)
        plan = partial(importing_cases.plan_cases, lines, home=station.home, viewer=visit.viewer, acts=acts)
        if given.dry_run:
            rows = importing.preview(station.database, plan, visit.actor)
        else:
            rows = importing.carry_out_at_once(station.custody, plan, visit.actor)
        return 200, NumbersTold(lines=[_told(row, opened=not given.dry_run) for row in rows])

    return once(request, key, given, run)


def _cells(given: NumberGiven) -> dict[str, str]:
    return {column: " ".join(text.split()) for column, text in given.model_dump().items()}


def _told(row: Planned, *, opened: bool) -> NumberTold:
    known = row.subject if opened or row.outcome != "new" else None  # a case not opened yet has no id
    return NumberTold(line=row.line, outcome=row.outcome, case=known, problem=row.problem)


ROUTES = (Route("POST", "/cases/numbers", take_numbers, "Resolve matters by case number", "Cases", NumbersTold),)
