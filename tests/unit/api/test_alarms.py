"""An alarm stays until its cause is gone, and whoever saw to it stands in the ledger with what they wrote."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.catalogue.alarms import count_standing, count_unseen, find_alarm
from station.custody import rebuild
from station.digest import new_id
from station.records.log_entries import AlarmRaised
from station.records.terms import Role
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


def raised(station: FakeStation, kind: str = "bytes_changed", about: str | None = None) -> str:
    alarm = new_id()
    detail = AlarmRaised.Detail(text="0001.MP4")
    station.custody.append(
        AlarmRaised(fact=AlarmRaised.Fact(alarm=alarm, kind=kind, about=about), detail=detail), seal=False
    )
    return alarm


def test_an_alarm_seen_to_stays_listed_with_who_and_what_until_its_cause_is_gone(
    station: FakeStation, browse: Browse
) -> None:
    alarm, clerk = raised(station), station.person("chen", Role.CLERK)
    client = browse(clerk)
    assert client.post(f"/alarms/{alarm}", data={"note": " 两份都已\n保留 "}).headers["location"] == "/alarms"
    page = client.get("/alarms").text
    assert "两份都已 保留" in page and "Chen" in page
    assert (station.read(count_unseen), station.read(count_standing)) == (0, 1)
    client.post(f"/alarms/{alarm}", data={"note": "记录仪已送修", "gone": "yes"})
    assert station.read(count_standing) == 0
    assert "两份都已 保留" in client.get("/alarms").text
    said = [(entry.actor.person, entry.fact.gone, entry.text.note) for entry in station.entries("alarm.acknowledged")]
    assert said == [(clerk.person, False, "两份都已 保留"), (clerk.person, True, "记录仪已送修")]
    before = station.read(lambda session: find_alarm(session, alarm))
    rebuild(station.database)
    assert station.read(lambda session: find_alarm(session, alarm)) == before


@pytest.mark.parametrize(
    ("first", "then"),
    [({}, {"note": " "}), ({"note": "看过"}, {"note": "又看过"}), ({"note": "好了", "gone": "yes"}, {"note": "再看"})],
    ids=["without a note", "seen already", "gone already"],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_entered(
    station: FakeStation, browse: Browse, first: dict[str, str], then: dict[str, str]
) -> None:
    alarm, client = raised(station), browse(station.person("chen", Role.CLERK))
    if first:
        client.post(f"/alarms/{alarm}", data=first)
    size = station.size()
    answer = client.post(f"/alarms/{alarm}", data=then)
    assert (answer.status_code, station.size()) == (409, size)
    assert 'class="notice bad"' in answer.text


def test_a_check_that_finds_the_original_sound_ends_its_damage_and_nothing_else(station: FakeStation) -> None:
    clip, clerk = station.clip(), station.person("chen", Role.CLERK)
    damage, other = raised(station, "original_damaged", f"clip:{clip}"), raised(station, about=f"clip:{clip}")
    station.checked(clerk, [clip], "damaged")
    assert station.read(count_standing) == 2
    station.checked(clerk, [clip])
    ended = station.read(lambda session: find_alarm(session, damage))
    standing = station.read(lambda session: find_alarm(session, other))
    assert ended is not None and ended.gone_at is not None and ended.gone_by == ""
    assert standing is not None and standing.gone_at is None


def test_an_alarm_that_never_was_is_not_found(station: FakeStation, browse: Browse) -> None:
    assert browse(station.person("chen", Role.CLERK)).post("/alarms/x", data={"note": "y"}).status_code == 404
