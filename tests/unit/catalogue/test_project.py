"""What each entry makes of the catalogue, on SQLite and PostgreSQL; a rebuild makes the same of it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from station.catalogue.project import applied, project, read_tables, renew
from station.errors import DatabaseError
from station.records.case_entries import ClipAmended, ClipBound, ClipDisclaimed, ClipUnbound
from station.records.docking_entries import (
    ClipConflicted,
    ClipFact,
    ClipIncomplete,
    ClipIngested,
    ClipNames,
    ClipProbed,
    DockingFinished,
    DockingStarted,
    HolderIssued,
    HolderReturned,
    RecorderKnown,
)
from station.records.entries import Entry, Place, Proof
from station.records.log_entries import LogStarted
from station.records.people_entries import AccountChanged, PersonDescribed, RolesGranted
from station.records.reading import BadRange, RawName, RawTimes
from station.records.recorder_entries import RecorderQuarantined
from station.records.registry import read_entry
from station.records.terms import FileResult, NoneReason, Role, Source, TargetKind, TimeTrust
from tests.flow.filling import entries_about
from tests.unit.catalogue.rows import Catalogue

HEX = "ab" * 32
NOON = "2026-08-04T04:00:00.000000Z"


def moment(minute: int) -> str:
    return f"2026-08-05T{minute // 60:02}:{minute % 60:02}:00.000000Z"


class Log:
    """Projects entries one after another, a minute apart, and remembers them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.database = catalogue.database
        self.entries: list[Entry] = []
        with self.database.write() as session:
            renew(session)

    def add(self, *entries: Entry) -> None:
        for entry in entries:
            with self.database.write() as session:
                project(session, len(self.entries), moment(len(self.entries)), entry)
            self.entries.append(entry)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.read() as session:
            return [tuple(row) for row in session.connection().execute(text(query)).all()]

    def clip(self, columns: str, clip: str = "c1") -> tuple[Any, ...]:
        (row,) = self.rows(f"SELECT {columns} FROM catalogue_clip WHERE clip = '{clip}'")  # noqa: S608
        return row

    def content(self) -> dict[str, list[str]]:
        with self.database.read() as session:
            return {name: sorted(table.rows.elements()) for name, table in read_tables(session).items()}

    def rebuild(self, entries: Sequence[Entry] | None = None) -> None:
        with self.database.write() as session:
            renew(session)
            for seq, entry in enumerate(self.entries if entries is None else entries):
                project(session, seq, moment(seq), entry)


@pytest.fixture
def log(catalogue: Catalogue) -> Log:
    return Log(catalogue)


def recorder(recorder: str = "r1", unit: str = "一大队") -> RecorderKnown:
    fact = RecorderKnown.Fact(recorder=recorder, profile="generic-storage", identified_by="serial")
    return RecorderKnown(fact=fact, names=RecorderKnown.Names(identity=f"serial:{recorder}", unit=unit))


def person(person: str, police_number: str | None = None) -> PersonDescribed:
    names = PersonDescribed.Names(name=person, login=person, police_number=police_number)
    return PersonDescribed(fact=PersonDescribed.Fact(person=person, kind="officer"), names=names)


def issued(person: str, since: str, holding: str | None = None) -> HolderIssued:
    return HolderIssued(
        fact=HolderIssued.Fact(holding=holding or f"h-{person}", recorder="r1", person=person, since=since)
    )


def returned(person: str, until: str) -> HolderReturned:
    return HolderReturned(fact=HolderReturned.Fact(holding=f"h-{person}", recorder="r1", person=person, until=until))


def fact(clip: str = "c1", **more: Any) -> ClipFact:
    values = {
        "clip": clip,
        "docking": "d1",
        "recorder": "r1",
        "digest": {"sha256": HEX},
        "size_bytes": 100,
        "media": "video",
        "container": "mov",
        "readback": "direct",
        "recorded_at": NOON,
        "time_source": Source.FILE_NAME,
        "time_trust": TimeTrust.PLAIN,
    }
    return ClipFact.model_validate({**values, **more})


