"""保管流转记录: which lines entries add, and which of them a viewer gets to read."""

import json
from typing import Any

import pytest

from station.catalogue.history import HISTORY_CODES, LOOK_CODES, history_rows
from station.catalogue.history_lines import clip_history, target_history
from station.catalogue.tables import Docking, Look, Person
from station.catalogue.views import HistoryLine
from station.records import (
    case_entries,
    disposal_entries,
    docking_entries,
    document_entries,
    erase_entries,
    export_entries,
    handing_entries,
    log_entries,
    note_entries,
    people_entries,
    recorder_entries,
    review_entries,
)
from station.records.entries import Actor, Entry, Place
from station.records.export_entries import ExportReason
from station.records.reading import BadRange
from station.records.registry import ENTRY_TYPES
from station.records.terms import NoneReason, Origin, Sensitivity, Source, TargetKind
from tests.unit.catalogue.rows import NOON, Catalogue, at, viewer

SHA = {"sha256": "0" * 64}
BY_ME = Actor(person="me", via="web", session="s", strength="password")


def bound(
    target: str | None, clip: str = "a", actor: Actor | None = BY_ME, kind: TargetKind = TargetKind.CASE
) -> case_entries.ClipBound:
    kind, reason = (kind, None) if target else (TargetKind.NONE, NoneReason.PATROL)
    fact = case_entries.ClipBound.Fact(
        binding="b", action="x", clip=clip, kind=kind, target=target, none_reason=reason, source=Source.OFFICER
    )
    return case_entries.ClipBound(fact=fact, actor=actor)


def taken_in() -> docking_entries.ClipFact:
    return docking_entries.ClipFact(
        clip="a", docking="d", recorder="r", digest=SHA, size_bytes=9, media="video", container="mp4", readback="direct"
    )


def amended(field: Any, **parts: Any) -> case_entries.ClipAmended:
    fact = case_entries.ClipAmended.Fact(
        clip="a",
        field=field,
        source=Source.CLERK,
        recorded_at=parts.pop("time", None),
        cleared=parts.pop("cleared", False),
    )
    return case_entries.ClipAmended(fact=fact, actor=BY_ME, **parts)


def checked(scope: Any, clips: tuple[str, ...], damaged: tuple[str, ...], outcome: Any) -> log_entries.CheckCompleted:
    fact = log_entries.CheckCompleted.Fact(
        check="k", scope=scope, clips=clips, originals_checked=1, damaged=damaged, outcome=outcome, log_size=5,
        readback="direct",
    )  # fmt: skip
    return log_entries.CheckCompleted(fact=fact)


def acknowledged(about: str, *, gone: bool) -> log_entries.AlarmAcknowledged:
    fact = log_entries.AlarmAcknowledged.Fact(alarm="x", about=about, gone=gone)
    return log_entries.AlarmAcknowledged(fact=fact, text=log_entries.AlarmAcknowledged.Text(note="已更换硬盘"))


def due(clip: str) -> disposal_entries.DueClip:
    return disposal_entries.DueClip(clip=clip, digest=SHA, rule="minimum", due_at=NOON)


def resolved(outcome: Any, into: str | None) -> case_entries.TargetResolved:
    fact = case_entries.TargetResolved.Fact(target="m", kind=TargetKind.MATTER, outcome=outcome, into=into)
    return case_entries.TargetResolved(fact=fact, actor=BY_ME)


def noted(replaces: str | None) -> note_entries.ClipNoted:
    return note_entries.ClipNoted(
        fact=note_entries.ClipNoted.Fact(note="n1", clip="a", lines=1, replaces=replaces), actor=BY_ME
    )


