"""The clerk's list: its queues, and the register as a table for spreadsheets."""

import csv
import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from station.actions import amend
from station.api.routes import clips as pages_of_clips
from station.catalogue.register import register_lines
from station.records.terms import Role
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]
HTMX = {"hx-request": "true"}


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


def test_many_clips_are_amended_after_a_preview_and_put_back_from_the_answer(
    station: FakeStation, browse: Browse
) -> None:
    clips = [station.clip(), station.clip()]
    client = browse(station.person("chen", Role.CLERK))
    form = {"clip": clips, "field": "place", "place": "中山路", "step": "preview"}
    size = station.size()
    shown = client.post("/amend", data=form, headers=HTMX).text
    assert station.size() == size and "将更正 2 件音像记录" in shown and shown.count("中山路") > 2
    changing = client.post("/amend", data={**form, "step": "change"}, headers=HTMX).text
    assert 'name="place" maxlength="200" value="中山路"' in changing and "将更正" not in changing
    done = client.post("/amend", data={**form, "step": "apply"}, headers=HTMX).text
    assert "已更正 2 件音像记录" in done and "<html" not in done
    action = re.findall(r'hx-post="(/undo/\w+)"', done)[0]
    assert "2 件音像记录已恢复原状" in client.post(action, headers=HTMX).text
    again = client.post(action, headers=HTMX)
    assert again.status_code == 409 and "没有可撤销的内容" in again.text


def test_a_binding_made_in_the_dialog_can_be_undone_from_its_answer(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    form = {"clip": [clip], "kind": "case", "new_number": ["A-1"], "new_title": ["案"], "proves": ["现场"]}
    done = client.post("/bind", data=form, headers=HTMX).text
    client.post(re.findall(r'hx-post="(/undo/\w+)"', done)[0], headers=HTMX)
    assert len(station.entries("clip.unbound")) == 1
    assert '<p class="quoted">撤销</p>' in client.get(f"/clips/{clip}").text


def test_a_search_is_kept_by_its_person_and_forgotten(station: FakeStation, browse: Browse) -> None:
    chen, other = browse(station.person("chen", Role.CLERK)), browse(station.person("zhao", Role.CLERK))
    station.clip()
    kept = chen.post("/searches", data={"name": "  待 整改 ", "query": "queue=damaged&q=中山路&cursor=x&next=//e"})
    assert kept.headers["location"] == f"/clips?queue=damaged&q={quote('中山路')}"
    assert 'href="/clips?queue=damaged&amp;q=' in chen.get("/clips").text and "待 整改" in chen.get("/clips").text
    assert "待 整改" not in other.get("/clips").text
    forget = re.findall(r'action="(/searches/\w+/forget)"', chen.get(kept.headers["location"]).text)[0]
    assert other.post(forget).status_code == 404
    assert chen.post(forget).status_code == 303
    assert "待 整改" not in chen.get("/clips").text


def test_a_search_of_the_same_name_takes_its_place_and_there_are_not_endlessly_many(
    station: FakeStation, browse: Browse
) -> None:
    client = browse(station.person("chen", Role.CLERK))
    for number in range(21):
        answer = client.post("/searches", data={"name": f"n{number}", "query": f"q={number}"})
    assert answer.status_code == 409
    assert client.post("/searches", data={"name": "n3", "query": "q=again"}).status_code == 303
    page = client.get("/clips").text
    assert "q=again" in page and 'href="/clips?q=3"' not in page
    assert client.post("/searches", data={"name": " ", "query": "q=1"}).status_code == 409