def names(name: str = "a.mp4", police_number: str | None = None) -> ClipNames:
    path = tuple(RawName(raw=part.encode().hex(), encoding="utf-8", text=part) for part in ("DCIM", name))
    return ClipNames(path=path, volume=0, address=5, times=RawTimes(), police_number=police_number)


def clip(clip: str = "c1", police_number: str | None = None, **more: Any) -> ClipIngested:
    return ClipIngested(fact=fact(clip, **more), names=names(f"{clip}.mp4", police_number))


def bound(binding: str, target: str | None, proves: tuple[str, ...] = (), clip: str = "c1") -> ClipBound:
    kind = TargetKind.NONE if target is None else TargetKind.CASE
    reason = NoneReason.PATROL if target is None else None
    values = {"binding": binding, "action": "a", "clip": clip, "kind": kind, "target": target, "none_reason": reason}
    return ClipBound(
        fact=ClipBound.Fact.model_validate({**values, "source": Source.CLERK}),
        text=ClipBound.Text(proves=tuple(Proof(text=text) for text in proves)),
    )


def amended(field: str, recorded_at: str | None = None, **more: Any) -> ClipAmended:
    values = {"clip": "c1", "field": field, "source": Source.CLERK, "recorded_at": recorded_at}
    return ClipAmended(fact=ClipAmended.Fact.model_validate(values), **more)


def probed(clip: str = "c1", duration_ms: int = 60_000) -> ClipProbed:
    probe = {"clip": clip, "tool": "ffprobe", "tool_version": "5", "ok": True, "playable": "original"}
    return ClipProbed(fact=ClipProbed.Fact.model_validate({**probe, "duration_ms": duration_ms}))


def test_a_clip_is_what_its_entry_says(log: Log) -> None:
    log.add(recorder(), clip(sequence=7, important=True, device_time="2026-08-04T12:00:00", zone="Asia/Shanghai"))
    assert log.clip("sha256, size_bytes, stage, path, file_name, unit, taken_in_at, sort_at, seq, sequence") == (
        HEX, 100, "sealed", "DCIM/c1.mp4", "c1.mp4", "一大队", moment(1), NOON, 1, 7,
    )  # fmt: skip
    assert bool(log.clip("important")[0]) is True


def test_a_clip_without_its_erased_names_keeps_its_facts_alone(log: Log) -> None:
    log.add(recorder(), ClipIngested(fact=fact(), names=None))
    assert log.clip("sha256, path, file_name, police_number") == (HEX, None, None, None)
    assert log.rows("SELECT * FROM catalogue_sighting") == []


@pytest.mark.parametrize("trust", [TimeTrust.SUSPICIOUS, TimeTrust.UNKNOWN])
def test_a_clip_of_a_clock_that_is_not_believed_is_sorted_by_when_it_was_taken_in(log: Log, trust: TimeTrust) -> None:
    log.add(recorder(), clip(recorded_at="2000-01-01T00:00:00.000000Z", time_trust=trust))
    assert log.clip("recorded_at, sort_at, time_trust") == ("2000-01-01T00:00:00.000000Z", moment(1), trust.value)


def test_an_incomplete_clip_tells_what_is_missing_and_gives_way_to_the_whole_one(log: Log) -> None:
    gaps = (BadRange(offset_bytes=0, length_bytes=10), BadRange(offset_bytes=50, length_bytes=5))
    log.add(recorder(), ClipIncomplete(fact=fact(), gaps=ClipIncomplete.Gaps(ranges=gaps), names=names("c1.mp4")))
    assert log.clip("stage, missing_bytes, seq") == ("incomplete", 15, 1)
    log.add(clip(digest={"sha256": "cd" * 32}))
    assert log.clip("stage, missing_bytes, seq, sha256") == ("sealed", 0, 2, "cd" * 32)
    assert len(log.rows("SELECT key FROM catalogue_sighting")) == 1


