"""Logging in and out, single-use links, language, one's own account."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Form
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station import i18n
from station.actions import dock_entry, open_sessions, second_factor
from station.actions import login as ways
from station.actions.problems import ProblemError
from station.actions.receipt import qr_svg
from station.api.auth import address_of, drop_cookie, set_cookie
from station.api.context import Station, Visit, station_of, visit_of, visit_or_none
from station.api.errors import SlowDownError
from station.api.forms import local_page
from station.api.pages import FactorView, LoginPage, MePage, WelcomePage
from station.api.render import LOCALE_COOKIE, render
from station.catalogue.people import person
from station.records.terms import Role
from station.state import factors

# Where a person starts, by the first of these roles they hold.
_HOMES = (
    (Role.OFFICER, "/today"),
    (Role.CLERK, "/clips"),
    (Role.HANDLER, "/cases"),
    (Role.REVIEWER, "/cases"),
    (Role.APPROVER, "/cases"),
    (Role.INSPECTOR, "/clips"),
    (Role.AUDITOR, "/ledger"),
    (Role.ADMIN, "/people"),
)
_ISSUER = "Evidence station"
_YEAR_SECONDS = 365 * 24 * 3600


def start(request: Request) -> Response:
    """Lead a person to where their work begins, and whoever comes to a station without an admin to its first run."""
    visit = visit_or_none(request)
    if visit is None:
        claimed = ways.admin_exists(station_of(request).database)
        return RedirectResponse("/login" if claimed else "/first", 303)
    return RedirectResponse(next((home for role, home in _HOMES if role in visit.viewer.roles), "/me"), 303)


def login_page(request: Request, next: str = "", ended: str = "") -> Response:
    """Show the log-in form."""
    station = station_of(request)
    page = LoginPage(
        next=local_page(next, ""),
        problem="session_ended" if ended else None,
        first=not ways.admin_exists(station.database),
    )
    return render(request, "login.html", page, visit=visit_or_none(request))


def log_in(
    request: Request,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
) -> Response:
    """Open a session by password, and a one-time code where the person has a second factor."""
    station, address = station_of(request), address_of(request)
    problem, status = "login_slow_down", 429
    if station.limits.try_password(login[:100], address):
        try:
            opened = ways.log_in(station.custody, station.database, login, password, address, code[:40])
        except ProblemError as error:
            problem, status = error.code, 401
        else:
            response = RedirectResponse(local_page(next), 303)
            set_cookie(request, response, opened)
            return response
    page = LoginPage(login=login[:100], next=local_page(next, ""), problem=problem)
    return render(request, "login.html", page, status=status)


def log_out(request: Request) -> Response:
    """End the session, here and in the browser."""
    ways.log_out(station_of(request).database, visit_of(request).session.session)
    response = RedirectResponse("/login", 303)
    drop_cookie(response)
    return response


def welcome_page(request: Request, token: str) -> Response:
    """Show the form in which a single-use link's person chooses a password."""
    return _welcome(request, token, None)


def welcome(
    request: Request, token: str, password: Annotated[str, Form()] = "", again: Annotated[str, Form()] = ""
) -> Response:
    """Use the link up: set the password and open a session."""
    station, address = station_of(request), address_of(request)
    if not station.limits.try_secret(address):
        raise SlowDownError("Too many links were tried")
    if password != again:
        return _welcome(request, token, "password_differs")
    try:
        opened = ways.enter_by_link(station.custody, station.database, token, password, address)
    except ProblemError as error:
        return _welcome(request, token, error.code)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, opened)
    return response


def _welcome(request: Request, token: str, problem: str | None) -> Response:
    station = station_of(request)
    found = ways.link_person(station.database, token)
    with station.database.read() as session:
        who = person(session, found) if found else None
    if who is None:
        problem = "link_invalid"
    return render(request, "welcome.html", WelcomePage(who, problem), status=200 if problem is None else 409)


