"""The same pages on PostgreSQL: one walk through what writes local state and ledger together."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from station.actions import access
from station.records.terms import Role
from tests.fakes.stations import PASSWORD, FakeStation
from tests.unit.api.conftest import ADDRESS, FROM_OUR_PAGES


@pytest.mark.postgres
def test_a_days_work_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    station = FakeStation(tmp_path / "home", database_url=postgres_url)
    officer, inspector = station.person("wang", Role.OFFICER), station.person("sun", Role.INSPECTOR)
    station.person("first", Role.ADMIN)
    station.with_password(officer)
    station.take_in_recorder(officer)
    clips = [station.clip(), station.clip()]
    client = TestClient(
        station.create_app(), base_url=ADDRESS, headers=FROM_OUR_PAGES, follow_redirects=False, client=("192.0.2.7", 1)
    )
    with client:
        assert client.post("/login", data={"login": "wang", "password": PASSWORD}).status_code == 303
        form = {"clip": clips, "kind": "matter", "new_title": "占道", "whole_recordings": "1"}
        for page in ("/today", "/clips", f"/clips/{clips[0]}", "/cases", "/me", "/dock"):
            assert client.get(page).status_code == 200, page
        assert client.get(f"/clips/{clips[0]}/media", headers={"range": "bytes=0-3"}).content == b"film"
        assert client.post("/bind", data=form).status_code == 303
        assert client.get("/people").status_code == 403
        client.cookies.clear()
        client.cookies.set("station_session", station.session(inspector)[0])
        assert client.post(f"/clips/{clips[1]}/open", data={"purpose": "投诉"}).status_code == 303
    assert len(station.entries("clip.bound")) == 2
    assert [entry.look.clip for entry in station.entries("access.opened")] == clips
    assert len(station.entries("access.denied")) == 1
    assert access.flush_refusals(station.custody, station.database) == 0
    station.database.dispose()
