"""The clerk's list: its queues, and the register as a table for spreadsheets."""

import csv
from collections.abc import Callable
from functools import partial

import pytest
from starlette.testclient import TestClient

from station.actions import amend
from station.api.routes import clips as pages_of_clips
from station.catalogue.register import register_lines
from station.records.terms import Role
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


def table(client: TestClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/register.csv{query}")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(answer.content.decode("utf-8-sig").splitlines()))


def place(station: FakeStation, clip: str, text: str) -> None:
    clerk = station.person(f"amender-{clip}", Role.CLERK)
    change = amend.Amendment("place", place=amend.make_place(text))
    amend.amend(station.custody, clerk, station.session(clerk)[1], clip, change)


def test_the_register_has_a_line_for_every_clip_of_the_list(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_of_clips, "register_lines", partial(register_lines, limit=2))
    clips = {station.clip() for _ in range(5)}
    station.take_in_recorder(unit="别的大队")
    station.clip()
    client = browse(station.person("chen", Role.CLERK))
    lines = table(client)
    assert {line["音像记录标识"] for line in lines} == clips and len(lines) == 5
    assert {line["文件名"] for line in table(client, "?q=0003")} == {"0003.MP4"}
    client.cookies.set("station_locale", "en")
    assert {line["Clip"] for line in table(client)} == clips


def test_no_cell_of_the_register_is_a_formula(station: FakeStation, browse: Browse) -> None:
    place(station, station.clip(), '=HYPERLINK("http://example.org")')
    (line,) = table(browse(station.person("chen", Role.CLERK)))
    assert line["地点"] == '\'=HYPERLINK("http://example.org")'


@pytest.mark.parametrize("role", [Role.OFFICER, Role.HANDLER, Role.REVIEWER, Role.AUDITOR, Role.ADMIN])
def test_the_register_is_for_clerks_and_inspectors(station: FakeStation, browse: Browse, role: Role) -> None:
    assert browse(station.person("wang", role)).get("/register.csv").status_code == 403


def test_a_queue_is_shown_with_its_count_and_leads_to_its_clips(station: FakeStation, browse: Browse) -> None:
    clip, whole = station.clip(whole=False), station.clip()
    client = browse(station.person("chen", Role.CLERK))
    page = client.get("/clips").text
    assert 'href="/clips?queue=damaged"' in page and "损坏或不完整" in page
    queue = client.get("/clips?queue=damaged").text
    assert clip in queue and whole not in queue
    assert client.get("/clips?queue=nonsense").status_code == 200