PEOPLE = case_entries.ClipAmended.People(collector="me", companions=("p1", "p2"))
LINES: list[tuple[Entry, list[tuple[str, str]]]] = [
    (noted(None), [("clip:a", "clip.noted")]),
    (noted("n0"), [("clip:a", "clip.note_amended")]),
    (docking_entries.ClipIngested(fact=taken_in()), [("clip:a", "clip.ingested")]),
    (docking_entries.ClipIncomplete(fact=taken_in()), [("clip:a", "clip.incomplete")]),
    (
        docking_entries.ClipConflicted(
            fact=docking_entries.ClipConflicted.Fact(clip="a", docking="d", held=SHA, digest=SHA, kept=True)
        ),
        [("clip:a", "clip.conflicted")],
    ),
    (
        erase_entries.EraseCompleted(
            fact=erase_entries.EraseCompleted.Fact(
                erasing="e",
                docking="d",
                recorder="r",
                erased=1,
                gone=0,
                unknown=0,
                refused={"digest_differs": 1},
                size_bytes=4,
                files=(
                    erase_entries.ErasedFile(clip="a", result="erased"),
                    erase_entries.ErasedFile(clip="b", result="refused", reason="digest_differs"),
                ),
            )
        ),
        [("clip:a", "clip.erased_on_recorder")],
    ),
    (
        docking_entries.ClipProbed(
            fact=docking_entries.ClipProbed.Fact(clip="a", tool="ffprobe", tool_version="5", ok=True, playable="proxy")
        ),
        [("clip:a", "clip.probed")],
    ),
    (
        docking_entries.ClipProbed(
            fact=docking_entries.ClipProbed.Fact(clip="a", tool="ffprobe", tool_version="5", ok=False, playable="none")
        ),
        [("clip:a", "clip.probe_failed")],
    ),
    (bound("t"), [("clip:a", "clip.bound"), ("case:t", "clip.bound")]),
    (bound(None), [("clip:a", "clip.bound_none")]),
    (
        case_entries.ClipUnbound(
            fact=case_entries.ClipUnbound.Fact(binding="b", clip="a", kind=TargetKind.TASK, target="t")
        ),
        [("clip:a", "clip.unbound"), ("task:t", "clip.unbound")],
    ),
    (
        case_entries.ClipUnbound(fact=case_entries.ClipUnbound.Fact(binding="b", clip="a", kind=TargetKind.NONE)),
        [("clip:a", "clip.unbound")],
    ),
    (amended("time", time=NOON), [("clip:a", "clip.amended_time")]),
    (amended("place", place=Place(text="某地")), [("clip:a", "clip.amended_place")]),
    (amended("collector", people=PEOPLE), [("clip:a", "clip.amended_collector")]),
    (amended("place", cleared=True), [("clip:a", "clip.cleared_place")]),
    (amended("collector", cleared=True), [("clip:a", "clip.cleared_collector")]),
    (
        case_entries.ClipDisclaimed(fact=case_entries.ClipDisclaimed.Fact(clip="a", person="p")),
        [("clip:a", "clip.disclaimed")],
    ),
    (
        handing_entries.ClipHandedIn(
            fact=handing_entries.ClipHandedIn.Fact(clip="a", handing="u", origin=Origin.PHONE),
            text=handing_entries.ClipHandedIn.Text(from_whom="x"),
        ),
        [("clip:a", "clip.handed_in")],
    ),
    (
        document_entries.DocumentAdded(
            fact=document_entries.DocumentAdded.Fact(
                document="x",
                target="t",
                target_kind=TargetKind.CASE,
                digest=SHA,
                size_bytes=10,
                kind="pdf",
                readback="direct",
            ),
            text=document_entries.DocumentAdded.Text(file_name="笔录.pdf", from_whom="x", note="n"),
        ),
        [("case:t", "document.added")],
    ),
    (
        case_entries.ClipClassified(
            fact=case_entries.ClipClassified.Fact(clip="a", sensitivity=Sensitivity.PRIVACY),
            text=case_entries.ClipClassified.Text(reason="未成年人"),
        ),
        [("clip:a", "clip.classified")],
    ),
    (checked("clip", ("a",), (), "sound"), [("clip:a", "check.completed")]),
    (checked("all", (), ("a",), "damaged"), [("clip:a", "check.completed")]),
    (checked("all", (), (), "sound"), []),
    (
        log_entries.AlarmRaised(fact=log_entries.AlarmRaised.Fact(alarm="x", kind="k", about="clip:a")),
        [("clip:a", "alarm.raised")],
    ),
    (log_entries.AlarmRaised(fact=log_entries.AlarmRaised.Fact(alarm="x", kind="k", about="docking:d")), []),
    (acknowledged("clip:a", gone=False), [("clip:a", "alarm.seen")]),
    (acknowledged("clip:a", gone=True), [("clip:a", "alarm.gone")]),
    (acknowledged("docking:d", gone=True), []),
    (
        case_entries.TargetOpened(
            fact=case_entries.TargetOpened.Fact(target="t", kind=TargetKind.CASE, number_source=Source.CLERK)
        ),
        [("case:t", "target.opened")],
    ),
    (resolved("merged", "t"), [("matter:m", "target.merged"), ("case:t", "target.merged")]),
    (resolved("numbered", "t"), [("matter:m", "target.numbered"), ("case:t", "target.numbered")]),
    (resolved("dropped", None), [("matter:m", "target.dropped")]),
    (
        case_entries.TargetSubmitted(
            fact=case_entries.TargetSubmitted.Fact(submission="s", target="t", clips=("a", "b", "a"), log_size=1)
        ),
        [("case:t", "target.submitted"), ("clip:a", "clip.submitted"), ("clip:b", "clip.submitted")],
    ),
    (
        review_entries.OpinionGiven(
            fact=review_entries.OpinionGiven.Fact(
                opinion="o", submission="s", target="t", version=1, verdict=review_entries.Verdict.AGREE, log_size=1
            ),
            text=review_entries.OpinionGiven.Text(opinion="同意"),
        ),
        [("case:t", "opinion.given")],
    ),
    (
        review_entries.ChangeAgreed(
            fact=review_entries.ChangeAgreed.Fact(submission="s", target="t", clip="a", field="place")
        ),
        [("clip:a", "submission.change_agreed"), ("case:t", "submission.change_agreed")],
    ),
    (
        export_entries.ClipDerived(
            fact=export_entries.ClipDerived.Fact(
                clip="a",
                target="t",
                export="e",
                digest={"sha256": "0" * 64},
                size_bytes=1,
                original={"sha256": "0" * 64},
                tool="ffmpeg",
                tool_version="5",
                graph="null",
                caption="0" * 64,
            )
        ),
        [("clip:a", "clip.derived")],
    ),
    (
        export_entries.FrameExported(
            fact=export_entries.FrameExported.Fact(
                clip="a",
                frame="f",
                digest={"sha256": "0" * 64},
                size_bytes=1,
                original={"sha256": "0" * 64},
                made_of="original",
                number=1,
                time_ms=40,
            )
        ),
        [("clip:a", "clip.frame_exported")],
    ),
    (
        export_entries.ExportRequested(
            fact=export_entries.ExportRequested.Fact(export="e", target="t", clips=("a",), reason=ExportReason.COURT),
            text=export_entries.ExportRequested.Text(reason="举证"),
        ),
        [("case:t", "export.requested")],
    ),
    (
        export_entries.ExportApproved(fact=export_entries.ExportApproved.Fact(export="e", target="t")),
        [("case:t", "export.approved")],
    ),
    (
        export_entries.ExportRefused(
            fact=export_entries.ExportRefused.Fact(export="e", target="t"),
            text=export_entries.ExportRefused.Text(reason="范围过大"),
        ),
        [("case:t", "export.refused")],
    ),
    (
        export_entries.ExportProduced(
            fact=export_entries.ExportProduced.Fact(
                export="e", target="t", log_size=1, tagmanifest={"sha256": "0" * 64}, files=1, size_bytes=1
            )
        ),
        [("case:t", "export.produced")],
    ),
    (
        disposal_entries.DisposalProposed(
            fact=disposal_entries.DisposalProposed.Fact(disposal="p", clips=(due("a"), due("b"))),
        ),
        [("clip:a", "clip.disposal_proposed"), ("clip:b", "clip.disposal_proposed")],
    ),
    (
        disposal_entries.ClipDisposed(
            fact=disposal_entries.ClipDisposed.Fact(clip="a", disposal="p", digest=SHA, rule="minimum", due_at=NOON)
        ),
        [("clip:a", "clip.disposed")],
    ),
    (
        disposal_entries.HoldPlaced(
            fact=disposal_entries.HoldPlaced.Fact(hold="h", about="case:t"),
            text=disposal_entries.Reason(reason="行政诉讼"),
        ),
        [("case:t", "hold.placed")],
    ),
    (
        disposal_entries.HoldLifted(fact=disposal_entries.HoldLifted.Fact(hold="h", about="clip:a")),
        [("clip:a", "hold.lifted")],
    ),
    (
        log_entries.PayloadErased(
            fact=log_entries.PayloadErased.Fact(
                seq=1, part="names", digest="0" * 64, ground="court_order", about=("clip:a", "docking:d")
            )
        ),
        [("clip:a", "part.erased")],
    ),
]
WITHOUT_LINES = {
    document_entries.DocumentOpened,
    disposal_entries.DisposalApproved,
    disposal_entries.DisposalRefused,
    disposal_entries.DisposalCompleted,
    disposal_entries.BlobErased,
    disposal_entries.ErasureCompleted,
    disposal_entries.BackupBegun,
    disposal_entries.BackupCompleted,
    disposal_entries.BackupForgotten,
    disposal_entries.BackupDrilled,
    log_entries.KeyRotated,
    log_entries.LogContinues,
    export_entries.ExportTaken,
    log_entries.LogStarted,
    log_entries.AccessOpened,  # looks are rows of their own
    log_entries.AccessListed,
    log_entries.AccessDenied,
    log_entries.FileCompared,
    people_entries.PersonDescribed,
    people_entries.RolesGranted,
    review_entries.ClipSubmitted,  # the list's lines; the submission itself is in both histories
    people_entries.TokenIssued,
    people_entries.TokenRevoked,
    people_entries.HookAdded,
    people_entries.HookRemoved,
    people_entries.AccountChanged,
    people_entries.SessionOpened,
    docking_entries.RecorderKnown,
    docking_entries.HolderIssued,
    docking_entries.HolderReturned,
    docking_entries.DockingStarted,
    docking_entries.DockingFinished,
    erase_entries.EraseAuthorised,
    recorder_entries.RecorderEnrolled,
    recorder_entries.RecorderWithdrawn,
    recorder_entries.RecorderQuarantined,
    recorder_entries.ClockMeasured,
    recorder_entries.ClockSet,
}


