"""Who asks under /api/v1: from the bearer token (RFC 6750) to a visit, and the check of each route's policy.

Guarantees: cookies are not looked at; the person's roles are read from the catalogue at every request, so that a right
taken away is gone at once for their programs as well; a closed account's tokens do nothing. No count of wrong tokens is
kept: a secret has 256 random bits, and looking one up costs one search of an index.
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request

from station import clock
from station.api import policies
from station.api.auth import RefusedError, about_of, address_of, check_subject
from station.api.context import Station, Visit, station_of
from station.api.policies import Policy, Subject, Who
from station.catalogue.people import person
from station.catalogue.views import Viewer
from station.errors import RequestError
from station.records.entries import Actor
from station.state import tokens
from station.state.sessions import OpenSession
from station.state.tokens import PREFIX, TokenView

_LONGEST = 100


class NoTokenError(RequestError):
    """The request carries no token, or (`given`) none that is in force."""

    def __init__(self, *, given: bool) -> None:
        super().__init__("No token in force")
        self.given = given


def token_of(request: Request) -> TokenView:
    """Return the token of a request, on a route whose policy lets only tokens through."""
    token = request.state.token
    assert isinstance(token, TokenView)  # noqa: S101  see TokenEnforcer
    return token


@dataclass(frozen=True, slots=True)
class TokenEnforcer:
    """A dependency of one route: finds out who asks and lets them through, or raises."""

    route: str
    policy: Policy

    def __call__(self, connection: HTTPConnection) -> None:
        """Note the visit for the route's code; raises NoTokenError, RefusedError, NotFoundError."""
        station = station_of(connection)
        connection.state.route = self.route
        if self.policy.who == Who.PUBLIC:
            return
        secret = _secret(connection)
        found = _find(station, connection, secret) if secret else None
        if found is None:
            raise NoTokenError(given=secret is not None)
        visit, token = found
        connection.state.visit, connection.state.token = visit, token
        if not self.route.startswith("GET "):
            station.pulse.beat()
        if not policies.allows(self.policy, visit.viewer.roles, loopback=False):
            raise RefusedError(about_of(self.policy, connection), "role")
        if self.policy.scope is not None and self.policy.scope not in token.scopes:
            raise RefusedError(about_of(self.policy, connection), "scope")
        if self.policy.subject != Subject.NONE:
            with station.database.read() as session:
                check_subject(session, visit, self.policy.subject, connection.path_params)


def _secret(connection: HTTPConnection) -> str | None:
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _find(station: Station, connection: HTTPConnection, secret: str) -> tuple[Visit, TokenView] | None:
    if not secret.startswith(PREFIX) or len(secret) > _LONGEST:
        return None
    now = clock.now()
    with station.database.read() as session:
        token = tokens.find(session, secret, now)
        who = person(session, token.person) if token else None
    if token is None or who is None or who.disabled:
        return None
    if token.stale:
        with station.database.write() as session:
            tokens.touch(session, token.token, address_of(connection), now)
    opened = OpenSession(token.token, who.person, token.created_at, "token", address_of(connection), stale=False)
    viewer = Viewer(person=who.person, roles=frozenset(who.roles), unit=who.unit)
    actor = Actor(person=who.person, via="api", session=token.token, strength="token")
    return Visit(opened, who, viewer, actor), token
