"""Lists of clips: who sees which, how they are narrowed, cut into pages and counted."""

import pytest

from station.catalogue.clips import (
    can_see,
    clip_digest,
    expand_recordings,
    list_clips,
    untagged_recordings,
    visible_clips,
)
from station.catalogue.overview import counts, queue_counts, tagged_since
from station.catalogue.tables import Alarm, Companion
from station.catalogue.views import ClipFilter, Queue, Viewer
from station.errors import NotFoundError, RequestError
from tests.unit.catalogue.rows import NOON, UNIT, Catalogue, at, viewer


def seen(catalogue: Catalogue, eyes: Viewer, **narrowed: object) -> list[str]:
    with catalogue.read() as session:
        page = list_clips(session, eyes, ClipFilter(**narrowed))  # type: ignore[arg-type]
    assert page.total == len(page.rows)
    return [row.clip for row in page.rows]


@pytest.fixture
def station(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue in which every way to see a clip occurs once."""
    catalogue.person("me", "王一")
    catalogue.person("other", "李二")
    catalogue.clip("own", 9, collector="me", unit="别的大队")
    catalogue.clip("held", 8, holders=("me", "other"), unit="别的大队")
    catalogue.clip("named", 7, holders=("me",), collector_name="协管员", unit="别的大队")
    catalogue.clip("foreign", 6, collector="other", holders=("me",), unit="别的大队")
    catalogue.clip("of_unit", 5, collector="other")
    catalogue.clip("handled", 4, unit="别的大队")
    catalogue.clip("in_review", 3, unit="别的大队")
    catalogue.clip("with_me", 2, unit="别的大队")
    catalogue.target("mine", handlers=("me",))
    catalogue.submitted("theirs", handlers=("other",))
    catalogue.bind("handled", "mine")
    catalogue.bind("in_review", "theirs")
    return catalogue


EVERYTHING = ["own", "held", "named", "foreign", "of_unit", "handled", "in_review", "with_me"]


@pytest.mark.parametrize(
    ("roles", "clips"),
    [
        (("officer",), ["own", "held"]),
        (("clerk",), ["of_unit"]),
        (("handler",), ["handled"]),
        (("reviewer",), ["in_review"]),
        (("approver",), ["in_review"]),
        (("inspector",), EVERYTHING),
        (("auditor",), []),
        (("admin",), []),
        ((), []),
        (("officer", "clerk"), ["own", "held", "of_unit"]),
        (("officer", "handler"), ["own", "held", "handled"]),
        (("clerk", "reviewer", "admin"), ["of_unit", "in_review"]),
        (("officer", "inspector"), EVERYTHING),
    ],
)
def test_each_role_sees_its_clips_and_no_other(station: Catalogue, roles: tuple[str, ...], clips: list[str]) -> None:
    eyes = viewer(*roles)
    assert seen(station, eyes) == clips
    with station.read() as session:
        assert visible_clips(session, eyes, EVERYTHING) == frozenset(clips)
        assert [can_see(session, eyes, clip) for clip in EVERYTHING] == [clip in clips for clip in EVERYTHING]
        assert counts(session, eyes, today=NOON).total == len(clips)


def test_a_companion_does_not_see_a_clip_for_having_been_there(station: Catalogue) -> None:
    station.add(Companion(clip="with_me", person="me"))
    assert "with_me" not in seen(station, viewer("officer"))


@pytest.mark.parametrize(
    ("narrowed", "clips"),
    [
        ({"tagged": True}, ["c"]),
        ({"tagged": False}, ["d", "b", "a"]),
        ({"collector": "p"}, ["b"]),
        ({"recorder": "r2"}, ["d"]),
        ({"important": True}, ["a"]),
        ({"important": False}, ["d", "c", "b"]),
        ({"time_from": at(2)}, ["d", "c", "b"]),
        ({"time_from": at(2), "time_to": at(4)}, ["c", "b"]),
        ({"target": "t"}, ["c"]),
        ({"queue": Queue.DAMAGED}, ["d", "b", "a"]),
        ({"queue": Queue.COLLECTOR}, ["b"]),
        ({"queue": Queue.CLOCK}, ["c"]),
        ({"queue": Queue.MISSING_FIELD}, ["c"]),
        ({"queue": Queue.OVERDUE}, ["d"]),
        ({"text": "市场"}, ["a"]),
        ({"text": "100%"}, []),
        ({"text": "B.mp4"}, ["b"]),
        ({"text": "赵"}, ["b"]),
        ({"text": "dsj0002"}, ["d"]),
        ({"text": "冀石执罚(2026)第7号"}, ["c"]),
        ({"text": "超限"}, ["c"]),
        ({"text": "  "}, ["d", "c", "b", "a"]),
        ({"tagged": False, "queue": Queue.DAMAGED, "important": True}, ["a"]),
    ],
)
@pytest.mark.parametrize("role", ["clerk", "reviewer inspector"])
def test_a_list_is_narrowed_to_what_was_asked(
    catalogue: Catalogue, role: str, narrowed: dict[str, object], clips: list[str]
) -> None:
    catalogue.person("p", "赵六")
    catalogue.recorder("r1", serial="DSJ0001")
    catalogue.recorder("r2", serial="DSJ0002")
    catalogue.clip("a", 1, important=True, place="中山路市场", missing_bytes=512)
    catalogue.clip("b", 2, collector="p", conflicts=1, in_doubt=True)
    catalogue.clip("c", 3, check_outcome="sound", clock_doubt=True, missing_field=True)
    catalogue.clip("d", 4, recorder="r2", check_outcome="damaged", overdue=True)
    catalogue.target("t", "冀石执罚〔2026〕7号", title="超限运输")
    catalogue.bind("c", "t")
    assert seen(catalogue, viewer(*role.split()), **narrowed) == clips


@pytest.mark.parametrize("role", ["clerk", "officer"])
def test_each_queue_counts_what_the_viewer_sees_of_it(catalogue: Catalogue, role: str) -> None:
    catalogue.clip("a", 1, collector="me", clock_doubt=True, overdue=True)
    catalogue.clip("b", 2, collector="me", missing_bytes=1, overdue=True)
    catalogue.clip("foreign", 3, unit="别的大队", in_doubt=True)
    with catalogue.read() as session:
        counted = queue_counts(session, viewer(role))
    assert counted == {
        Queue.MISSING_FIELD: 0,
        Queue.COLLECTOR: 0,
        Queue.CLOCK: 1,
        Queue.DAMAGED: 1,
        Queue.OVERDUE: 2,
    }


def test_an_incomplete_clip_counts_as_damaged(catalogue: Catalogue) -> None:
    catalogue.clip("a", stage="incomplete")
    assert seen(catalogue, viewer("clerk"), queue=Queue.DAMAGED) == ["a"]


@pytest.mark.parametrize("narrowed", [{"target": "secret"}, {"text": "机密"}])
def test_a_filter_does_not_tell_of_a_case_the_viewer_may_not_know(
    catalogue: Catalogue, narrowed: dict[str, object]
) -> None:
    catalogue.clip("a")
    catalogue.target("secret", "机密1号", unit="别的大队")
    catalogue.bind("a", "secret", by="other")
    assert seen(catalogue, viewer("clerk"), **narrowed) == []
    assert seen(catalogue, viewer("inspector"), **narrowed) == ["a"]


@pytest.mark.parametrize("role", ["clerk", "officer"])
def test_pages_by_key_give_every_clip_once_though_times_are_equal_and_clips_come_in(
    catalogue: Catalogue, role: str
) -> None:
    for number in range(7):
        catalogue.clip(f"c{number}", number // 3, collector="me")
    rows, cursor, totals = [], None, []
    with catalogue.read() as session:
        page = list_clips(session, viewer(role), ClipFilter(), limit=3)
    rows += page.rows
    catalogue.clip("newer", 99, collector="me")
    cursor = page.next_cursor
    while cursor is not None:
        with catalogue.read() as session:
            page = list_clips(session, viewer(role), ClipFilter(), cursor=cursor, limit=3)
        rows += page.rows
        totals.append(page.total)
        cursor = page.next_cursor
    assert [row.clip for row in rows] == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]
    assert totals == [8, 8]


def test_the_last_page_has_no_cursor_when_it_is_exactly_full(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.clip("b")
    with catalogue.read() as session:
        page = list_clips(session, viewer("clerk"), ClipFilter(), limit=2)
    assert (len(page.rows), page.total, page.next_cursor) == (2, 2, None)


def test_a_total_beyond_what_one_search_reaches_is_counted(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.catalogue.clips._COUNTED_ON_THE_WAY", 3)
    for number in range(5):
        catalogue.clip(f"c{number}", number)
    with catalogue.read() as session:
        page = list_clips(session, viewer("clerk"), ClipFilter(), limit=2)
    assert (len(page.rows), page.total) == (2, 5)


@pytest.mark.parametrize("role", ["clerk", "officer"])
@pytest.mark.parametrize(("clips", "told"), [(3, (3, False)), (4, (3, True)), (6, (3, True))])
def test_counting_stops_at_a_limit_and_that_is_told(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, role: str, clips: int, told: tuple[int, bool]
) -> None:
    monkeypatch.setattr("station.catalogue.clips._COUNTED_ON_THE_WAY", 2)
    monkeypatch.setattr("station.catalogue.clips.COUNTED", 3)
    for number in range(clips):
        catalogue.clip(f"c{number}", number, collector="me")
    with catalogue.read() as session:
        first = list_clips(session, viewer(role), ClipFilter(), limit=2)
        second = list_clips(session, viewer(role), ClipFilter(), cursor=first.next_cursor, limit=2)
    assert [(page.total, page.at_least) for page in (first, second)] == [told, told]


@pytest.mark.parametrize("cursor", ["", "!!", "bm90aGluZw", "é", "AAA"])
def test_a_made_up_cursor_is_refused(catalogue: Catalogue, cursor: str) -> None:
    with catalogue.read() as session, pytest.raises(RequestError):
        list_clips(session, viewer("clerk"), ClipFilter(), cursor=cursor)


def test_a_page_takes_the_same_statements_however_many_clips_it_has(catalogue: Catalogue) -> None:
    catalogue.target("t")

    def statements() -> int:
        with catalogue.read() as session, catalogue.statements() as seen_statements:
            list_clips(session, viewer("clerk"), ClipFilter())
        return len(seen_statements)

    catalogue.clip("c0")
    catalogue.bind("c0", "t", proves=("甲", "乙"))
    one = statements()
    for number in range(1, 10):
        catalogue.clip(f"c{number}", number)
        catalogue.bind(f"c{number}", "t", proves=("甲", "乙"))
    assert statements() == one


def test_a_row_names_collector_recorder_and_bindings(catalogue: Catalogue) -> None:
    catalogue.person("p", "赵六")
    catalogue.recorder("r1", serial="DSJ0001", label="NO NAME")
    catalogue.clip("a", collector="p")
    catalogue.target("t", "一号", title="案由")
    catalogue.bind("a", "t", by="p", proves=("当事人在场", "已告知权利"), stage="on_site")
    with catalogue.read() as session:
        (row,) = list_clips(session, viewer("clerk"), ClipFilter()).rows
    assert (row.collector_name, row.recorder_name, row.tagged) == ("赵六", "DSJ0001", True)
    (binding,) = row.bindings
    assert (binding.number, binding.title, binding.bound_by_name) == ("一号", "案由", "赵六")
    assert binding.proves == (("当事人在场", ((1000, 2000),)), ("已告知权利", ((1000, 2000),)))


def test_bindings_to_cases_the_viewer_may_not_know_are_left_out(catalogue: Catalogue) -> None:
    catalogue.clip("a", unit="别的大队")
    catalogue.target("mine", handlers=("me",), unit="别的大队")
    catalogue.target("other", unit="别的大队")
    catalogue.target("made", unit="别的大队")
    for target, by in (("mine", "clerk"), ("other", "clerk"), ("made", "me"), (None, "clerk")):
        catalogue.bind("a", target, by=by)
    with catalogue.read() as session:
        (row,) = list_clips(session, viewer("handler"), ClipFilter()).rows
    assert {binding.target for binding in row.bindings} == {"mine", "made", None}


def test_an_officer_still_sees_which_case_of_their_unit_a_clip_went_to_after_submission(
    catalogue: Catalogue,
) -> None:
    catalogue.clip("a", collector="me")
    catalogue.submitted("t")
    catalogue.bind("a", "t")
    with catalogue.read() as session:
        (row,) = list_clips(session, viewer("officer"), ClipFilter()).rows
    assert [binding.target for binding in row.bindings] == ["t"]


def test_an_untagged_recording_comes_with_all_its_segments_in_order(catalogue: Catalogue) -> None:
    catalogue.clip("b2", 12, recording="b1", sequence=2)
    catalogue.clip("b1", 11, recording="b1", sequence=1)
    catalogue.clip("b3", 13, recording="b1", sequence=3)
    catalogue.clip("a", 20)
    catalogue.clip("done", 30)
    catalogue.target("t")
    catalogue.bind("b1", "t")
    catalogue.bind("done", "t")
    with catalogue.read() as session:
        groups = untagged_recordings(session, viewer("clerk"))
        newest = untagged_recordings(session, viewer("clerk"), limit=1)
    assert [(group.recording, [row.clip for row in group.clips]) for group in groups] == [
        ("a", ["a"]),
        ("b1", ["b1", "b2", "b3"]),
    ]
    assert [group.recording for group in newest] == ["a"]


def test_a_recording_is_expanded_to_its_visible_segments_only(catalogue: Catalogue) -> None:
    catalogue.clip("a1", 1, recording="a1", sequence=1, collector="me")
    catalogue.clip("a2", 2, recording="a1", sequence=2, collector="me")
    catalogue.clip("a3", 3, recording="a1", sequence=3, collector="other")
    catalogue.clip("z", 4, collector="other")
    with catalogue.read() as session:
        assert expand_recordings(session, viewer("officer"), ["a2", "a1", "z", "gone"]) == ("a1", "a2")
        assert expand_recordings(session, viewer("clerk"), ["z", "a2"]) == ("z", "a1", "a2", "a3")


def test_the_bytes_of_a_clip_are_told_with_what_may_forbid_them(catalogue: Catalogue) -> None:
    catalogue.clip("a", sha256="f" * 64, size_bytes=7, sensitivity="suspected_secret", playable="proxy")
    with catalogue.read() as session:
        found = clip_digest(session, "a")
        assert (found.sha256, found.size_bytes, found.sensitivity, found.playable) == (
            "f" * 64,
            7,
            "suspected_secret",
            "proxy",
        )
        with pytest.raises(NotFoundError):
            clip_digest(session, "b")


def test_badges_count_what_the_viewer_sees(catalogue: Catalogue) -> None:
    catalogue.clip("a", conflicts=1, taken_in_at=at(700))
    catalogue.clip("b", taken_in_at=at(10))
    catalogue.clip("c", unit="别的大队", taken_in_at=at(700))
    catalogue.target("t")
    catalogue.bind("b", "t", by="me")
    catalogue.add(Alarm(alarm="x", kind="clip_conflicted", about="clip:a", text=None, raised_at=NOON))
    with catalogue.read() as session:
        found = counts(session, viewer("clerk"), today=at(600))
        assert (found.total, found.today, found.damaged, found.alarms) == (2, 1, 1, 1)
        assert counts(session, viewer("officer"), today=at(600)).alarms == 0
        assert tagged_since(session, viewer("clerk"), NOON) == 1
        assert tagged_since(session, viewer("clerk"), at(1000)) == 0


def test_the_badge_of_today_counts_an_officers_recordings_not_their_segments(catalogue: Catalogue) -> None:
    catalogue.clip("a", recording="one", collector="me")
    catalogue.clip("b", recording="one", collector="me")
    catalogue.clip("c", recording="two", collector="me")
    catalogue.clip("d", recording="three", collector="other")
    with catalogue.read() as session:
        assert counts(session, viewer("officer"), today=at(0)).untagged == 2
        assert counts(session, viewer("officer", "clerk"), today=at(0)).untagged == 2
        assert counts(session, viewer("clerk"), today=at(0)).untagged == 0


def test_a_clerk_of_no_unit_does_not_see_the_clips_of_a_unit(catalogue: Catalogue) -> None:
    catalogue.clip("a", unit=UNIT)
    assert seen(catalogue, viewer("clerk", unit="")) == []