def choose_language(
    request: Request,
    locale: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """Remember the reader's language in their browser."""
    response = RedirectResponse(local_page(next), 303)
    if locale in i18n.LOCALES:
        secure = request.url.scheme == "https"
        response.set_cookie(
            LOCALE_COOKIE, locale, max_age=_YEAR_SECONDS, httponly=True, samesite="strict", secure=secure
        )
    return response


def me_page(request: Request) -> Response:
    """Show one's own account."""
    return _me(request, None, None)


def change_password(
    request: Request,
    present: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Change one's own password."""

    def change(station: Station, visit: Visit) -> None:
        if password != again:
            raise ProblemError("password_differs", "The two passwords differ")
        ways.change_password(station.custody, station.database, visit.actor, visit.person.person, present, password)

    return _change_own(request, change, "password_changed")


def set_pin(
    request: Request,
    present: Annotated[str, Form()] = "",
    pin: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Choose one's own PIN for the dock."""

    def change(station: Station, visit: Visit) -> None:
        if pin != again:
            raise ProblemError("pin_differs", "The two PINs differ")
        dock_entry.set_pin(station.custody, station.database, visit.actor, visit.person.person, present, pin)

    return _change_own(request, change, "pin_set")


def _change_own(
    request: Request, change: Callable[[Station, Visit], None], done: str, codes: Sequence[str] = ()
) -> Response:
    """Change one's own way in by the present password, counted as a try of it."""
    station, visit = station_of(request), visit_of(request)
    if not station.limits.try_password(visit.person.login, address_of(request)):
        return _me(request, "login_slow_down", None, 429)
    try:
        change(station, visit)
    except ProblemError as error:
        return _me(request, error.code, None, 409)
    return _me(request, None, done, codes=codes)


def begin_factor(request: Request, present: Annotated[str, Form()] = "") -> Response:
    """Make the secret of a second factor, shown until its first code."""

    def change(station: Station, visit: Visit) -> None:
        second_factor.begin(station.database, visit.person.person, present)

    return _change_own(request, change, "factor_begun")


def confirm_factor(request: Request, code: Annotated[str, Form()] = "") -> Response:
    """Let a second factor count by its first code, and show the recovery codes once."""
    codes: list[str] = []

    def change(station: Station, visit: Visit) -> None:
        codes.extend(second_factor.confirm(station.custody, visit.actor, visit.person.person, code[:40]))

    return _change_own(request, change, "factor_set", codes)


def remove_factor(request: Request, present: Annotated[str, Form()] = "") -> Response:
    """Take one's second factor away."""

    def change(station: Station, visit: Visit) -> None:
        second_factor.remove(station.custody, station.database, visit.actor, visit.person.person, present)

    return _change_own(request, change, "factor_removed")


def _me(
    request: Request, problem: str | None, done: str | None, status: int = 200, codes: Sequence[str] = ()
) -> Response:
    station, visit = station_of(request), visit_of(request)
    mine = open_sessions.open_sessions(station.database, station.idle, visit.person.person)
    page = MePage(
        person=visit.person,
        since=visit.session.created_at,
        strength=visit.session.strength,
        session=visit.session.session,
        sessions=mine,
        factor=_factor(station, visit, codes),
        problem=problem,
        done=done,
    )
    return render(request, "me.html", page, visit=visit, status=status)


def _factor(station: Station, visit: Visit, codes: Sequence[str]) -> FactorView:
    who = visit.person
    with station.database.read() as session:
        there, secret = factors.has_factor(session, who.person), factors.begun(session, who.person)
    uri = factors.provisioning_uri(secret, who.login, station.home.settings.unit or _ISSUER) if secret else ""
    qr = Markup(qr_svg(uri)) if uri else None  # noqa: S704  our own SVG, the text in it is squares
    return FactorView(
        there=there,
        required=second_factor.is_required(station.home, who.roles),
        secret=secret or "",
        qr=qr,
        codes=tuple(codes),
    )


def end_session(request: Request, session: str) -> Response:
    """End one of one's own sessions."""
    station, visit = station_of(request), visit_of(request)
    open_sessions.end_session(station.database, station.idle, session, person=visit.person.person)
    return RedirectResponse("/me", 303)


def end_other_sessions(request: Request) -> Response:
    """End all of one's own sessions but this one."""
    station, visit = station_of(request), visit_of(request)
    open_sessions.end_all(station.database, visit.person.person, but=visit.session.session)
    return RedirectResponse("/me", 303)


ROUTES = (
    ("GET", "/", start),
    ("GET", "/login", login_page),
    ("POST", "/login", log_in),
    ("POST", "/logout", log_out),
    ("GET", "/welcome/{token}", welcome_page),
    ("POST", "/welcome/{token}", welcome),
    ("POST", "/language", choose_language),
    ("GET", "/me", me_page),
    ("POST", "/me/password", change_password),
    ("POST", "/me/pin", set_pin),
    ("POST", "/me/factor", begin_factor),
    ("POST", "/me/factor/confirm", confirm_factor),
    ("POST", "/me/factor/remove", remove_factor),
    ("POST", "/me/sessions/end", end_other_sessions),
    ("POST", "/me/sessions/{session}/end", end_session),
)
