"""What programs read: within their scopes and their person's sight, page by page, with every look in the ledger."""

import hashlib
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.actions import amend, people, tokens
from station.records.case_entries import TargetOpened
from station.records.log_entries import AccessDenied, AccessOpened
from station.records.people_entries import TokenIssued
from station.records.terms import Role, Sensitivity
from station.state import tokens as stored_tokens
from tests.fakes.stations import CONSOLE, FakeStation
from tests.unit.api.v1.conftest import make_token

Connect = Callable[..., TestClient]
PROBLEM = "application/problem+json"
FILM = bytes(range(256)) * 100


def test_a_program_without_a_token_is_told_how_to_come_in(connect: Connect) -> None:
    answer = connect().get("/api/v1/clips")
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert answer.headers["www-authenticate"] == 'Bearer realm="evidence-station"'
    assert answer.json()["code"] == "token_missing"


@pytest.mark.parametrize("given", ["Bearer est_nonsense", "Bearer ", "Basic YTpi", "est_nonsense"])
def test_a_wrong_token_opens_nothing(connect: Connect, given: str) -> None:
    assert connect(authorization=given).get("/api/v1/token").status_code == 401


def test_a_session_of_a_browser_does_not_count_here(station: FakeStation, connect: Connect) -> None:
    client = connect()
    client.cookies.set("station_session", station.session(station.person("chen", Role.CLERK))[0])
    assert client.get("/api/v1/clips").status_code == 401


def test_a_token_tells_what_it_may_do(station: FakeStation, connect: Connect) -> None:
    chen = station.person("chen", Role.CLERK)
    told = connect(chen, "clips:read", "cases:read").get("/api/v1/token").json()
    assert told["person"] == chen.person
    assert (told["scopes"], told["roles"]) == (["cases:read", "clips:read"], ["clerk"])


def test_issuing_is_in_the_ledger_and_the_secret_nowhere(station: FakeStation) -> None:
    chen = station.person("chen", Role.CLERK)
    secret = make_token(station, chen, "clips:read", name="市局案件系统")
    (entry,) = station.entries("token.issued")
    assert isinstance(entry, TokenIssued)
    assert entry.names is not None
    assert (entry.names.name, entry.fact.scopes, entry.fact.second) == ("市局案件系统", ("clips:read",), "console")
    assert secret.encode() not in (station.home.root / "station.db").read_bytes()


def test_a_revoked_token_and_one_of_a_closed_account_do_nothing(station: FakeStation, connect: Connect) -> None:
    chen, wang = station.person("chen", Role.CLERK), station.person("wang", Role.CLERK)
    of_chen, of_wang = connect(chen), connect(wang)
    people.set_disabled(station.custody, station.database, CONSOLE, wang.person, disabled=True)
    assert of_wang.get("/api/v1/token").status_code == 401
    tokens.revoke_token(station.custody, CONSOLE, of_chen.get("/api/v1/token").json()["token"])
    assert of_chen.get("/api/v1/token").json()["code"] == "token_wrong"


