"""What people do on the pages ends up in the ledger, and mistakes come back with the form."""

import os
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station import durable
from station.actions import login
from station.actions.review import submit_case
from station.board import SlotBoard
from station.digest import new_id
from station.records.recorder_entries import RecorderQuarantined
from station.records.terms import Role
from tests.fakes.stations import PASSWORD, FakeStation

Browse = Callable[..., TestClient]
HTMX = {"hx-request": "true"}


def test_every_page_shows_in_both_languages(station: FakeStation, browse: Browse) -> None:
    everything = [role for role in Role if role != Role.AUDITOR]
    viewer = station.person("all", *everything)
    station.take_in_recorder(viewer)
    clip = station.clip()
    station.clip(playable="proxy")
    station.clip(whole=False)
    client = browse(viewer)
    answer = client.post("/cases", data={"kind": "matter", "title": "占道"})
    case = answer.headers["location"]
    client.post("/bind", data={"clip": [clip], "kind": "matter", "target": case.rpartition("/")[2], "stage": "on_site"})
    pages = ["/today", "/clips", "/clips?view=table", f"/clips/{clip}", f"/bind?clip={clip}", "/cases", case, "/people"]
    pages += ["/recorders", "/alarms", "/health", "/me", "/dock", "/dock/slots", "/targets/find?q=占"]
    for locale in ("zh_CN", "en"):
        client.post("/language", data={"locale": locale})
        for page in pages:
            assert client.get(page).status_code == 200, page
    auditor = browse(station.person("aud", Role.AUDITOR))
    assert auditor.get("/ledger").status_code == 200
    assert auditor.get("/ledger?before=3").status_code == 200


