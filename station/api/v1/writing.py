"""What programs enter: cases, the numbers of pending matters, bindings, corrections. Each request at most once.

Guarantee: a value entered here carries the source `case_system`; the rules are those of the pages, in the name of the
token's person.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from station.actions import amend, bind, targets
from station.actions.problems import ProblemError
from station.api.auth import require_clips, require_target
from station.api.context import Visit, station_of, visit_of
from station.api.v1.models import Given, Id, Line, Told
from station.api.v1.once import Key, once
from station.api.v1.routing import Route
from station.api.v1.times import utc
from station.records.entries import Proof, TimeRange
from station.records.terms import EnforcementStage, NoneReason, Role, Sensitivity, TargetKind

_LONGEST_RANGE_MS = 7 * 24 * 3600 * 1000
Number = Annotated[Line, StringConstraints(min_length=1, max_length=80)]
Title = Annotated[Line, StringConstraints(max_length=200)]
Reason = Annotated[Line, StringConstraints(max_length=1000)]
_ALREADY: dict[int | str, dict[str, Any]] = {200: {"description": "It was there already; nothing was entered"}}


class CaseGiven(Given):
    """A case with the number the case system gave it; or a matter or task, which the station numbers itself."""

    kind: Literal["case", "matter", "task"] = "case"
    number: Number | None = Field(default=None, description="of a case; needed for one")
    title: Title = Field(default="", description="needed for a matter or task")
    handlers: list[Id] = Field(default=[], max_length=50, description="persons, by id")

    @model_validator(mode="after")
    def _number_of_a_case(self) -> "CaseGiven":
        if (self.kind == "case") != (self.number is not None):
            raise ValueError("a case has its number, and only a case")
        return self


class CaseOpened(Told):
    """The case meant; `created` false: one of that number was there already."""

    case: Id
    kind: str
    number: str
    created: bool


class ResolutionGiven(Given):
    """What becomes of a pending matter or task."""

    outcome: Literal["numbered", "merged", "dropped"]
    number: Number | None = Field(default=None, description="with numbered: the case's, which is opened if it is new")
    title: Title = Field(default="", description="with numbered: of a new case")
    into: Id | None = Field(default=None, description="with merged: id of the case")

    @model_validator(mode="after")
    def _what_it_takes(self) -> "ResolutionGiven":
        if (self.outcome == "numbered") != (self.number is not None) or (self.outcome == "merged") != bool(self.into):
            raise ValueError("numbered takes a number, merged a case to go into")
        return self


class Resolution(Told):
    """What became of it; all its recordings followed into `case`."""

    matter: Id
    outcome: str
    case: Id | None


class RangeGiven(Given):
    """A stretch of a recording."""

    start_ms: StrictInt = Field(ge=0, le=_LONGEST_RANGE_MS)
    end_ms: StrictInt = Field(ge=0, le=_LONGEST_RANGE_MS)

    @model_validator(mode="after")
    def _forward(self) -> "RangeGiven":
        if self.end_ms <= self.start_ms:
            raise ValueError("a range ends after it starts")
        return self


class ProofGiven(Given):
    """What a recording proves (证明对象), and where in it."""

    text: Annotated[Line, StringConstraints(min_length=1, max_length=500)]
    ranges: list[RangeGiven] = Field(default=[], max_length=bind.RANGES_AT_ONCE)


class BindingGiven(Given):
    """Recordings to bind: to a case, matter or task by id, to a case by number, or to none with a reason."""

    clips: list[Id] = Field(min_length=1, max_length=bind.CLIPS_AT_ONCE)
    kind: TargetKind = TargetKind.CASE
    case: Id | None = Field(default=None, description="id of the case, matter or task")
    number: Number | None = Field(default=None, description="of a case, instead of its id; opened if it is new")
    none_reason: NoneReason | None = Field(default=None, description="with kind none")
    stage: EnforcementStage | None = Field(default=None, description="stage of enforcement")
    proves: list[ProofGiven] = Field(default=[], max_length=bind.PROVES_AT_ONCE)
    note: Reason = ""
    place: Annotated[Line, StringConstraints(max_length=amend.PLACE_CHARACTERS)] = Field(
        default="", description="where all of them were recorded; empty: as it is"
    )
    sensitivity: Sensitivity | None = None
    whole_recordings: StrictBool = Field(default=True, description="with all segments of each recording")

    @model_validator(mode="after")
    def _one_target(self) -> "BindingGiven":
        if self.kind == TargetKind.NONE:
            fits = self.none_reason is not None and self.case is None and self.number is None
        else:
            by_number = self.number is not None and self.kind == TargetKind.CASE and self.case is None
            fits = self.none_reason is None and (by_number or (self.case is not None and self.number is None))
        if not fits:
            raise ValueError("a binding names an id, or the number of a case, or a reason for none")
        return self


class Bound(Told):
    """The bindings made, one a recording."""

    bindings: list[Id]


class AmendmentGiven(Given):
    """更正: a new value of one field; the former one stays in the log."""

    field: Literal["time", "place", "collector"]
    recorded_at: str | None = Field(
        default=None, description="with time: RFC 3339", examples=["2026-11-20T10:00:00+08:00"]
    )
    place: Annotated[Line, StringConstraints(max_length=amend.PLACE_CHARACTERS)] = Field(
        default="", description="with place: in words"
    )
    latitude: Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,2}(\.[0-9]{1,10})?$")] | None = None
    longitude: Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,10})?$")] | None = None
    datum: Literal["WGS-84", "GCJ-02", "BD-09", "unknown"] | None = Field(
        default=None, description="of the coordinates"
    )
    collector: Id | None = Field(default=None, description="with collector: a person's id")
    collector_name: Annotated[Line, StringConstraints(max_length=80)] | None = Field(
        default=None, description="with collector: a name, of somebody who has no account here"
    )
    companions: list[Id] = Field(default=[], max_length=50)
    reason: Reason = ""


class Amended(Told):
    """What was corrected."""

    clip: Id
    field: str


def put_case(request: Request, given: CaseGiven, key: Key) -> Response:
    """Open a case by its number, or find the one of that number, however it is typed; or open a matter or task."""
    station, visit = station_of(request), visit_of(request)

    def run() -> tuple[int, CaseOpened]:
        kind = TargetKind(given.kind)
        if kind != TargetKind.CASE and not given.title.strip():
            raise ProblemError("title_missing", "A matter or task needs a title")
        wanted = targets.NewTarget(kind, given.number or "", given.title, _handlers(visit, given.handlers))
        state, made = targets.ensure_target(station.custody, station.home, visit.viewer, visit.actor, wanted)
        return 201 if made else 200, CaseOpened(case=state.target, kind=state.kind, number=state.number, created=made)

    return once(request, key, given, run)


def _handlers(visit: Visit, given: list[str]) -> tuple[str, ...]:
    """Return the handlers of a new case: a handler's program opens it as theirs, else they could not see it."""
    own = Role.HANDLER in visit.viewer.roles and Role.CLERK not in visit.viewer.roles
    return tuple(given) or ((visit.person.person,) if own else ())


