"""What programs enter: by the rules of the pages, with the source `case_system`, each request at most once."""

import json
from collections.abc import Callable
from threading import Thread

import pytest
from starlette.testclient import TestClient

from station.actions import targets
from station.actions.targets import NewTarget
from station.catalogue.views import Viewer
from station.records.case_entries import ClipAmended, ClipBound, TargetOpened
from station.records.terms import Role, TargetKind
from station.state import answers
from tests.fakes.stations import FakeStation

Connect = Callable[..., TestClient]
NUMBER = "冀应急罚〔2026〕12号"


def key(name: str = "a1") -> dict[str, str]:
    return {"idempotency-key": name}


@pytest.fixture
def chen(station: FakeStation) -> Viewer:
    return station.person("chen", Role.CLERK)


@pytest.fixture
def client(connect: Connect, chen: Viewer) -> TestClient:
    return connect(chen)


def test_a_case_comes_with_the_number_of_the_case_system(station: FakeStation, client: TestClient) -> None:
    answer = client.post("/api/v1/cases", json={"number": NUMBER, "title": "占道经营"}, headers=key())
    assert (answer.status_code, answer.json()["created"]) == (201, True)
    (opened,) = station.entries("target.opened")
    assert isinstance(opened, TargetOpened)
    assert (opened.fact.number_source, opened.names.number if opened.names else "") == ("case_system", NUMBER)


def test_a_case_that_is_there_already_is_found_however_its_number_is_typed(
    station: FakeStation, client: TestClient
) -> None:
    first = client.post("/api/v1/cases", json={"number": NUMBER}, headers=key("a"))
    again = client.post(
        "/api/v1/cases", json={"number": NUMBER.replace("〔", "[").replace("〕", "]")}, headers=key("b")
    )
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["case"] == first.json()["case"]
    assert len(station.entries("target.opened")) == 1


def test_a_number_resolves_a_pending_matter_and_its_clips_follow(
    station: FakeStation, client: TestClient, chen: Viewer
) -> None:
    _, actor = station.session(chen)
    wanted = NewTarget(TargetKind.MATTER, title="东门市场")
    matter = targets.open_target(station.custody, station.home, chen, actor, wanted)
    clip = station.clip()
    body = {"clips": [clip], "kind": "matter", "case": matter}
    assert client.post("/api/v1/bindings", json=body, headers=key("a")).status_code == 201
    answer = client.post(
        f"/api/v1/cases/{matter}/resolution", json={"outcome": "numbered", "number": NUMBER}, headers=key("b")
    )
    assert answer.status_code == 200
    told = client.get(f"/api/v1/clips/{clip}").json()
    field = next(each for each in told["fields"] if each["field"] == "case_number")
    assert (field["value"], field["source"]) == (NUMBER, "case_system")
    assert client.get(f"/api/v1/cases/{answer.json()['case']}").json()["clip_ids"] == [clip]


def test_clips_are_bound_by_number_with_what_they_prove(station: FakeStation, client: TestClient) -> None:
    clip = station.clip()
    proves = [{"text": "当事人签收", "ranges": [{"start_ms": 0, "end_ms": 5000}]}]
    body = {"clips": [clip], "number": NUMBER, "stage": "on_site", "proves": proves}
    assert client.post("/api/v1/bindings", json=body, headers=key()).status_code == 201
    (bound,) = station.entries("clip.bound")
    assert isinstance(bound, ClipBound)
    assert (bound.fact.source, bound.fact.stage) == ("case_system", "on_site")
    (binding,) = client.get(f"/api/v1/clips/{clip}").json()["bindings"]
    assert (binding["number"], binding["proves"]) == (NUMBER, proves)


def test_a_place_is_corrected_with_its_coordinates(station: FakeStation, client: TestClient) -> None:
    clip = station.clip()
    body = {"field": "place", "place": "东门市场", "latitude": "38.04", "longitude": "114.5", "datum": "WGS-84"}
    assert client.post(f"/api/v1/clips/{clip}/amendments", json=body, headers=key()).status_code == 200
    (amended,) = station.entries("clip.amended")
    assert isinstance(amended, ClipAmended)
    assert amended.place is not None
    assert (amended.fact.source, amended.place.text, amended.place.datum) == ("case_system", "东门市场", "WGS-84")


def test_a_time_is_corrected_with_its_zone(station: FakeStation, client: TestClient) -> None:
    clip = station.clip()
    body = {"field": "time", "recorded_at": "2026-11-20T10:30:00+08:00"}
    assert client.post(f"/api/v1/clips/{clip}/amendments", json=body, headers=key()).status_code == 200
    assert client.get(f"/api/v1/clips/{clip}").json()["recorded_at"] == "2026-11-20T02:30:00.000000Z"


