"""Logging in and out: one way in at a time, nothing told to strangers."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.actions import people
from station.records.terms import Role
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation

Browse = Callable[..., TestClient]


def test_a_password_opens_a_session_that_the_ledger_knows(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    station.with_password(viewer)
    answer = browse().post("/login", data={"login": " Wang ", "password": PASSWORD, "next": "/clips?tagged=no"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/clips?tagged=no")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    opened = station.entries("session.opened")[-1]
    assert (opened.actor.person, opened.actor.strength) == (viewer.person, "password")


def test_under_https_the_cookie_is_secure_and_bound_to_the_host(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    station.with_password(viewer)
    client = browse()
    client.base_url = "https://127.0.0.1:8470"
    answer = client.post(
        "/login", data={"login": "wang", "password": PASSWORD}, headers={"origin": "https://127.0.0.1:8470"}
    )
    assert answer.headers["set-cookie"].startswith("__Host-station_session=")
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"]


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(station: FakeStation, browse: Browse) -> None:
    station.with_password(station.person("wang", Role.OFFICER))
    closed = station.person("zhou", Role.OFFICER)
    station.with_password(closed)
    people.set_disabled(station.custody, station.database, CONSOLE, closed.person, True)
    answers = {
        browse().post("/login", data={"login": "xxxx", "password": PASSWORD}).text.replace("xxxx", "?"),
        browse().post("/login", data={"login": "wang", "password": "wrong password"}).text.replace("wang", "?"),
        browse().post("/login", data={"login": "zhou", "password": PASSWORD}).text.replace("zhou", "?"),
    }
    assert len(answers) == 1


def test_guessing_is_slowed_down_also_for_names_that_do_not_exist(station: FakeStation, browse: Browse) -> None:
    client = browse()
    codes = [client.post("/login", data={"login": "ghost", "password": "x"}).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    assert client.post("/login", data={"login": "GHOST ", "password": "x"}).status_code == 429
    assert client.post("/login", data={"login": "other", "password": "x"}).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_nobody_is_led_to_another_site(station: FakeStation, browse: Browse, target: str) -> None:
    station.with_password(station.person("wang", Role.OFFICER))
    answer = browse().post("/login", data={"login": "wang", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


def test_logging_out_ends_the_session_here_and_in_the_browser(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("wang", Role.OFFICER))
    assert client.get("/me").status_code == 200
    secret = client.cookies["station_session"]
    assert client.post("/logout").status_code == 303
    answer = browse().get("/me", headers={"cookie": f"station_session={secret}"})
    assert answer.headers["location"].startswith("/login?next=%2Fme&ended=1")


def test_a_link_leads_to_choosing_a_password_once(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    token = people.issue_link(station.custody, station.database, CONSOLE, viewer.person)
    client = browse()
    assert "wang" in client.get(f"/welcome/{token}").text
    assert client.post(f"/welcome/{token}", data={"password": "short", "again": "short"}).status_code == 409
    assert client.post(f"/welcome/{token}", data={"password": PASSWORD, "again": "other"}).status_code == 409
    answer = client.post(f"/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 303 and "station_session" in answer.cookies
    again = browse().post(f"/welcome/{token}", data={"password": PASSWORD + "2", "again": PASSWORD + "2"})
    assert again.status_code == 409
    assert "wang" not in browse().get(f"/welcome/{token}").text


def test_a_link_ends_the_sessions_that_were_open(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    old = browse(viewer)
    station.with_password(viewer)
    assert old.get("/me").status_code == 303


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.OFFICER, "/today"),
        (Role.CLERK, "/clips"),
        (Role.HANDLER, "/cases"),
        (Role.REVIEWER, "/cases"),
        (Role.APPROVER, "/cases"),
        (Role.INSPECTOR, "/clips"),
        (Role.AUDITOR, "/ledger"),
        (Role.ADMIN, "/people"),
    ],
)
def test_everybody_starts_where_their_work_is(station: FakeStation, browse: Browse, role: Role, home: str) -> None:
    assert browse(station.person("x", role)).get("/").headers["location"] == home


def test_a_closed_account_is_out_at_once(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    client = browse(viewer)
    people.set_disabled(station.custody, station.database, CONSOLE, viewer.person, True)
    assert client.get("/clips").status_code == 303


def test_a_role_taken_away_is_gone_at_once(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    client = browse(viewer)
    assert client.get("/today").status_code == 200
    people.set_roles(station.custody, station.database, CONSOLE, viewer.person, [])
    assert client.get("/today").status_code == 403


def test_changing_the_password_needs_the_present_one_and_ends_other_sessions(
    station: FakeStation, browse: Browse
) -> None:
    viewer = station.person("wang", Role.OFFICER)
    station.with_password(viewer)
    other, mine = browse(viewer), browse(viewer)
    fresh = "five stones in a creek"
    form = {"present": "wrong password", "password": fresh, "again": fresh}
    assert mine.post("/me/password", data=form).status_code == 409
    assert mine.post("/me/password", data={**form, "present": PASSWORD}).status_code == 200
    assert mine.get("/me").status_code == 200
    assert other.get("/me").status_code == 303


def test_pages_are_chinese_until_somebody_chooses_english(browse: Browse) -> None:
    client = browse()
    assert '<html lang="zh-CN">' in client.get("/login").text
    answer = client.post("/language", data={"locale": "en", "next": "/login"})
    assert answer.headers["location"] == "/login"
    assert '<html lang="en">' in client.get("/login").text


def test_the_board_is_public_beside_the_slots_and_nowhere_else(station: FakeStation, browse: Browse) -> None:
    assert browse(address="127.0.0.1").get("/dock").status_code == 200
    assert browse(address="::1").get("/dock/slots").status_code == 200
    assert browse(address="192.0.2.7").get("/dock").status_code == 303
    assert browse(station.person("aud", Role.AUDITOR), address="192.0.2.7").get("/dock").status_code == 200