def test_what_people_said_of_an_incomplete_clip_stays_when_it_is_read_whole(log: Log) -> None:
    log.add(recorder(), ClipIncomplete(fact=fact(), names=names("c1.mp4")))
    log.add(*(entry for entry in entries_about("c1", "r1") if entry.TYPE in ("clip.amended", "clip.classified")))
    before = log.clip("place, collector, sensitivity, recorded_at")
    log.add(clip())
    assert log.clip("place, collector, sensitivity, recorded_at") == before
    assert before[:3] == ("中山路 1 号", "zhang", "privacy")


def test_the_one_holder_at_the_time_is_the_collector(log: Log) -> None:
    log.add(recorder(), person("zhang"), issued("zhang", "2026-08-01T00:00:00.000000Z"), clip())
    assert log.clip("collector, collector_source") == ("zhang", "holder_register")
    assert log.rows("SELECT person FROM catalogue_clip_holder") == [("zhang",)]


def test_two_holders_are_both_noted_and_none_is_the_collector(log: Log) -> None:
    log.add(recorder(), person("zhang"), person("li"))
    log.add(issued("zhang", "2026-08-01T00:00:00.000000Z"), issued("li", "2026-08-02T00:00:00.000000Z"), clip())
    assert log.clip("collector") == (None,)
    assert log.rows("SELECT person FROM catalogue_clip_holder ORDER BY person") == [("li",), ("zhang",)]


@pytest.mark.parametrize(("told", "collector"), [("000001", "zhang"), ("000002", None), (None, "zhang")])
def test_the_number_in_the_files_name_must_not_contradict_the_holder(
    log: Log, told: str | None, collector: str | None
) -> None:
    log.add(recorder(), person("zhang", "000001"), issued("zhang", "2026-08-01T00:00:00.000000Z"), clip("c1", told))
    assert log.clip("collector") == (collector,)
    assert log.rows("SELECT person FROM catalogue_clip_holder") == [("zhang",)]


@pytest.mark.parametrize(
    ("since", "until", "held"),
    [
        ("2026-08-04T04:00:00.000000Z", "2026-08-04T04:00:00.000001Z", True),
        ("2026-08-04T04:00:00.000001Z", "2026-08-05T00:00:00.000000Z", False),
        ("2026-08-01T00:00:00.000000Z", "2026-08-04T04:00:00.000000Z", False),
    ],
)
def test_a_holding_counts_from_its_start_to_before_its_end(log: Log, since: str, until: str, held: bool) -> None:
    log.add(recorder(), person("zhang"), issued("zhang", since), returned("zhang", until), clip())
    assert log.clip("collector") == ("zhang" if held else None,)


def test_with_a_clock_that_was_reset_the_present_holder_may_see_it_but_is_not_the_collector(log: Log) -> None:
    log.add(recorder(), person("zhang"), issued("zhang", "2026-08-01T00:00:00.000000Z"))
    log.add(clip(recorded_at="2000-01-01T00:00:00.000000Z", time_trust=TimeTrust.SUSPICIOUS))
    assert log.clip("collector") == (None,)
    assert log.rows("SELECT person FROM catalogue_clip_holder") == [("zhang",)]


def segment(number: int, minute: int, sequence: int | None, recorder: str = "r1") -> ClipIngested:
    at = f"2026-08-04T05:{minute:02}:00.000000Z"
    return clip(f"c{number}", sequence=sequence, recorded_at=at, recorder=recorder)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_segments_that_follow_each_other_are_one_recording_in_whatever_order_they_come(
    log: Log, order: tuple[int, ...]
) -> None:
    log.add(recorder(), *(segment(number, number, number + 10) for number in order))
    log.add(*(probed(f"c{number}") for number in order))
    assert {row for (row,) in log.rows("SELECT recording FROM catalogue_clip")} == {"c0"}


