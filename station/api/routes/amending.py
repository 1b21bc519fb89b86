"""Amending many clips at once, seen before it is done; and taking back what one did to many."""

from typing import Annotated

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station import clock
from station.actions.amend_many import Change, Field, Wanted, amend_many, preview
from station.actions.problems import ProblemError
from station.actions.undoing import undo
from station.api.amend_pages import AmendPage, DoneView
from station.api.context import Station, Visit, station_of, visit_of
from station.api.forms import utc_time
from station.api.render import is_htmx, render
from station.api.routes.binding import chosen_clips
from station.catalogue.clip_rows import load_rows
from station.records.terms import Role

_FIELDS: tuple[Field, ...] = ("place", "collector", "time")


def amend_page(request: Request, clip: Annotated[list[str] | None, Query()] = None) -> Response:
    """Show the form for the clips chosen."""
    return _form(request, tuple(dict.fromkeys(clip or ())), {}, None)


def amend_clips(
    request: Request,
    clip: Annotated[list[str] | None, Form()] = None,
    step: Annotated[str, Form()] = "preview",
    field: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    collector: Annotated[str, Form()] = "",
    collector_name: Annotated[str, Form()] = "",
    shown: Annotated[str, Form()] = "",
    true: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Show what would become of each clip; with `step` apply do it and say what was done, with change ask anew."""
    station, visit = station_of(request), visit_of(request)
    values = {"field": field, "place": place, "collector": collector, "collector_name": collector_name}
    values |= {"shown": shown, "true": true, "reason": reason}
    clips = chosen_clips(station, visit, tuple(dict.fromkeys(clip or ())))
    if step == "change":
        return _form(request, clips, values, None)
    try:
        wanted = _wanted(station, values)
        if step != "apply":
            changes = preview(station.database, visit.viewer, clips, wanted)
            return _form(request, clips, values, None, changes)
        action, count = amend_many(station.custody, visit.viewer, visit.actor, clips, wanted)
    except ProblemError as error:
        return _form(request, clips, values, error.code)
    if not is_htmx(request):
        return RedirectResponse("/clips", 303)
    return render(request, "done.html", DoneView("amended", count, action), visit=visit)


def _wanted(station: Station, values: dict[str, str]) -> Wanted:
    fields: dict[str, Field] = {name: name for name in _FIELDS}
    if values["field"] not in fields:
        raise ProblemError("value_missing", "It was not said what is amended")
    shift = 0
    if values["field"] == "time":
        times = [utc_time(values[name], station.home.zone) for name in ("shown", "true")]
        if times[0] is None or times[1] is None:
            raise ProblemError("value_missing", "Both what the clock showed and the right time are needed")
        shift = round((clock.parse_time(times[1]) - clock.parse_time(times[0])).total_seconds())
    return Wanted(
        field=fields[values["field"]],
        place=values["place"].strip(),
        collector=values["collector"] or None,
        collector_name="" if values["collector"] else values["collector_name"],
        shift_seconds=shift,
        reason=values["reason"],
    )


def _form(
    request: Request,
    clips: tuple[str, ...],
    values: dict[str, str],
    problem: str | None,
    changes: tuple[Change, ...] = (),
) -> Response:
    station, visit = station_of(request), visit_of(request)
    clips = chosen_clips(station, visit, clips)
    with station.database.read() as session:
        known = tuple(row.clip for row in load_rows(session, visit.viewer, clips))
        people = station.officers(session, _unit(visit))
    page = AmendPage(
        clips=known,
        values=values,
        officers=people,
        names={person.person: person.name for person in people},
        changes=changes,
        problem=problem or (None if known else "clips_missing"),
    )
    template = "amend_dialog.html" if is_htmx(request) else "amend.html"
    return render(request, template, page, visit=visit, status=200 if problem is None else 409)


def _unit(visit: Visit) -> str | None:
    return None if Role.INSPECTOR in visit.viewer.roles else visit.viewer.unit


def undo_action(request: Request, action: str) -> Response:
    """Take back what the visitor did to many clips in one go."""
    station, visit = station_of(request), visit_of(request)
    try:
        count = undo(station.custody, visit.viewer, visit.actor, action)
    except ProblemError as error:
        view = DoneView("undone", 0, None, error.code)
        return render(request, "done.html", view, visit=visit, status=409)
    if not is_htmx(request):
        return RedirectResponse("/clips", 303)
    return render(request, "done.html", DoneView("undone", count, None), visit=visit)


ROUTES = (
    ("GET", "/amend", amend_page),
    ("POST", "/amend", amend_clips),
    ("POST", "/undo/{action}", undo_action),
)
