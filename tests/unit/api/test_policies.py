"""Every route × every role: who gets in is written out here once more, by hand, and the table must say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from station.api import policies
from station.api.policies import POLICIES, Policy, Who, allows, check_complete, policy_of
from station.api.routes import dock
from station.catalogue.views import Viewer
from station.digest import new_id
from station.errors import ConfigError
from station.records.terms import Role
from tests.fakes.stations import FakeStation, memory_station
from tests.unit.api.conftest import ADDRESS, FROM_OUR_PAGES

ALL = "officer clerk handler reviewer approver inspector auditor admin"
SEEING = "officer clerk handler reviewer approver inspector"
REVIEWING = "clerk handler reviewer approver inspector"
SWEEPING = "clerk reviewer approver inspector auditor"
# Route: the roles that get in; `*` everybody, `machine` this machine, `screen` the screen beside the slots and anybody
# logged in.
EXPECTED = {
    "GET /": "*",
    "GET /assets": "*",
    "GET /login": "*",
    "POST /login": "*",
    "GET /welcome/{token}": "*",
    "POST /welcome/{token}": "*",
    "GET /first": "*",
    "POST /first": "*",
    "POST /language": "*",
    "GET /dock": "screen",
    "GET /dock/slots": "screen",
    "GET /dock/events": "screen",
    "POST /dock/holder": "screen",
    "GET /dock/pin": "screen",
    "POST /dock/pin": "screen",
    "POST /dock/session": "screen",
    "GET /dock/tagging": "officer",
    "POST /dock/tagging": "officer",
    "GET /dock/tagging/{clip}/media": "officer",
    "POST /dock/alive": "officer",
    "POST /dock/done": "officer",
    "POST /logout": ALL,
    "GET /me": ALL,
    "POST /me/password": ALL,
    "POST /me/pin": ALL,
    "POST /me/factor/remove": ALL,
    "POST /me/factor/confirm": ALL,
    "POST /me/factor": ALL,
    "POST /me/sessions/{session}/end": ALL,
    "POST /me/sessions/end": ALL,
    "GET /dockings/{docking}/receipt": "officer clerk admin",
    "GET /today": "officer",
    "GET /clips": SEEING,
    "POST /searches": SEEING,
    "POST /searches/{search}/forget": SEEING,
    "GET /register.csv": "clerk inspector",
    "GET /clips/{clip}": SEEING,
    "GET /clips/{clip}/preview": SEEING,
    "GET /clips/{clip}/poster": SEEING,
    "GET /clips/{clip}/filmstrip": SEEING,
    "GET /map/{zoom}/{x}/{y}": SEEING,
    "POST /clips/{clip}/notes": "officer clerk handler",
    "POST /clips/{clip}/transcript": "officer clerk handler",
    "POST /clips/{clip}/disclaim": "officer",
    "GET /clips/{clip}/media": SEEING,
    "GET /clips/{clip}/frames": SEEING,
    "POST /clips/{clip}/frame": SEEING,
    "POST /clips/{clip}/open": "inspector",
    "POST /clips/{clip}/verify": SEEING,
    "GET /clips/{clip}/proof": SEEING,
    "GET /verify": f"{SEEING} auditor",
    "POST /verify/all": SWEEPING,
    "POST /verify/case": SEEING,
    "POST /verify/clip": SEEING,
    "POST /verify/file": SWEEPING,
    "GET /verify/checks/{check}": f"{SEEING} auditor",
    "POST /verify/checks/{check}/cancel": f"{SEEING} auditor",
    "POST /clips/{clip}/amend": "officer clerk",
    "POST /clips/{clip}/sensitivity": SEEING,
    "GET /bind": "officer clerk",
    "GET /amend": "officer clerk",
    "POST /amend": "officer clerk",
    "POST /undo/{action}": "officer clerk",
    "POST /bind": "officer clerk",
    "POST /unbind/{binding}": "officer clerk",
    "GET /targets/find": "officer clerk handler",
    "GET /cases": SEEING,
    "POST /cases": "officer clerk handler",
    "GET /cases/import": "clerk handler",
    "GET /cases/import/sample.csv": "clerk handler",
    "POST /cases/import": "clerk handler",
    "POST /cases/import/confirm": "clerk handler",
    "GET /cases/{target}": SEEING,
    "GET /reviews": REVIEWING,
    "GET /cases/{target}/submit": "handler",
    "POST /cases/{target}/submit": "handler",
    "GET /cases/{target}/submissions/{submission}": REVIEWING,
    "GET /cases/{target}/documents": REVIEWING,
    "GET /cases/{target}/documents/{document}": REVIEWING,
    "POST /cases/{target}/submissions/{submission}/verify": REVIEWING,
    "POST /cases/{target}/submissions/{submission}/opinion": "reviewer",
    "GET /cases/{target}/change/{clip}": "clerk",
    "POST /cases/{target}/change/{clip}": "clerk",
    "POST /cases/{target}/resolve": "clerk handler",
    "POST /cases/{target}/exports": "handler",
    "GET /exports": "handler approver clerk inspector",
    "GET /exports/{export}": "handler approver clerk inspector",
    "POST /exports/{export}/approve": "approver",
    "POST /exports/{export}/refuse": "approver",
    "POST /exports/{export}/produce": "clerk",
    "GET /exports/{export}/package": "clerk",
    "GET /uploads": "clerk",
    "GET /uploads/rows": "clerk",
    "OPTIONS /uploads": "clerk",
    "POST /uploads": "clerk",
    "HEAD /uploads/{upload}": "clerk",
    "PATCH /uploads/{upload}": "clerk",
    "DELETE /uploads/{upload}": "clerk",
    "GET /disposal": "clerk approver",
    "POST /disposal": "clerk",
    "GET /disposal/{disposal}": "clerk approver",
    "POST /disposal/{disposal}/decide": "approver",
    "POST /holds": "clerk handler reviewer approver inspector",
    "POST /holds/{hold}/lift": "approver",
    "GET /ledger": "auditor",
    "GET /api/v1/openapi.json": "*",
    "GET /api/v1/token": ALL,
    "GET /api/v1/log/checkpoint": ALL,
    "GET /api/v1/cases": SEEING,
    "GET /api/v1/cases/{target}": SEEING,
    "POST /api/v1/cases": "officer clerk handler",
    "POST /api/v1/cases/{target}/resolution": "clerk handler",
    "POST /api/v1/cases/numbers": "clerk handler",
    "POST /api/v1/bindings": "officer clerk",
    "GET /api/v1/clips": SEEING,
    "GET /api/v1/clips/{clip}": SEEING,
    "GET /api/v1/clips/{clip}/original": SEEING,
    "GET /api/v1/clips/{clip}/playable": SEEING,
    "POST /api/v1/clips/{clip}/verification": SEEING,
    "POST /api/v1/clips/{clip}/amendments": "officer clerk",
    "GET /api/v1/hooks": SEEING,
    "POST /api/v1/hooks": SEEING,
    "POST /api/v1/hooks/{hook}/removal": SEEING,
    "GET /people": "admin",
    "POST /people": "admin",
    "POST /people/{person}/roles": "admin",
    "POST /people/{person}/link": "admin",
    "POST /people/{person}/pin": "admin",
    "POST /people/{person}/card": "admin",
    "POST /people/{person}/disabled": "admin",
    "GET /recorders": "clerk admin",
    "POST /recorders/{recorder}/issue": "clerk admin",
    "POST /recorders/return/{holding}": "clerk admin",
    "POST /recorders/enrol/{quarantine}": "admin",
    "POST /recorders/{recorder}/withdraw": "admin",
    "GET /people/import": "admin",
    "GET /people/import/sample.csv": "admin",
    "POST /people/import": "admin",
    "POST /people/import/confirm": "admin",
    "GET /recorders/import": "admin",
    "GET /recorders/import/sample.csv": "admin",
    "POST /recorders/import": "admin",
    "POST /recorders/import/confirm": "admin",
    "GET /alarms": "clerk admin",
    "POST /alarms/{alarm}": "clerk admin",
    "GET /health": "admin",
    "GET /station": "admin",
    "GET /station/slots": "admin",
    "GET /station/profiles": "admin",
    "GET /station/backup": "admin",
    "POST /station/backup": "admin",
    "POST /station/backup/drill": "admin",
    "GET /station/sessions": "admin",
    "POST /station/sessions/end": "admin",
    "POST /station/sessions/{session}/end": "admin",
    "GET /station/tokens": "admin",
    "POST /station/tokens": "admin",
    "POST /station/tokens/{token}/revoke": "admin",
    "GET /metrics": "machine",
    "GET /api/v1/metrics": "admin",
}
# Its stream never ends by itself; its policy is the one of the board.
STREAMS = {"GET /dock/events"}
# Programs bring a token, sessions do not count there: see v1/test_matrix.py.
PAGES = [route for route in EXPECTED if " /api/" not in route]
Matrix = tuple[FakeStation, TestClient, dict[str, str], dict[str, Viewer]]
ACTORS = ("anonymous", "nobody", *(role.value for role in Role))


def gets_in(route: str, actor: str, *, screen: bool = False) -> bool:
    """Read the table above: `anonymous` has no session, `nobody` has one without any role."""
    allowed = EXPECTED[route]
    if allowed == "*":
        return True
    if allowed == "machine":
        return screen
    if allowed == "screen":
        return screen or actor != "anonymous"
    return actor in allowed.split() or (actor == "nobody" and allowed == ALL)


def test_every_route_is_in_the_table_written_by_hand() -> None:
    assert set(POLICIES) == set(EXPECTED)


@pytest.mark.parametrize("actor", ACTORS)
def test_the_table_of_policies_lets_in_who_should_get_in(actor: str) -> None:
    roles = None if actor == "anonymous" else frozenset({actor} - {"nobody"})
    for screen in (False, True):
        said = {route: allows(policy, roles, loopback=screen) for route, policy in POLICIES.items()}
        assert said == {route: gets_in(route, actor, screen=screen) for route in EXPECTED}


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    """Yield a station, an open application, and a session's secret for each kind of visitor."""
    with memory_station() as station:
        yield from browse_as_everybody(station)