def test_segments_with_a_gap_or_another_recorder_or_number_are_recordings_of_their_own(log: Log) -> None:
    log.add(recorder(), recorder("r2"), segment(0, 0, 10), segment(1, 3, 11), segment(2, 1, 11, "r2"))
    log.add(segment(3, 1, 12), segment(4, 1, None), *(probed(f"c{number}") for number in range(5)))
    assert len(log.rows("SELECT DISTINCT recording FROM catalogue_clip")) == 5


def test_what_a_tool_found_is_noted_and_a_place_said_by_people_is_not_overwritten(log: Log) -> None:
    about = {entry.TYPE: entry for entry in entries_about("c1", "r1")}
    log.add(recorder(), clip(), about["clip.probed"])
    assert log.clip("stage, duration_ms, width, latitude, place_source") == ("probed", 1000, 640, "38.04", "gps")
    log.add(next(each for each in entries_about("c1", "r1") if each.draft().parts.get("place", {}).get("text")))  # type: ignore[union-attr]
    log.add(about["clip.probed"])
    assert log.clip("place, latitude, place_source") == ("中山路 1 号", None, "officer")


def test_a_conflict_is_counted_and_the_clip_stays_what_it_was(log: Log) -> None:
    conflict = ClipConflicted.Fact(
        clip="c1", docking="d1", held={"sha256": HEX}, digest={"sha256": "cd" * 32}, kept=True
    )
    log.add(recorder(), clip(), ClipConflicted(fact=conflict), ClipConflicted(fact=conflict))
    assert log.clip("conflicts, sha256") == (2, HEX)


def test_a_docking_is_open_until_it_is_finished(log: Log) -> None:
    started = DockingStarted.Fact(
        docking="d1", recorder="r1", profile="p", profile_version="1", source_kind="image", slot=3
    )
    log.add(recorder(), DockingStarted(fact=started, names=None))
    assert log.rows("SELECT finished_at, source, slot FROM catalogue_docking") == [(None, None, 3)]
    finished = DockingFinished.Fact(
        docking="d1", recorder="r1", counts={FileResult.NEW: 2}, size_bytes=9, whole=True, listing={"sha256": HEX}
    )
    log.add(DockingFinished(fact=finished))
    ((at, counts, listing),) = log.rows("SELECT finished_at, counts, listing FROM catalogue_docking")
    assert (at, json.loads(counts), listing) == (moment(2), {"new": 2}, HEX)


def test_a_person_described_again_keeps_roles_and_a_closed_account_stays_closed(log: Log) -> None:
    roles = RolesGranted.Fact(person="zhang", roles=(Role.OFFICER, Role.CLERK))
    log.add(person("zhang"), RolesGranted(fact=roles))
    log.add(AccountChanged(fact=AccountChanged.Fact(person="zhang", change="disabled")), person("zhang", "000009"))
    ((found, disabled, number),) = log.rows("SELECT roles, disabled, police_number FROM catalogue_person")
    assert (found, bool(disabled), number) == ("clerk,officer", True, "000009")


def test_a_person_whose_names_are_erased_is_left_without_any(log: Log) -> None:
    log.add(PersonDescribed(fact=PersonDescribed.Fact(person="zhang", kind="officer"), names=None))
    assert log.rows("SELECT name, login, unit, police_number FROM catalogue_person") == [(None, None, "", None)]


def flags(log: Log, clip: str = "c1") -> set[str]:
    names = ("missing_field", "in_doubt", "clock_doubt", "damaged", "overdue")
    return {name for name, value in zip(names, log.clip(", ".join(names), clip), strict=True) if value}


def test_the_collector_is_in_doubt_while_several_held_the_recorder_and_not_once_somebody_is_named(log: Log) -> None:
    log.add(recorder(), person("zhang"), person("li"))
    log.add(issued("zhang", "2026-08-01T00:00:00.000000Z"), issued("li", "2026-08-02T00:00:00.000000Z"), clip())
    assert log.clip("collector_doubt") == ("holder_ambiguous",)
    log.add(amended("collector", people=ClipAmended.People(collector="li")))
    assert log.clip("collector_doubt") == (None,)
    assert "in_doubt" not in flags(log)


