"""Badge and PIN at the dock: who gets in, what they may do there, and when it ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.testclient import TestClient

from station import clock
from station.actions import dock_entry
from station.actions.problems import ProblemError
from station.catalogue.views import Viewer
from station.config import Settings
from station.records.terms import Role
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation

Browse = Callable[..., TestClient]
PIN, SCREEN = "4826", "127.0.0.1"
NOTHING = {"kind": "none", "none_reason": "test"}


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How dear guessing is made is not looked at here."""
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr("station.state.secrets._hasher", cheap)


def officer(station: FakeStation, name: str = "wang", badge: str = "110235", *more: Role) -> Viewer:
    """Add an officer with a badge, who holds a recorder just docked and has chosen a PIN at the dock."""
    viewer = station.person(name, Role.OFFICER, *more, police_number=badge)
    station.take_in_recorder(viewer)
    start = dock_entry.issue_start_pin(station.custody, CONSOLE, viewer.person)
    enter(station, badge, start, PIN)
    return viewer


def enter(station: FakeStation, badge: str, pin: str, chosen: str = "") -> None:
    dock_entry.enter(
        station.custody, station.database, badge=badge, pin=pin, chosen=chosen, again=chosen, address=SCREEN
    )


def at_dock(browse: Browse, badge: str = "110235") -> TestClient:
    client = browse(address=SCREEN)
    answer = client.post("/dock/session", data={"badge": badge, "pin": PIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dock/tagging")
    return client


def test_badge_and_pin_lead_to_tagging_and_each_binding_says_so(station: FakeStation, browse: Browse) -> None:
    viewer = officer(station)
    clip = station.clip()
    client = at_dock(browse)
    assert clip in client.get("/dock/tagging").text
    answer = client.post("/dock/tagging", data={"clip": [clip], **NOTHING})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dock/tagging")
    actor = station.entries("clip.bound")[-1].actor
    assert (actor.person, actor.strength) == (viewer.person, "badge_pin")
    assert station.entries("session.opened")[-1].actor.strength == "badge_pin"
    assert clip not in client.get("/dock/tagging").text


def test_a_session_at_the_dock_does_nothing_but_tag_and_refusals_are_entered(
    station: FakeStation, browse: Browse
) -> None:
    officer(station, "wang", "110235", Role.CLERK, Role.ADMIN)
    clip = station.clip()
    client = at_dock(browse)
    for path in ("/clips", f"/clips/{clip}", f"/clips/{clip}/media", "/today", "/me", "/people", "/targets/find?q=x"):
        assert client.get(path).status_code in (403, 404), path
    for path in ("/bind", f"/clips/{clip}/amend", "/me/password", "/me/pin"):
        assert client.post(path, data={"clip": [clip], **NOTHING}).status_code == 403, path
    assert station.entries("access.denied")[-1].actor.strength == "badge_pin"
    assert not station.entries("clip.bound")


def test_other_roles_of_the_officer_do_not_count_at_the_dock(station: FakeStation, browse: Browse) -> None:
    station.take_in_recorder(station.person("zhou", Role.OFFICER))
    theirs = station.clip()
    officer(station, "wang", "110235", Role.CLERK)
    client = at_dock(browse)
    assert client.post("/dock/tagging", data={"clip": [theirs], **NOTHING}).status_code == 404


def test_what_is_tagged_already_stays_as_it_is(station: FakeStation, browse: Browse) -> None:
    officer(station)
    clip = station.clip()
    client = at_dock(browse)
    client.post("/dock/tagging", data={"clip": [clip], **NOTHING})
    before = station.size()
    again = {"clip": [clip], "kind": "matter", "new_title": "另一事项", "place": "别处"}
    assert client.post("/dock/tagging", data=again).status_code == 409
    assert not [entry for entry in station.entries() if entry.TYPE == "clip.amended"]
    assert len(station.entries("clip.bound")) == 1 and station.size() >= before


def test_not_mine_goes_to_the_clerk_who_sees_who_said_so_and_names_the_collector(
    station: FakeStation, browse: Browse
) -> None:
    viewer = officer(station)
    zhou = station.person("zhou", Role.OFFICER)
    clerk = browse(station.person("chen", Role.CLERK))
    clip, own = station.clip(), station.clip()
    client = at_dock(browse)
    assert client.post(f"/clips/{clip}/disclaim").headers["location"] == "/dock/tagging"
    (said,) = station.entries("clip.disclaimed")
    assert (said.fact.clip, said.fact.person) == (clip, viewer.person)
    assert (said.actor.person, said.actor.strength) == (viewer.person, "badge_pin")
    listed = client.get("/dock/tagging").text
    assert clip not in listed and own in listed
    assert client.post(f"/clips/{clip}/disclaim").status_code == 404  # it is not theirs to see any more
    queue = clerk.get("/clips?queue=collector").text
    assert clip in queue and own not in queue and "Wang" in queue
    assert "Wang" in clerk.get(f"/clips/{clip}").text
    settled = {"field": "collector", "collector": zhou.person, "reason": "值班表"}
    assert clerk.post(f"/clips/{clip}/amend", data=settled).status_code == 303
    assert clip not in clerk.get("/clips?queue=collector").text
    assert clip in browse(zhou).get("/today").text


def test_what_others_recorded_can_not_be_disclaimed(station: FakeStation, browse: Browse) -> None:
    officer(station)
    client = at_dock(browse)
    station.take_in_recorder(station.person("zhou", Role.OFFICER))
    assert client.post(f"/clips/{station.clip()}/disclaim").status_code == 404
    both = browse(station.person("li", Role.OFFICER, Role.CLERK))  # sees it as a clerk
    assert both.post(f"/clips/{station.clip()}/disclaim").status_code == 404
    assert not station.entries("clip.disclaimed")


def test_at_the_dock_a_recording_plays_until_it_is_tagged_and_the_look_is_entered(
    station: FakeStation, browse: Browse
) -> None:
    viewer = officer(station)
    clip = station.clip()
    client = at_dock(browse)
    media = f"/dock/tagging/{clip}/media"
    assert media in client.get("/dock/tagging").text
    assert client.get(media).status_code == 200
    look = station.entries("access.opened")[-1]
    assert (look.look.clip, look.actor.person) == (clip, viewer.person)
    client.post("/dock/tagging", data={"clip": [clip], **NOTHING})
    assert client.get(media).status_code == 403


def test_done_ends_the_session_for_good(station: FakeStation, browse: Browse) -> None:
    officer(station)
    client = at_dock(browse)
    secret = client.cookies["station_session"]
    assert client.post("/dock/done").headers["location"] == "/dock"
    kept = browse(address=SCREEN).get("/dock/tagging", headers={"cookie": f"station_session={secret}"})
    assert (kept.status_code, kept.headers["location"]) == (303, "/dock")


def test_sixty_idle_seconds_end_the_session_and_a_touch_prolongs_it(
    station: FakeStation, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer(station)
    client = at_dock(browse)
    start = clock.now()
    for seconds, status in ((50, 204), (100, 204), (159, 204), (220, 303)):
        monkeypatch.setattr(clock, "now", lambda at=start + timedelta(seconds=seconds): at)
        assert client.post("/dock/alive").status_code == status, seconds


def test_the_board_shows_nothing_of_a_session_left_open(station: FakeStation, browse: Browse) -> None:
    officer(station)
    client = at_dock(browse)
    assert "Wang" in client.get("/dock/tagging").text
    assert "Wang" not in client.get("/dock").text


def test_the_session_counts_at_its_own_screen_only(station: FakeStation, browse: Browse) -> None:
    officer(station)
    secret = at_dock(browse).cookies["station_session"]
    for address in ("192.0.2.7", "::1"):
        answer = browse(address=address).get("/dock/tagging", headers={"cookie": f"station_session={secret}"})
        assert answer.status_code == 303


def test_nobody_enters_by_badge_from_elsewhere(station: FakeStation, browse: Browse) -> None:
    viewer = officer(station)
    answer = browse(viewer, address="192.0.2.7").post("/dock/session", data={"badge": "110235", "pin": PIN})
    assert answer.status_code == 409
    assert browse(address="192.0.2.7").get("/dock/pin").status_code == 303
    assert "/dock/pin" not in browse(viewer, address="192.0.2.7").get("/dock").text
    assert "/dock/pin" in browse(address=SCREEN).get("/dock").text


def test_addresses_set_as_screens_see_the_board_and_open_sessions(
    station: FakeStation, application: FastAPI, browse: Browse
) -> None:
    officer(station)
    settings = Settings.model_validate({"kiosk_addresses": ["192.0.2.16/28", "2001:db8::7"]})
    station.home = replace(station.home, settings=settings)
    station.attach_to(application)
    for address, status in (("192.0.2.17", 200), ("2001:db8::7", 200), ("192.0.2.7", 303), ("2001:db8::8", 303)):
        assert browse(address=address).get("/dock").status_code == status, address
    client = browse(address="192.0.2.17")
    client.post("/dock/session", data={"badge": "110235", "pin": PIN})
    assert client.get("/dock/tagging").status_code == 200


@pytest.mark.parametrize(("badge", "pin"), [("999999", PIN), ("", PIN), ("110235", "0000"), ("110235", "")])
def test_a_wrong_badge_or_pin_opens_nothing_and_says_what_to_do(
    station: FakeStation, browse: Browse, badge: str, pin: str
) -> None:
    officer(station)
    answer = browse(address=SCREEN).post("/dock/session", data={"badge": badge, "pin": pin})
    assert answer.status_code == 409 and "set-cookie" not in answer.headers
    assert 'class="notice' in answer.text


def test_five_wrong_pins_lock_it_for_a_while_and_the_ledger_knows(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer(station)
    codes = []
    for pin in ("1111", "2222", "3333", "4444", "5555", PIN):
        with pytest.raises(ProblemError) as refused:
            enter(station, "110235", pin)
        codes.append(refused.value.code)
    assert codes == ["pin_wrong"] * 4 + ["pin_locked"] * 2
    assert station.entries("account.changed")[-1].fact.change == "pin_locked"
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    enter(station, "110235", PIN)


def test_a_start_pin_is_good_for_choosing_another_only(station: FakeStation) -> None:
    viewer = officer(station)
    start = dock_entry.issue_start_pin(station.custody, CONSOLE, viewer.person)
    for chosen, code in (("", "pin_choose"), (start, "pin_easy"), ("1234", "pin_easy"), ("12", "pin_unfit")):
        with pytest.raises(ProblemError) as refused:
            enter(station, "110235", start, chosen)
        assert refused.value.code == code
    enter(station, "110235", start, "9371")
    with pytest.raises(ProblemError):
        enter(station, "110235", start)


def test_a_card_stands_for_one_person_until_it_is_taken(station: FakeStation) -> None:
    wang, zhou = officer(station), officer(station, "zhou", "110236")
    dock_entry.give_card(station.custody, CONSOLE, wang.person, "04A2B3C4")
    enter(station, "04a2b3c4", PIN)
    for number in ("04A2B3C4", "110235"):
        with pytest.raises(ProblemError) as refused:
            dock_entry.give_card(station.custody, CONSOLE, zhou.person, number)
        assert refused.value.code == "card_taken"
    dock_entry.give_card(station.custody, CONSOLE, wang.person, "")
    with pytest.raises(ProblemError) as refused:
        enter(station, "04A2B3C4", PIN)
    assert refused.value.code == "badge_unknown"


def test_people_choose_their_pin_by_their_password(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER, police_number="110235")
    station.with_password(viewer)
    client = browse(viewer)
    form = {"present": PASSWORD, "pin": PIN, "again": PIN}
    assert client.post("/me/pin", data={**form, "present": "wrong password"}).status_code == 409
    assert client.post("/me/pin", data={**form, "again": "4827"}).status_code == 409
    assert client.post("/me/pin", data=form).status_code == 200
    enter(station, "110235", PIN)


def test_an_admin_hands_out_a_start_pin_and_a_card(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER, police_number="110235")
    client = browse(station.person("root", Role.ADMIN))
    assert client.post(f"/people/{viewer.person}/pin").status_code == 200
    assert client.post(f"/people/{viewer.person}/card", data={"card": "04A2B3C4"}).status_code == 303
    assert client.post(f"/people/{viewer.person}/card", data={"card": "-- "}).status_code == 409
    changes = [entry.fact.change for entry in station.entries("account.changed")]
    assert changes[-2:] == ["pin_issued", "card_given"]
