"""The station's own pages say what is in force, where it is set, and never a secret."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.config import read_settings, setting_sources
from station.profiles.library import load_profiles
from station.records.terms import Role
from station.slots import learn_slot
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


def test_each_rule_says_where_it_is_set(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    path = station.home.root / "station.toml"
    path.write_text('unit = "x"\nslots = 4\n', encoding="utf-8")
    monkeypatch.setenv("STATION_SLOTS", "6")
    sources = setting_sources(station.home)
    assert (sources["unit"], sources["slots"], sources["listen"]) == ("file", "environment", "default")
    assert read_settings(path.read_text(encoding="utf-8"), path).slots == 6


def test_the_page_of_rules_shows_values_and_no_password(browse: Browse, station: FakeStation) -> None:
    page = browse(station.person("admin", Role.ADMIN)).get("/station").text
    assert "session_minutes" in page and "station.toml" in page
    assert "recorder_passwords" not in page and "pkcs11_pin_file" not in page


def test_slots_tell_their_ports_and_a_broken_file_is_no_bug(browse: Browse, station: FakeStation) -> None:
    client = browse(station.person("admin", Role.ADMIN))
    learn_slot(station.home, "usb1/1-2", 3)
    assert "usb1/1-2" in client.get("/station/slots").text
    (station.home.root / "slots.toml").write_text("[ports]\na = 1\nb = 1\n", encoding="utf-8")
    broken = client.get("/station/slots")
    assert (broken.status_code, "two ports have the same slot" in broken.text) == (200, True)


def test_every_profile_is_listed_with_its_tier(browse: Browse, station: FakeStation) -> None:
    page = browse(station.person("admin", Role.ADMIN)).get("/station/profiles").text
    known = load_profiles(*station.home.profiles)
    assert [each for each in known if f"<code>{each}</code>" not in page] == []
    assert page.count('class="box"><div class="head person-line"') == len(known)
