"""The station's own pages say what is in force, where it is set, and never a secret."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from station import clock
from station.config import Home, read_settings, setting_sources
from station.profiles.library import load_profiles
from station.records.disposal_entries import BackupBegun, BackupCompleted
from station.records.terms import Role
from station.slots import learn_slot
from station.state import backups
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


def test_a_backup_is_asked_for_once_and_only_where_the_settings_say(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("admin", Role.ADMIN))
    assert "backup_folders" in client.get("/station/backup").text  # what to set
    assert client.post("/station/backup", data={"folder": "/media/a/backup"}).status_code == 409
    settings = station.home.settings.model_copy(update={"backup_folders": ("/media/a/backup", "/media/b/backup")})
    station.home = Home(station.home.root, settings)
    client = browse(station.person("other", Role.ADMIN))
    station.attach_to(client.app)  # type: ignore[arg-type]
    page = client.get("/station/backup").text
    assert page.count("/media/") >= 2 and "/station/backup/drill" not in page  # there is nothing to try yet
    assert client.post("/station/backup/drill", data={"folder": "/media/a/backup"}).status_code == 409
    assert client.post("/station/backup", data={"folder": "/etc"}).status_code == 409
    assert client.post("/station/backup", data={"folder": "/media/a/backup"}).headers["location"] == "/station/backup"
    assert client.post("/station/backup", data={"folder": "/media/b/backup"}).status_code == 409
    part = client.get("/station/backup", headers={"hx-request": "true"}).text
    assert part.lstrip().startswith("<section") and "every 2s" in part
    with station.database.write() as session:
        job = backups.current(session)
        assert job is not None and job.folder == "/media/a/backup"
        backups.end(session, job.job)
    assert "every 2s" not in client.get("/station/backup").text


@pytest.mark.parametrize(("days", "tone"), [(1, "good"), (9, "warn"), (33, "bad")])
def test_a_backup_older_than_the_rule_is_a_warning(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch, days: int, tone: str
) -> None:
    begun = BackupBegun.Fact(backup="b1", vault=True)
    done = BackupCompleted.Fact(backup="b1", log_size=1, files=1, size_bytes=7, manifest={"sha256": "ab" * 32})
    then = clock.now() - timedelta(days=days)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: then)
        station.custody.append(BackupBegun(fact=begun, names=BackupBegun.Names(folder="/media/a/backup")), seal=False)
        station.custody.append(BackupCompleted(fact=done), seal=False)
    page = browse(station.person("admin", Role.ADMIN)).get("/station/backup").text
    assert page.partition('class="notice ')[2].partition('"')[0] == tone
    assert "ab" * 32 in page and "station restore /media/a/backup" in page
