"""Role × route × foreign id under /api/v1: nobody gets a 2xx that is not theirs, and every route keeps to its scope."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from station.actions import targets
from station.actions.hooks import NewHook, add_hook
from station.actions.targets import NewTarget
from station.api.policies import POLICIES
from station.catalogue.views import Viewer
from station.digest import new_id
from station.records.terms import Role, TargetKind
from tests.fakes.stations import CONSOLE, FakeStation, memory_station
from tests.unit.api.test_policies import ACTORS, EXPECTED
from tests.unit.api.v1.conftest import client_of, make_token

ROUTES = [route for route in EXPECTED if " /api/" in route and route != "GET /api/v1/openapi.json"]
# What each route needs beside its address, so that only the right to use it decides.
BODIES: dict[str, dict[str, object]] = {
    "POST /api/v1/cases": {"kind": "matter", "title": "x"},
    "POST /api/v1/cases/{target}/resolution": {"outcome": "dropped"},
    "POST /api/v1/cases/numbers": {"lines": [{"matter": "x", "case_number": "x"}]},
    "POST /api/v1/bindings": {"clips": ["{clip}"], "kind": "none", "none_reason": "patrol"},
    "POST /api/v1/clips/{clip}/amendments": {"field": "place", "place": "x"},
    "POST /api/v1/hooks": {"name": "x", "url": "https://cases.example/x", "events": ["clip.sealed"]},
    "POST /api/v1/hooks/{hook}/removal": {},
}
ABOUT_A_THING = [route for route in ROUTES if "{" in route or route == "POST /api/v1/bindings"]


class Surroundings:
    """A station, an application, and for each actor a token with all scopes and one with those of other routes."""

    def __init__(self, station: FakeStation) -> None:
        self.station = station
        self.viewers: dict[str, Viewer] = {}
        self.secrets: dict[str, str] = {}
        for actor in ACTORS[1:]:
            viewer = station.person(actor, *([Role(actor)] if actor != "nobody" else []))
            self.viewers[actor] = viewer
            self.secrets[actor] = make_token(station, viewer)
        self.clerk = station.person("opener", Role.CLERK)
        _, self.opener = station.session(self.clerk)
        self.client = client_of(station.create_app(), None)
        station.take_in_recorder(unit="another unit")
        self.foreign = {"clip": station.clip(), "target": self._foreign_matter(), "hook": self._foreign_hook()}

    def _foreign_matter(self) -> str:
        clerk = self.station.person("elsewhere", Role.CLERK, unit="another unit")
        wanted = NewTarget(TargetKind.MATTER, title="not yours")
        _, actor = self.station.session(clerk)
        return targets.open_target(self.station.custody, self.station.home, clerk, actor, wanted)

    def _foreign_hook(self) -> str:
        viewer = self.station.person("hooked", Role.CLERK, unit="another unit")
        wanted = NewHook("theirs", "https://cases.example/theirs", ("clip.sealed",), viewer.person)
        return add_hook(self.station.custody, self.station.home, CONSOLE, wanted).hook

    def ask(self, route: str, secret: str | None, ids: dict[str, str]) -> int:
        """Send a well-formed request and return the answer's status."""
        method, path = route.split()
        address = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)
        headers = {"idempotency-key": new_id()} | ({"authorization": f"Bearer {secret}"} if secret else {})
        body = BODIES.get(route)
        if body is not None and "clips" in body:
            body = body | {"clips": [ids["clip"]]}
        status = self.client.request(method, address, headers=headers, json=body).status_code
        assert status < 500 or status == 503, route  # 503: there is no signer in this test
        return status


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    with memory_station(hook_hosts=["cases.example"]) as station:
        yield Surroundings(station)


def new_ids() -> dict[str, str]:
    return {"clip": new_id(), "target": new_id(), "hook": new_id()}


@pytest.mark.parametrize("actor", ACTORS)
def test_a_program_gets_as_far_as_its_person(surroundings: Surroundings, actor: str) -> None:
    secret = surroundings.secrets.get(actor)
    for route in ROUTES:
        allowed = actor in EXPECTED[route].split() or (actor == "nobody" and "auditor" in EXPECTED[route].split())
        status = surroundings.ask(route, secret, new_ids())
        if actor == "anonymous":
            assert status == 401, route
        else:
            assert (status != 403) == allowed, (route, status)


@pytest.mark.parametrize("actor", [actor for actor in ACTORS[1:] if actor != "inspector"])
def test_what_is_foreign_does_not_exist_for_a_program(surroundings: Surroundings, actor: str) -> None:
    for route in ABOUT_A_THING:
        status = surroundings.ask(route, surroundings.secrets[actor], surroundings.foreign)
        assert status in (403, 404), route


def test_an_inspector_reads_foreign_things_and_changes_none(surroundings: Surroundings) -> None:
    size = surroundings.station.size()
    for route in [route for route in ABOUT_A_THING if BODIES.get(route)]:
        assert surroundings.ask(route, surroundings.secrets["inspector"], surroundings.foreign) == 403, route
    assert len(surroundings.station.entries("clip.bound")) == 0
    assert surroundings.station.size() <= size + len(ABOUT_A_THING)  # refusals only


@pytest.mark.parametrize("route", [route for route in ROUTES if POLICIES[route].scope is not None])
def test_a_route_keeps_to_its_scope(surroundings: Surroundings, route: str) -> None:
    scope = POLICIES[route].scope
    others = [each for each in {policy.scope for policy in POLICIES.values()} if each not in (None, scope)]
    for role in ("clerk", "officer", "handler"):
        viewer = surroundings.viewers[role]
        secret = make_token(surroundings.station, viewer, *(each.value for each in others if each))
        assert surroundings.ask(route, secret, new_ids()) == 403, (route, role)


def test_no_route_takes_a_token_from_elsewhere_than_the_header(surroundings: Surroundings) -> None:
    secret = surroundings.secrets["clerk"]
    client: TestClient = surroundings.client
    assert client.get("/api/v1/clips", params={"access_token": secret}).status_code == 401
    assert client.get("/api/v1/clips", headers={"cookie": f"station_session={secret}"}).status_code == 401
    assert client.get("/clips", headers={"authorization": f"Bearer {secret}", "accept": "text/html"}).status_code == 303