@pytest.mark.parametrize(("entry", "lines"), LINES)
def test_an_entry_adds_its_lines(entry: Entry, lines: list[tuple[str, str]]) -> None:
    rows = history_rows(7, NOON, entry)
    assert [(row.subject, row.code) for row in rows] == lines
    assert all((row.seq, row.at) == (7, NOON) for row in rows)


def test_every_type_of_entry_either_adds_lines_or_is_known_not_to() -> None:
    assert {type(entry) for entry, _ in LINES} | WITHOUT_LINES == set(ENTRY_TYPES.values())
    assert not {type(entry) for entry, _ in LINES} & WITHOUT_LINES


def test_every_code_and_param_is_listed() -> None:
    for entry, _ in LINES:
        for row in history_rows(0, NOON, entry):
            params = json.loads(row.params)
            assert set(params) <= set(HISTORY_CODES[row.code])
            assert all(isinstance(value, str) and value for value in params.values())
    assert {row.code for entry, _ in LINES for row in history_rows(0, NOON, entry)} == set(HISTORY_CODES)


def test_an_erased_part_leaves_its_params_out() -> None:
    (row,) = history_rows(0, NOON, amended("collector"))
    assert json.loads(row.params) == {"source": "clerk"}


def test_what_was_done_at_the_console_says_so() -> None:
    row = history_rows(0, NOON, bound("t", actor=Actor(via="console", os_user="root")))[0]
    assert row.person is None
    params = json.loads(row.params)
    assert (params["actor_via"], params["os_user"]) == ("console", "root")


