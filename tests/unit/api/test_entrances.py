"""Sessions are seen and ended by their owner and by an admin; tokens are made by two and shown once."""

import re
from collections.abc import Callable
from datetime import timedelta

from starlette.testclient import TestClient

from station import clock
from station.actions.login import issue_console_code
from station.records.terms import Role
from station.state import sessions
from tests.fakes.stations import PASSWORD, FakeStation

Browse = Callable[..., TestClient]


def ids(page: str, action: str) -> list[str]:
    return re.findall(rf'action="{action}/([a-z0-9]+)/end"', page)


def test_people_see_where_they_are_logged_in_and_end_it_there(station: FakeStation, browse: Browse) -> None:
    wang, other = station.person("wang", Role.OFFICER), browse(station.person("zhou", Role.OFFICER))
    here, there, elsewhere = browse(wang), browse(wang), browse(wang)
    ended, _ = ids(here.get("/me").text, "/me/sessions")
    assert here.post(f"/me/sessions/{ended}/end").headers["location"] == "/me"
    assert sorted(client.get("/me").status_code for client in (there, elsewhere)) == [200, 303]
    (left,) = ids(here.get("/me").text, "/me/sessions")
    assert other.post(f"/me/sessions/{left}/end").status_code == 404
    here.post("/me/sessions/end")
    assert [client.get("/me").status_code for client in (here, there, elsewhere, other)] == [200, 303, 303, 200]


def test_an_admin_sees_everybody_and_ends_one_or_all(station: FakeStation, browse: Browse) -> None:
    wang, admin = station.person("wang", Role.OFFICER), browse(station.person("admin", Role.ADMIN))
    first, second = browse(wang), browse(wang)
    page = admin.get("/station/sessions").text
    assert "Wang" in page and len(ids(page, "/station/sessions")) == 2
    admin.post(f"/station/sessions/{ids(page, '/station/sessions')[0]}/end")
    assert sorted(client.get("/me").status_code for client in (first, second)) == [200, 303]
    admin.post("/station/sessions/end", data={"person": wang.person})
    assert [client.get("/me").status_code for client in (first, second, admin)] == [303, 303, 200]


def test_a_session_that_is_over_is_not_listed(station: FakeStation) -> None:
    wang = station.person("wang", Role.OFFICER)
    station.session(wang)
    idle, now = timedelta(minutes=30), clock.now()

    def listed(later: timedelta) -> int:
        return station.read(lambda session: len(sessions.list_open(session, idle, now + later, wang.person)))

    assert (listed(timedelta(minutes=29)), listed(timedelta(minutes=31))) == (1, 0)


def test_a_token_is_made_by_two_shown_once_and_revoked(station: FakeStation, browse: Browse) -> None:
    viewer, program = station.person("admin", Role.ADMIN), station.person("caseclerk", Role.CLERK)
    client = browse(viewer)
    form = {"name": "办案系统", "person": program.person, "days": "30", "scopes": ["cases:read"]}
    size = station.size()
    refused = client.post("/station/tokens", data=form)
    assert (refused.status_code, station.size(), "est_" in refused.text) == (409, size, False)
    code = issue_console_code(station.database, "second_admin")
    page = client.post("/station/tokens", data={**form, "console_code": code}).text
    secret = re.findall(r"est_[\w-]+", page)[0]
    assert secret not in client.get("/station/tokens").text
    bearer = {"authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/token", headers=bearer).json()["scopes"] == ["cases:read"]
    issued = station.entries("token.issued")[-1]
    assert (issued.actor.person, issued.fact.second, issued.fact.person) == (viewer.person, "console", program.person)
    assert client.post(f"/station/tokens/{issued.fact.token}/revoke").headers["location"] == "/station/tokens"
    assert client.get("/api/v1/token", headers=bearer).status_code == 401
    assert client.post(f"/station/tokens/{issued.fact.token}/revoke").status_code == 404


def test_a_second_admin_agrees_to_a_token_by_password(station: FakeStation, browse: Browse) -> None:
    first, second = station.person("admin", Role.ADMIN), station.person("other", Role.ADMIN)
    station.with_password(second)
    form = {"name": "x", "person": first.person, "days": "1", "scopes": ["metrics:read"], "second_login": "other"}
    assert browse(first).post("/station/tokens", data={**form, "second_password": "wrong"}).status_code == 409
    assert browse(first).post("/station/tokens", data={**form, "second_password": PASSWORD}).status_code == 200
    assert station.entries("token.issued")[-1].fact.second == second.person
