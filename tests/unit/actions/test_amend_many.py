"""Amending many clips at once: seen before, done in one go, and taken back whole."""

from datetime import timedelta

import pytest

from station import clock
from station.actions.amend import Amendment, amend, make_place
from station.actions.amend_many import Wanted, amend_many, preview
from station.actions.bind import BindRequest, bind
from station.actions.problems import ProblemError
from station.actions.review import submit_case
from station.actions.targets import NewTarget, open_target
from station.actions.undoing import undo
from station.catalogue import checks
from station.catalogue.views import Viewer
from station.errors import DeniedError, NotFoundError
from station.records.entries import Actor, Proof, TimeRange
from station.records.terms import NoneReason, Role, TargetKind
from tests.fakes.stations import FakeStation


@pytest.fixture
def clerk(station: FakeStation) -> Viewer:
    return station.person("chen", Role.CLERK)


@pytest.fixture
def actor(station: FakeStation, clerk: Viewer) -> Actor:
    return station.session(clerk)[1]


def said(station: FakeStation, clip: str) -> checks.Said:
    return station.read(lambda session: checks.said_of(session, [clip]))[clip]


def bound(station: FakeStation, clip: str) -> list[str]:
    return [each.kind for each in station.read(lambda session: checks.bindings_of(session, [clip]))]


def submitted(station: FakeStation, clerk: Viewer, actor: Actor, clip: str) -> None:
    """Bind a clip to a case and submit that."""
    change = Amendment("place", place=make_place("旧址"))
    amend(station.custody, clerk, actor, clip, change)
    amend(station.custody, clerk, actor, clip, Amendment("collector", collector_name="张伟"))
    handler = station.person("liu", Role.HANDLER)
    new = NewTarget(TargetKind.CASE, "A-1", "案件", (handler.person,))
    case = open_target(station.custody, station.home, clerk, actor, new)
    request = BindRequest((clip,), TargetKind.CASE, target=case, proves=(Proof(text="现场"),))
    bind(station.custody, station.database, station.home, clerk, actor, request)
    submit_case(station.custody, handler, station.session(handler)[1], case)


def test_what_is_shown_is_what_is_done_and_nothing_is_done_before(
    station: FakeStation, clerk: Viewer, actor: Actor
) -> None:
    clips = [station.clip() for _ in range(3)]
    submitted(station, clerk, actor, clips[0])
    amend(station.custody, clerk, actor, clips[1], Amendment("place", place=make_place("中山路")))
    size, wanted = station.size(), Wanted("place", place=" 中山路 ")

    shown = preview(station.database, clerk, clips, wanted)

    assert station.size() == size
    assert [(each.before, each.after, each.blocked) for each in shown] == [
        ("旧址", "旧址", "submitted"),
        ("中山路", "中山路", None),
        (None, "中山路", None),
    ]
    _, count = amend_many(station.custody, clerk, actor, clips, wanted)
    assert (count, station.size()) == (1, size + 1)
    assert [said(station, clip).place["place"] for clip in clips] == ["旧址", "中山路", "中山路"]


def test_undo_puts_back_what_stood_before_with_its_source(station: FakeStation, clerk: Viewer, actor: Actor) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    blank, placed = station.clip(), station.clip()
    amend(station.custody, officer, station.session(officer)[1], placed, Amendment("place", place=make_place("河西")))
    before = [said(station, clip) for clip in (blank, placed)]
    assert [each.place["source"] for each in before] == [None, "officer"]

    action, _ = amend_many(station.custody, clerk, actor, [blank, placed], Wanted("place", place="河东"))
    assert undo(station.custody, clerk, actor, action) == 2

    assert [said(station, clip) for clip in (blank, placed)] == before
    with pytest.raises(ProblemError, match="Nothing"):
        undo(station.custody, clerk, actor, action)


def test_the_collector_of_many_is_put_back_too(station: FakeStation, clerk: Viewer, actor: Actor) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    before = said(station, clip)
    assert before.collector["source"] == "holder_register"
    action, _ = amend_many(station.custody, clerk, actor, [clip], Wanted("collector", collector_name="协管员"))
    assert said(station, clip).collector["collector_name"] == "协管员"
    undo(station.custody, clerk, actor, action)
    assert said(station, clip) == before


