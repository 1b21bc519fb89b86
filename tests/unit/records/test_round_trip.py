"""Every entry type goes into the ledger's bytes and comes back as it was."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from station.errors import DamagedError
from station.ledger.entry import make_part, make_payload, make_record, parse_part
from station.records.case_entries import ClipAmended, ClipBound
from station.records.disposal_entries import (
    BackupBegun,
    BackupCompleted,
    BackupDrilled,
    BackupForgotten,
    BlobErased,
    ClipDisposed,
    DisposalApproved,
    DisposalCompleted,
    DisposalProposed,
    DisposalRefused,
    DueClip,
    ErasureCompleted,
    HoldLifted,
    HoldPlaced,
    Reason,
)
from station.records.docking_entries import (
    ClipConflicted,
    ClipFact,
    ClipIncomplete,
    ClipIngested,
    ClipNames,
    DockingFinished,
    DockingStarted,
    RecorderKnown,
    Volume,
)
from station.records.entries import Entry
from station.records.erase_entries import EraseAuthorised, EraseCompleted, ErasedFile, ErasePolicy
from station.records.export_entries import (
    ClipDerived,
    ExportApproved,
    ExportProduced,
    ExportReason,
    ExportRefused,
    ExportRequested,
    ExportTaken,
    FrameExported,
)
from station.records.log_entries import FileCompared, KeyRotated, LogContinues, LogStarted, PayloadErased
from station.records.people_entries import HookAdded, HookRemoved, TokenIssued, TokenRevoked
from station.records.reading import BadRange, RawName, RawTimes
from station.records.recorder_entries import (
    ClockMeasured,
    ClockSet,
    RecorderEnrolled,
    RecorderQuarantined,
    RecorderWithdrawn,
)
from station.records.registry import ENTRY_TYPES, read_entry
from station.records.terms import FileResult, NoneReason, Source, TargetKind, TimeTrust
from station.records.ticket import Refusal
from tests.flow.filling import TIME, ZHANG, entries_about

HEX = "ab" * 32
FACT = ClipFact(
    clip="c1",
    docking="d1",
    recorder="r1",
    digest={"sha256": HEX},
    size_bytes=2**40,
    media="video",
    container="mov",
    readback="direct",
    important=True,
    sequence=7,
    device_time="2026-08-04T18:00:00",
    zone="Asia/Shanghai",
    recorded_at=TIME,
    time_source=Source.FILE_NAME,
    time_trust=TimeTrust.PLAIN,
)
NAMES = ClipNames(
    path=(RawName(raw="ffd6", encoding="fat-8.3:gbk", text="执法\N{REPLACEMENT CHARACTER}"),),
    volume=0,
    address=2**52,
    times=RawTimes(modified="2026-08-04T10:00:02"),
    police_number="000001",
)
MORE: tuple[Entry, ...] = (
    TokenIssued(
        fact=TokenIssued.Fact(
            token="t1", person="p1", scopes=("clips:read",), expires_at="2027-02-21T00:00:00.000000Z", second="console"
        ),
        names=TokenIssued.Names(name="Case system"),
    ),
    TokenRevoked(fact=TokenRevoked.Fact(token="t1", person="p1")),
    HookAdded(
        fact=HookAdded.Fact(hook="h1", person="p1", events=("clip.sealed",), token="t1"),
        names=HookAdded.Names(name="Case system", url="https://cases.example/hook"),
    ),
    HookRemoved(fact=HookRemoved.Fact(hook="h1", person="p1")),
    LogStarted(fact=LogStarted.Fact(origin="evidence-station/x", software="evidence-station 0")),
    KeyRotated(fact=KeyRotated.Fact(old="x+aaaaaaaa+AQ==", new="x+bbbbbbbb+AQ==", store="file")),
    PayloadErased.model_validate({"fact": {"seq": 1, "part": "names", "digest": HEX, "ground": "court"}}),
    FileCompared(
        fact=FileCompared.Fact(check="k1", answer="original"),
        look=FileCompared.Look(digest={"sha256": "0" * 64}, clip="c1"),
    ),
    LogContinues(
        fact=LogContinues.Fact(
            origin="evidence-station/y", software="s", vkey="v", checkpoint="c", carried=2, root=HEX
        ),
        actor=ZHANG,
    ),
    DisposalProposed(
        fact=DisposalProposed.Fact(
            disposal="d9", clips=(DueClip(clip="c1", digest={"sha256": HEX}, rule="minimum", due_at=TIME),)
        ),
        text=Reason(reason="到期"),
        actor=ZHANG,
    ),
    DisposalApproved(fact=DisposalApproved.Fact(disposal="d9", clips=1, left={"c2": "held"}), actor=ZHANG),
    DisposalRefused(fact=DisposalRefused.Fact(disposal="d9"), text=Reason(reason="不同意"), actor=ZHANG),
    ClipDisposed(fact=ClipDisposed.Fact(clip="c1", disposal="d9", digest={"sha256": HEX}, rule="minimum", due_at=TIME)),
    DisposalCompleted(
        fact=DisposalCompleted.Fact(disposal="d9", clips=1, originals=1, partials=0, derived=1, shared=0)
    ),
    HoldPlaced(fact=HoldPlaced.Fact(hold="h9", about="clip:c1"), text=Reason(reason="诉讼"), actor=ZHANG),
    HoldLifted(fact=HoldLifted.Fact(hold="h9", about="clip:c1"), text=Reason(reason="结案"), actor=ZHANG),
    BlobErased(fact=BlobErased.Fact(digest={"sha256": HEX}, about="docking:d1", ground="court_order"), actor=ZHANG),
    ErasureCompleted(fact=ErasureCompleted.Fact(through=3, parts=1, blobs=1, pages="vacuum", unreached=("b1",))),
    BackupBegun(
        fact=BackupBegun.Fact(backup="b1", vault=True), names=BackupBegun.Names(folder="/media/b"), actor=ZHANG
    ),
    BackupCompleted(
        fact=BackupCompleted.Fact(backup="b1", log_size=9, files=3, size_bytes=7, manifest={"sha256": HEX})
    ),
    BackupDrilled(
        fact=BackupDrilled.Fact(
            backup="b1", manifest={"sha256": HEX}, log_size=9, ledger=True, originals=3, sound=2, missing=1
        ),
        actor=ZHANG,
    ),
    BackupForgotten(fact=BackupForgotten.Fact(backup="b1"), text=Reason(reason="销毁"), actor=ZHANG),
    RecorderKnown(
        fact=RecorderKnown.Fact(recorder="r1", profile="generic-storage", identified_by="serial"),
        names=RecorderKnown.Names(identity="serial:1", serial="1", unit="一大队"),
    ),
    RecorderEnrolled(
        fact=RecorderEnrolled.Fact(recorder="r1", profile="bc-plus", identified_by="serial"),
        names=RecorderEnrolled.Names(identity="serial:1", serial="1", unit="一大队"),
        actor=ZHANG,
    ),
    RecorderWithdrawn(fact=RecorderWithdrawn.Fact(recorder="r1"), actor=ZHANG),
    RecorderQuarantined(
        fact=RecorderQuarantined.Fact(
            quarantine="q1",
            reason="forbidden_interface",
            slot=3,
            vendor_id="4255",
            product_id="0001",
            interfaces=("03/01/01", "08/06/50"),
        ),
        names=RecorderQuarantined.Names(serial="00000001", product="键盘"),
    ),
    ClockMeasured(
        fact=ClockMeasured.Fact(
            recorder="r1",
            device_time="2000-01-01T00:00:09",
            zone="Asia/Shanghai",
            host_time=TIME,
            offset_ms=-838_000_000_000,
            uncertainty_ms=900,
            synchronised=False,
        )
    ),
    ClockSet(fact=ClockSet.Fact(recorder="r1", set_to="2026-08-04T18:00:00", zone="Asia/Shanghai")),
    DockingStarted(
        fact=DockingStarted.Fact(
            docking="d1",
            recorder="r1",
            profile="p",
            profile_version="1",
            source_kind="image",
            slot=3,
            volumes=(Volume(volume=0, offset_bytes=512, file_system="fat32"),),
            tools={"pytsk3": "1"},
        ),
        names=DockingStarted.Names(source="/dev/sdb", serials=("1234", None), labels=(None, "CARD")),
        actor=ZHANG,
    ),
    ClipIngested(fact=FACT, names=NAMES),
    ClipIncomplete(
        fact=FACT, gaps=ClipIncomplete.Gaps(ranges=(BadRange(offset_bytes=0, length_bytes=512),), more=3), names=NAMES
    ),
    ClipConflicted(
        fact=ClipConflicted.Fact(clip="c1", docking="d1", held={"sha256": HEX}, digest={"sha256": HEX}, kept=True)
    ),
    DockingFinished(
        fact=DockingFinished.Fact(
            docking="d1",
            recorder="r1",
            counts={FileResult.NEW: 2, FileResult.HELD: 0},
            size_bytes=1,
            whole=False,
            listing={"sha256": HEX},
        ),
        detail=DockingFinished.Detail(text="读取中断"),
    ),
    EraseAuthorised(
        fact=EraseAuthorised.Fact(
            erasing="e1",
            docking="d1",
            recorder="r1",
            profile="p",
            policy=ErasePolicy(minimum_age_seconds=86400, copies_required=2),
            files=1,
            size_bytes=1,
            left={"too_young": 3},
            clips=("c1",),
            listing={"sha256": HEX},
        ),
        actor=ZHANG,
    ),
    EraseCompleted(
        fact=EraseCompleted.Fact(
            erasing="e1",
            docking="d1",
            recorder="r1",
            erased=1,
            gone=0,
            unknown=0,
            refused={Refusal.CHANGED: 1},
            size_bytes=1,
            reason=Refusal.DIED,
            files=(ErasedFile(clip="c1", result="erased"),),
            listing={"sha256": HEX},
        ),
        detail=EraseCompleted.Detail(text="读取中断"),
    ),
)
EXPORTS: tuple[Entry, ...] = (
    ExportRequested(
        fact=ExportRequested.Fact(export="e1", target="t1", clips=("c1",), reason=ExportReason.COURT, disclosure=True),
        text=ExportRequested.Text(reason="行政诉讼举证"),
        actor=ZHANG,
    ),
    ExportApproved(fact=ExportApproved.Fact(export="e1", target="t1"), actor=ZHANG),
    ExportRefused(
        fact=ExportRefused.Fact(export="e2", target="t1"), text=ExportRefused.Text(reason="材料不全"), actor=ZHANG
    ),
    FrameExported(
        fact=FrameExported.Fact(
            clip="c1",
            frame="f1",
            digest={"sha256": HEX},
            size_bytes=9,
            original={"sha256": HEX},
            made_of="original",
            number=42,
            time_ms=1680,
        ),
        text=FrameExported.Text(reason="案卷附图"),
        actor=ZHANG,
    ),
    ExportTaken(fact=ExportTaken.Fact(access="a9"), look=ExportTaken.Look(export="e1", way="download"), actor=ZHANG),
    ClipDerived(
        fact=ClipDerived.Fact(
            clip="c1",
            target="t1",
            export="e1",
            digest={"sha256": HEX},
            size_bytes=9,
            original={"sha256": HEX},
            tool="ffmpeg",
            tool_version="5.1.6",
            graph="pad=h=ih+96,drawtext=textfile=caption.txt",
            caption=HEX,
        ),
        text=ClipDerived.Text(lines=("冀石城市监处罚〔2026〕128号", "中山路 张三")),
    ),
    ExportProduced(
        fact=ExportProduced.Fact(
            export="e1", target="t1", log_size=20, tagmanifest={"sha256": HEX}, files=12, size_bytes=2**40
        ),
        actor=ZHANG,
    ),
)
SAMPLES = (*MORE, *EXPORTS, *entries_about("c1", "r1"))


def stored(entry: Entry) -> dict[str, bytes]:
    draft = entry.draft()
    return {name: make_part(value) for name, value in draft.parts.items()}


def read_back(entry: Entry, parts: Mapping[str, bytes]) -> Entry:
    return read_entry(0, entry.TYPE, {name: parse_part(part) for name, part in parts.items()})


def test_there_is_a_sample_of_every_entry_type() -> None:
    assert {entry.TYPE for entry in SAMPLES} == set(ENTRY_TYPES)


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.TYPE)
def test_an_entry_comes_back_from_its_stored_parts_as_it_was(entry: Entry) -> None:
    assert read_back(entry, stored(entry)) == entry


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.TYPE)
def test_an_entry_has_a_form_the_ledger_takes(entry: Entry) -> None:
    draft = entry.draft()
    payload = make_payload(stored(entry))
    record = make_record(
        log="evidence-station/x",
        seq=0,
        prev=HEX,
        type=draft.type,
        time=TIME,
        payload=HEX,
        subjects=dict.fromkeys(draft.subjects),
    )
    assert len(set(draft.subjects)) == len(draft.subjects)
    assert payload.startswith(b'{"parts":')
    assert draft.type.encode() in record


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.TYPE)
def test_an_entry_without_its_erasable_parts_can_still_be_read(entry: Entry) -> None:
    left = read_back(entry, {"fact": stored(entry)["fact"]})
    assert left.draft().parts == {"fact": entry.draft().parts["fact"]}
    assert left.subjects() == entry.subjects()


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.TYPE)
def test_no_fact_holds_a_name_a_number_or_a_place(entry: Entry) -> None:
    fact = str(entry.draft().parts["fact"])
    personal = ("张三", "000001", "占道", "中山路", "0001.mp4", "冀石", "执法", "一大队", "CARD", "/dev")
    assert [word for word in personal if word in fact] == []


def test_an_unknown_type_is_damage_that_names_the_entry() -> None:
    with pytest.raises(DamagedError, match=r"Entry 17 .*'clip\.dreamt'"):
        read_entry(17, "clip.dreamt", {"fact": {}})


def test_parts_that_do_not_fit_their_type_are_damage_that_names_the_field() -> None:
    with pytest.raises(DamagedError, match=r"Entry 3 \(log\.started\).*fact\.origin"):
        read_entry(3, "log.started", {"fact": {"software": "x"}})


def test_an_unknown_field_is_damage_not_ignored() -> None:
    with pytest.raises(DamagedError):
        read_entry(3, "log.started", {"fact": {"origin": "o", "software": "x", "more": 1}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": TargetKind.CASE},
        {"kind": TargetKind.NONE},
        {"kind": TargetKind.NONE, "target": "t1", "none_reason": NoneReason.TEST},
        {"kind": TargetKind.CASE, "target": "t1", "none_reason": NoneReason.TEST},
    ],
)
def test_a_binding_has_a_target_or_a_reason_and_never_both(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ClipBound.Fact.model_validate({"binding": "b", "action": "a", "clip": "c", "source": "officer", **wrong})


def test_entries_can_not_be_changed_after_they_were_made() -> None:
    entry = ClipAmended(fact=ClipAmended.Fact(clip="c", field="time", source=Source.CLERK))
    with pytest.raises(ValidationError):
        entry.fact.clip = "other"  # type: ignore[misc]
