"""People and recorders: what admins keep, and clerks where it is the register of holders."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import dock_entry, holders, people, recorders
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.forms import utc_time
from station.api.pages import PeoplePage, RecordersPage
from station.api.render import render
from station.api.second import SecondPerson
from station.catalogue.people import list_people, person
from station.catalogue.recorders import list_quarantine
from station.records.terms import Role

_KINDS = ("officer", "auxiliary", "staff")
_ROLES = tuple(role.value for role in Role)


def people_page(request: Request) -> Response:
    """Show everybody and their roles."""
    return _people(request)


def _people(
    request: Request,
    problem: str | None = None,
    values: dict[str, str] | None = None,
    token: str | None = None,
    issued_for: str = "",
    pin: str | None = None,
) -> Response:
    station, visit = station_of(request), visit_of(request)
    needed = people.second_needed(station.database, visit.person.person)
    with station.database.read() as session:
        everybody = list_people(session)
        named = person(session, issued_for) if issued_for else None
    page = PeoplePage(
        people=everybody,
        roles=_ROLES,
        kinds=_KINDS,
        second_needed=needed,
        issued_link=f"{request.url.scheme}://{request.url.netloc}/welcome/{token}" if token else None,
        issued_for=named.name if named else None,
        issued_pin=pin,
        problem=problem,
        values=values or {},
    )
    return render(request, "people.html", page, visit=visit, status=200 if problem is None else 409)


def _chosen_roles(roles: list[str] | None) -> list[Role]:
    try:
        return [Role(role) for role in roles or ()]
    except ValueError as error:
        raise ProblemError("invalid", "There is no such role") from error


def add_person(
    request: Request,
    second: SecondPerson,
    name: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    certificate_number: Annotated[str, Form()] = "",
    police_number: Annotated[str, Form()] = "",
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Add a person and show, once, the link they get in by."""
    station, visit = station_of(request), visit_of(request)
    values = {"name": name, "login": login, "kind": kind, "unit": unit}
    values |= {"certificate_number": certificate_number, "police_number": police_number}
    try:
        description = people.Description(kind, name, login, unit, certificate_number, police_number)
        added, token = people.add_person(
            station.custody, station.database, visit.actor, description, _chosen_roles(roles), second
        )
    except ProblemError as error:
        kept = {key: value[:100] for key, value in values.items()}
        return _people(request, error.code, kept | {"roles": " ".join(roles or ())})
    return _people(request, token=token, issued_for=added)


def set_roles(
    request: Request,
    person: str,
    second: SecondPerson,
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Set the complete set of a person's roles."""
    station, visit = station_of(request), visit_of(request)
    try:
        people.set_roles(station.custody, station.database, visit.actor, person, _chosen_roles(roles), second)
    except ProblemError as error:
        return _people(request, error.code, {"person": person, "roles": " ".join(roles or ())})
    return RedirectResponse("/people", 303)


def issue_link(
    request: Request,
    person: str,
    second: SecondPerson,
) -> Response:
    """Make a new single-use link for a person and show it once."""
    station, visit = station_of(request), visit_of(request)
    try:
        token = people.issue_link(station.custody, station.database, visit.actor, person, second)
    except ProblemError as error:
        return _people(request, error.code, {"person": person})
    return _people(request, token=token, issued_for=person)


def issue_pin(request: Request, person: str) -> Response:
    """Make a start PIN for the dock and show it once."""
    station, visit = station_of(request), visit_of(request)
    try:
        pin = dock_entry.issue_start_pin(station.custody, visit.actor, person)
    except ProblemError as error:
        return _people(request, error.code, {"person": person})
    return _people(request, issued_for=person, pin=pin)


def give_card(request: Request, person: str, card: Annotated[str, Form()] = "") -> Response:
    """Let a card stand for a person at the dock, or take it away."""
    station, visit = station_of(request), visit_of(request)
    try:
        dock_entry.give_card(station.custody, visit.actor, person, card[:200])
    except ProblemError as error:
        return _people(request, error.code, {"person": person})
    return RedirectResponse("/people", 303)


def set_disabled(
    request: Request,
    person: str,
    second: SecondPerson,
    disabled: Annotated[str, Form()] = "",
) -> Response:
    """Close a person's account or open it again."""
    station, visit = station_of(request), visit_of(request)
    try:
        people.set_disabled(station.custody, station.database, visit.actor, person, bool(disabled), second)
    except ProblemError as error:
        return _people(request, error.code, {"person": person})
    return RedirectResponse("/people", 303)


def recorders_page(request: Request) -> Response:
    """Show the recorders and who holds them."""
    return _recorders(request, None)


def _recorders(request: Request, problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        page = RecordersPage(
            station.all_recorders(session), station.officers(session, None), problem, list_quarantine(session)
        )
    return render(request, "recorders.html", page, visit=visit, status=200 if problem is None else 409)


def issue_recorder(
    request: Request, recorder: str, person: Annotated[str, Form()] = "", since: Annotated[str, Form()] = ""
) -> Response:
    """领用: enter that a person holds a recorder."""
    station, visit = station_of(request), visit_of(request)
    try:
        moment = utc_time(since, station.home.zone)
        holders.issue_recorder(station.custody, visit.actor, recorder, person, moment)
    except ProblemError as error:
        return _recorders(request, error.code)
    return RedirectResponse("/recorders", 303)


def return_recorder(request: Request, holding: str, until: Annotated[str, Form()] = "") -> Response:
    """归还: enter that a recorder came back."""
    station, visit = station_of(request), visit_of(request)
    try:
        holders.return_recorder(station.custody, visit.actor, holding, utc_time(until, station.home.zone))
    except ProblemError as error:
        return _recorders(request, error.code)
    return RedirectResponse("/recorders", 303)


def enrol_recorder(request: Request, quarantine: str) -> Response:
    """Have the dock read what it turned away."""
    station, visit = station_of(request), visit_of(request)
    try:
        recorders.enrol_quarantined(station.custody, visit.actor, quarantine)
    except ProblemError as error:
        return _recorders(request, error.code)
    return RedirectResponse("/recorders", 303)


def withdraw_recorder(request: Request, recorder: str) -> Response:
    """Have the dock read a recorder no longer."""
    station, visit = station_of(request), visit_of(request)
    try:
        recorders.withdraw(station.custody, visit.actor, recorder)
    except ProblemError as error:
        return _recorders(request, error.code)
    return RedirectResponse("/recorders", 303)


ROUTES = (
    ("GET", "/people", people_page),
    ("POST", "/people", add_person),
    ("POST", "/people/{person}/roles", set_roles),
    ("POST", "/people/{person}/link", issue_link),
    ("POST", "/people/{person}/pin", issue_pin),
    ("POST", "/people/{person}/card", give_card),
    ("POST", "/people/{person}/disabled", set_disabled),
    ("GET", "/recorders", recorders_page),
    ("POST", "/recorders/{recorder}/issue", issue_recorder),
    ("POST", "/recorders/return/{holding}", return_recorder),
    ("POST", "/recorders/enrol/{quarantine}", enrol_recorder),
    ("POST", "/recorders/{recorder}/withdraw", withdraw_recorder),
)