def test_an_expired_token_does_nothing(station: FakeStation, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(station.person("chen", Role.CLERK))
    expires_at = client.get("/api/v1/token").json()["expires_at"]
    monkeypatch.setattr(stored_tokens.clock, "format_time", lambda _: expires_at)
    assert client.get("/api/v1/token").status_code == 401


def test_a_scope_that_is_missing_is_a_refusal_in_the_ledger(station: FakeStation, connect: Connect) -> None:
    clip = station.clip(FILM)
    answer = connect(station.person("chen", Role.CLERK), "clips:read").get(f"/api/v1/clips/{clip}/original")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    (denied,) = station.entries("access.denied")
    assert isinstance(denied, AccessDenied)
    assert denied.look is not None and denied.actor is not None
    assert (denied.look.about, denied.look.reason, denied.actor.via) == (f"clip:{clip}", "scope", "api")


def test_a_problem_is_told_in_the_language_asked_for(station: FakeStation, connect: Connect) -> None:
    client = connect(station.person("chen", Role.CLERK))
    english = client.get("/api/v1/nothing", headers={"accept-language": "de, en;q=0.5, zh;q=0.1"})
    chinese = client.get("/api/v1/nothing", headers={"accept-language": "en;q=0.2, zh-CN"})
    assert (english.status_code, english.headers["content-language"]) == (404, "en")
    assert english.json()["title"].startswith("There is no such thing")
    assert (chinese.headers["content-language"], chinese.json()["title"]) == ("zh-CN", "不存在，或您无权知悉")


def test_pages_of_clips_neither_repeat_nor_lose_one(station: FakeStation, connect: Connect) -> None:
    clips = {station.clip() for _ in range(5)}
    client = connect(station.person("chen", Role.CLERK))
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get("/api/v1/clips", params={"limit": 2, "cursor": cursor}).json()
        assert page["total"] == 5
        seen += [each["clip"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert set(seen) == clips


def test_pages_of_cases_neither_repeat_nor_lose_one(station: FakeStation, connect: Connect) -> None:
    for number in range(5):
        fact = TargetOpened.Fact.model_validate(
            {"target": f"{number + 2}".rjust(26, "a"), "kind": "case", "number_source": "clerk"}
        )
        names = TargetOpened.Names(number=f"案〔2026〕{number}号", unit="执法一队")
        station.custody.append(TargetOpened(fact=fact, names=names), seal=False)
    client = connect(station.person("chen", Role.CLERK))
    first = client.get("/api/v1/cases", params={"limit": 3}).json()
    second = client.get("/api/v1/cases", params={"limit": 3, "cursor": first["next"]}).json()
    numbers = [each["number"] for each in (*first["items"], *second["items"])]
    assert numbers == [f"案〔2026〕{number}号" for number in (4, 3, 2, 1, 0)]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query", ["cursor=bm9uc2Vuc2U", "cursor=%00", "limit=0", "limit=1000", "tagged=perhaps", "colour=red"]
)
@pytest.mark.parametrize("path", ["clips", "cases"])
def test_a_query_that_does_not_fit_is_refused(station: FakeStation, connect: Connect, path: str, query: str) -> None:
    answer = connect(station.person("chen", Role.CLERK)).get(f"/api/v1/{path}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


def test_clips_are_narrowed_by_time_with_its_zone(station: FakeStation, connect: Connect) -> None:
    station.clip()
    client = connect(station.person("chen", Role.CLERK))
    found = client.get("/api/v1/clips", params={"from": "2026-11-20T10:00:00+08:00", "to": "2026-11-20T10:00:01+08:00"})
    assert found.json()["total"] == 1
    assert client.get("/api/v1/clips", params={"from": "2026-11-20T10:00:01+08:00"}).json()["total"] == 0
    assert client.get("/api/v1/clips", params={"from": "2026-11-20"}).json()["code"] == "time_invalid"


def test_a_clip_tells_its_five_fields_their_sources_and_its_place_in_the_log(
    station: FakeStation, connect: Connect
) -> None:
    chen = station.person("chen", Role.CLERK)
    clip = station.clip(FILM)
    place = amend.Amendment("place", place=amend.make_place("东门市场"))
    amend.amend(station.custody, chen, station.session(chen)[1], clip, place)
    told = connect(chen).get(f"/api/v1/clips/{clip}").json()
    fields = {each["field"]: (each["value"], each["source"]) for each in told["fields"]}
    assert set(fields) == {"case_number", "time", "place", "collector", "proves"}
    assert fields["place"] == ("东门市场", "clerk")
    assert told["digests"] == {"sha256": hashlib.sha256(FILM).hexdigest()}
    assert (told["chain"]["sealed"], len(told["chain"]["leaf"])) == (False, 64)


def test_a_foreign_clip_does_not_exist_and_asking_for_it_is_entered(station: FakeStation, connect: Connect) -> None:
    clip = station.clip(FILM)
    answer = connect(station.person("zhao", Role.OFFICER)).get(f"/api/v1/clips/{clip}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [entry.look.about for entry in station.entries("access.denied")] == [f"clip:{clip}"]  # type: ignore[attr-defined]


def test_an_original_comes_by_ranges_and_is_one_look_with_the_tokens_name(
    station: FakeStation, connect: Connect
) -> None:
    clip = station.clip(FILM, playable="proxy")
    client = connect(station.person("chen", Role.CLERK))
    address = f"/api/v1/clips/{clip}/original"
    part = client.get(address, headers={"range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, FILM[1000:2000])
    whole = client.get(address)
    assert whole.content == FILM
    assert whole.headers["etag"] == f'"{hashlib.sha256(FILM).hexdigest()}"'
    assert whole.headers["repr-digest"].startswith("sha-256=:")
    (look,) = station.entries("access.opened")
    assert isinstance(look, AccessOpened)
    assert look.look is not None and look.actor is not None
    assert (look.look.clip, look.look.kind, look.look.purpose) == (clip, "original", "Case system")
    assert (look.actor.via, look.actor.strength) == ("api", "token")


def test_an_original_and_a_copy_are_two_looks(station: FakeStation, connect: Connect) -> None:
    clip = station.clip(FILM)
    client = connect(station.person("chen", Role.CLERK))
    assert client.get(f"/api/v1/clips/{clip}/original").content == FILM
    assert client.get(f"/api/v1/clips/{clip}/playable").content == FILM
    assert [entry.look.kind for entry in station.entries("access.opened")] == ["original", "copy"]  # type: ignore[attr-defined]


def test_a_copy_that_is_not_made_yet_is_a_conflict_and_no_look(station: FakeStation, connect: Connect) -> None:
    clip = station.clip(FILM, playable="proxy")
    answer = connect(station.person("chen", Role.CLERK)).get(f"/api/v1/clips/{clip}/playable")
    assert (answer.status_code, answer.json()["code"]) == (409, "copy_missing")
    assert station.entries("access.opened") == []


def test_a_suspected_secret_is_fetched_by_nobody(station: FakeStation, connect: Connect) -> None:
    chen, clip = station.person("chen", Role.CLERK), station.clip(FILM)
    amend.classify(station.custody, chen, station.session(chen)[1], clip, Sensitivity.SUSPECTED_SECRET)
    answer = connect(chen).get(f"/api/v1/clips/{clip}/original")
    assert (answer.status_code, answer.json()["code"]) == (403, "suspected_secret")


def test_an_inspectors_program_states_a_purpose(station: FakeStation, connect: Connect) -> None:
    clip = station.clip(FILM)
    client = connect(station.person("sun", Role.INSPECTOR))
    address = f"/api/v1/clips/{clip}/original"
    assert client.get(address).json()["code"] == "purpose_missing"
    assert client.get(address, params={"purpose": "投诉核查"}).content == FILM
    assert [entry.look.purpose for entry in station.entries("access.opened")] == ["Case system: 投诉核查"]  # type: ignore[attr-defined]


def test_the_use_of_a_token_is_noted(station: FakeStation, connect: Connect) -> None:
    connect(station.person("chen", Role.CLERK)).get("/api/v1/token")
    (token,) = station.read(stored_tokens.list_all)
    assert (token.last_used_at is not None, token.last_address) == (True, "192.0.2.9")


def test_there_is_no_checkpoint_before_the_first(station: FakeStation, connect: Connect) -> None:
    answer = connect(station.person("gao", Role.AUDITOR)).get("/api/v1/log/checkpoint")
    assert answer.status_code == 404


def test_the_description_names_scopes_and_problems(connect: Connect) -> None:
    document = connect().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    fetch = document["paths"]["/clips/{clip}/original"]["get"]
    assert fetch["security"] == [{"token": ["evidence:read"]}]
    assert list(fetch["responses"]["403"]["content"]) == [PROBLEM]
    assert "security" not in document["paths"]["/openapi.json"]["get"]
