"""Who asks: from the cookie to a visit, and the check of each route's policy before its code runs.

Guarantees: the cookie is HttpOnly and SameSite=Strict, Secure under https; roles are read from the catalogue at every
request, so that a right taken away is gone at once; an account that was closed has no session.
"""

import ipaddress
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from station import clock
from station.actions.login import OpenedSession
from station.actions.second_factor import is_required
from station.api import policies
from station.api.context import Station, Visit, station_of, visit_or_none
from station.api.policies import Policy, Subject, Who
from station.catalogue import checks
from station.catalogue.clips import visible_clips
from station.catalogue.exports import export_exists, export_row
from station.catalogue.people import person
from station.catalogue.views import Viewer
from station.catalogue.visibility import as_roles
from station.database import Session
from station.digest import is_id
from station.errors import DeniedError, NotFoundError, RequestError
from station.records.entries import Actor
from station.records.terms import Role
from station.state import factors, sessions

_COOKIE = "station_session"
_SECURE_COOKIE = "__Host-station_session"
# What somebody can do who has to set up a second factor first.
_WITHOUT_FACTOR = frozenset({"GET /me", "POST /me/factor", "POST /me/factor/confirm", "POST /logout"})


class NotLoggedInError(RequestError):
    """Nobody is logged in, and the route needs somebody; `ended`: there was a session."""

    def __init__(self, *, ended: bool) -> None:
        super().__init__("Nobody is logged in")
        self.ended = ended


class FactorNeededError(RequestError):
    """Somebody's role needs a second factor, and they have to set it up before anything else."""


class RefusedError(DeniedError):
    """A logged-in person was refused; `hidden`: the answer must not tell that the thing exists."""

    def __init__(self, about: str | None, reason: str, *, hidden: bool = False) -> None:
        super().__init__(f"Refused: {reason}")
        self.about = about
        self.reason = reason
        self.hidden = hidden


def is_loopback(connection: HTTPConnection) -> bool:
    """Tell whether the request comes from this very machine."""
    try:
        return ipaddress.ip_address(address_of(connection)).is_loopback
    except ValueError:
        return False


def is_kiosk(connection: HTTPConnection) -> bool:
    """Tell whether the request comes from a screen beside the slots: this very machine, or an address set as one."""
    if is_loopback(connection):
        return True
    try:
        address = ipaddress.ip_address(address_of(connection))
    except ValueError:
        return False
    return any(address in network for network in station_of(connection).home.settings.kiosk_addresses)


def address_of(connection: HTTPConnection) -> str:
    """Return the client's address as text, empty when there is none."""
    return connection.client.host if connection.client else ""


def set_cookie(request: Request, response: Response, opened: OpenedSession) -> None:
    """Give the browser the session's secret, for as long as it runs."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        _SECURE_COOKIE if secure else _COOKIE,
        opened.token,
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )


def drop_cookie(response: Response) -> None:
    """Take the session's secret away from the browser."""
    response.delete_cookie(_COOKIE, path="/", httponly=True, samesite="strict")
    response.delete_cookie(_SECURE_COOKIE, path="/", httponly=True, samesite="strict", secure=True)


def _token(connection: HTTPConnection) -> str | None:
    name = _SECURE_COOKIE if connection.url.scheme == "https" else _COOKIE
    return connection.cookies.get(name)


def find_visit(station: Station, connection: HTTPConnection) -> Visit | None:
    """Return who asks, None for nobody known or a session that ended."""
    token = _token(connection)
    if not token or len(token) > 100:
        return None
    now = clock.now()
    with station.database.read() as session:
        found = sessions.find(session, token, station.idle, now)
        who = person(session, found.person) if found else None
    if found is None or who is None or who.disabled:
        return None
    if found.strength == sessions.DOCK and not (is_kiosk(connection) and found.address == address_of(connection)):
        return None
    if found.stale:
        with station.database.write() as session:
            sessions.touch(session, found.session, now)
    viewer = Viewer(person=who.person, roles=frozenset(who.roles), unit=who.unit)
    if found.strength == sessions.DOCK:
        viewer = as_roles(viewer, frozenset({Role.OFFICER}))
    actor = Actor.model_validate(
        {"person": who.person, "via": "web", "session": found.session, "strength": found.strength}
    )
    return Visit(found, who, viewer, actor)


def enforcer(route: str) -> "Enforcer":
    """Return the check that stands before a route; raises ConfigError when the route has no policy."""
    return Enforcer(route, policies.policy_of(route))