def test_times_are_moved_by_what_the_clock_was_wrong_and_back_with_their_doubt(
    station: FakeStation, clerk: Viewer, actor: Actor
) -> None:
    clip = station.clip()
    before = said(station, clip).time
    action, _ = amend_many(station.custody, clerk, actor, [clip], Wanted("time", shift_seconds=-3600))
    moved = said(station, clip).time
    shift = clock.parse_time(moved["recorded_at"]) - clock.parse_time(before["recorded_at"])
    assert (shift, moved["time_trust"]) == (timedelta(hours=-1), "plain")
    undo(station.custody, clerk, actor, action)
    back = said(station, clip).time
    assert (back["recorded_at"], back["time_trust"]) == (before["recorded_at"], before["time_trust"])


def test_undo_leaves_alone_what_was_changed_since(station: FakeStation, clerk: Viewer, actor: Actor) -> None:
    first, second = station.clip(), station.clip()
    action, _ = amend_many(station.custody, clerk, actor, [first, second], Wanted("place", place="河东"))
    amend(station.custody, clerk, actor, second, Amendment("place", place=make_place("河北")))
    assert undo(station.custody, clerk, actor, action) == 1
    assert [said(station, clip).place["place"] for clip in (first, second)] == [None, "河北"]


def test_a_binding_is_taken_back_with_the_place_it_gave_and_what_it_replaced(
    station: FakeStation, clerk: Viewer, actor: Actor
) -> None:
    clip = station.clip()
    seen = Proof(text="巡逻", ranges=(TimeRange(start_ms=0, end_ms=500),))
    nothing = BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL, proves=(seen,))
    bind(station.custody, station.database, station.home, clerk, actor, nothing)
    new = NewTarget(TargetKind.TASK, title="检查")
    request = BindRequest((clip,), TargetKind.TASK, new=new, place="河东")
    bind(station.custody, station.database, station.home, clerk, actor, request)
    assert bound(station, clip) == ["task"]

    action = station.entries("clip.bound")[-1].fact.action
    undo(station.custody, clerk, actor, action)

    assert bound(station, clip) == ["none"]
    assert station.entries("clip.bound")[-1].text.proves == (seen,)
    assert said(station, clip).place["place"] is None


def test_only_who_did_it_undoes_it_and_only_for_a_day(
    station: FakeStation, clerk: Viewer, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, _ = amend_many(station.custody, clerk, actor, [station.clip()], Wanted("place", place="河东"))
    other = station.person("zhao", Role.CLERK)
    with pytest.raises(ProblemError, match="Nothing"):
        undo(station.custody, other, station.session(other)[1], action)
    later = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(ProblemError, match="Nothing"):
        undo(station.custody, clerk, actor, action)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("place"), "value_missing"),
        (Wanted("place", place="字" * 201), "place_wrong"),
        (Wanted("collector"), "value_missing"),
        (Wanted("collector", collector="nobody"), "person_unknown"),
        (Wanted("time"), "value_missing"),
        (Wanted("time", shift_seconds=86_400 * 400), "time_invalid"),
        (Wanted("place", place="河东", reason="字" * 1001), "reason_long"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(
    station: FakeStation, clerk: Viewer, actor: Actor, wanted: Wanted, code: str
) -> None:
    clip = station.clip()
    size = station.size()
    with pytest.raises(ProblemError) as refused:
        amend_many(station.custody, clerk, actor, [clip], wanted)
    assert (refused.value.code, station.size()) == (code, size)


def test_nobody_amends_clips_they_do_not_see_or_in_a_role_that_does_not(station: FakeStation) -> None:
    clip, wanted = station.clip(), Wanted("place", place="河东")
    officer, inspector = station.person("wang", Role.OFFICER), station.person("zhou", Role.INSPECTOR)
    with pytest.raises(NotFoundError):
        preview(station.database, officer, [clip], wanted)
    with pytest.raises(DeniedError):
        preview(station.database, inspector, [clip], wanted)
