"""Who and what is in: open sessions and programs' tokens, for the administrator."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station import clock
from station.actions import open_sessions, people
from station.actions import tokens as actions
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.render import render
from station.api.second import SecondPerson
from station.api.station_pages import SessionsPage, TokensPage
from station.catalogue.people import list_people
from station.state import tokens
from station.state.tokens import Scope

_SCOPES = tuple(scope.value for scope in Scope)


def sessions_page(request: Request) -> Response:
    """Show everybody who is logged in."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        names = {each.person: each.name for each in list_people(session)}
    rows = open_sessions.open_sessions(station.database, station.idle)
    return render(request, "station_sessions.html", SessionsPage(rows, names, visit.session.session), visit=visit)


def end_session(request: Request, session: str) -> Response:
    """End somebody's session."""
    station = station_of(request)
    open_sessions.end_session(station.database, station.idle, session)
    return RedirectResponse("/station/sessions", 303)


def end_sessions(request: Request, person: Annotated[str, Form()] = "") -> Response:
    """End all sessions of a person but the one that asks."""
    station, visit = station_of(request), visit_of(request)
    open_sessions.end_all(station.database, person, but=visit.session.session)
    return RedirectResponse("/station/sessions", 303)


def tokens_page(request: Request) -> Response:
    """Show the tokens of programs."""
    return _tokens(request)


def _tokens(
    request: Request,
    problem: str | None = None,
    values: dict[str, str] | None = None,
    secret: str = "",
    issued: str = "",
) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        made, everybody = tokens.list_all(session), list_people(session)
    page = TokensPage(
        tokens=made,
        people=everybody,
        scopes=_SCOPES,
        days_most=actions.DAYS_MOST,
        second_needed=people.second_needed(station.database, visit.person.person),
        now=clock.timestamp(),
        secret=secret,
        issued=issued,
        problem=problem,
        values=values or {},
    )
    return render(request, "station_tokens.html", page, visit=visit, status=200 if problem is None else 409)


def issue_token(
    request: Request,
    second: SecondPerson,
    name: Annotated[str, Form()] = "",
    person: Annotated[str, Form()] = "",
    days: Annotated[str, Form()] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a token and show its secret once."""
    station, visit = station_of(request), visit_of(request)
    wanted = actions.Wanted(name, person, tuple(scopes or ()), int(days) if days.isdecimal() and len(days) < 5 else 0)
    try:
        token, secret = actions.issue_token(station.custody, station.database, visit.actor, wanted, second)
    except ProblemError as error:
        kept = {"name": name[: actions.NAME_CHARACTERS], "person": person, "days": days[:4]}
        return _tokens(request, error.code, kept | {"scopes": " ".join(scopes or ())})
    return _tokens(request, secret=secret, issued=token.name)


def revoke_token(request: Request, token: str) -> Response:
    """End a token at once."""
    station, visit = station_of(request), visit_of(request)
    actions.revoke_token(station.custody, visit.actor, token)
    return RedirectResponse("/station/tokens", 303)


ROUTES = (
    ("GET", "/station/sessions", sessions_page),
    ("POST", "/station/sessions/end", end_sessions),
    ("POST", "/station/sessions/{session}/end", end_session),
    ("GET", "/station/tokens", tokens_page),
    ("POST", "/station/tokens", issue_token),
    ("POST", "/station/tokens/{token}/revoke", revoke_token),
)
