"""Entries of every type about one clip, so that every table of the catalogue has a row."""

from hashlib import sha256

from station.custody import Custody
from station.evidence.store import LocalStore
from station.records.case_entries import (
    ClipAmended,
    ClipBound,
    ClipClassified,
    ClipDisclaimed,
    ClipUnbound,
    StageGap,
    TargetOpened,
    TargetResolved,
    TargetSubmitted,
)
from station.records.disposal_entries import DisposalProposed, DueClip, HoldPlaced, Reason
from station.records.docking_entries import ClipProbed, HolderIssued, HolderReturned
from station.records.document_entries import DocumentAdded, DocumentOpened
from station.records.entries import Actor, Entry, Place, Proof, TimeRange
from station.records.export_entries import ExportReason, ExportRequested
from station.records.handing_entries import ClipHandedIn
from station.records.log_entries import (
    AccessDenied,
    AccessListed,
    AccessOpened,
    AlarmAcknowledged,
    AlarmRaised,
    CheckCompleted,
)
from station.records.note_entries import ClipNoted, NoteLine
from station.records.people_entries import AccountChanged, PersonDescribed, RolesGranted, SessionOpened
from station.records.recorder_entries import RecorderQuarantined
from station.records.review_entries import (
    ChangeAgreed,
    ClipSubmitted,
    ListedBinding,
    ListedProof,
    OpinionGiven,
    Verdict,
)
from station.records.terms import (
    ClipStage,
    EnforcementStage,
    NoneReason,
    Origin,
    Role,
    Sensitivity,
    Source,
    TargetKind,
)

ZHANG = Actor(person="zhang", via="web", session="s1", strength="password")
TIME = "2026-08-04T10:00:00.000000Z"


DOCUMENT = b"%PDF-1.7\n"


