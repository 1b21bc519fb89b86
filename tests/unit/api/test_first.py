"""The first run: whoever has the machine's one-time code claims the station, whole or not at all, and only once."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from station import clock
from station.actions import first, login
from station.custody import Custody
from station.errors import DatabaseError
from station.ledger.keys import make_key
from station.records.terms import Role
from tests.fakes.stations import PASSWORD, UNIT, FakeStation

Browse = Callable[..., TestClient]
SETTINGS = '# a station\nunit = "old"\n# time_zone = "Asia/Shanghai"\n\n[recorder_passwords]\nunit = "1234"\n'
PEOPLE = {"name": "管理员", "login": "admin", "password": PASSWORD, "again": PASSWORD}
SECOND = {"second_name": "陈静", "second_login": "chen"}
STATION = {
    "unit": "城关区 市场监督管理局",
    "time_zone": "Asia/Urumqi",
    "case_numbers": "bracketed",
    "backup_folder": "/media/disk/backup",
}


@pytest.fixture
def fresh(station: FakeStation) -> Iterator[FakeStation]:
    """Yield a station that nobody has claimed, with a file of settings and the log's public key."""
    (station.home.root / "station.toml").write_text(SETTINGS)
    (station.home.root / "log.vkey").write_text(f"{make_key('evidence-station/test').verifier}\n")
    yield station


@pytest.fixture
def code(fresh: FakeStation) -> str:
    return login.issue_console_code(fresh.database, "first_admin")


def settings(station: FakeStation) -> dict[str, object]:
    return tomllib.loads((station.home.root / "station.toml").read_text())


def test_a_station_without_an_admin_leads_to_its_first_run(fresh: FakeStation, browse: Browse) -> None:
    client = browse()
    assert client.get("/").headers["location"] == "/first"
    assert client.get("/first").status_code == 200
    fresh.person("admin", Role.ADMIN)
    assert (client.get("/").headers["location"], client.get("/first").status_code) == ("/login", 409)


def test_the_sheet_is_shown_only_to_whoever_has_the_code(fresh: FakeStation, browse: Browse, code: str) -> None:
    vkey = (fresh.home.root / "log.vkey").read_text().split("+")[2].strip()
    wrong = browse().post("/first", data={"step": "code", "code": "AAAA-AAAA-AAAA"})
    assert (wrong.status_code, vkey in wrong.text) == (409, False)
    shown = browse().post("/first", data={"step": "code", "code": code.lower()})
    assert (shown.status_code, vkey in shown.text.replace("&#43;", "+")) == (200, True)
    assert f'value="{UNIT}"' in shown.text


def test_leaving_in_the_middle_leaves_nothing(fresh: FakeStation, browse: Browse, code: str) -> None:
    size, text = fresh.size(), (fresh.home.root / "station.toml").read_text()
    browse().post("/first", data={"step": "code", "code": code})
    browse().post("/first", data={**PEOPLE, **STATION, **SECOND, "code": code, "again": "other"})
    browse().post("/first", data={**PEOPLE, **STATION, **SECOND, "code": code, "second_login": "admin"})
    browse().post("/first", data={**PEOPLE, **STATION, "code": code, "time_zone": "Mars/Olympus"})
    browse().post("/first", data={**PEOPLE, **STATION, "code": code, "backup_folder": "backup"})
    assert (fresh.size(), (fresh.home.root / "station.toml").read_text()) == (size, text)
    assert browse().post("/first", data={"step": "code", "code": code}).status_code == 200  # it still counts


def test_all_of_it_comes_about_at_once_and_the_way_closes(fresh: FakeStation, browse: Browse, code: str) -> None:
    client = browse()
    answer = client.post("/first", data={**PEOPLE, **STATION, **SECOND, "code": code})
    assert (answer.status_code, "station_session" in client.cookies) == (200, True)
    assert settings(fresh) == {
        "unit": "城关区 市场监督管理局",
        "time_zone": "Asia/Urumqi",
        "case_number_pattern": first.CASE_FORMS["bracketed"],
        "backup_folders": ["/media/disk/backup"],
        "recorder_passwords": {"unit": "1234"},
    }
    assert (fresh.home.run / "settings.changed").exists()
    granted = [(each.fact.roles, each.fact.second) for each in fresh.entries("person.roles")]
    assert granted == [((Role.ADMIN,), "console")] * 2
    assert "城关区 市场监督管理局" in client.get("/people").text  # the pages run by the new settings at once
    link = answer.text.partition("/welcome/")[2].partition("<")[0]
    assert "陈静" in browse().get(f"/welcome/{link}").text
    assert browse().post("/first", data={**PEOPLE, "login": "third", "code": code}).status_code == 409
    assert browse().post("/first", data={"step": "code", "code": code}).status_code == 409


def test_one_admin_is_enough_to_begin_with(fresh: FakeStation, browse: Browse, code: str) -> None:
    size = (fresh.home.root / "station.toml").read_text()
    answer = browse().post("/first", data={**PEOPLE, "code": code})
    assert (answer.status_code, "/welcome/" in answer.text) == (200, False)
    assert (len(fresh.entries("person.roles")), (fresh.home.root / "station.toml").read_text()) == (1, size)


def test_settings_that_the_machine_keeps_are_not_touched(
    fresh: FakeStation, browse: Browse, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATION_UNIT", "by variable")
    answer = browse().post("/first", data={**PEOPLE, **STATION, "code": code})
    assert (answer.status_code, settings(fresh)["unit"], settings(fresh)["time_zone"]) == (200, "old", "Asia/Urumqi")


def test_what_the_ledger_did_not_take_is_not_in_the_settings(
    fresh: FakeStation, browse: Browse, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Custody.append_from

    def torn(custody: Custody, compose: Callable[..., object], **options: bool) -> object:
        def failing(session: object) -> object:
            compose(session)
            raise DatabaseError("the disk is full")

        return whole(custody, failing, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Custody, "append_from", torn)
    size = fresh.size()
    assert browse().post("/first", data={**PEOPLE, **STATION, "code": code}).status_code >= 500
    assert (fresh.size(), (fresh.home.root / "station.toml").read_text()) == (size, SETTINGS)
    assert not (fresh.home.run / "settings.changed").exists()


def test_a_code_of_yesterday_does_not_count(
    fresh: FakeStation, browse: Browse, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + timedelta(minutes=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert browse().post("/first", data={**PEOPLE, "code": code}).status_code == 409


def test_codes_are_not_to_be_guessed(fresh: FakeStation, browse: Browse) -> None:
    client = browse()
    codes = [client.post("/first", data={"code": "AAAA-AAAA-AAAA", "name": "x"}).status_code for _ in range(11)]
    assert codes == [409] * 10 + [429]


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("冀石市监处罚〔2026〕128号", True),
        ("冀石市监处罚[2026]第128号", True),
        ("2026128", False),
        ("冀〔26〕8号", False),
    ],
)
def test_the_form_of_official_numbers(number: str, fits: bool) -> None:
    assert bool(re.fullmatch(first.CASE_FORMS["bracketed"], number)) == fits