def resolve_case(request: Request, target: str, given: ResolutionGiven, key: Key) -> Response:
    """Give a pending matter (待立案事项) or task its case, merge it into one, or drop it; its recordings follow."""
    station, visit = station_of(request), visit_of(request)

    def run() -> tuple[int, Resolution]:
        if given.into is not None:
            with station.database.read() as session:
                require_target(session, visit, given.into)
        case = targets.resolve_matter(
            station.custody,
            station.home,
            visit.viewer,
            visit.actor,
            target,
            outcome=given.outcome,
            into=given.into,
            number=given.number or "",
            title=given.title,
        )
        return 200, Resolution(matter=target, outcome=given.outcome, case=case)

    return once(request, key, given, run)


def bind_recordings(request: Request, given: BindingGiven, key: Key) -> Response:
    """Bind recordings (关联), all of them or none."""
    station, visit = station_of(request), visit_of(request)

    def run() -> tuple[int, Bound]:
        with station.database.read() as session:
            require_clips(session, visit, list(dict.fromkeys(given.clips)))
            if given.case is not None:
                require_target(session, visit, given.case)
        new = targets.NewTarget(TargetKind.CASE, given.number) if given.number is not None else None
        wanted = bind.BindRequest(
            clips=tuple(given.clips),
            kind=given.kind,
            target=given.case,
            new=new,
            none_reason=given.none_reason,
            stage=given.stage,
            proves=tuple(_proof(each) for each in given.proves),
            note=given.note.strip(),
            sensitivity=given.sensitivity,
            place=given.place.strip(),
            whole_recordings=given.whole_recordings,
        )
        made = bind.bind(station.custody, station.database, station.home, visit.viewer, visit.actor, wanted)
        return 201, Bound(bindings=list(made))

    return once(request, key, given, run)


def _proof(given: ProofGiven) -> Proof:
    text = " ".join(given.text.split())
    if not text:
        raise ProblemError("value_missing", "What a recording proves is not blank")
    ranges = tuple(TimeRange(start_ms=each.start_ms, end_ms=each.end_ms) for each in given.ranges)
    return Proof(text=text, ranges=ranges)


def amend_recording(request: Request, clip: str, given: AmendmentGiven, key: Key) -> Response:
    """Give or correct a recording's time, place or collector."""
    station, visit = station_of(request), visit_of(request)

    def run() -> tuple[int, Amended]:
        amend.amend(station.custody, visit.viewer, visit.actor, clip, _amendment(given))
        return 200, Amended(clip=clip, field=given.field)

    return once(request, key, given, run)


def _amendment(given: AmendmentGiven) -> amend.Amendment:
    if given.field == "time":
        return amend.Amendment("time", recorded_at=utc(given.recorded_at), reason=given.reason)
    if given.field == "place":
        place = amend.make_place(given.place, given.latitude or "", given.longitude or "", given.datum or "")
        return amend.Amendment("place", place=place, reason=given.reason)
    return amend.Amendment(
        "collector",
        collector=given.collector,
        collector_name=given.collector_name,
        companions=tuple(given.companions),
        reason=given.reason,
    )


ROUTES = (
    Route("POST", "/cases", put_case, "Open a case, or find it by its number", "Cases", CaseOpened, 201, _ALREADY),
    Route("POST", "/cases/{target}/resolution", resolve_case, "Resolve a pending matter", "Cases", Resolution),
    Route("POST", "/bindings", bind_recordings, "Bind recordings", "Recordings", Bound, 201),
    Route("POST", "/clips/{clip}/amendments", amend_recording, "Correct a recording's field", "Recordings", Amended),
)