def test_a_narrowed_list_holds_what_was_asked_for(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    assert clip in client.get("/clips?from=2026-11-20&to=2026-11-20").text
    assert clip not in client.get("/clips?from=2026-11-21").text
    assert clip not in client.get("/clips?to=2026-11-19").text
    assert clip in client.get("/clips?tagged=no&from=nonsense").text
    assert clip not in client.get("/clips?tagged=yes").text


def test_a_list_goes_on_as_a_fragment_for_the_script(station: FakeStation, browse: Browse) -> None:
    for _ in range(61):
        station.clip(poster=False)
    client = browse(station.person("chen", Role.CLERK))
    first = client.get("/clips").text
    cursor = first.split("cursor=")[-1].split('"')[0].split("&")[0]
    more = client.get(f"/clips?cursor={cursor}", headers=HTMX)
    assert "<html" not in more.text and more.text.count('href="/clips/') == 1


def test_a_made_up_cursor_is_a_mistake_and_no_bug(station: FakeStation, browse: Browse) -> None:
    assert browse(station.person("chen", Role.CLERK)).get("/clips?cursor=%F0%9F%98%80").status_code == 400


def test_binding_from_the_dialog_answers_with_what_was_done(station: FakeStation, browse: Browse) -> None:
    clips = [station.clip(), station.clip()]
    client = browse(station.person("chen", Role.CLERK))
    form = {
        "clip": clips,
        "kind": "case",
        "new_number": ["A-1"],
        "new_title": ["", "占道"],
        "proves": ["现场", "", "现场"],
    }
    answer = client.post("/bind", data=form, headers=HTMX)
    assert answer.status_code == 200 and "A-1" in answer.text
    entries = station.entries("clip.bound")
    assert len(entries) == 2 and [proof.text for proof in entries[0].text.proves] == ["现场"]


def test_ranges_of_one_thing_proven_are_sealed_together(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    form = {
        "clip": [clip],
        "kind": "case",
        "new_number": ["A-1"],
        "proves": ["签收"],
        "range_start": ["0.9", "00:00:00.2", "0", ""],
        "range_end": ["00：00：01", "0:00.5", "0.1", ""],
        "range_proves": ["签收", " 签收 ", "到场", ""],
    }
    assert client.post("/bind", data=form, headers=HTMX).status_code == 200
    (entry,) = station.entries("clip.bound")
    said = [(proof.text, [(each.start_ms, each.end_ms) for each in proof.ranges]) for proof in entry.text.proves]
    assert said == [("签收", [(200, 500), (900, 1000)]), ("到场", [(0, 100)])]
    assert "0:00:00.200–0:00:00.500" in client.get(f"/clips/{clip}").text
    assert f"/clips/{clip}#t=0.2,0.5" in client.get(f"/cases/{entry.fact.target}").text


@pytest.mark.parametrize(
    ("start", "end", "proves", "words"),
    [
        ("0:00:01", "0:00:00.5", "签收", "须晚于起始时间"),
        ("0:00:01", "9:00:00", "签收", "超出了本段音像的时长"),
        ("0:00:01", "", "签收", "格式如 00:01:23.4"),
        ("1:75", "2:00", "签收", "格式如 00:01:23.4"),
        ("0:00:00", "0:00:01", "", "请填写时间段的证明对象"),
    ],
)
def test_a_bad_range_comes_back_as_typed_with_what_is_wrong(
    station: FakeStation, browse: Browse, start: str, end: str, proves: str, words: str
) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    form = {"clip": [clip], "kind": "case", "new_number": ["A-1"], "range_start": [start], "range_end": [end]}
    answer = client.post("/bind", data=form | {"range_proves": [proves]}, headers=HTMX)
    assert answer.status_code == 409 and words in answer.text and f'value="{start}"' in answer.text
    assert station.entries("clip.bound") == []


def test_a_mistake_in_the_dialog_comes_back_with_what_was_typed(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    answer = client.post("/bind", data={"clip": [clip], "kind": "case", "note": "重要说明"}, headers=HTMX)
    assert answer.status_code == 409 and "重要说明" in answer.text and "<html" not in answer.text


def test_who_may_not_bind_is_not_offered_to_choose_clips(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    clerk, inspector = browse(station.person("chen", Role.CLERK)), browse(station.person("zhou", Role.INSPECTOR))
    for address in ("/clips", "/clips?view=table"):
        page = inspector.get(address).text
        assert clip in page and 'type="checkbox" name="clip"' not in page and 'action="/bind"' not in page
        assert 'type="checkbox" name="clip"' in clerk.get(address).text


def test_an_inspector_is_asked_no_purpose_for_a_suspected_secret(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    clerk, inspector = browse(station.person("chen", Role.CLERK)), browse(station.person("zhou", Role.INSPECTOR))
    assert 'name="purpose"' in inspector.get(f"/clips/{clip}").text
    clerk.post(f"/clips/{clip}/sensitivity", data={"value": "suspected_secret"})
    assert 'name="purpose"' not in inspector.get(f"/clips/{clip}").text


def test_a_refused_look_is_told_in_words(station: FakeStation, browse: Browse) -> None:
    clip, clerk = station.clip(), browse(station.person("chen", Role.CLERK))
    clerk.post(f"/clips/{clip}/sensitivity", data={"value": "suspected_secret"})
    assert clerk.get(f"/clips/{clip}/media").status_code == 403
    page = clerk.get(f"/clips/{clip}").text
    refused = page.partition("<p>调阅被拒绝</p>")[2].partition("</li>")[0]
    assert '<p class="quoted">疑似涉密</p>' in refused


def test_a_submitted_clip_offers_no_amendment(station: FakeStation, browse: Browse) -> None:
    clip, handler = station.clip(), station.person("liu", Role.HANDLER)
    clerk = browse(station.person("chen", Role.CLERK))
    case = clerk.post("/cases", data={"kind": "case", "number": "冀市监处罚〔2026〕9号", "handlers": [handler.person]})
    target = case.headers["location"].removeprefix("/cases/")
    clerk.post("/bind", data={"clip": [clip], "kind": "case", "target": target, "proves": ["现场"]})
    clerk.post(f"/clips/{clip}/amend", data={"field": "place", "value": "人民路 1 号"})
    clerk.post(f"/clips/{clip}/amend", data={"field": "collector", "collector_name": "张伟"})
    assert f"/clips/{clip}/amend" in clerk.get(f"/clips/{clip}").text
    submit_case(station.custody, handler, station.session(handler)[1], target)
    page = clerk.get(f"/clips/{clip}").text
    assert f"/clips/{clip}/amend" not in page and "/unbind/" not in page


def test_tagging_today_returns_to_the_page_it_came_from(station: FakeStation, browse: Browse) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    client = browse(officer)
    assert clip in client.get("/today").text
    form = {"clip": [clip], "kind": "none", "none_reason": "patrol", "next": "/today", "whole_recordings": "1"}
    assert client.post("/bind", data=form).headers["location"] == "/today"
    assert clip not in client.get("/today").text


def test_a_field_is_amended_in_the_zone_of_the_station(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    form = {"field": "time", "value": "2026-11-20T10:30", "reason": "钟慢"}
    assert client.post(f"/clips/{clip}/amend", data=form).status_code == 303
    (entry,) = station.entries("clip.amended")
    assert entry.fact.recorded_at == "2026-11-20T02:30:00.000000Z"
    assert client.post(f"/clips/{clip}/amend", data={**form, "value": "2999-01-01T00:00"}).status_code == 409
    assert client.post(f"/clips/{clip}/amend", data={**form, "value": "0001-01-01T00:00"}).status_code == 409
    assert client.post(f"/clips/{clip}/amend", data={**form, "field": "sha256"}).status_code == 409


def test_an_officer_who_names_another_collector_no_longer_sees_the_clip(station: FakeStation, browse: Browse) -> None:
    officer, other = station.person("wang", Role.OFFICER), station.person("zhao", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    answer = browse(officer).post(f"/clips/{clip}/amend", data={"field": "collector", "collector": other.person})
    assert answer.headers["location"] == "/clips"
    assert browse(other).get(f"/clips/{clip}").status_code == 200


def test_a_form_that_fits_no_route_is_a_mistake_of_the_sender(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("aud", Role.AUDITOR))
    assert client.get("/ledger?before=abc").status_code == 400


def test_granting_admin_rights_needs_the_second_admins_password(station: FakeStation, browse: Browse) -> None:
    first, second = station.person("first", Role.ADMIN), station.person("second", Role.ADMIN)
    station.with_password(second)
    third = station.person("third")
    client = browse(first)
    address, form = f"/people/{third.person}/roles", {"roles": ["admin"]}
    assert client.post(address, data=form).status_code == 409
    wrong = {**form, "second_login": "second", "second_password": "wrong password"}
    assert client.post(address, data=wrong).status_code == 409
    assert [entry.fact.person for entry in station.entries("person.roles")].count(third.person) == 0
    right = {**form, "second_login": "second", "second_password": PASSWORD}
    assert client.post(address, data=right).status_code == 303
    granted = station.entries("person.roles")[-1]
    assert (granted.fact.person, granted.fact.second) == (third.person, second.person)


def test_a_refused_change_of_roles_comes_back_open_with_the_roles_chosen(station: FakeStation, browse: Browse) -> None:
    third, client = station.person("third"), browse(station.person("first", Role.ADMIN))
    form = {"roles": ["auditor", "admin"], "console_code": "wrong"}
    answer = client.post(f"/people/{third.person}/roles", data=form)
    opened = answer.text.partition('<details class="fold" open>')[2].partition("</details>")[0]
    assert answer.status_code == 409 and third.person in opened
    assert opened.count(" checked") == 2


def test_while_there_is_one_admin_the_console_code_stands_for_the_second(station: FakeStation, browse: Browse) -> None:
    first, third = station.person("first", Role.ADMIN), station.person("third")
    client = browse(first)
    address, form = f"/people/{third.person}/roles", {"roles": ["admin"]}
    assert 'name="console_code"' in client.get("/people").text
    assert client.post(address, data={**form, "console_code": "AAAA-AAAA-AAAA"}).status_code == 409
    code = login.issue_console_code(station.database, "second_admin")
    assert client.post(address, data={**form, "console_code": code}).status_code == 303
    assert station.entries("person.roles")[-1].fact.second == "console"


def test_a_new_persons_link_is_shown_once_and_works(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("first", Role.ADMIN))
    form = {"name": "王小明", "login": "wang", "kind": "officer", "unit": "一队", "roles": ["officer"]}
    page = client.post("/people", data=form).text
    link = page.split("http://127.0.0.1:8470/welcome/")[1].split("<")[0]
    assert "/welcome/" not in client.get("/people").text
    assert browse().post(f"/welcome/{link}", data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    again = client.post("/people", data=form)
    assert again.status_code == 409 and "王小明" in again.text


def test_the_register_of_holders_is_kept_by_clerks(station: FakeStation, browse: Browse) -> None:
    officer = station.person("wang", Role.OFFICER)
    client = browse(station.person("chen", Role.CLERK))
    address = f"/recorders/{station.recorder}/issue"
    form = {"person": officer.person, "since": "2026-11-01T08:00"}
    assert client.post(address, data=form).status_code == 303
    assert client.post(address, data=form).status_code == 409
    (issued,) = station.entries("holder.issued")
    assert issued.fact.since == "2026-11-01T00:00:00.000000Z"
    back = f"/recorders/return/{issued.fact.holding}"
    assert client.post(back, data={"until": "2026-10-31T18:00"}).status_code == 409, "before it was issued"
    assert client.post(back, data={"until": "2026-11-01T18:00"}).status_code == 303
    (returned,) = station.entries("holder.returned")
    assert returned.fact.until == "2026-11-01T10:00:00.000000Z"
    assert client.post(back).status_code == 404


def turned_away(station: FakeStation, reason: str, serial: str) -> str:
    fact = {"quarantine": new_id(), "reason": reason, "slot": 2, "profile": "generic-storage"}
    fact |= {"vendor_id": "4255", "product_id": "0001"}
    names = {"identity": f"serial:{serial}", "serial": serial}
    station.custody.append(RecorderQuarantined.model_validate({"fact": fact, "names": names}))
    return str(fact["quarantine"])


def test_an_admin_enrols_what_the_dock_turned_away_and_withdraws_it(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("root", Role.ADMIN))
    quarantine = turned_away(station, "unknown_recorder", "J900001")
    assert "J900001" in client.get("/recorders").text
    assert client.post(f"/recorders/enrol/{quarantine}").status_code == 303
    (enrolled,) = station.entries("recorder.enrolled")
    assert enrolled.names.identity == "serial:J900001" and enrolled.fact.profile == "generic-storage"
    assert f"/recorders/enrol/{quarantine}" not in client.get("/recorders").text
    assert client.post(f"/recorders/{enrolled.fact.recorder}/withdraw").status_code == 303
    assert client.post(f"/recorders/{enrolled.fact.recorder}/withdraw").status_code == 409


def test_what_was_refused_as_no_recorder_can_not_be_enrolled(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("root", Role.ADMIN))
    quarantine = turned_away(station, "forbidden_interface", "J900002")
    assert client.post(f"/recorders/enrol/{quarantine}").status_code == 409
    assert client.post("/recorders/enrol/nothing").status_code == 404
    assert not station.entries("recorder.enrolled")


def test_a_badge_at_the_dock_takes_a_recorder_out_and_brings_it_back(station: FakeStation, browse: Browse) -> None:
    officer = station.person("wang", Role.OFFICER, police_number="004242")
    (station.home.run / "board").mkdir(parents=True, exist_ok=True)
    line = SlotBoard(slot=3, state="done", recorder=station.recorder, recorder_name="J800000", pid=os.getpid())
    durable.replace_volatile(station.home.run / "board" / "3.json", line.model_dump_json().encode())
    screen, form = browse(address="127.0.0.1"), {"badge": "004242", "slot": 3}
    assert screen.post("/dock/holder", data=form | {"change": "return"}).status_code == 409
    assert screen.post("/dock/holder", data=form | {"change": "issue"}).status_code == 200
    (issued,) = station.entries("holder.issued")
    assert issued.fact.person == officer.person and issued.actor.strength == "badge"
    assert screen.post("/dock/holder", data=form | {"change": "return"}).status_code == 200
    assert screen.post("/dock/holder", data=form | {"badge": "0"}).status_code == 409
    assert screen.post("/dock/holder", data=form | {"slot": 4}).status_code == 409
    assert len(station.entries("holder.returned")) == 1


@pytest.mark.parametrize("path", ["/clips", "/today", "/cases"])
def test_a_demonstration_is_marked_on_every_page(path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    demo = FakeStation(tmp_path_factory.mktemp("demo") / "home", demo=True)
    client = TestClient(demo.create_app(), base_url="http://127.0.0.1:8470", headers={"accept": "text/html"})
    client.cookies.set("station_session", demo.session(demo.person("wang", Role.OFFICER))[0])
    assert "demo-ribbon" in client.get(path).text
