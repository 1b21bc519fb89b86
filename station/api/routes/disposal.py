"""到期销毁 and 保全: what is due, proposals, decisions, the list to print; no footage is shown here."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import disposal as actions
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.disposal_pages import DisposalListPage, DisposalPage, blocked_counts
from station.api.policies import allows, policy_of
from station.api.render import render
from station.api.routes.cases import show_case
from station.api.routes.clips import show_clip
from station.catalogue import checks, retaining
from station.catalogue.clips import can_see
from station.errors import NotFoundError

_SHOWN = 200  # as many as one disposal takes


def disposal_page(request: Request) -> Response:
    """Show what is due, what is proposed, what was decided, and what is held back."""
    return _page(request, None)


def _page(request: Request, problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    unit = visit.viewer.unit
    with station.database.read() as session:
        due = actions.due_clips(session, station.home, unit)
        found = [each for each in retaining.disposals(session) if each.units <= {unit}]
        holds = retaining.list_holds(session, unit)
    free = [each for each in due if each.blocked is None]
    page = DisposalPage(
        due=tuple(free[:_SHOWN]),
        more=max(0, len(free) - _SHOWN),
        blocked=blocked_counts(due),
        proposed=tuple(each for each in found if each.status == "proposed"),
        decided=tuple(each for each in found if each.status != "proposed"),
        holds=holds,
        rules=actions.rules_of(station.home),
        person=visit.viewer.person,
        problem=problem,
    )
    return render(request, "disposal.html", page, visit=visit, status=200 if problem is None else 409)


def list_page(request: Request, disposal: str) -> Response:
    """Show one disposal as the list that is printed and signed (销毁清单)."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = actions.find_disposal(session, visit.viewer, disposal)
    sources = {rule.id: rule.source for rule in actions.rules_of(station.home)}
    return render(request, "disposal_list.html", DisposalListPage(found, sources), visit=visit)


def propose(
    request: Request,
    clip: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Propose that the chosen clips be destroyed."""
    station, visit = station_of(request), visit_of(request)
    try:
        actions.propose(station.custody, station.home, visit.viewer, visit.actor, clip or (), reason)
    except ProblemError as error:
        return _page(request, error.code)
    return RedirectResponse("/disposal", 303)


def decide(
    request: Request,
    disposal: str,
    answer: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Agree or refuse; what was agreed to is then done by the station's own process."""
    station, visit = station_of(request), visit_of(request)
    try:
        if answer not in ("approve", "refuse"):
            raise ProblemError("invalid", "An answer is approve or refuse")
        actions.decide(
            station.custody,
            station.home,
            visit.viewer,
            visit.actor,
            disposal,
            approve=answer == "approve",
            reason=reason,
        )
    except ProblemError as error:
        return _page(request, error.code)
    return RedirectResponse("/disposal", 303)


def hold(
    request: Request,
    about: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """保全: keep a clip or what a case holds from being destroyed. `back` is `disposal` for that page's form."""
    station, visit = station_of(request), visit_of(request)
    try:
        actions.hold(station.custody, visit.viewer, visit.actor, about, reason)
    except ProblemError as error:
        return _back(request, "" if back else about, error.code)
    return _back(request, "" if back else about)


def lift(
    request: Request, hold: str, reason: Annotated[str, Form()] = "", back: Annotated[str, Form()] = ""
) -> Response:
    """解除保全; `back` as for `hold`."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        about = retaining.hold_about(session, hold) or ""
    try:
        actions.lift(station.custody, visit.viewer, visit.actor, hold, reason)
    except ProblemError as error:
        return _back(request, "" if back else about, error.code)
    return _back(request, "" if back else about)


def _back(request: Request, about: str, problem: str | None = None) -> Response:
    """Return to the page of what a hold is about, if the visitor may see it, else to the page of disposals."""
    station, visit = station_of(request), visit_of(request)
    kind, _, own = about.partition(":")
    with station.database.read() as session:
        clip = kind == "clip" and can_see(session, visit.viewer, own)
        found = checks.target_state(session, visit.viewer, own) if about and not clip else None
    if clip:
        return show_clip(request, own, problem) if problem else RedirectResponse(f"/clips/{own}", 303)
    if found is not None and found.visible:
        return show_case(request, own, problem) if problem else RedirectResponse(f"/cases/{own}", 303)
    if not allows(policy_of("GET /disposal"), visit.viewer.roles, loopback=False):
        raise NotFoundError(f"There is no {about}")
    return _page(request, problem) if problem else RedirectResponse("/disposal", 303)


ROUTES = (
    ("GET", "/disposal", disposal_page),
    ("POST", "/disposal", propose),
    ("GET", "/disposal/{disposal}", list_page),
    ("POST", "/disposal/{disposal}/decide", decide),
    ("POST", "/holds", hold),
    ("POST", "/holds/{hold}/lift", lift),
)
