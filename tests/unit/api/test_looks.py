"""Looks and refusals are in the ledger before anything is shown, and no oftener than they should be."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import structlog
from starlette.testclient import TestClient

from station import clock
from station.actions import access, amend
from station.digest import new_id
from station.errors import DatabaseError
from station.records.terms import Role, Sensitivity
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


def later(monkeypatch: pytest.MonkeyPatch, **how_much: int) -> None:
    moment = clock.now() + timedelta(**how_much)
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_a_page_of_posters_is_one_entry_and_none_when_shown_again(station: FakeStation, browse: Browse) -> None:
    clips = {station.clip() for _ in range(3)}
    client = browse(station.person("chen", Role.CLERK))
    client.get("/clips")
    (listed,) = station.entries("access.listed")
    assert set(listed.look.clips) == clips and listed.look.route == "GET /clips"
    size = station.size()
    client.get("/clips")
    client.get("/clips?view=table")
    assert station.size() == size


def test_only_posters_not_shown_lately_are_entered(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.clip()
    client = browse(station.person("chen", Role.CLERK))
    client.get("/clips")
    new = station.clip()
    client.get("/clips")
    assert station.entries("access.listed")[-1].look.clips == (new,)
    later(monkeypatch, minutes=16)
    client.get("/clips")
    assert len(station.entries("access.listed")[-1].look.clips) == 2


def test_posters_that_are_not_on_the_page_are_not_entered(station: FakeStation, browse: Browse) -> None:
    station.clip(probed=False)
    station.clip(whole=False)
    browse(station.person("chen", Role.CLERK)).get("/clips")
    assert station.entries("access.listed") == []


def test_no_page_is_sent_when_the_look_can_not_be_entered(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))

    def fail(*_args: object, **_options: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(station.custody, "append_from", fail)
    for address in ("/clips", f"/clips/{clip}", f"/clips/{clip}/media"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "0001.MP4" not in answer.text and b"film 1" not in answer.content


def test_a_poster_is_sent_only_after_it_was_listed(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    assert client.get(f"/clips/{clip}/poster").status_code == 409
    client.get("/clips")
    answer = client.get(f"/clips/{clip}/poster")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "no-store"


def put_filmstrips(station: FakeStation) -> None:
    for poster in station.home.derived.glob("??/*/poster.webp"):
        poster.with_name("filmstrip.webp").write_bytes(b"RIFF----WEBPVP8 strip")


def test_scrubbing_a_poster_is_a_look_a_quarter_of_an_hour_and_opens_nothing(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    assert f"/clips/{clip}/filmstrip" not in client.get("/clips").text
    put_filmstrips(station)
    assert f'data-filmstrip="/clips/{clip}/filmstrip"' in client.get("/clips").text
    for _ in range(2):
        answer = client.get(f"/clips/{clip}/filmstrip")
        assert (answer.status_code, answer.content[-5:], answer.headers["cache-control"]) == (200, b"strip", "no-store")
    (look,) = station.entries("access.opened")
    assert (look.look.clip, look.look.kind) == (clip, "filmstrip")
    client.get(f"/clips/{clip}/media")
    assert [each.look.kind for each in station.entries("access.opened")] == ["filmstrip", "play"]
    later(monkeypatch, minutes=16)
    client.get("/clips")
    client.get(f"/clips/{clip}/filmstrip")
    assert len(station.entries("access.opened")) == 3


def test_the_filmstrip_of_a_clip_that_is_open_is_no_further_look(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    put_filmstrips(station)
    client = browse(station.person("chen", Role.CLERK))
    assert f"/clips/{clip}/filmstrip" in client.get(f"/clips/{clip}").text
    assert client.get(f"/clips/{clip}/filmstrip").status_code == 200
    assert [each.look.kind for each in station.entries("access.opened")] == ["play"]


def test_no_filmstrip_without_a_page_a_purpose_or_of_a_suspected_secret(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    put_filmstrips(station)
    address = f"/clips/{clip}/filmstrip"
    client = browse(station.person("chen", Role.CLERK))
    assert client.get(address).status_code == 409
    inspector = browse(station.person("sun", Role.INSPECTOR))
    assert address not in inspector.get("/clips").text
    assert inspector.get(address).status_code == 409
    inspector.post(f"/clips/{clip}/open", data={"purpose": "投诉 2026-31"})
    assert inspector.get(address).status_code == 200
    client.get("/clips")
    client.post(f"/clips/{clip}/sensitivity", data={"value": "suspected_secret"})
    assert client.get(address).status_code not in (200, 500)
    assert {each.look.kind for each in station.entries("access.opened")} == {"play"}


def test_what_one_session_was_shown_is_not_another_ones(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    viewer = station.person("chen", Role.CLERK)
    browse(viewer).get("/clips")
    assert browse(viewer).get(f"/clips/{clip}/poster").status_code == 409


def test_opening_a_clip_is_one_entry_a_quarter_of_an_hour(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = station.clip()
    viewer = station.person("chen", Role.CLERK)
    client = browse(viewer)
    client.get(f"/clips/{clip}")
    for start in (0, 100, 200):
        client.get(f"/clips/{clip}/media", headers={"range": f"bytes={start}-"})
    client.get(f"/clips/{clip}")
    (opened,) = station.entries("access.opened")
    assert (opened.look.clip, opened.look.kind, opened.actor.person) == (clip, "play", viewer.person)
    assert clip not in str(opened.fact)
    later(monkeypatch, minutes=16)
    client.get(f"/clips/{clip}/media", headers={"range": "bytes=300-"})
    assert len(station.entries("access.opened")) == 2


def test_an_inspector_states_a_purpose_before_a_clip_opens(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = station.clip()
    client = browse(station.person("sun", Role.INSPECTOR))
    page = client.get(f"/clips/{clip}")
    assert page.status_code == 200 and f"/clips/{clip}/media" not in page.text
    assert client.get(f"/clips/{clip}/media").status_code == 409
    assert client.post(f"/clips/{clip}/open", data={"purpose": "  "}).status_code == 409
    assert station.entries("access.opened") == []
    assert client.post(f"/clips/{clip}/open", data={"purpose": "投诉 2026-31"}).status_code == 303
    assert f"/clips/{clip}/media" in client.get(f"/clips/{clip}").text
    assert client.get(f"/clips/{clip}/media").status_code == 200
    later(monkeypatch, minutes=16)
    assert client.get(f"/clips/{clip}/media").status_code == 200
    assert [entry.look.purpose for entry in station.entries("access.opened")] == ["投诉 2026-31"] * 2


def test_a_list_shows_an_inspector_no_poster_before_a_purpose(station: FakeStation, browse: Browse) -> None:
    stated, other = station.clip(), station.clip()
    client = browse(station.person("sun", Role.INSPECTOR))
    page = client.get("/clips").text
    assert stated in page and "/poster" not in page
    assert client.get(f"/clips/{stated}/poster").status_code == 409
    assert station.entries("access.listed") == []
    client.post(f"/clips/{stated}/open", data={"purpose": "投诉 2026-31"})
    page = client.get("/clips").text
    assert f"/clips/{stated}/poster" in page and f"/clips/{other}/poster" not in page
    (listed,) = station.entries("access.listed")
    assert listed.look.clips == (stated,)


def test_a_clerk_who_inspects_too_sees_the_posters_of_the_unit(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    both = browse(station.person("sun", Role.INSPECTOR, Role.CLERK))
    assert f"/clips/{clip}/poster" in both.get("/clips").text


def test_an_inspector_who_recorded_the_clip_needs_no_purpose(station: FakeStation, browse: Browse) -> None:
    both = station.person("sun", Role.INSPECTOR, Role.OFFICER)
    station.take_in_recorder(both)
    clip = station.clip()
    assert f"/clips/{clip}/media" in browse(both).get(f"/clips/{clip}").text


def make_secret(station: FakeStation, clip: str) -> None:
    clerk = station.person("secrecy", Role.CLERK)
    amend.classify(station.custody, clerk, station.session(clerk)[1], clip, Sensitivity.SUSPECTED_SECRET)


def test_a_suspected_secret_has_no_bytes_for_anybody(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("chen", Role.CLERK))
    assert client.get(f"/clips/{clip}/media").status_code == 200
    client.get("/clips")
    make_secret(station, clip)
    page = client.get(f"/clips/{clip}")
    assert page.status_code == 200 and "/media" not in page.text and "/poster" not in page.text
    assert "/poster" not in client.get("/clips").text
    for address in (f"/clips/{clip}/media", f"/clips/{clip}/poster"):
        answer = client.get(address)
        assert (answer.status_code, b"film 1" in answer.content) == (403, False)
    assert {entry.look.reason for entry in station.entries("access.denied")} == {"suspected_secret"}


def test_one_tap_marks_a_suspected_secret_whoever_sees_the_clip(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    client = browse(station.person("sun", Role.INSPECTOR))
    assert client.post(f"/clips/{clip}/sensitivity", data={"sensitivity": "suspected_secret"}).status_code == 303
    assert client.get(f"/clips/{clip}/media").status_code == 403
    assert client.post(f"/clips/{clip}/sensitivity", data={"sensitivity": "ordinary", "reason": "x"}).status_code == 403


def test_a_refusal_is_entered_at_once_and_further_ones_are_counted(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, seconds=0)  # the minute stands still
    viewer = station.person("wang", Role.OFFICER)
    client = browse(viewer)
    for _ in range(4):
        assert client.get("/people").status_code == 403
    (first,) = station.entries("access.denied")
    assert (first.fact.count, first.look.route, first.look.reason) == (1, "GET /people", "role")
    assert first.actor.person == viewer.person
    assert access.flush_refusals(station.custody, station.database) == 0
    later(monkeypatch, minutes=1)
    assert access.flush_refusals(station.custody, station.database) == 1
    assert [entry.fact.count for entry in station.entries("access.denied")] == [1, 3]
    assert access.flush_refusals(station.custody, station.database) == 0


def test_the_next_refusal_takes_along_those_of_past_minutes(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, seconds=0)
    client = browse(station.person("wang", Role.OFFICER))
    client.get("/people")
    client.get("/people")
    later(monkeypatch, minutes=2)
    client.get("/ledger")
    denied = [(entry.look.route, entry.fact.count) for entry in station.entries("access.denied")]
    assert denied == [("GET /people", 1), ("GET /people", 1), ("GET /ledger", 1)]


def test_a_foreign_clip_looks_like_none_and_the_attempt_is_entered(station: FakeStation, browse: Browse) -> None:
    foreign = station.clip()
    client = browse(station.person("wang", Role.OFFICER))
    hidden, absent = client.get(f"/clips/{foreign}"), client.get(f"/clips/{new_id()}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.text.replace(foreign, "").count("code") == absent.text.count("code")
    (denied,) = station.entries("access.denied")
    assert (denied.look.about, denied.look.reason) == (f"clip:{foreign}", "not_visible")


def test_a_foreign_clip_hidden_in_a_form_is_refused_and_entered(station: FakeStation, browse: Browse) -> None:
    foreign = station.clip()
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    own = station.clip()
    form = {"clip": [own, foreign], "kind": "none", "none_reason": "test"}
    assert browse(officer).post("/bind", data=form).status_code == 404
    assert station.entries("clip.bound") == []
    assert station.entries("access.denied")[-1].look.about == f"clip:{foreign}"


def test_nobody_fills_the_ledger_by_asking(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, seconds=0)
    viewer = station.person("wang", Role.OFFICER)
    _, actor = station.session(viewer)
    monkeypatch.setattr(access, "_REFUSALS_A_MINUTE", 5)
    for _ in range(9):
        access.deny(station.custody, actor, f"clip:{new_id()}", "GET /clips/{clip}", "not_visible")
    assert len(station.entries("access.denied")) == 6


def test_refusals_of_strangers_go_to_the_service_log_only(station: FakeStation, browse: Browse) -> None:
    size = station.size()
    with structlog.testing.capture_logs() as logs:
        assert browse().get("/people").status_code == 303
    assert [entry["event"] for entry in logs] == ["not_logged_in", "request"]
    assert station.size() == size
