"""The same look asked for by many requests at once is entered once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from station.actions import access
from station.actions.problems import ProblemError
from station.records.terms import Role
from tests.fakes.stations import FakeStation


def test_ranges_asked_for_at_once_open_the_clip_once(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    _, actor = station.session(clerk)
    with ThreadPoolExecutor(8) as threads:
        tries = [
            threads.submit(access.open_clip, station.custody, station.database, clerk, actor, clip) for _ in range(16)
        ]
        made = [each.result() for each in tries]
    assert made.count(True) == 1
    assert len(station.entries("access.opened")) == 1


def test_pages_asked_for_at_once_list_each_poster_once(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clips = [station.clip() for _ in range(3)]
    _, actor = station.session(clerk)
    with ThreadPoolExecutor(8) as threads:
        tries = [
            threads.submit(access.list_posters, station.custody, station.database, actor, clips, "GET /clips")
            for _ in range(8)
        ]
        assert sum(each.result() for each in tries) == 1
    (listed,) = station.entries("access.listed")
    assert set(listed.look.clips) == set(clips)


def test_a_long_list_of_posters_is_cut_into_entries_that_fit(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "CLIPS_AN_ENTRY", 2)
    clerk = station.person("chen", Role.CLERK)
    clips = [station.clip() for _ in range(5)]
    access.list_posters(station.custody, station.database, station.session(clerk)[1], clips, "GET /cases/{target}")
    assert [len(entry.look.clips) for entry in station.entries("access.listed")] == [2, 2, 1]


def test_another_purpose_is_another_look(station: FakeStation) -> None:
    inspector = station.person("sun", Role.INSPECTOR)
    clip = station.clip()
    _, actor = station.session(inspector)
    assert access.open_clip(station.custody, station.database, inspector, actor, clip, "first")
    assert not access.open_clip(station.custody, station.database, inspector, actor, clip, "first")
    assert access.open_clip(station.custody, station.database, inspector, actor, clip, "second")
    with pytest.raises(ProblemError):
        access.open_clip(station.custody, station.database, inspector, actor, clip, "p" * 501)


def test_each_session_of_an_inspector_states_its_own_purpose(station: FakeStation) -> None:
    inspector = station.person("sun", Role.INSPECTOR)
    clip = station.clip()
    access.open_clip(station.custody, station.database, inspector, station.session(inspector)[1], clip, "first")
    with pytest.raises(ProblemError) as refused:
        access.open_clip(station.custody, station.database, inspector, station.session(inspector)[1], clip)
    assert refused.value.code == "purpose_missing"