def test_an_officers_program_invents_no_case_number(station: FakeStation, connect: Connect) -> None:
    answer = connect(station.person("zhao", Role.OFFICER)).post("/api/v1/cases", json={"number": NUMBER}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (409, "case_unknown")


def test_a_foreign_clip_in_a_binding_does_not_exist(station: FakeStation, connect: Connect) -> None:
    clip = station.clip()
    body = {"clips": [clip], "kind": "none", "none_reason": "patrol"}
    answer = connect(station.person("zhao", Role.OFFICER)).post("/api/v1/bindings", json=body, headers=key())
    assert answer.status_code == 404
    assert station.entries("clip.bound") == []
    assert len(station.entries("access.denied")) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cases", {"number": NUMBER, "colour": "red"}),
        ("cases", {"kind": "matter", "number": NUMBER, "title": "x"}),
        ("cases", {"number": "a\u0000b"}),
        ("cases", {"number": "\ud800"}),
        ("cases", {"\ud800": 1}),
        ("cases", {"number": 12}),
        ("cases", []),
        ("bindings", {"clips": []}),
        ("bindings", {"clips": ["a" * 26], "kind": "none"}),
        ("bindings", {"clips": ["a" * 26], "number": "1", "whole_recordings": "yes"}),
        ("bindings", {"clips": ["a" * 26], "number": "12", "proves": [{"text": "x", "ranges": [{"start_ms": -1}]}]}),
    ],
)
def test_what_does_not_fit_is_refused(client: TestClient, station: FakeStation, path: str, body: object) -> None:
    before = station.size()
    sent = key() | {"content-type": "application/json"}
    answer = client.post(f"/api/v1/{path}", content=json.dumps(body), headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert station.size() == before


def test_a_repeated_request_gets_the_first_answer_and_enters_nothing(station: FakeStation, client: TestClient) -> None:
    first = client.post("/api/v1/cases", json={"number": NUMBER}, headers=key('"k-1"'))
    size = station.size()
    again = client.post("/api/v1/cases", json={"number": NUMBER}, headers=key("k-1"))
    assert (again.status_code, again.text) == (201, first.text)
    assert again.headers["idempotent-replayed"] == "true"
    assert station.size() == size


def test_a_key_used_for_another_request_is_refused(client: TestClient) -> None:
    client.post("/api/v1/cases", json={"number": NUMBER}, headers=key())
    answer = client.post("/api/v1/cases", json={"number": "冀应急罚〔2026〕13号"}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")


def test_a_key_is_one_tokens_own(station: FakeStation, client: TestClient, connect: Connect, chen: Viewer) -> None:
    client.post("/api/v1/cases", json={"number": NUMBER}, headers=key())
    answer = connect(chen).post("/api/v1/cases", json={"number": "冀应急罚〔2026〕13号"}, headers=key())
    assert answer.status_code == 201


def test_a_request_without_a_key_is_told_so(client: TestClient) -> None:
    answer = client.post("/api/v1/cases", json={"number": NUMBER})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")


def test_a_refused_request_leaves_its_key_free(client: TestClient) -> None:
    assert client.post("/api/v1/cases", json={"number": "1"}, headers=key()).status_code == 422
    assert client.post("/api/v1/cases", json={"number": NUMBER}, headers=key()).status_code == 201


def test_a_request_that_comes_while_the_first_is_under_way_waits(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[int] = []
    ensure = targets.ensure_target

    def ensure_slowly(*arguments: object) -> object:
        asking = Thread(target=lambda: during.append(ask().status_code))
        asking.start()
        asking.join()
        return ensure(*arguments)  # type: ignore[arg-type]

    def ask() -> object:
        return client.post("/api/v1/cases", json={"number": NUMBER}, headers=key())

    monkeypatch.setattr(targets, "ensure_target", ensure_slowly)
    assert ask().status_code == 201  # type: ignore[attr-defined]
    assert during == [409]


def test_a_request_that_never_ended_is_taken_over_after_a_minute(
    station: FakeStation, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(answers, "release", lambda *_: None)
        assert client.post("/api/v1/cases", json={"number": "1"}, headers=key()).status_code == 422
    assert client.post("/api/v1/cases", json={"number": "1"}, headers=key()).status_code == 409
    monkeypatch.setattr(answers, "GIVEN_UP_AFTER", answers.GIVEN_UP_AFTER * 0)
    assert client.post("/api/v1/cases", json={"number": "1"}, headers=key()).status_code == 422


def test_numbers_for_many_matters_come_in_one_request_and_come_again(
    station: FakeStation, client: TestClient, chen: Viewer
) -> None:
    _, actor = station.session(chen)
    wanted = NewTarget(TargetKind.MATTER, title="东门市场 J1001")
    matter = targets.open_target(station.custody, station.home, chen, actor, wanted)
    lines = [{"call_number": "J1001", "case_number": NUMBER, "title": "占道经营"}, {"matter": "x", "case_number": "1"}]
    looked = client.post("/api/v1/cases/numbers", json={"lines": lines, "dry_run": True}, headers=key("a"))
    assert [(each["outcome"], each["case"], each["problem"]) for each in looked.json()["lines"]] == [
        ("new", None, None),
        ("refused", None, "matter_unknown"),
    ]
    assert station.entries("target.resolved") == []
    done = client.post("/api/v1/cases/numbers", json={"lines": lines}, headers=key("b")).json()["lines"]
    again = client.post("/api/v1/cases/numbers", json={"lines": lines}, headers=key("c")).json()["lines"]
    (resolved,) = station.entries("target.resolved")
    assert (resolved.fact.target, resolved.fact.into) == (matter, done[0]["case"])
    assert (again[0]["outcome"], again[0]["case"]) == ("unchanged", done[0]["case"])