def browse_as_everybody(station: FakeStation) -> Iterator[Matrix]:
    """Yield what the matrix needs of a station."""
    tokens, viewers = {}, {}
    for actor in ACTORS[1:]:
        viewer = station.person(actor, *([Role(actor)] if actor != "nobody" else []))
        tokens[actor], viewers[actor] = station.session(viewer)[0], viewer
    app = station.create_app()
    with TestClient(
        app,
        base_url=ADDRESS,
        headers=FROM_OUR_PAGES,
        follow_redirects=False,
        client=("192.0.2.7", 50000),
        raise_server_exceptions=False,
    ) as client:
        yield station, client, tokens, viewers


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("route", [route for route in PAGES if route not in STREAMS])
def test_a_request_gets_as_far_as_its_policy_says(matrix: Matrix, route: str, actor: str) -> None:
    station, client, tokens, viewers = matrix
    method, path = route.split()
    address = re.sub(r"\{\w+\}", lambda _: new_id(), path)
    client.cookies.clear()
    if actor != "anonymous":
        client.cookies.set("station_session", tokens[actor])
    if route == "POST /logout" and actor != "anonymous":
        client.cookies.set("station_session", station.session(viewers[actor])[0])
    answer = client.request(method, address)
    assert answer.status_code < 500
    if gets_in(route, actor):
        assert answer.status_code != 403
        assert not answer.headers.get("location", "").startswith("/login?")
    elif actor == "anonymous":
        assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login")
    else:
        assert answer.status_code == 403


