"""今日标记 at the dock: in by badge and PIN, out by 完成 or after a minute; own untagged recordings, nothing else."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import dock_entry
from station.actions.bind import bind
from station.actions.disclaim import disclaim
from station.actions.login import log_out
from station.actions.problems import ProblemError
from station.api.auth import RefusedError, address_of, drop_cookie, is_kiosk, require_clips, set_cookie
from station.api.context import station_of, visit_of, visit_or_none
from station.api.errors import SlowDownError
from station.api.forms import first_given
from station.api.pages import DockPinPage
from station.api.render import is_htmx, render
from station.api.routes.binding import compose_request, show_today
from station.api.routes.clips import clip_media
from station.catalogue.clip_rows import load_rows
from station.digest import is_id

_LONGEST = 100


def pin_page(request: Request) -> Response:
    """Ask for badge and PIN."""
    return _pin(request, DockPinPage())


def badge_shown(request: Request, badge: Annotated[str, Form()] = "") -> Response:
    """Ask for the PIN of a badge just read; whose it is isn't looked up before the PIN is there."""
    return _pin(request, DockPinPage(badge=badge[:_LONGEST]))


def _pin(request: Request, page: DockPinPage, status: int = 200) -> Response:
    return render(request, "dock_pin.html", page, visit=visit_or_none(request), status=status)


def open_session(
    request: Request,
    badge: Annotated[str, Form()] = "",
    pin: Annotated[str, Form()] = "",
    chosen: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Open a session that tags, at a screen beside the slots only."""
    station, address = station_of(request), address_of(request)
    badge = badge[:_LONGEST]
    if not station.limits.try_password(f"badge {badge.strip()}", address):
        raise SlowDownError("Too many PINs were tried")
    try:
        if not is_kiosk(request):
            raise ProblemError("not_at_dock", "A badge counts at the dock's own screen only")
        opened = dock_entry.enter(
            station.custody,
            station.database,
            badge=badge,
            pin=pin[:_LONGEST],
            chosen=chosen[:_LONGEST],
            again=again[:_LONGEST],
            address=address,
        )
    except ProblemError as error:
        choosing = error.code == "pin_choose" or bool(chosen)
        return _pin(request, DockPinPage(badge, error.code, choosing), 409)
    response = RedirectResponse("/dock/tagging", 303)
    set_cookie(request, response, opened)
    return response


def tagging_page(request: Request) -> Response:
    """Show the recordings to be tagged; who came in by password has a page of their own for it."""
    if not visit_of(request).at_dock:
        return RedirectResponse("/today", 303)
    return show_today(request, "/dock/tagging", "GET /dock/tagging")


def tag(
    request: Request,
    clip: Annotated[list[str] | None, Form()] = None,
    kind: Annotated[str, Form()] = "",
    target: Annotated[str, Form()] = "",
    new_title: Annotated[list[str] | None, Form()] = None,
    none_reason: Annotated[str, Form()] = "",
    stage: Annotated[str, Form()] = "",
    proves: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    sensitivity: Annotated[str, Form()] = "",
) -> Response:
    """Tag the recordings chosen, whole; what is tagged already stays as it is."""
    station, visit = station_of(request), visit_of(request)
    clips = tuple(dict.fromkeys(each for each in clip or () if is_id(each)))
    with station.database.read() as session:
        require_clips(session, visit, list(clips))
    values = {"kind": kind, "target": target, "new_number": "", "new_title": first_given(new_title or [])}
    values |= {"none_reason": none_reason, "stage": stage, "note": note, "place": place, "sensitivity": sensitivity}
    try:
        wanted = compose_request(station, visit, clips, values, proves=proves or [], untagged_only=True)
        bind(station.custody, station.database, station.home, visit.viewer, visit.actor, wanted)
    except ProblemError as error:
        return show_today(request, "/dock/tagging", "GET /dock/tagging", error.code)
    return RedirectResponse("/dock/tagging", 303)


def not_mine(request: Request, clip: str) -> Response:
    """不是我录的: hand the clip's recording over to the clerk; a script gets a line to put in its place."""
    station, visit = station_of(request), visit_of(request)
    action, route = ("/dock/tagging", "GET /dock/tagging") if visit.at_dock else ("/bind", "GET /today")
    try:
        disclaim(station.custody, visit.viewer, visit.actor, clip)
    except ProblemError as error:
        return show_today(request, action, route, error.code)
    if is_htmx(request):
        return render(request, "disclaimed.html", None, visit=visit)
    return RedirectResponse("/dock/tagging", 303)


def preview(request: Request, clip: str) -> Response:
    """Send a recording still to be tagged, to be looked at before it is; the look is entered as any other."""
    visit = visit_of(request)
    with station_of(request).database.read() as session:
        (row,) = load_rows(session, visit.viewer, [clip])
    if row.tagged:
        raise RefusedError(f"clip:{clip}", "dock_session")
    return clip_media(request, clip)


def stay(request: Request) -> Response:
    """Note that somebody is still there: the check of the policy has prolonged the session."""
    return Response(status_code=204)


def done(request: Request) -> Response:
    """完成: end the session and return to the board; one that was opened by password goes on."""
    if not visit_of(request).at_dock:
        return RedirectResponse("/today", 303)
    log_out(station_of(request).database, visit_of(request).session.session)
    response = RedirectResponse("/dock", 303)
    drop_cookie(response)
    return response


ROUTES = (
    ("GET", "/dock/pin", pin_page),
    ("POST", "/dock/pin", badge_shown),
    ("POST", "/dock/session", open_session),
    ("GET", "/dock/tagging", tagging_page),
    ("POST", "/dock/tagging", tag),
    ("POST", "/clips/{clip}/disclaim", not_mine),
    ("GET", "/dock/tagging/{clip}/media", preview),
    ("POST", "/dock/alive", stay),
    ("POST", "/dock/done", done),
)