def test_a_number_that_is_not_the_collectors_is_in_doubt_until_the_person_is_described_with_it(log: Log) -> None:
    log.add(recorder(), person("zhang", "000001"), issued("zhang", "2026-08-01T00:00:00.000000Z"))
    log.add(clip(police_number="000009"))
    assert log.clip("collector_doubt") == ("number_disagrees",)
    log.add(person("zhang", "000009"))
    assert log.clip("collector_doubt") == (None,)
    log.add(person("zhang", "000007"))
    assert log.clip("collector_doubt") == ("number_disagrees",)


def test_who_says_that_a_recording_is_not_theirs_is_taken_off_it_and_a_clerk_names_the_collector(log: Log) -> None:
    log.add(recorder(), person("zhang"), person("li"), issued("zhang", "2026-08-01T00:00:00.000000Z"), clip())
    assert log.clip("collector, collector_doubt") == ("zhang", None)
    log.add(ClipDisclaimed(fact=ClipDisclaimed.Fact(clip="c1", person="zhang")))
    assert log.clip("collector, collector_source, collector_doubt") == (None, None, "disclaimed")
    assert log.rows("SELECT person, at FROM catalogue_disclaimer") == [("zhang", moment(5))]
    assert log.rows("SELECT person FROM catalogue_clip_holder") == []
    log.add(amended("collector", people=ClipAmended.People(collector="li")))
    assert log.clip("collector, collector_doubt") == ("li", None)


def test_a_bound_clip_misses_a_field_until_it_has_time_place_collector_and_what_it_proves_there(log: Log) -> None:
    log.add(recorder(), clip())
    assert "missing_field" not in flags(log)  # not bound: it is untagged, which is another list
    log.add(bound("b1", "t1", proves=("现场情况",)))
    assert "missing_field" in flags(log)
    log.add(amended("place", place=Place(text="中山路")))
    log.add(amended("collector", people=ClipAmended.People(collector_name="协管员")))
    assert "missing_field" not in flags(log)
    log.add(bound("b2", "t2"))
    assert "missing_field" in flags(log)  # nothing is said of what it proves in the second case
    log.add(ClipUnbound(fact=ClipUnbound.Fact(binding="b2", clip="c1", kind=TargetKind.CASE, target="t2")))
    assert "missing_field" not in flags(log)


def test_a_clip_that_belongs_to_nothing_misses_no_field(log: Log) -> None:
    log.add(recorder(), clip(), bound("b1", None))
    assert flags(log) == set()


def test_a_clock_is_in_doubt_until_the_time_is_given_by_a_person(log: Log) -> None:
    log.add(recorder(), clip(time_trust=TimeTrust.SUSPICIOUS))
    assert flags(log) == {"clock_doubt"}
    log.add(amended("time", recorded_at=NOON))
    assert flags(log) == set()


@pytest.mark.parametrize(
    ("recorded_at", "trust", "late"),
    [
        ("2026-08-04T00:04:00.000000Z", TimeTrust.PLAIN, False),  # taken in four minutes after midnight: just in time
        ("2026-08-03T23:59:59.999999Z", TimeTrust.PLAIN, True),
        ("2026-08-01T00:00:00.000000Z", TimeTrust.SUSPICIOUS, False),
        (None, TimeTrust.UNKNOWN, False),
    ],
)
def test_a_clip_is_late_more_than_24_hours_after_it_was_recorded_by_a_time_to_rely_on(
    log: Log, recorded_at: str | None, trust: TimeTrust, late: bool
) -> None:
    log.add(recorder(), recorder("r2"), recorder("r3"), recorder("r4"))
    log.add(clip(recorded_at=recorded_at, time_trust=trust))  # the fifth entry, at 00:04 of the day after
    assert ("overdue" in flags(log)) is late


