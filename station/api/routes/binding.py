"""今日标记 and binding clips to what they belong to."""

from itertools import islice, zip_longest
from typing import Annotated

from fastapi import Form, Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station import clock
from station.actions import targets
from station.actions.bind import CLIPS_AT_ONCE, PROVES_AT_ONCE, RANGES_AT_ONCE, BindRequest, bind, unbind
from station.actions.problems import ProblemError
from station.api.auth import require_clips, require_target
from station.api.context import Station, Visit, station_of, visit_of
from station.api.forms import choice, first_given, local_page, range_typed
from station.api.pages import BindPage, BoundView, RangeTyped, TodayPage
from station.api.phrases import PHRASES
from station.api.render import is_htmx, render
from station.api.routes.clips import back_to_clip, list_posters, show_clip
from station.catalogue import checks
from station.catalogue.clip_rows import load_rows
from station.catalogue.clips import recent_places, untagged_recordings
from station.catalogue.overview import tagged_since
from station.catalogue.targets import find_targets, recent_targets
from station.catalogue.visibility import as_roles
from station.digest import is_id
from station.records.entries import Proof, TimeRange
from station.records.terms import EnforcementStage, NoneReason, Role, Sensitivity, TargetKind
from station.state.sessions import DOCK_IDLE

_KINDS = tuple(kind.value for kind in TargetKind)
_STAGES = tuple(stage.value for stage in EnforcementStage)
_REASONS = tuple(reason.value for reason in NoneReason)
_SENSITIVITIES = tuple(each.value for each in Sensitivity)


def today_page(request: Request) -> Response:
    """Show the officer's recordings that still have to be tagged."""
    return show_today(request, "/bind", "GET /today")


def show_today(request: Request, action: str, route: str, problem: str | None = None) -> Response:
    """Show 今日标记, its form going to `action`; at the dock without any search, all open matters and tasks at hand."""
    station, visit = station_of(request), visit_of(request)
    own = as_roles(visit.viewer, frozenset({Role.OFFICER}))
    with station.database.read() as session:
        recordings = untagged_recordings(session, own)
        places = recent_places(session, own)
        recent = recent_targets(session, visit.viewer)
        if visit.at_dock:
            listed = (*recent, *find_targets(session, visit.viewer, ""))
            recent = tuple({row.target: row for row in listed}.values())
        done = tagged_since(session, visit.viewer, clock.format_time(station.day_start()))
    firsts = [group.clips[0] for group in recordings]
    page = TodayPage(
        recordings=recordings,
        recent=recent,
        none_reasons=_REASONS,
        stages=_STAGES,
        phrases=dict(PHRASES),
        done_today=done,
        posters=list_posters(station, visit, firsts, route),
        action=action,
        at_dock=visit.at_dock,
        idle_seconds=int(DOCK_IDLE.total_seconds()),
        problem=problem,
        places=places,
    )
    return render(request, "today.html", page, visit=visit, status=200 if problem is None else 409)