def test_missing_bytes_of_an_incomplete_clip_are_summed() -> None:
    gaps = docking_entries.ClipIncomplete.Gaps(
        ranges=(BadRange(offset_bytes=0, length_bytes=512), BadRange(offset_bytes=4096, length_bytes=1024)), more=3
    )
    (row,) = history_rows(0, NOON, docking_entries.ClipIncomplete(fact=taken_in(), gaps=gaps))
    params = json.loads(row.params)
    assert (params["missing_bytes"], params["ranges"]) == ("1536", "5")


@pytest.mark.parametrize(
    ("outcome", "damaged", "told"),
    [
        ("damaged", ("a",), {"clip:a": "damaged", "clip:b": "sound"}),
        ("not_checked", (), {"clip:a": "not_checked", "clip:b": "not_checked"}),
        ("sound", (), {"clip:a": "sound", "clip:b": "sound"}),
    ],
)
def test_a_check_of_several_clips_tells_each_its_own_outcome(
    outcome: str, damaged: tuple[str, ...], told: dict[str, str]
) -> None:
    rows = history_rows(0, NOON, checked("case", ("a", "b"), damaged, outcome))
    assert {row.subject: json.loads(row.params)["outcome"] for row in rows} == told


@pytest.fixture
def station(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue with a clip bound to a case of its unit and to one elsewhere."""
    catalogue.person("me", "王一")
    catalogue.person("p1", "李二")
    catalogue.recorder("r", serial="DSJ0001")
    catalogue.add(
        Docking(docking="d", recorder="r", profile="p", slot=3, source_kind="device", source=None, started_at=NOON)
    )
    catalogue.clip("a")
    catalogue.target("t", "罚1号", title="案由")
    catalogue.target("far", "罚2号", unit="别的大队")
    entries = [
        docking_entries.ClipIngested(fact=taken_in()),
        bound("t"),
        bound("far", actor=Actor(person="p1", via="web")),
        amended("collector", people=PEOPLE),
    ]
    for seq, entry in enumerate(entries):
        catalogue.add(*history_rows(seq, at(seq), entry))
    return catalogue


def history(catalogue: Catalogue, *roles: str, person: str = "me", clip: str = "a") -> tuple[HistoryLine, ...]:
    with catalogue.read() as session:
        return clip_history(session, viewer(*roles, person=person), clip)


def test_a_history_names_what_its_lines_tell_of(station: Catalogue) -> None:
    ingested, first, second, collector = history(station, "inspector")
    assert (ingested.params["recorder_name"], ingested.params["slot"], ingested.actor_name) == ("DSJ0001", "3", None)
    assert (first.params["number"], first.params["title"], first.actor_name) == ("罚1号", "案由", "王一")
    assert (second.params["number"], second.actor_name) == ("罚2号", "李二")
    assert collector.params["collector_name"] == "王一"
    assert collector.params["companion_names"] == "李二 · p2"


def test_a_line_about_a_case_the_viewer_may_not_know_is_left_out(station: Catalogue) -> None:
    assert [line.seq for line in history(station, "clerk")] == [0, 1, 3]
    assert "罚2号" not in repr(history(station, "clerk"))
    assert [line.seq for line in history(station, "clerk", person="p1")] == [0, 1, 2, 3]


def test_what_became_of_a_clips_pending_matter_stands_in_its_history(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.clip("b")
    catalogue.target("m", "待1", kind="matter")
    catalogue.target("c", "罚3号")
    unbound = case_entries.ClipUnbound.Fact(binding="b", clip="b", kind=TargetKind.MATTER, target="m")
    entries = [
        *(bound("m", clip, kind=TargetKind.MATTER) for clip in "ab"),
        case_entries.ClipUnbound(fact=unbound, actor=BY_ME),
        resolved("numbered", "c"),
    ]
    for seq, entry in enumerate(entries):
        catalogue.add(*history_rows(seq, at(seq), entry))
    catalogue.bind("a", "m")
    assert [line.code for line in history(catalogue, "clerk", clip="b")] == ["clip.bound", "clip.unbound"]
    bound_line, line = history(catalogue, "clerk")
    assert (bound_line.params["number"], line.code, line.params["into_number"]) == ("待1", "target.numbered", "罚3号")


def test_an_erased_name_is_gone_from_the_history_too(catalogue: Catalogue) -> None:
    catalogue.person("me", "王一")
    catalogue.add(*history_rows(0, NOON, bound(None)))
    catalogue.store()
    with catalogue.database.write() as session:
        person = session.get(Person, "me")
        assert person is not None
        person.name = None
        session.add(person)
    (line,) = history(catalogue, "inspector")
    assert line.actor_name is None


@pytest.mark.parametrize(
    ("roles", "seen"),
    [
        (("inspector",), True),
        (("clerk",), True),
        (("reviewer",), True),
        (("officer",), False),
        (("handler",), False),
        (("approver",), False),
    ],
)
def test_looks_stand_between_the_lines_for_those_who_supervise(
    station: Catalogue, roles: tuple[str, ...], seen: bool
) -> None:
    station.submitted("s", handlers=("me",))
    station.bind("a", "s")
    station.add(
        Look(seq=2, clip="a", access="x", person="p1", at=at(2), kind="play", purpose="抽查", count=1),
        Look(seq=2, clip="b", access="x", person="p1", at=at(2), kind="play", purpose=None, count=1),
    )
    looks = [line for line in history(station, *roles) if line.code.startswith("look.")]
    assert [(line.seq, line.actor_name, line.params["purpose"]) for line in looks] == (
        [(2, "李二", "抽查")] if seen else []
    )
    assert all(line.code in LOOK_CODES for line in looks)
    seqs = [line.seq for line in history(station, *roles)]
    assert seqs == sorted(seqs)


def test_being_a_clerk_elsewhere_does_not_show_the_looks_at_ones_own_clip(catalogue: Catalogue) -> None:
    catalogue.clip("a", collector="me", unit="别的大队")
    catalogue.add(Look(seq=1, clip="a", access="x", person="p", at=NOON, kind="play", purpose=None, count=1))
    assert history(catalogue, "officer", "clerk") == ()
    assert [line.code for line in history(catalogue, "inspector")] == ["look.play"]


def test_a_case_s_history_leaves_out_clips_the_viewer_does_not_see(catalogue: Catalogue) -> None:
    catalogue.target("t")
    catalogue.clip("own", collector="me")
    catalogue.clip("other", collector="somebody")
    opened = case_entries.TargetOpened(
        fact=case_entries.TargetOpened.Fact(target="t", kind=TargetKind.CASE, number_source=Source.CLERK)
    )
    for seq, entry in enumerate([opened, bound("t", "own"), bound("t", "other")]):
        catalogue.add(*history_rows(seq, at(seq), entry))
    with catalogue.read() as session:
        officers = target_history(session, viewer("officer"), "case", "t", only_clips=True)
        clerks = target_history(session, viewer("clerk"), "case", "t", only_clips=False)
    assert [line.seq for line in officers] == [1]
    assert officers[0].params["file_name"] == "own.MP4"
    assert [line.seq for line in clerks] == [0, 1, 2]


def test_a_case_s_history_does_not_name_a_matter_the_viewer_may_not_know(catalogue: Catalogue) -> None:
    catalogue.target("m", kind="matter", unit="别的大队")
    catalogue.target("t", handlers=("me",))
    catalogue.add(*history_rows(0, NOON, resolved("merged", "t")))
    with catalogue.read() as session:
        assert target_history(session, viewer("handler"), "case", "t", only_clips=False) == ()
        (line,) = target_history(session, viewer("inspector"), "case", "t", only_clips=False)
    assert (line.params["number"], line.params["into_number"]) == ("m", "t")


def test_a_history_takes_the_same_statements_however_long(station: Catalogue) -> None:
    def statements() -> int:
        with station.statements() as seen:
            history(station, "inspector")
        return len(seen)

    before = statements()
    for seq in range(10, 20):
        station.add(*history_rows(seq, NOON, bound("t")))
    assert statements() == before
