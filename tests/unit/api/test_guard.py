"""Before every route: host, origin, size; after it: headers, and a log without secrets."""

from collections.abc import Callable

import pytest
import structlog
from starlette.testclient import TestClient

from station.actions import people
from station.records.terms import Role
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation

Browse = Callable[..., TestClient]


def test_every_answer_carries_the_strict_policy(browse: Browse) -> None:
    for address in ("/login", "/clips", "/no-such-page", "/assets/no-such-file"):
        headers = browse().get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'")
        assert "unsafe" not in policy and "data:" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_built_files_may_be_kept_for_good(station: FakeStation, browse: Browse) -> None:
    client = browse()
    page = client.get("/login").text
    asset = page.split('src="')[1].split('"')[0]
    answer = client.get(asset)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


def test_an_unforeseen_error_shows_nothing_and_keeps_the_headers(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_session: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("station.api.routes.oversight.list_alarms", explode)
    answer = browse(station.person("chen", Role.CLERK)).get("/alarms")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8470", "", "192.0.2.1:8470", "[::1"])
def test_a_foreign_host_name_is_refused(browse: Browse, host: str) -> None:
    assert browse().get("/login", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8470", "localhost:8470", "LOCALHOST", "[::1]:8470"])
def test_the_stations_own_names_are_known(browse: Browse, host: str) -> None:
    assert browse().get("/login", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8470"},
        {"origin": "http://127.0.0.1:8471"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_post_from_elsewhere_is_refused(station: FakeStation, browse: Browse, headers: dict[str, str]) -> None:
    client = browse(station.person("chen", Role.CLERK))
    before = station.size()
    answer = client.post("/cases", data={"kind": "case", "number": "A-1"}, headers=headers)
    assert answer.status_code == 403
    assert station.size() == before


def test_a_post_that_says_nothing_of_where_it_comes_from_is_refused(browse: Browse) -> None:
    client = browse()
    del client.headers["origin"]
    assert client.post("/language", data={"locale": "en"}).status_code == 403
    assert client.post("/language", data={"locale": "en"}, headers={"sec-fetch-site": "same-origin"}).status_code == 303


def test_a_body_larger_than_any_form_is_refused(browse: Browse) -> None:
    assert browse().post("/login", content=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_the_log_holds_routes_and_no_secrets(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("chen", Role.CLERK)
    token = people.issue_link(station.custody, station.database, CONSOLE, viewer.person)
    with structlog.testing.capture_logs() as logs:
        client = browse()
        client.get(f"/welcome/{token}?x={token}")
        answer = client.post(f"/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
        secret = answer.cookies["station_session"]
        client.get("/me", headers={"cookie": f"station_session={secret}"})
    requests = [entry for entry in logs if entry["event"] == "request"]
    assert [entry["route"] for entry in requests] == ["/welcome/{token}", "/welcome/{token}", "/me"]
    assert requests[-1]["person"] == viewer.person
    assert not [entry for entry in logs if token in str(entry) or secret in str(entry) or PASSWORD in str(entry)]


def test_programs_get_problem_documents(browse: Browse) -> None:
    answer = browse().get("/clips", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "not_logged_in"