def bind_page(
    request: Request,
    clip: Annotated[list[str] | None, Query()] = None,
    range_start: Annotated[list[str] | None, Query()] = None,
    range_end: Annotated[list[str] | None, Query()] = None,
    range_proves: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show the form that binds the clips chosen, with the ranges marked in a player."""
    ranges = _rows(range_start, range_end, range_proves)
    return _bind_form(request, tuple(dict.fromkeys(clip or ())), {}, None, ranges)


def _rows(starts: list[str] | None, ends: list[str] | None, proves: list[str] | None) -> tuple[RangeTyped, ...]:
    """Return the rows in which something was typed; a browser sends the three fields of each row in order."""
    rows = zip_longest(starts or (), ends or (), proves or (), fillvalue="")
    typed = (RangeTyped(start.strip(), end.strip(), " ".join(text.split())) for start, end, text in rows)
    return tuple(islice((row for row in typed if row != RangeTyped()), RANGES_AT_ONCE * PROVES_AT_ONCE))


def _bind_form(
    request: Request,
    clips: tuple[str, ...],
    values: dict[str, str],
    problem: str | None,
    ranges: tuple[RangeTyped, ...] = (),
) -> Response:
    station, visit = station_of(request), visit_of(request)
    clips = chosen_clips(station, visit, clips)
    with station.database.read() as session:
        rows = load_rows(session, visit.viewer, clips)
        recent = recent_targets(session, visit.viewer)
    page = BindPage(
        clips=rows,
        recordings=len({row.recording for row in rows}),
        recent=recent,
        kinds=_KINDS,
        none_reasons=_REASONS,
        stages=_STAGES,
        phrases=dict(PHRASES),
        sensitivities=_SENSITIVITIES,
        may_open=targets.may_open(visit.viewer),
        problem=problem or (None if rows else "clips_missing"),
        values=values,
        ranges=(*ranges, RangeTyped()) if ranges or (len(rows) == 1 and rows[0].duration_ms) else (),
    )
    template = "bind_dialog.html" if is_htmx(request) else "bind.html"
    return render(request, template, page, visit=visit, status=200 if problem is None else 409)


def chosen_clips(station: Station, visit: Visit, clips: tuple[str, ...]) -> tuple[str, ...]:
    """Return the clips chosen, all of which the visitor sees; raises RefusedError, NotFoundError."""
    wanted = [clip for clip in clips if is_id(clip)][: CLIPS_AT_ONCE + 1]
    with station.database.read() as session:
        require_clips(session, visit, wanted)
    return tuple(wanted)


def bind_clips(
    request: Request,
    clip: Annotated[list[str] | None, Form()] = None,
    kind: Annotated[str, Form()] = "",
    target: Annotated[str, Form()] = "",
    new_number: Annotated[list[str] | None, Form()] = None,
    new_title: Annotated[list[str] | None, Form()] = None,
    none_reason: Annotated[str, Form()] = "",
    stage: Annotated[str, Form()] = "",
    proves: Annotated[list[str] | None, Form()] = None,
    range_start: Annotated[list[str] | None, Form()] = None,
    range_end: Annotated[list[str] | None, Form()] = None,
    range_proves: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    sensitivity: Annotated[str, Form()] = "",
    whole_recordings: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """Bind the clips chosen; the answer is a page, or for a dialog a line that says what was done."""
    station, visit = station_of(request), visit_of(request)
    clips = chosen_clips(station, visit, tuple(dict.fromkeys(clip or ())))
    number, title = first_given(new_number or []), first_given(new_title or [])
    values = {"kind": kind, "target": target, "new_number": number, "new_title": title, "none_reason": none_reason}
    values |= {"stage": stage, "note": note, "place": place, "sensitivity": sensitivity}
    ranges = _rows(range_start, range_end, range_proves)
    try:
        request_made = compose_request(
            station,
            visit,
            clips,
            values,
            proves=proves or [],
            ranges=ranges,
            whole_recordings=bool(whole_recordings),
        )
        bindings = bind(station.custody, station.database, station.home, visit.viewer, visit.actor, request_made)
    except ProblemError as error:
        return _bind_form(request, clips, values, error.code, ranges)
    if not is_htmx(request):
        return RedirectResponse(local_page(next, "/clips"), 303)
    with station.database.read() as session:
        made = checks.binding_state(session, bindings[0])
        state = checks.target_state(session, visit.viewer, made.target) if made and made.target else None
    bound = BoundView(
        clips=len(bindings),
        bindings=bindings,
        kind=kind,
        number=state.number if state else None,
        none_reason=none_reason or None,
        action=made.action if made else None,
    )
    return render(request, "bound.html", bound, visit=visit)


def compose_request(
    station: Station,
    visit: Visit,
    clips: tuple[str, ...],
    values: dict[str, str],
    *,
    proves: list[str],
    ranges: tuple[RangeTyped, ...] = (),
    whole_recordings: bool = True,
    untagged_only: bool = False,
) -> BindRequest:
    """Build what is to be bound from a form's `values`; raises ProblemError, RefusedError, NotFoundError."""
    kind = _target_kind(values["kind"])
    target = values["target"] if kind != TargetKind.NONE else ""
    if target:
        with station.database.read() as session:
            require_target(session, visit, target if is_id(target) else "")
    number, title = values["new_number"], values["new_title"]
    return BindRequest(
        clips=clips,
        kind=kind,
        target=target or None,
        new=targets.NewTarget(kind, number, title) if _is_new(kind, target, number, title) else None,
        none_reason=choice(values["none_reason"], NoneReason),
        stage=choice(values["stage"], EnforcementStage),
        proves=_proofs(proves, ranges),
        note=values["note"].strip(),
        place=values["place"].strip(),
        sensitivity=choice(values["sensitivity"], Sensitivity),
        whole_recordings=whole_recordings,
        untagged_only=untagged_only,
    )


def _target_kind(kind: str) -> TargetKind:
    chosen = choice(kind, TargetKind)
    if chosen is None:
        raise ProblemError("target_missing", "No kind of target was chosen")
    return chosen


def _is_new(kind: TargetKind, target: str, number: str, title: str) -> bool:
    return not target and kind != TargetKind.NONE and bool(number if kind == TargetKind.CASE else title)


def _proofs(texts: list[str], rows: tuple[RangeTyped, ...]) -> tuple[Proof, ...]:
    """Return what is proven, each text once with all its ranges in order of time; raises ProblemError."""
    wanted: dict[str, set[tuple[int, int]]] = {text: set() for each in texts if (text := " ".join(each.split()))}
    for row in rows:
        stretch = range_typed(row.start, row.end)
        if not row.proves:
            raise ProblemError("range_unsaid", "A time range needs words on what it proves")
        wanted.setdefault(row.proves, set()).update({(stretch.start_ms, stretch.end_ms)} if stretch else ())
    try:
        return tuple(
            Proof(text=text, ranges=tuple(TimeRange(start_ms=start, end_ms=end) for start, end in sorted(ranges)))
            for text, ranges in wanted.items()
        )
    except ValidationError as error:
        raise ProblemError("proves_long", "What a clip proves has 500 characters at most") from error


def unbind_clip(request: Request, binding: str, reason: Annotated[str, Form()] = "") -> Response:
    """Withdraw a binding and return to its clip."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        state = checks.binding_state(session, binding)
    try:
        clip = unbind(station.custody, visit.viewer, visit.actor, binding, reason)
    except ProblemError as error:
        if state is None:
            raise
        return show_clip(request, state.clip, error.code)
    return back_to_clip(station, visit, clip)


def find(request: Request, q: str = "", kind: str = "") -> Response:
    """Show the open targets that fit what was typed."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = find_targets(session, visit.viewer, q[:100])
    rows = tuple(row for row in found if kind in ("", row.kind))
    return render(request, "targets_found.html", rows, visit=visit)


ROUTES = (
    ("GET", "/today", today_page),
    ("GET", "/bind", bind_page),
    ("POST", "/bind", bind_clips),
    ("POST", "/unbind/{binding}", unbind_clip),
    ("GET", "/targets/find", find),
)