def entries_about(clip: str, recorder: str) -> tuple[Entry, ...]:
    """Return one entry after another, each allowed after those before it."""
    return (
        PersonDescribed(
            fact=PersonDescribed.Fact(person="zhang", kind="officer"),
            names=PersonDescribed.Names(name="张三", login="zhang", unit="一大队", police_number="000001"),
            actor=ZHANG,
        ),
        RolesGranted(fact=RolesGranted.Fact(person="zhang", roles=(Role.OFFICER, Role.HANDLER)), actor=ZHANG),
        AccountChanged(fact=AccountChanged.Fact(person="zhang", change="password_set"), actor=ZHANG),
        SessionOpened(fact=SessionOpened.Fact(session="s1"), actor=ZHANG),
        RecorderQuarantined(
            fact=RecorderQuarantined.Fact(
                quarantine="q2", reason="unknown_recorder", slot=1, vendor_id="4255", product_id="0001"
            ),
            names=RecorderQuarantined.Names(identity="serial:9", serial="9", product="记录仪"),
        ),
        HolderIssued(fact=HolderIssued.Fact(holding="h1", recorder=recorder, person="zhang", since=TIME), actor=ZHANG),
        HolderReturned(
            fact=HolderReturned.Fact(holding="h1", recorder=recorder, person="zhang", until=TIME), actor=ZHANG
        ),
        ClipProbed(
            fact=ClipProbed.Fact(
                clip=clip, tool="ffprobe", tool_version="5.1", ok=True, duration_ms=1000, width=640, playable="original"
            ),
            place=Place(latitude="38.04", longitude="114.5", datum="WGS-84"),
        ),
        TargetOpened(
            fact=TargetOpened.Fact(
                target="t1", kind=TargetKind.CASE, handlers=("zhang",), number_source=Source.CASE_SYSTEM
            ),
            names=TargetOpened.Names(number="冀石执罚〔2026〕第12号", title="占道经营", unit="一大队"),
            actor=ZHANG,
        ),
        TargetOpened(
            fact=TargetOpened.Fact(target="m1", kind=TargetKind.MATTER, number_source=Source.OFFICER),
            names=TargetOpened.Names(number="待-1"),
            actor=ZHANG,
        ),
        _bound("b1", clip, TargetKind.CASE, "t1"),
        _bound("b2", clip, TargetKind.MATTER, "m1"),
        ClipBound(
            fact=ClipBound.Fact(
                binding="b3",
                action="a3",
                clip=clip,
                kind=TargetKind.NONE,
                none_reason=NoneReason.PATROL,
                source=Source.OFFICER,
            ),
            actor=ZHANG,
        ),
        ClipUnbound(fact=ClipUnbound.Fact(binding="b3", clip=clip, kind=TargetKind.NONE), actor=ZHANG),
        TargetResolved(
            fact=TargetResolved.Fact(target="m1", kind=TargetKind.MATTER, outcome="numbered", into="t1"), actor=ZHANG
        ),
        ClipAmended(
            fact=ClipAmended.Fact(clip=clip, field="time", source=Source.OFFICER, recorded_at=TIME), actor=ZHANG
        ),
        ClipAmended(
            fact=ClipAmended.Fact(clip=clip, field="place", source=Source.OFFICER),
            place=Place(text="中山路 1 号"),
            actor=ZHANG,
        ),
        ClipAmended(
            fact=ClipAmended.Fact(clip=clip, field="collector", source=Source.CLERK),
            people=ClipAmended.People(collector="zhang", companions=("li",)),
            text=ClipAmended.Text(reason="领用登记漏记"),
            actor=ZHANG,
        ),
        ClipDisclaimed(fact=ClipDisclaimed.Fact(clip=clip, person="li"), actor=ZHANG),
        ClipHandedIn(
            fact=ClipHandedIn.Fact(clip=clip, handing="u1", origin=Origin.PHONE, told={"sha256": "ab" * 32}),
            text=ClipHandedIn.Text(file_name="a.mp4", device="手机", from_whom="王某", note="自愿提供"),
            actor=ZHANG,
        ),
        DocumentAdded(
            fact=DocumentAdded.Fact(
                document="x1",
                target="t1",
                target_kind=TargetKind.CASE,
                digest={"sha256": sha256(DOCUMENT).hexdigest()},
                size_bytes=len(DOCUMENT),
                kind="pdf",
                readback="direct",
            ),
            text=DocumentAdded.Text(file_name="笔录.pdf", from_whom="王某", note="现场检查笔录"),
            actor=ZHANG,
        ),
        ClipNoted(
            fact=ClipNoted.Fact(note="n1", clip=clip, lines=1),
            text=ClipNoted.Text(lines=(NoteLine(at_ms=1500, words="当事人出示执照"),)),
            actor=ZHANG,
        ),
        DocumentOpened(
            fact=DocumentOpened.Fact(access="a9"),
            look=DocumentOpened.Look(document="x1", purpose="投诉核查"),
            actor=ZHANG,
        ),
        ClipClassified(fact=ClipClassified.Fact(clip=clip, sensitivity=Sensitivity.PRIVACY), actor=ZHANG),
        TargetSubmitted(
            fact=TargetSubmitted.Fact(submission="u1", target="t1", clips=(clip,), log_size=1, act="penalty_ordinary"),
            text=TargetSubmitted.Text(
                note="占道一案", gaps=(StageGap(stage=EnforcementStage.INQUIRY, reason="占道：有询问笔录"),)
            ),
            actor=ZHANG,
        ),
        ClipSubmitted(
            fact=ClipSubmitted.Fact(
                submission="u1",
                target="t1",
                clip=clip,
                digest={"sha256": "ab" * 32},
                size_bytes=7,
                taken_in=3,
                stage=ClipStage.PROBED,
                sensitivity=Sensitivity.PRIVACY,
                recorded_at=TIME,
                bindings=(ListedBinding(binding="b1", stage=EnforcementStage.ON_SITE, source=Source.OFFICER),),
            ),
            people=ClipSubmitted.People(collector="zhang", collector_name="张三", companions=("li",)),
            place=Place(text="中山路 1 号"),
            names=ClipSubmitted.Names(file_name="DCIM/0001.mp4", number="冀石执罚〔2026〕第12号"),
            text=ClipSubmitted.Text(bindings=(ListedProof(proves=(Proof(text="现场情况"),), note="备注"),)),
        ),
        ChangeAgreed(
            fact=ChangeAgreed.Fact(submission="u1", target="t1", clip=clip, field="place"),
            actor=ZHANG,
        ),
        OpinionGiven(
            fact=OpinionGiven.Fact(
                opinion="o1", submission="u1", target="t1", version=1, verdict=Verdict.AGREE, log_size=9, unchecked=1
            ),
            text=OpinionGiven.Text(opinion="占道事实清楚"),
            actor=ZHANG,
        ),
        ClipAmended(
            fact=ClipAmended.Fact(clip=clip, field="place", source=Source.CLERK),
            place=Place(text="中山路 1 号"),
            text=ClipAmended.Text(reason="占道：门牌核实"),
            actor=ZHANG,
        ),
        HoldPlaced(
            fact=HoldPlaced.Fact(hold="h9", about=f"clip:{clip}"), text=Reason(reason="行政诉讼"), actor=ZHANG
        ),
        DisposalProposed(
            fact=DisposalProposed.Fact(
                disposal="d9",
                clips=(DueClip(clip=clip, digest={"sha256": "ab" * 32}, rule="minimum", due_at=TIME),),
            ),
            text=Reason(reason="保存期满"),
            actor=ZHANG,
        ),
        ExportRequested(
            fact=ExportRequested.Fact(export="e9", target="t1", clips=(clip,), reason=ExportReason.COURT),
            text=ExportRequested.Text(reason="行政诉讼举证"),
            actor=ZHANG,
        ),
        AlarmRaised(
            fact=AlarmRaised.Fact(alarm="al1", kind="bytes_changed", about=f"clip:{clip}"),
            detail=AlarmRaised.Detail(text="0001.mp4"),
        ),
        AlarmAcknowledged(
            fact=AlarmAcknowledged.Fact(alarm="al1", about=f"clip:{clip}", gone=False),
            text=AlarmAcknowledged.Text(note="现场核对，两份均已保留"),
        ),
        CheckCompleted(
            fact=CheckCompleted.Fact(
                check="c1", scope="clip", clips=(clip,), originals_checked=1, outcome="sound", log_size=1,
                readback="direct",
            ),
            actor=ZHANG,
        ),
        AccessOpened(
            fact=AccessOpened.Fact(access="x1"), look=AccessOpened.Look(clip=clip, kind="play"), actor=ZHANG
        ),
        AccessListed(
            fact=AccessListed.Fact(access="x2"), look=AccessListed.Look(clips=(clip,), route="/clips"), actor=ZHANG
        ),
        AccessDenied(
            fact=AccessDenied.Fact(access="x3", count=2),
            look=AccessDenied.Look(about=f"clip:{clip}", route="/c", minute="2026-08-04T10:00", reason="role"),
            actor=ZHANG,
        ),
    )  # fmt: skip


def fill_all_tables(custody: Custody, clip: str, store: LocalStore) -> None:
    """Append them, with a holding that covers the clip; the document among them is in the vault."""
    store.put_bytes(DOCUMENT)
    custody.append(*entries_about(clip, "r1"))


def _bound(binding: str, clip: str, kind: TargetKind, target: str) -> ClipBound:
    return ClipBound(
        fact=ClipBound.Fact(
            binding=binding,
            action=f"a-{binding}",
            clip=clip,
            kind=kind,
            target=target,
            stage=EnforcementStage.ON_SITE,
            source=Source.OFFICER,
        ),
        text=ClipBound.Text(proves=(Proof(text="现场情况", ranges=(TimeRange(start_ms=0, end_ms=500),)),), note="备注"),
        actor=ZHANG,
    )