def test_a_route_without_policy_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = FakeStation(tmp_path / "home")
    monkeypatch.delitem(POLICIES, "GET /clips")
    with pytest.raises(ConfigError, match="GET /clips"):
        station.create_app()


def test_a_policy_without_route_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = FakeStation(tmp_path / "home")
    monkeypatch.setitem(POLICIES, "GET /export", Policy(Who.PERSON))
    with pytest.raises(ConfigError, match="GET /export"):
        station.create_app()


def test_a_route_added_past_the_table_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = FakeStation(tmp_path / "home")
    routes = (*dock.ROUTES, ("GET", "/backdoor", lambda: None))
    monkeypatch.setattr(dock, "ROUTES", routes)
    with pytest.raises(ConfigError, match="GET /backdoor"):
        station.create_app()


def test_nothing_is_served_but_the_table(tmp_path: Path) -> None:
    station = FakeStation(tmp_path / "home")
    app = station.create_app()
    served = set()
    for route in app.routes:
        for below in getattr(route.app, "routes", [None]) if route.path == "/api/v1" else [None]:
            path = route.path + (below.path if below else "")
            for method in getattr(below or route, "methods", None) or {"GET"}:
                served.add(f"{method} {path}")
    assert served - {"HEAD /assets"} == set(policies.POLICIES)


def test_a_policy_is_looked_up_by_method_and_path() -> None:
    check_complete(POLICIES)
    with pytest.raises(ConfigError):
        policy_of("DELETE /clips")


@pytest.mark.parametrize(
    "path",
    ["/docs", "/openapi.json", "/redoc", "/clips/", "/api/v1/docs", "/api/v1/clips/", "/assets/../pyproject.toml"],
)
def test_there_is_nothing_beside_the_table(matrix: Matrix, path: str) -> None:
    _, client, tokens, _ = matrix
    client.cookies.set("station_session", tokens["admin"])
    assert client.get(path).status_code == 404