@pytest.mark.parametrize("turned_away", [False, True])
def test_a_clip_is_not_late_whose_recorder_had_been_at_the_dock_in_time(log: Log, turned_away: bool) -> None:
    opened = {"docking": "d0", "recorder": "r1", "profile": "generic-storage", "profile_version": "1"}
    dock = DockingStarted(fact=DockingStarted.Fact.model_validate({**opened, "source_kind": "image"}))
    seen = {"quarantine": "q1", "reason": "no_storage", "recorder": "r1", "vendor_id": "4255", "product_id": "0001"}
    refused = RecorderQuarantined(fact=RecorderQuarantined.Fact.model_validate(seen))
    log.add(recorder(), refused if turned_away else dock)  # at 00:01 of 5 August
    log.add(*(recorder("r2") for _ in range(8)))
    log.add(clip(recorded_at="2026-08-04T00:02:00.000000Z"))  # taken in at 00:10
    assert "overdue" not in flags(log)
    log.add(clip("c2", recorded_at="2026-08-04T00:00:30.000000Z"))  # due half a minute before that
    assert "overdue" in flags(log, "c2")


def everything() -> list[Entry]:
    start = LogStarted(fact=LogStarted.Fact(origin="o", software="s"))
    turned_away = RecorderQuarantined.Fact(
        quarantine="q1", reason="unknown_recorder", vendor_id="4255", product_id="0001"
    )
    quarantined = RecorderQuarantined(fact=turned_away, names=RecorderQuarantined.Names(serial="000001"))
    return [start, recorder(), quarantined, clip("c1", sequence=1), clip("c2", sequence=2), *entries_about("c1", "r1")]


def test_a_binding_follows_its_matter_into_the_case_and_a_withdrawn_one_is_gone(log: Log) -> None:
    log.add(*everything())
    assert log.rows("SELECT binding, kind, target FROM catalogue_binding ORDER BY binding") == [
        ("b1", "case", "t1"),
        ("b2", "case", "t1"),
    ]
    merged = """SELECT status, "into" FROM catalogue_target WHERE target = 'm1'"""
    assert log.rows(merged) == [("numbered", "t1")]
    assert bool(log.clip("tagged")[0]) is True
    assert log.rows("SELECT text, ranges FROM catalogue_proves WHERE binding = 'b1'") == [("现场情况", "[[0, 500]]")]


def test_a_rebuild_comes_out_identical(log: Log) -> None:
    log.add(*everything())
    before = log.content()
    assert min(len(rows) for name, rows in before.items() if name not in ("catalogue_clip_holder", "catalogue_docking"))
    log.rebuild()
    assert log.content() == before


def test_after_everything_erasable_was_erased_no_personal_word_is_left(log: Log) -> None:
    log.add(*everything())
    bare = [read_entry(0, each.TYPE, {"fact": each.draft().parts["fact"]}) for each in log.entries]
    log.rebuild(bare)
    left = "\n".join(row for rows in log.content().values() for row in rows)
    personal = ("张三", "000001", "占道", "中山路", "0001.mp4", "冀石", "一大队", "现场", "备注", "DCIM", "38.04")
    assert [word for word in personal if word in left] == []
    assert HEX in left


def test_an_entry_out_of_turn_is_refused_and_says_what_to_do(log: Log) -> None:
    log.add(recorder())
    for seq in (0, 2):
        with pytest.raises(DatabaseError, match=f"entry {seq} is due") as refused, log.database.write() as session:
            project(session, seq, NOON, clip())
        assert "rebuild" in refused.value.hint
    assert log.rows("SELECT clip FROM catalogue_clip") == []


def test_a_catalogue_of_another_version_is_known_as_such(log: Log) -> None:
    with log.database.write() as session:
        assert applied(session) == 0
        session.connection().execute(text("UPDATE catalogue_meta SET version = version + 1"))
    with log.database.read() as session:
        assert applied(session) == -1