@dataclass(frozen=True, slots=True)
class Enforcer:
    """A dependency of one route: finds out who asks and lets them through, or raises."""

    route: str
    policy: Policy

    def __call__(self, connection: HTTPConnection) -> None:
        """Note the visit for the route's code; raises NotLoggedInError, RefusedError, NotFoundError."""
        station = station_of(connection)
        if self.route.startswith("POST "):
            station.pulse.beat()
        visit = find_visit(station, connection)
        connection.state.route = self.route
        if visit is not None and visit.at_dock and not self.policy.at_dock:
            if self.policy.who not in (Who.PUBLIC, Who.KIOSK):
                connection.state.visit = visit
                raise RefusedError(about_of(self.policy, connection), "dock_session")
            visit = None  # the board and the like show nothing personal, whoever left a session open
        connection.state.visit = visit
        roles = visit.viewer.roles if visit else None
        beside = is_loopback(connection) if self.policy.who == Who.MACHINE else is_kiosk(connection)
        if not policies.allows(self.policy, roles, loopback=beside):
            if visit is None:
                raise NotLoggedInError(ended=_token(connection) is not None)
            raise RefusedError(about_of(self.policy, connection), "role")
        if visit is not None and self.policy.who in (Who.PERSON, Who.ROLES):
            self._require_factor(station, visit)
        if self.policy.subject != Subject.NONE:
            assert visit is not None  # noqa: S101  subjects are checked on routes for persons only
            with station.database.read() as session:
                check_subject(session, visit, self.policy.subject, connection.path_params)

    def _require_factor(self, station: Station, visit: Visit) -> None:
        """Raise FactorNeededError where the person must set up a second factor first; badge and PIN stand apart."""
        if visit.at_dock or self.route in _WITHOUT_FACTOR or not is_required(station.home, visit.viewer.roles):
            return
        with station.database.read() as session:
            if not factors.has_factor(session, visit.person.person):
                raise FactorNeededError("This role needs a second factor first")


def about_of(policy: Policy, connection: HTTPConnection) -> str | None:
    """Name the subject of a refusal, if what was typed as an address can be one at all."""
    if policy.subject == Subject.NONE:
        return None
    value = str(connection.path_params.get(policy.subject.value, ""))
    return f"{policy.subject.value}:{value}" if is_id(value) else None


def check_subject(session: Session, visit: Visit, subject: Subject, params: dict[str, object]) -> None:
    """Refuse what of an address the visitor may not know; raises RefusedError, NotFoundError."""
    value = str(params.get(subject.value, ""))
    if not is_id(value):
        raise NotFoundError(f"There is no such {subject}")
    _REQUIRED[subject](session, visit, value)


def _require_clip(session: Session, visit: Visit, clip: str) -> None:
    require_clips(session, visit, [clip])


def require_clips(session: Session, visit: Visit, clips: list[str]) -> None:
    """Refuse, as if they did not exist, clips the visitor may not know of; raises RefusedError, NotFoundError."""
    visible = visible_clips(session, visit.viewer, clips)
    for clip in clips:
        if clip not in visible:
            if clip in checks.clip_states(session, [clip]):
                raise RefusedError(f"clip:{clip}", "not_visible", hidden=True)
            raise NotFoundError("There is no such clip")


def _require_target(session: Session, visit: Visit, target: str) -> None:
    state = checks.target_state(session, visit.viewer, target)
    if state is None:
        raise NotFoundError("There is no such target")
    if not state.visible:
        raise RefusedError(f"{state.kind}:{target}", "not_visible", hidden=True)


def require_target(session: Session, visit: Visit, target: str) -> None:
    """Refuse, as if it did not exist, a target the visitor may not open; raises RefusedError, NotFoundError."""
    _require_target(session, visit, target)


def _require_binding(session: Session, visit: Visit, binding: str) -> None:
    state = checks.binding_state(session, binding)
    if state is None:
        raise NotFoundError("There is no such binding")
    require_clips(session, visit, [state.clip])


def _require_export(session: Session, visit: Visit, export: str) -> None:
    try:
        export_row(session, visit.viewer, export)
    except NotFoundError as error:
        if export_exists(session, export):
            raise RefusedError(f"export:{export}", "not_visible", hidden=True) from error
        raise


_REQUIRED = {
    Subject.CLIP: _require_clip,
    Subject.TARGET: _require_target,
    Subject.BINDING: _require_binding,
    Subject.EXPORT: _require_export,
}


def current_visit(connection: HTTPConnection) -> Visit | None:
    """Return who asks, also where no route was found and so no policy checked."""
    return visit_or_none(connection) or find_visit(station_of(connection), connection)
