"""Believable values for every page, also the awkward ones: long names, missing fields, damage, nothing at all."""
# ruff: noqa: E501  tables of values are read by column

from dataclasses import dataclass, replace
from math import sin
from pathlib import Path
from typing import Any

from markupsafe import Markup

from station.actions import (
    backing,
    backups,
    first,
    importing,
    importing_cases,
    importing_people,
    importing_recorders,
    review,
    rules,
)
from station.actions.amend_many import Change
from station.actions.disposal import Due
from station.actions.receipt import Receipt, ReceiptClip, qr_svg
from station.actions.shown_proof import ShownProof
from station.api import (
    amend_pages,
    disposal_pages,
    first_pages,
    import_pages,
    pages,
    review_pages,
    station_pages,
    timeline,
    upload_pages,
)
from station.api.maps import MapView, draw_track
from station.api.waves import WaveView, draw_wave
from station.board import SlotBoard
from station.catalogue import exports, retaining, review_lists, reviews, views
from station.catalogue.documents import DocumentView
from station.catalogue.notes import NoteView
from station.catalogue.timeline import Lane
from station.clock import KernelClock
from station.config import Home, Settings
from station.derive.track import Track
from station.derive.waveform import Waveform
from station.records.recording_list import StageState, load_list
from station.records.retention import load_rules
from station.records.review_entries import ReviewPoint
from station.records.terms import EnforcementStage, NoneReason, Role, Sensitivity, TargetKind
from station.state.backups import Job
from station.state.searches import Search
from station.state.sessions import SessionView
from station.state.tokens import Scope, TokenView
from station.state.uploads import InboxView, UploadView

STAGES = tuple(stage.value for stage in EnforcementStage)
REASONS = tuple(reason.value for reason in NoneReason)
KINDS = tuple(kind.value for kind in TargetKind)
CLASSES = tuple(each.value for each in Sensitivity)
PHRASES = {stage: ("facts",) for stage in STAGES}


def person(key: str, name: str, *roles: Role, disabled: bool = False) -> views.PersonView:
    return views.PersonView(
        key,
        "officer",
        name,
        key,
        "城关区市场监督管理局执法大队",
        "13000102030",
        "018233",
        tuple(sorted(roles)),
        disabled,
    )


OFFICER = person("zhangwei", "张伟", Role.OFFICER)
CLERK = person("lifang", "李芳", Role.CLERK)
ADMIN = person("wangqiang", "王强", Role.ADMIN)
AUDITOR = person("zhaomin", "赵敏", Role.AUDITOR)
INSPECTOR = person("chenjing", "陈静", Role.INSPECTOR)
HANDLER = person("liuyang", "刘洋", Role.HANDLER, Role.OFFICER)
PEOPLE = (
    OFFICER,
    CLERK,
    ADMIN,
    AUDITOR,
    INSPECTOR,
    HANDLER,
    person("old.account", "Alexandrina Featherstonehaugh-Cholmondeley", Role.REVIEWER, Role.APPROVER, disabled=True),
)

CASE = views.TargetRow(
    "case1", "case", "冀石城市监处罚〔2026〕128号", "某商贸有限公司涉嫌销售不合格电动自行车案", "open", 9,
    "2026-11-18T02:10:00.000000Z", None, ("刘洋", "张伟"),
)  # fmt: skip
SUBMITTED = replace(
    CASE, target="case2", number="冀石城市监处罚〔2026〕97号", title="无照经营案", status="submitted",
    submitted_at="2026-11-20T08:00:00.000000Z", clips=4,
)  # fmt: skip
MATTER = views.TargetRow(
    "matter1", "matter", "DL-2026-0031", "裕华路早市占道经营", "open", 3, "2026-11-21T02:10:00.000000Z", None, ()
)
TASK = views.TargetRow(
    "task1", "task", "JC-2026-0007", "冬季用气安全专项检查", "open", 22, "2026-11-01T02:10:00.000000Z", None, ()
)
TARGETS = (CASE, SUBMITTED, MATTER, TASK)


def binding(clip: str, target: views.TargetRow | None = CASE, stage: str | None = "on_site") -> views.BindingView:
    return views.BindingView(
        f"b-{clip}", "action", clip, target.kind if target else "none", target.target if target else None,
        target.number if target else None, target.title if target else None, None if target else "patrol",
        stage, (("当事人现场陈述及经营场所状况", ((12_000, 64_000),)), ("查获物品数量", ())), "两名执法人员在场", "officer",
        "2026-11-22T10:20:00.000000Z", "张伟",
    )  # fmt: skip


BASE = views.ClipRow(
    "c00", "r00", "DCAM_J800000_018233_20261122_173000_0001.mp4", "video", 184_300_221, 605_000,
    "2026-11-22T09:30:00.000000Z", "plain", "2026-11-22T10:05:12.000000Z", "probed", "original", False, 1,
    "rec1", "J800000", "张伟", "建设南大街 128 号", "ordinary", True, 0, 0, None,
)  # fmt: skip

ROWS = (
    replace(BASE, clip="c01", recording="r01", important=True, check_outcome="sound", bindings=(binding("c01"),)),
    replace(BASE, clip="c02", recording="r01", sequence=2, tagged=False, place=None),
    replace(BASE, clip="c03", recording="r03", tagged=False, collector_name=None, place=None, duration_ms=3_725_000, in_doubt=True, overdue=True),
    replace(BASE, clip="c31", recording="r31", tagged=False, collector_name=None, in_doubt=True,
            disclaimers=(("张伟", "2026-11-22T10:20:00.000000Z"),)),
    replace(BASE, clip="c04", recording="r04", sensitivity="suspected_secret", bindings=(binding("c04", None),)),
    replace(BASE, clip="c05", recording="r05", stage="incomplete", missing_bytes=4_194_304, playable=None, tagged=False),
    replace(BASE, clip="c06", recording="r06", media="audio", file_name="询问录音_王某_第二次.mp3", sensitivity="privacy",
            bindings=(binding("c06", CASE, "inquiry"), binding("c06", TASK), binding("c06", MATTER))),
    replace(BASE, clip="c07", recording="r07", media="photo", duration_ms=None, check_outcome="damaged", bindings=(binding("c07"),)),
    replace(BASE, clip="c08", recording="r08", recorded_at="1999-12-31T16:00:21.000000Z", time_trust="suspicious", tagged=False),
    replace(BASE, clip="c09", recording="r09", recorded_at=None, time_trust="unknown", stage="sealed", tagged=False, playable=None),
    replace(BASE, clip="c10", recording="r10", conflicts=1, sensitivity="trade_secret", bindings=(binding("c10", TASK, None),)),
    *(replace(BASE, clip=f"c{n}", recording=f"r{n}", tagged=n % 3 > 0, recorded_at=f"2026-11-2{n % 3}T0{n % 9}:12:00.000000Z",
              duration_ms=n * 41_000, bindings=(binding(f"c{n}"),) if n % 3 else ()) for n in range(11, 31)),
)  # fmt: skip
ROWS = tuple(
    replace(row, sort_at=row.recorded_at if row.time_trust == "plain" and row.recorded_at else row.taken_in_at)
    for row in ROWS
)
ROWS = tuple(sorted(ROWS, key=lambda row: row.sort_at, reverse=True))
SEARCHES = (Search("s1", "中山路待整改", "q=%E4%B8%AD"), Search("s2", "本周未标记", "tagged=no&important=yes"))
QUEUES = (
    (views.Queue.MISSING_FIELD, 31),
    (views.Queue.COLLECTOR, 4),
    (views.Queue.CLOCK, 2),
    (views.Queue.OVERDUE, 127),
)
POSTERS = frozenset(row.clip for row in ROWS if row.media != "audio" and row.stage == "probed")


def history() -> tuple[views.HistoryLine, ...]:
    lines = (
        (
            "clip.ingested",
            {"recorder_name": "J800000", "slot": "3", "size_bytes": "184300221", "readback": "direct"},
            None,
        ),
        ("clip.probed", {"tool": "ffprobe", "tool_version": "5.1.6", "playable": "original"}, None),
        (
            "clip.amended_place",
            {"place": "建设南大街 128 号", "source": "officer", "reason": "记录仪未开启定位"},
            "张伟",
        ),
        ("clip.bound", {"kind": "case", "number": CASE.number, "stage": "on_site"}, "张伟"),
        ("look.play", {"purpose": "投诉 2026-118 核查"}, "陈静"),
        ("check.completed", {"outcome": "sound", "log_size": "1893", "scope": "clip"}, None),
    )
    return tuple(
        views.HistoryLine(1800 + n, f"2026-11-22T10:{10 + n}:00.000000Z", code, params, actor)
        for n, (code, params, actor) in enumerate(lines)
    )


def detail(row: views.ClipRow, *fields: views.FieldView) -> views.ClipDetail:
    return views.ClipDetail(
        row, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "mp4", 1920, 1080, "30000/1001",
        "h264", "aac", None, "DCIM/20261122/DCAM_J800000_018233_20261122_173000_0001.mp4", "2026-11-22T17:30:00",
        "Asia/Shanghai", fields or FIELDS, row.bindings, ("李娜",), tuple(
            replace(BASE, clip=f"c{n:02}", sequence=n, recorded_at=f"2026-11-22T09:{30 + n * 5}:00.000000Z") for n in range(1, 6)
        ), history(), "docking1", "2026-11-22T10:03:00.000000Z", "direct", "2026-11-22T10:15:00.000000Z", 1800,
        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    )  # fmt: skip


FIELDS = (
    views.FieldView("case_number", CASE.number, "clerk"),
    views.FieldView("time", "2026-11-22T09:30:00.000000Z", "file_name"),
    views.FieldView("place", "建设南大街 128 号", "officer"),
    views.FieldView("collector", "张伟", "holder_register"),
    views.FieldView("proves", "当事人现场陈述及经营场所状况 · 查获物品数量", "officer"),
)
POOR_FIELDS = (
    views.FieldView("case_number", None, None),
    views.FieldView("time", "1999-12-31T16:00:21.000000Z", "recorder", "clock_suspicious"),
    views.FieldView("place", None, None),
    views.FieldView("collector", None, None, "holder_ambiguous"),
    views.FieldView("proves", None, None),
)


_LOUDNESS = tuple(round(9000 * abs(sin(n / 9) * sin(n / 31)) ** 3 + 40 + n * 7919 % 700) for n in range(480))
WAVE = Waveform(bucket=10084, low=tuple(-level for level in _LOUDNESS), high=_LOUDNESS)


TRACK = Track(timed="sample", fixes=tuple(
    (n * 1000, 38_042_100 + round(900 * sin(n / 25) + n * 14), 114_514_900 + round(n * 31 + 1500 * sin(n / 40)))
    for n in range(180)
))  # fmt: skip


NOTES = (
    NoteView(
        "n1", ((83_400, "当事人出示营业执照正本，执法人员当场核对。"),), "2026-11-22T11:05:00.000000Z", "p2", "陈静"
    ),
    NoteView("n2", ((None, "全程无遮挡，声音清晰。"),), "2026-11-22T11:06:00.000000Z", "p1", "张伟"),
    NoteView(
        "n3", tuple((n * 4200, f"问答第 {n + 1} 句") for n in range(40)), "2026-11-22T11:30:00.000000Z", "p2", "陈静"
    ),
)


def clip_page(row: views.ClipRow, **changes: Any) -> pages.ClipPageView:
    values: dict[str, Any] = {
        "detail": detail(row), "media_url": "/media.mp4", "poster_url": "/clips/c01/poster",
        "proxy": pages.ProxyState("none"), "can_bind": True, "can_amend": True, "can_verify": True, "can_classify": True,
        "needs_purpose": False, "blocked": None, "officers": PEOPLE, "sensitivities": CLASSES,
        "frames": "ready", "frames_url": "/frames.json", "filmstrip_url": "/clips/c01/filmstrip",
        "wave": draw_wave(WAVE, row.duration_ms) if row.duration_ms else None, "map": draw_track(TRACK, None), "notes": NOTES, "can_note": True,
    }  # fmt: skip
    return pages.ClipPageView(**values | changes)


SLOTS = (
    None,
    SlotBoard(slot=2, state="reading", recorder_name="J800000", holder_name="张伟", files_total=0),
    SlotBoard(slot=3, state="copying", docking="d", recorder_name="J800021", holder_name="李娜", files_total=42, files_done=17,
              bytes_total=28_400_000_000, bytes_done=11_930_000_000, rate=41_200_000, eta_seconds=402),
    SlotBoard(slot=4, state="finishing", recorder_name="8176162", files_total=9, files_done=9, bytes_total=3_100_000_000,
              bytes_done=3_100_000_000, rate=None, eta_seconds=4),
    SlotBoard(slot=5, state="done", recorder_name="DPB20-0031", holder_name="Alexandrina Featherstonehaugh", new=31, held=112),
    SlotBoard(slot=6, state="partly", recorder_name="J800007", holder_name="赵敏", new=11, held=4, not_kept=2, problem="not_whole"),
    SlotBoard(slot=8, state="quarantined", recorder_name="BWC000117", problem="unknown_recorder"),
    SlotBoard(slot=9, state="unlocking", recorder_name="BWC000118", battery_percent=64),
    SlotBoard(slot=10, state="erasing", recorder="rec1", recorder_name="J800000", holder_name="张伟", new=12),
    SlotBoard(slot=7, state="failed", recorder_name="J800099", holder_name="刘洋", new=3, problem="reader_died"),
    None,
)  # fmt: skip
DOCKINGS = tuple(
    views.DockingView(f"d{n}", f"J8000{n:02}", "ga-t-947-named", n or None, None, f"2026-11-22T0{n}:10:00.000000Z",
                      None if n == 1 else f"2026-11-22T0{n}:20:00.000000Z", n % 3 != 0, {"new": n * 7, "held": 12, "failed": int(n % 3 == 0)}, n * 3_200_000_000)
    for n in range(6)
)  # fmt: skip
RECORDERS = (
    views.RecorderView("rec1", "J800000", "ga-t-947-named", "serial", "J800000", None, OFFICER.unit,
                       (views.HoldingView("h1", "rec1", "zhangwei", "张伟", "2026-11-01T00:30:00.000000Z", None),
                        views.HoldingView("h0", "rec1", "liuyang", "刘洋", "2026-10-01T00:30:00.000000Z", "2026-11-01T00:00:00.000000Z")),
                       412, "2026-11-22T10:03:00.000000Z", enrolled=True, offset_ms=95_000),
    views.RecorderView("rec2", "NO NAME 1A2B-3C4D", "generic-storage", "volume", None, "NO NAME", OFFICER.unit, (), 12, None),
)  # fmt: skip


QUARANTINE = (
    views.QuarantineView("q1", "unknown_recorder", 8, None, "acme-control", "serial:BWC000117", "BWC000117", None,
                         "AC-200", "3f0a:0c01", "2026-11-22T10:12:00.000000Z", True),
    views.QuarantineView("q2", "forbidden_interface", 3, None, None, None, None, None, "USB Keyboard", "4255:0001",
                         "2026-11-22T09:40:00.000000Z", False),
)  # fmt: skip


EXPORT = exports.ExportRow(
    "e5vkt2m4qzq6wmxw5a3o7r6c2i", "case1", CASE.number, CASE.title, OFFICER.unit, ("c01", "c06", "c07"), 3_184_300_221, 2,
    "court", "当事人对行政处罚决定不服提起诉讼，人民法院通知举证，需提交现场检查及询问过程的音像记录", True, True, "requested",
    "2026-11-22T10:20:00.000000Z", "liuyang", "刘洋", None, None, "", None, None, None, None, None, None,
)  # fmt: skip
APPROVED = replace(EXPORT, status="approved", decided_at="2026-11-22T10:40:00.000000Z", decided_by_name="周建国")
PRODUCED = replace(APPROVED, status="produced", produced_at="2026-11-22T11:02:00.000000Z", produced_by_name="李芳", log_size=1893,
                   tagmanifest="2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", size_bytes=3_412_004_118, files=87)  # fmt: skip
REFUSED = replace(
    EXPORT,
    export="r5vkt2m4qzq6wmxw5a3o7r6c2i",
    reason="other",
    status="refused",
    decided_at="2026-11-22T10:40:00.000000Z",
    decided_by_name="周建国",
    decision="申请范围过大，请只申请现场检查部分",
)
APPROVER = person("zhou", "周建国", Role.APPROVER)


def export_view(row: exports.ExportRow, *jobs: pages.JobView, **may: bool) -> pages.ExportView:
    return pages.ExportView(row, jobs, **may)


EXPORT_VIEWS = (
    export_view(EXPORT, can_decide=True),
    export_view(
        replace(PRODUCED, export="p1", reason="transfer", words=""),
        pages.JobView(None, "ready", "files", 1000),
        can_produce=True,
        can_fetch=True,
    ),
    export_view(replace(APPROVED, export="p2", reason="reconsideration"), pages.JobView(None, "running", "files", 430)),
    export_view(REFUSED),
)
DISKS = (("/media/KINGSTON", 58_200_000_000), ("/media/送检盘", None))


AMEND = amend_pages.AmendPage(
    clips=("c01", "c02", "c03"),
    values={"field": "place", "place": "中山路市场东门", "reason": "", "collector": "", "collector_name": "", "shown": "", "true": ""},
    officers=PEOPLE, names={},
    changes=(Change("c01", BASE.file_name, BASE.place, "中山路市场东门"), Change("c02", "0002.MP4", None, "中山路市场东门"),
             Change("c03", "0003.MP4", BASE.place, BASE.place, "submitted")),
)  # fmt: skip


REVIEWER = person("zhaomin", "赵敏", Role.REVIEWER)


def _listed(number: int, **changes: Any) -> review_lists.Line:
    proves = (("现场检查过程合法，当事人在场", ((12_000, 95_000),)), ("违法事实清楚", ()))
    line = review_lists.Line(
        clip=f"c{number:02}", sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", size_bytes=184_300_221,
        taken_in=4000 + number, stage="probed", sensitivity="ordinary", recorded_at=f"2026-11-18T0{number}:30:00.000000Z",
        time_source="file_name", place=("建设南大街 128 号", None, None, None), place_source="officer", collector="zhangwei",
        collector_name="张伟", companions=("lifang",), collector_source="holder_register",
        file_name=f"DCAM_J800000_018233_20261118_17300{number}_000{number}.mp4", number="冀石城市监处罚〔2026〕97号",
        bindings=(review_lists.Listed("b1", "inspection", "officer", proves, ""),),
    )  # fmt: skip
    return replace(line, **changes)


LISTED = (_listed(1), _listed(2, sensitivity="privacy"), _listed(3, erased=frozenset({"people"})))
OPINION = reviews.OpinionView(
    "o1",
    4711,
    "agree",
    (),
    "事实清楚，证据确凿，程序合法，同意。",
    3,
    0,
    0,
    "2026-11-21T02:00:00.000000Z",
    "zhaomin",
    "赵敏",
)
SUBMISSION = reviews.SubmissionView(
    submission="s2", target="case2", number=SUBMITTED.number, title=SUBMITTED.title, unit="城关区市场监督管理局", version=2, seq=4650,
    submitted_at="2026-11-20T08:00:00.000000Z", submitted_by="liuyang", submitted_by_name="刘洋", handlers=frozenset({"liuyang"}),
    log_size=4650, clips=3, act="penalty_ordinary", note="第二次送审，已补充询问录像。", gaps=(("inquiry", "当事人拒绝到场，书面通知附卷"),),
    latest=True, opinion=None,
)  # fmt: skip
CHANGED = replace(
    SUBMISSION, submission="s3", number=CASE.number, title=CASE.title, opinion=replace(OPINION, void=True),
    changes=(
        review_lists.Change("c01", LISTED[0].file_name, "place", "建设南大街 128 号", "建设南大街 182 号"),
        review_lists.Change("c02", LISTED[1].file_name, "proves", LISTED[1].proves, LISTED[1].proves[:1]),
        review_lists.Change("c09", "DCAM_J800000_0009.mp4", "added"),
    ),
)  # fmt: skip
RETURNED = replace(
    SUBMISSION,
    submission="s4",
    opinion=replace(OPINION, verdict="problems", points=("evidence", "procedure"), words="缺送达录像。"),
)
LISTING = load_list()
STATES = (
    StageState("inspection", "key", 3, 1_815_000),
    StageState("inquiry", "key", 0, 0, "当事人拒绝到场，书面通知附卷"),
    StageState("hearing", "whole", 0, 0),
)
REVIEW = review_pages.SubmissionPage(
    view=SUBMISSION, lines=LISTED, lengths={}, names={"lifang": "李芳"}, seen=frozenset({"c01", "c02"}),
    outcomes={"c01": "sound", "c02": "damaged"}, checked=review.Checked(1, 1, 1), check=None, act=LISTING.act[1], stages=STATES,
    versions=(SUBMISSION, replace(RETURNED, latest=False, version=1)), after=history()[:3],
    looks=(reviews.LookLine("c01", LISTED[0].file_name, "2026-11-20T09:00:00.000000Z", "赵敏", "play", "审核", 2),),
    can_see_looks=True, can_review=True, apart=True, can_resubmit=False, can_change=False,
    points=tuple(point.value for point in ReviewPoint),
)  # fmt: skip
SUBMIT = review_pages.SubmitPage(
    row=CASE, lines=LISTED, names={"lifang": "李芳"}, missing={"c03": ("place",)}, acts=LISTING.act, act=LISTING.act[1], stages=STATES,
    former=RETURNED, shown="0" * 64, can_submit=True,
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    template: str
    page: Any
    me: views.PersonView | None
    path: str


def _bars(number: int) -> tuple[timeline.Bar, ...]:
    return tuple(
        timeline.Bar(f"c{n}", 480.0 + n * 40 + number * 7, 5.0 + n % 4 * 9, "2026-11-22T09:30:00.000000Z", 605_000, 1, n % 3 > 0)
        for n in range(number, 14, 2)
    )  # fmt: skip


STRIP = timeline.DayStrip(
    "2026-11-22", "2026-11-21", "2026-11-23", "2026-11-22T04:00:00.000000Z", tuple((hour, hour * 60.0) for hour in range(0, 24, 3)),
    tuple((Lane(f"rec{n}", f"J80000{n}", ()), _bars(n)) for n in range(4)),
)  # fmt: skip


def _clips(view: Any, rows: tuple[views.ClipRow, ...] = ROWS, **form: str) -> pages.ClipsPage:
    page = views.ClipPage(rows, 1286 if rows else 0, "abc" if rows else None)
    return pages.ClipsPage(
        page, views.ClipFilter(), {"view": view, **form}, PEOPLE, RECORDERS, view, POSTERS, QUEUES, SEARCHES,
        strip=STRIP if rows else None, filmstrips=POSTERS,
    )  # fmt: skip


def _group(number: int, count: int, **changes: Any) -> views.RecordingGroup:
    rows = tuple(
        replace(BASE, clip=f"g{number}-{n}", recording=f"r{number}", sequence=n + 1, tagged=False,
                recorded_at=f"2026-11-22T0{number}:{10 + n}:00.000000Z", **changes) for n in range(count)
    )  # fmt: skip
    return views.RecordingGroup(f"r{number}", rows)


TODAY = pages.TodayPage(
    (_group(9, 4), _group(8, 1, place=None), _group(7, 12, important=True), _group(6, 1, media="audio"), _group(5, 2, collector_name=None)),
    TARGETS, REASONS, STAGES, PHRASES, 6, frozenset({"g9-0", "g8-0", "g7-0"}),
    places=("建设南大街 128 号", "中山路市场东门", "裕华路早市"),
)  # fmt: skip
BIND = pages.BindPage(ROWS[:3], 2, TARGETS, KINDS, REASONS, STAGES, PHRASES, CLASSES, KINDS[:3])

NOTE = (
    "evidence-station/abcdefghijklmnopqrstuvwxyz\n1893\nLCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=\n\n"
    "— evidence-station/abcdefghijklmnopqrstuvwxyz khVL315mp6JfWxRWzrOb8UA3lgQPIF5yMS+B4hKxEAvdPOEnUX/xO7ZEssUNzhuJatA1mVGiNqKnKsnrD//DrwAawgU=\n"
)
RECEIPT = pages.ReceiptPage(
    Receipt(
        views.DockingView(
            "d1",
            "DSJ-A1-0001",
            "hikvision-dsj",
            3,
            None,
            "2026-11-22T10:15:00.000000Z",
            "2026-11-22T10:21:00.000000Z",
            True,
            {"new": 41},
            3_200_000_000,
        ),
        "城关区市场监督管理局执法大队",
        "evidence-station/abcdefghijklmnopqrstuvwxyz",
        ("张伟",),
        tuple(ReceiptClip(f"{number:064x}", 80_000_000 + number, number != 3) for number in range(40)),
        1,
        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        1890,
        NOTE,
        1893,
    ),
    (
        ("采集站", "城关区市场监督管理局执法大队"),
        ("领用人", "张伟"),
        ("SHA-256", "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
    ),
    Markup(qr_svg(NOTE)),  # noqa: S704  made by segno
)

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
OTHER_DIGEST = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
CLIP_ID = "gx7c2m4qzq6wmxw5a3o7r6c2ie"
PROOF = ShownProof(
    1800, "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    tuple(f"{number:02x}" * 32 for number in range(17, 28)), OTHER_DIGEST, "evidence-station/abcdefghijklmnopqrstuvwxyz", 1893, NOTE,
    ("桥西区市场监督管理局执法大队", "witness.example"), ("2026-11-22T10:16:00.000000Z",),
)  # fmt: skip
SOUND = pages.VerifyView(
    "sound", BASE.taken_in_at, "2026-11-22T11:00:00.000000Z", DIGEST, DIGEST, 1893, clip=CLIP_ID, proof=PROOF
)
DAMAGED = replace(
    SOUND, outcome="damaged", found_sha256=OTHER_DIGEST, findings=("original.damaged",), readback="dropped"
)

RUNNING = pages.CheckView(
    "k5vkt2m4qzq6wmxw5a3o7r6c2i", "all", "running", None, None, 0, "2026-11-22T10:58:00.000000Z", None, 384, 1_213_400_000_000,
    3_160_000_000_000, 8_214, None, 1893,
)  # fmt: skip
CASE_CHECK = replace(
    RUNNING, check="c1", scope="case", state="done", target="case1", number=CASE.number, clips=9, ended_at="2026-11-22T09:12:00.000000Z",
    asked_at="2026-11-22T09:10:00.000000Z", per_mille=1000, size_bytes=1_658_700_000, originals=9, outcome="sound",
)  # fmt: skip
ALL_DONE = replace(RUNNING, check="a1", state="done", ended_at="2026-11-19T03:40:00.000000Z", asked_at="2026-11-18T10:00:00.000000Z",
                   size_bytes=3_160_000_000_000, originals=21_904, outcome="sound")  # fmt: skip
CHECKS_BY_STATE = {
    "running": RUNNING,
    "waiting": replace(RUNNING, state="waiting", per_mille=0, size_bytes=0, total_bytes=0, originals=0, log_size=0),
    "running-damage": replace(RUNNING, findings=("original.missing",), mine=False),
    "sound": CASE_CHECK,
    "sound-all": ALL_DONE,
    "damaged": replace(ALL_DONE, outcome="damaged", findings=("original.damaged", "original.missing", "record", "catalogue.differs", "original.unreadable"),
                       damaged=(CLIP_ID, "hx7c2m4qzq6wmxw5a3o7r6c2ie"), damaged_hidden=3),
    "damaged-ledger": replace(ALL_DONE, outcome="damaged", findings=("signer.refused", "checkpoint")),
    "not-checked": replace(CASE_CHECK, outcome="not_checked", findings=("original.unreadable",)),
    "failed": replace(RUNNING, state="failed", ended_at="2026-11-22T10:59:00.000000Z"),
    "cancelled": replace(CASE_CHECK, state="cancelled", outcome=None),
}  # fmt: skip
CHECKS = (RUNNING, CASE_CHECK, replace(CHECKS_BY_STATE["damaged"], check="d1"), CHECKS_BY_STATE["not-checked"], CHECKS_BY_STATE["cancelled"],
          CHECKS_BY_STATE["failed"])  # fmt: skip
SCRUB = pages.ScrubView(30.0, "2026-11-20T02:00:00.000000Z", 412, "2026-11-02T05:31:00.000000Z", 21_377, 1, 2)
ORIGINAL_FILE = pages.FileView(
    "original", DIGEST, "2026-11-22T11:00:00.000000Z", CLIP_ID, BASE.file_name, BASE.taken_in_at
)
FILES = (
    ORIGINAL_FILE,
    replace(ORIGINAL_FILE, clip=None, file_name=None, taken_in_at=None, hidden=True),
    *(
        replace(ORIGINAL_FILE, answer=answer)
        for answer in ("playable", "disclosure", "incomplete", "conflicting", "disposed")
    ),
    pages.FileView("unknown", OTHER_DIGEST, "2026-11-22T11:00:00.000000Z"),
)

RULES = load_rules()
SOURCES = {rule.id: rule.source for rule in RULES}
KEPT = retaining.KeptClip(
    CLIP_ID, DIGEST, BASE.size_bytes, OFFICER.unit, BASE.file_name or "", "J800000", "2026-04-12T09:30:00.000000Z",
    "2026-04-12T10:05:12.000000Z", "ordinary", False, 0, (), False, False, False,
)  # fmt: skip
DUE = (
    Due(KEPT, "minimum", "2026-10-12T10:05:12.000000Z", None),
    Due(replace(KEPT, clip="c2", recorded_at=None, file_name="", size_bytes=18_430_022), "minimum", "2026-10-12T10:05:12.000000Z", None),
    Due(replace(KEPT, clip="c3", recorder_name="NO NAME 1A2B-3C4D", file_name="询问录音_王某_第二次.mp3", recorded_at="2024-10-30T01:02:03.000000Z",
                taken_in_at="2024-10-30T09:30:00.000000Z"), "task", "2026-10-30T09:30:00.000000Z", None),
)  # fmt: skip
HOLDS = (
    retaining.HoldView(
        "h1",
        "case:case1",
        CASE.number,
        "当事人已申请行政复议，复议决定作出前保全全部音像记录",
        "2026-11-20T03:00:00.000000Z",
        "刘洋",
        OFFICER.unit,
    ),
    retaining.HoldView(
        "h2",
        f"clip:{CLIP_ID}",
        BASE.file_name or "",
        "纪检监察机关函询，暂缓销毁",
        "2026-11-21T03:00:00.000000Z",
        "陈静",
        OFFICER.unit,
    ),
)

HOLDABLE = disposal_pages.HoldingView(can_place=True)
HELD_CASE = disposal_pages.HoldingView((replace(HOLDS[0], about="case:case2"),), can_lift=True)
HELD_CLIP = disposal_pages.HoldingView((replace(HOLDS[1], about="clip:c01"), HOLDS[0]), can_lift=True)
HELD_THROUGH = disposal_pages.HoldingView(HOLDS[:1], can_place=True)


def _line(number: int, left_for: str | None = None, stage: str = "probed") -> retaining.DisposalLine:
    name = f"DCAM_J800000_018233_2026041{number}_173000_000{number}.mp4"
    return retaining.DisposalLine(
        f"d{number}", name, "J800000", DIGEST, 184_300_221 * number, f"2026-04-1{number}T09:30:00.000000Z",
        f"2026-04-1{number}T10:05:12.000000Z", "minimum", f"2026-10-1{number}T10:05:12.000000Z", left_for, stage,
    )  # fmt: skip


PROPOSED = retaining.DisposalView(
    "p5vkt2m4qzq6wmxw5a3o7r6c2i", "proposed", "2026年第四季度到期清理", "2026-11-21T02:00:00.000000Z", "lifang", "李芳",
    None, None, "", None, 0, frozenset({OFFICER.unit}), tuple(_line(number) for number in range(1, 5)),
)  # fmt: skip
DECIDED = replace(PROPOSED, disposal="q5vkt2m4qzq6wmxw5a3o7r6c2i", status="approved", decided_at="2026-11-22T02:00:00.000000Z", decider="周建国",
                  lines=(_line(1, stage="disposed"), _line(2, "held"), _line(3, stage="disposed")))  # fmt: skip
DISPOSALS = (
    PROPOSED,
    DECIDED,
    replace(DECIDED, disposal="r5vkt2m4qzq6wmxw5a3o7r6c2i", status="completed", completed_at="2026-11-22T02:10:00.000000Z", unreached=1),
    replace(PROPOSED, disposal="s5vkt2m4qzq6wmxw5a3o7r6c2i", status="refused", decided_at="2026-11-22T02:00:00.000000Z", decider="周建国",
            answer="其中第 2 条的投诉尚未办结"),
)  # fmt: skip
DISPOSAL = disposal_pages.DisposalPage(
    DUE,
    14,
    {"not_due": 1204, "permanent": 311, "open": 22, "held": 9, "untagged": 4},
    DISPOSALS[:1],
    DISPOSALS[1:],
    HOLDS,
    RULES,
    "lifang",
)

IMPORTED = (
    importing.Planned(2, "new", "王磊 · wanglei", (importing.Change("name", "", "王磊"), importing.Change("kind", "", "officer"), importing.Change("unit", "", "执法一队"), importing.Change("roles", "", "admin officer")), two=True),
    importing.Planned(3, "changed", "张伟 · zhangwei", (importing.Change("police_number", "18233", "018233"), importing.Change("roles", "officer", "clerk officer"))),
    importing.Planned(4, "unchanged", "陈静 · chenjing"),
    importing.Planned(5, "refused", "李四 · 李四", problem="login_invalid"),
)  # fmt: skip


def upload(name: str, state: str, received: int, **values: Any) -> upload_pages.UploadLine:
    made = UploadView(
        "u-" + name,
        "lifang",
        "执法一队",
        "{}",
        values.pop("origin", "phone"),
        name,
        1_240_000_000,
        None,
        "ab" * 32,
        values.pop("device", ""),
        "店主 王某",
        "",
        None,
        None,
        None,
        "2026-11-20T08:00:00.000000Z",
        "2026-11-20T08:00:00.000000Z",
        state=state,
        **values,
    )
    return upload_pages.UploadLine(made, received, "2026-11-27T08:00:00.000000Z")


UPLOADS = upload_pages.UploadsPage(
    lines=(
        upload(
            "询问室2_20261120_083000_20261120_093000_非常长的文件名.mp4",
            "receiving",
            412_000_000,
            origin="room_camera",
            device="询问室 2",
        ),
        upload("VID_20261119.mp4", "taking", 1_240_000_000, problem="no_space"),
        upload("VID_20261118.mp4", "taken", 1_240_000_000, clip="c01", device="王某的手机"),
        upload("VID_20261118 (1).mp4", "held", 1_240_000_000, clip="c01"),
        upload("笔录.pdf", "refused", 1_240_000_000, problem="not_media", origin="other"),
        upload("VID_20261117.mp4", "refused", 1_240_000_000, problem="digest_differs"),
    ),
    origins=("phone", "room_camera", "other"),
    officers=PEOPLE,
    most_bytes=64_000_000_000,
    days=7,
    inbox="/srv/inbox",
    files=(
        InboxView("讯问室/20261120.mp4", 88_000_000, "1", "new", None, "c01", "2026-11-20T08:00:00.000000Z"),
        InboxView("notes.txt", 400, "1", "skipped", "not_media", None, "2026-11-20T08:00:00.000000Z"),
    ),
)
DOCUMENTS = upload_pages.DocumentsPage(
    target="case1",
    documents=(
        DocumentView("x1", "case1", "9f" * 32, 2_412_000, "pdf", "现场检查笔录（2026年11月20日）.pdf", "2026-11-20T02:00:00.000000Z", "店主 王某", "当事人已签字", "2026-11-20T08:00:00.000000Z", "李芳"),
        DocumentView("x2", "case1", "1c" * 32, 812_000, "jpeg", "IMG_20261120_101530_非常长的文件名_一号摊位占道经营全景.jpg", None, "", "", "2026-11-20T08:01:00.000000Z", "李芳"),
    ),
    lines=(
        upload("送达回证.pdf", "receiving", 412_000_000, origin="document", target="case1"),
        upload("合同.docx", "refused", 1_240_000_000, origin="document", target="case1", problem="not_document"),
    ),
    may_add=True,
    most_bytes=500_000_000,
    days=7,
)  # fmt: skip
NUMBERED = (
    importing.Planned(
        2,
        "new",
        "待立案-20261120-001 · 东门市场占道经营 J1301002026112000123",
        (
            importing.Change("case_number", "", "冀石市监罚〔2026〕12号"),
            importing.Change("title", "", "东门市场占道经营案"),
            importing.Change("act", "", "penalty_ordinary"),
        ),
        subject="c1",
    ),
    importing.Planned(
        3,
        "changed",
        "待立案-20261120-002 · 夜间施工",
        (importing.Change("case_number", "", "冀石市监罚〔2026〕9号"),),
        subject="c2",
    ),
    importing.Planned(4, "unchanged", "检查任务-20261120-001 · 节前食品检查", subject="c3"),
    importing.Planned(5, "refused", "待立案-20261120-009 · 冀石市监罚〔2026〕13号", problem="matter_elsewhere"),
)
RECORDERS_IMPORTED = (
    importing.Planned(2, "new", "J800001", (importing.Change("profile", "", "ga-t-947-named"), importing.Change("holder", "", "018233"), importing.Change("since", "", "2026-01-05T00:00:00.000000Z"))),
)  # fmt: skip
PROFILES = (
    station_pages.ProfileLine(
        "bc-plus-4255-0001", "2", "4255:0001 执法记录仪（双接口）", "reported", "mass-storage", True, True, False, 12
    ),
    station_pages.ProfileLine(
        "generic-storage", "1", "普通 U 盘或存储卡", "emulated", "folder", False, False, False, 0
    ),
    station_pages.ProfileLine("our-own", "1", "本局自购记录仪", "verified", "mtp", False, False, True, 3),
)
FACTOR_QR = Markup(qr_svg("otpauth://totp/x:y?secret=JBSWY3DPEHPK3PXP"))  # noqa: S704
SESSIONS = (
    SessionView(
        "s1", "zhangwei", "2026-11-22T10:15:00.000000Z", "2026-11-22T10:45:00.000000Z", "password", "192.0.2.17"
    ),
    SessionView("s2", "chenjing", "2026-11-22T08:15:00.000000Z", "2026-11-22T10:40:00.000000Z", "link", "2001:db8::17"),
    SessionView(
        "s3", "zhangwei", "2026-11-22T08:15:00.000000Z", "2026-11-22T10:40:00.000000Z", "badge_pin", "127.0.0.1"
    ),
)
TOKENS = (
    TokenView(
        "t1",
        "市局办案系统",
        PEOPLE[0].person,
        ("cases:read", "cases:write", "evidence:read"),
        "2026-11-01T00:00:00.000000Z",
        "2027-01-30T00:00:00.000000Z",
        None,
        "2026-11-22T10:00:00.000000Z",
        "192.0.2.80",
    ),
    TokenView(
        "t2",
        "监控",
        PEOPLE[0].person,
        ("metrics:read",),
        "2026-01-01T00:00:00.000000Z",
        "2026-04-01T00:00:00.000000Z",
        None,
        None,
        "",
    ),
    TokenView(
        "t3",
        "旧接口",
        PEOPLE[0].person,
        ("clips:read",),
        "2026-01-01T00:00:00.000000Z",
        "2026-12-01T00:00:00.000000Z",
        "2026-02-01T00:00:00.000000Z",
        None,
        "",
    ),
)
ALARMS = (
    views.AlarmView("a1", "clip_conflicted", "clip:c10", "DCAM_J800000.mp4: 9f86… → 2c26…", "2026-11-22T10:15:00.000000Z"),
    views.AlarmView("a2", "original_damaged", "clip:c07", "9f86d081884c7d65…: 512 bytes differ", "2026-11-21T10:15:00.000000Z",
                    "2026-11-21T11:00:00.000000Z", "陈静", "已从备份盘取得完好副本，等待更换硬盘"),
    views.AlarmView("a3", "original_missing", "clip:c01", "2c26b46b68ffc68f…", "2026-11-20T10:15:00.000000Z",
                    "2026-11-20T11:00:00.000000Z", "陈静", "保管库磁盘松动，已重新接好", "2026-11-20T12:30:00.000000Z"),
)  # fmt: skip

HEALTH = tuple(
    pages.HealthCheck(code, "ok", value)
    for code, value in {
        "vault": "yes", "free_bytes": "4120000000000", "days_left": "412", "encryption": "LUKS", "clock": "12", "signer": "yes", "log_key": "sealed", "ledger_size": "1893",
        "unsealed": "4", "queue": "2", "work_failed": "0", "alarms": "0", "outside_anchor": "3720", "last_witness": "3720", "last_timestamp": "7400", "backup": "172800", "chores": "running", "scrub": "1774800", "scrub_damaged": "0", "database": "SQLite",
        "programs": "ffmpeg", "checked_at": "2026-11-22T11:00:00.000000Z",
    }.items()
)  # fmt: skip
_TROUBLED = {
    "vault": ("bad", "no"), "free_bytes": ("warn", "41200000000"), "days_left": ("bad", "4"), "clock": ("warn", "not_synchronised"), "backup": ("warn", "never"), "last_witness": ("warn", "never"), "last_timestamp": ("bad", "980000"), "encryption": ("warn", "no"), "signer": ("bad", "no"), "log_key": ("bad", ""),
    "unsealed": ("warn", "1204"), "work_failed": ("warn", "3"), "alarms": ("warn", "2"), "outside_anchor": ("bad", "halted"), "chores": ("warn", "anchors scrub"), "scrub": ("bad", "5774800"), "scrub_damaged": ("bad", "2"),
    "programs": ("warn", "ffmpeg, ffprobe"),
}  # fmt: skip
TROUBLE = (
    *(
        replace(each, state=_TROUBLED[each.code][0], value=_TROUBLED[each.code][1]) if each.code in _TROUBLED else each
        for each in HEALTH
    ),
    pages.HealthCheck("outside_anchor", "warn", "93600"),
    pages.HealthCheck("outside_anchor", "warn", "never"),
    pages.HealthCheck("outside_anchor", "warn", "not_set_up"),
)

FOUND = first.Found(
    8,
    0,
    1,
    KernelClock(False, 0),
    "evidence-station/abcdefghijklmnopqrstuvwxyz+1a2b3c4d+AUvmbFHJ3lXV4yCHmQmkyUsXiGmSLDKdLHBRnYv0JQgk",
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
)
SHEET = first_pages.SheetPage(
    "ABCD-EFGH-JKLM",
    FOUND,
    {
        "unit": "城关区市场监督管理局",
        "time_zone": "Asia/Shanghai",
        "case_numbers": "any",
        "backup_folder": "",
        "name": "",
        "login": "",
        "second_name": "",
        "second_login": "",
    },
    frozenset(first.SETTINGS),
    "/var/lib/evidence-station/station.toml",
    ("Asia/Shanghai", "UTC"),
)

KNOWN_BACKUP = backups.KnownBackup(
    "b1",
    Path("/media/disk-a/backup"),
    True,
    "2026-11-20T09:15:00.000000Z",
    "2026-11-22T10:15:00.000000Z",
    18930,
    812 * 1024**3,
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    backups.Drilled("2026-11-22T12:15:00.000000Z", True, 1204, 1204, 0),
)
BACKUPS = station_pages.BackupPage(
    backups.Age(2 * 86400, "ok"),
    KNOWN_BACKUP,
    KNOWN_BACKUP,
    (backing.Place(Path("/media/disk-a/backup"), KNOWN_BACKUP, True), backing.Place(Path("/srv/backup"), None, True)),
    frozenset({Path("/srv/backup")}),
    None,
    (),
    8,
    True,
    Path("/var/lib/evidence-station/station.toml"),
)
BACKUP_JOB = Job(
    "j1",
    "backup",
    "/media/disk-a/backup",
    "{}",
    "running",
    "2026-11-22T10:15:00.000000Z",
    None,
    "footage",
    310 * 1024**3,
    812 * 1024**3,
    None,
    "",
)

PAGES: dict[str, Shown] = {
    "login": Shown("login.html", pages.LoginPage("zhangwei", "/", "login_wrong", first=True), None, "/login"),
    "welcome": Shown("welcome.html", pages.WelcomePage(OFFICER), None, "/welcome/x"),
    "welcome-used": Shown("welcome.html", pages.WelcomePage(None, "link_invalid"), None, "/welcome/x"),
    "first": Shown("first.html", first_pages.FirstPage(), None, "/first"),
    "first-claimed": Shown("first.html", first_pages.FirstPage("admin_exists"), None, "/first"),
    "first-sheet": Shown("first_sheet.html", SHEET, None, "/first"),
    "first-sheet-fixed": Shown("first_sheet.html", replace(SHEET, changeable=frozenset(), own_pattern="[0-9]{8}", values=SHEET.values | {"unit": "", "case_numbers": "own"}, problem="password_differs"), None, "/first"),
    "first-done": Shown("first_done.html", first_pages.ClaimedPage("张伟", FOUND, first.Head(7, "LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="), ("/media/disk/backup",), "陈静", "https://127.0.0.1:8470/welcome/3f9a8c7d6e5b4a39281706f5e4d3c2b1"), None, "/first"),
    "first-done-alone": Shown("first_done.html", first_pages.ClaimedPage("张伟", FOUND, None, ()), None, "/first"),
    "kiosk": Shown("dock.html", pages.DockPage(SLOTS, DOCKINGS), None, "/dock"),
    "dock": Shown("dock.html", pages.DockPage(SLOTS, DOCKINGS), CLERK, "/dock"),
    "dock/slots": Shown("dock_slots.html", pages.DockPage(SLOTS), None, "/dock/slots"),
    "today": Shown("today.html", TODAY, OFFICER, "/today"),
    "today-at-dock": Shown("today.html", replace(TODAY, at_dock=True, idle_seconds=60), OFFICER, "/dock/tagging"),
    "today-at-dock-problem": Shown(
        "today.html", replace(TODAY, at_dock=True, idle_seconds=60, problem="already_bound"), OFFICER, "/dock/tagging"
    ),
    "disclaimed": Shown("disclaimed.html", None, OFFICER, "/clips/c01/disclaim"),
    "dock-pin": Shown("dock_pin.html", pages.DockPinPage(), None, "/dock/pin"),
    "dock-pin-wrong": Shown("dock_pin.html", pages.DockPinPage("110235", "pin_wrong"), None, "/dock/session"),
    "dock-pin-choosing": Shown("dock_pin.html", pages.DockPinPage("110235", "pin_choose", True), None, "/dock/session"),
    "today-done": Shown("today.html", replace(TODAY, recordings=()), OFFICER, "/today"),
    "clips": Shown("clips.html", _clips("grid", tagged="no", important="yes"), CLERK, "/clips?x=1"),
    "clips-table": Shown("clips.html", _clips("table"), CLERK, "/clips"),
    "clips-empty": Shown("clips.html", _clips("grid", ()), OFFICER, "/clips"),
    "clips-none": Shown("clips.html", _clips("grid", (), q="x"), OFFICER, "/clips"),
    "clips-more": Shown("clips_rows.html", _clips("grid"), CLERK, "/clips"),
    "clips-more-table": Shown("clips_rows.html", _clips("table"), CLERK, "/clips"),
    "clips/c01/preview": Shown("preview.html", pages.PreviewPage(ROWS[2], FIELDS, POSTERS, "/media.mp4", True), CLERK, "/clips/c01/preview"),
    "preview-poor": Shown("preview.html", pages.PreviewPage(ROWS[3], POOR_FIELDS, POSTERS), INSPECTOR, "/clips/c03/preview"),
    "clip": Shown("clip.html", clip_page(ROWS[0], holding=HOLDABLE), CLERK, "/clips/c01"),
    "clip-held": Shown("clip.html", clip_page(ROWS[0], can_bind=False, can_amend=False, can_classify=False, holding=HELD_CLIP), APPROVER, "/clips/c01"),
    "clip-held-by-case": Shown("clip.html", clip_page(ROWS[0], holding=HELD_THROUGH), CLERK, "/clips/c01"),
    "clip-untimed": Shown("clip.html", clip_page(ROWS[0], frames="waiting", frames_url=None, wave=WaveView("silent"), map=MapView("none")), CLERK, "/clips/c01"),
    "clip-poor": Shown("clip.html", clip_page(replace(ROWS[7], bindings=()), detail=detail(ROWS[7], *POOR_FIELDS), media_url=None,
                       proxy=pages.ProxyState("running", 430), problem="time_invalid"), OFFICER, "/clips/c08"),
    "clip-secret": Shown("clip.html", clip_page(ROWS[3], media_url=None, poster_url=None, blocked="suspected_secret"), CLERK, "/clips/c04"),
    "clip-incomplete": Shown("clip.html", clip_page(ROWS[4], media_url=None, poster_url=None, blocked="incomplete"), CLERK, "/clips/c05"),
    "clip-purpose": Shown("clip.html", clip_page(ROWS[0], media_url=None, poster_url=None, needs_purpose=True, can_bind=False, can_amend=False,
                          can_classify=False), INSPECTOR, "/clips/c01"),
    "verify-sound": Shown("verify_page.html", SOUND, CLERK, "/clips/c01"),
    "verify-damaged": Shown("verify_page.html", DAMAGED, CLERK, "/clips/c01"),
    "verify-unknown": Shown("verify_page.html", replace(SOUND, outcome="not_checked", taken_in_at=None, found_sha256=None, log_size=0, findings=("original.unreadable", "result.not_entered"), proof=None), CLERK, "/clips/c01"),
    "verify-disposed": Shown("verify_page.html", replace(SOUND, outcome="disposed", found_sha256=None), CLERK, "/clips/c01"),
    "verify-result": Shown("verify_result.html", SOUND, CLERK, "/clips/c01"),
    "verify": Shown("verify.html", pages.VerifyPage(CHECKS, SCRUB, may_sweep=True, may_see=True), CLERK, "/verify"),
    "verify-first": Shown("verify.html", pages.VerifyPage((), pages.ScrubView(30.0), may_sweep=True, may_see=True, problem="digest_wrong"), CLERK, "/verify"),
    "verify-auditor": Shown("verify.html", pages.VerifyPage(CHECKS[:1], pages.ScrubView(0.0), may_sweep=True, may_see=False), AUDITOR, "/verify"),
    "verify-handler": Shown("verify.html", pages.VerifyPage(CHECKS[1:2], None, may_sweep=False, may_see=True, problem="case_unknown"), HANDLER, "/verify"),
    **{f"check-{name}": Shown("check.html", check, CLERK, "/verify/checks/x") for name, check in CHECKS_BY_STATE.items()},
    "check-state": Shown("check_state.html", CHECKS_BY_STATE["running"], CLERK, "/verify/checks/x"),
    **{f"file-{view.answer}{'-hidden' if view.hidden else ''}": Shown("file_page.html", view, CLERK, "/verify/file") for view in FILES},
    "file-result": Shown("file_result.html", FILES[0], CLERK, "/verify/file"),
    "disposal": Shown("disposal.html", DISPOSAL, CLERK, "/disposal"),
    "disposal-decide": Shown("disposal.html", replace(DISPOSAL, person="zhou"), APPROVER, "/disposal"),
    "disposal-own": Shown("disposal.html", replace(DISPOSAL, due=(), blocked={}, problem="second_person"), person("lifang", "李芳", Role.CLERK, Role.APPROVER), "/disposal"),
    "disposal-none": Shown("disposal.html", disposal_pages.DisposalPage((), 0, {}, (), (), (), RULES, "lifang"), CLERK, "/disposal"),
    **{f"disposal-list-{each.status}": Shown("disposal_list.html", disposal_pages.DisposalListPage(each, SOURCES), CLERK, "/disposal/x") for each in DISPOSALS},
    "bind": Shown("bind.html", BIND, CLERK, "/bind"),
    "bind-dialog": Shown("bind_dialog.html", replace(BIND, problem="target_missing", values={"kind": "matter", "new_title": "x"}), CLERK, "/bind"),
    "reviews": Shown("reviews.html", review_pages.DeskPage(reviews.Standing(1, (SUBMISSION,)), reviews.Standing(1, (CHANGED,)), reviews.Standing(1, (RETURNED,)), reviews.Standing(2617, (replace(SUBMISSION, opinion=OPINION),)), frozenset({"s2"})), REVIEWER, "/reviews"),
    "reviews-none": Shown("reviews.html", review_pages.DeskPage(*[reviews.Standing(0, ())] * 4, frozenset()), REVIEWER, "/reviews"),
    "submission": Shown("submission.html", REVIEW, REVIEWER, "/cases/case2/submissions/s2"),
    "submission-changed": Shown("submission.html", replace(REVIEW, view=CHANGED, can_review=False, can_change=True, check=review_pages.CheckProgress("k", "running", 420, 42, 100, True)), CLERK, "/cases/case1/submissions/s3"),
    "submission-check": Shown("submission_check.html", REVIEW, REVIEWER, "/cases/case2/submissions/s2"),
    "submit": Shown("submit.html", SUBMIT, HANDLER, "/cases/case1/submit"),
    "submit-first": Shown("submit.html", replace(SUBMIT, act=None, former=None, missing={}, stages=(), can_submit=False, lines=()), HANDLER, "/cases/case1/submit"),
    "change": Shown("change.html", review_pages.ChangePage(SUBMITTED, "c01", LISTED[0], PEOPLE, {}, "second_missing"), CLERK, "/cases/case2/change/c01"),
    "amend": Shown("amend.html", replace(AMEND, changes=()), CLERK, "/amend"),
    "amend-dialog": Shown("amend_dialog.html", AMEND, CLERK, "/amend"),
    "done": Shown("done.html", amend_pages.DoneView("amended", 12, "abc"), CLERK, "/amend"),
    "bound": Shown("bound.html", pages.BoundView(12, (), "case", CASE.number, None, "abc"), CLERK, "/bind"),
    "targets": Shown("targets_found.html", TARGETS, CLERK, "/targets/find?q=x"),
    "targets-none": Shown("targets_found.html", (), CLERK, "/targets/find?q=x"),
    "cases": Shown("cases.html", pages.CasesPage(TARGETS, {}, PEOPLE, KINDS[:3]), CLERK, "/cases"),
    "cases-empty": Shown("cases.html", pages.CasesPage((), {}, (), ()), OFFICER, "/cases"),
    "exports": Shown("exports.html", pages.ExportsPage(EXPORT_VIEWS), APPROVER, "/exports"),
    "exports-none": Shown("exports.html", pages.ExportsPage(()), CLERK, "/exports"),
    "export-decide": Shown("export.html", pages.ExportPage(export_view(EXPORT, can_decide=True)), APPROVER, "/exports/x"),
    "export-own": Shown("export.html", pages.ExportPage(export_view(EXPORT), two_parts=True, can_open_case=True, problem="export_two_parts"), HANDLER, "/exports/x"),
    "export-produce": Shown("export.html", pages.ExportPage(export_view(APPROVED, can_produce=True), DISKS, can_open_case=True), CLERK, "/exports/x"),
    "export-making": Shown("export.html", pages.ExportPage(export_view(APPROVED, pages.JobView(None, "running", "copies", 430), pages.JobView("/media/KINGSTON", "waiting", "copies", 0), can_produce=True), DISKS, can_open_case=True), CLERK, "/exports/x"),
    "export-failed": Shown("export.html", pages.ExportPage(export_view(APPROVED, pages.JobView(None, "failed", "files", 0, "export_damaged", "c01"), can_produce=True), can_open_case=True), CLERK, "/exports/x"),
    "export-ready": Shown("export.html", pages.ExportPage(export_view(PRODUCED, pages.JobView(None, "ready", "files", 1000), pages.JobView("/media/KINGSTON", "written", "files", 1000), can_produce=True, can_fetch=True), DISKS, can_open_case=True), CLERK, "/exports/x"),
    "export-refused": Shown("export.html", pages.ExportPage(export_view(REFUSED), can_open_case=True), HANDLER, "/exports/x"),
    "export-state": Shown("export_state.html", pages.ExportPage(export_view(APPROVED, pages.JobView(None, "running", "files", 430)), ()), CLERK, "/exports/x"),
    "case-asking": Shown("case.html", pages.CasePage(views.TargetDetail(CASE, (ROWS[0], ROWS[5]), history(), {}), True, False, False, POSTERS, exports=EXPORT_VIEWS[1:], can_ask=True, export_reasons=("court", "reconsideration", "transfer", "review", "supervision", "other"), export_problem="reason_missing", can_verify=True, holding=HOLDABLE), HANDLER, "/cases/case1"),
    "case": Shown("case.html", pages.CasePage(views.TargetDetail(CASE, (ROWS[0], ROWS[5], ROWS[6], ROWS[10]), history(), {"c01": ("place",), "c07": ("time", "proves")}), True, True, True, POSTERS, can_verify=True, holding=HOLDABLE, documents=DOCUMENTS), HANDLER, "/cases/case1"),
    "case-documents": Shown("case.html", pages.CasePage(views.TargetDetail(MATTER, (), ()), False, True, True, POSTERS, (CASE,), documents=replace(DOCUMENTS, purpose=True, lines=(), may_add=False)), CLERK, "/cases/matter1"),
    "case-held": Shown("case.html", pages.CasePage(views.TargetDetail(SUBMITTED, ROWS[:2], history(), {}), False, False, False, POSTERS, can_verify=True, holding=HELD_CASE), APPROVER, "/cases/case2"),
    "matter": Shown("case.html", pages.CasePage(views.TargetDetail(MATTER, (), ()), False, True, True, POSTERS, (CASE,)), CLERK, "/cases/matter1"),
    "ledger": Shown("ledger.html", pages.LedgerPage(1893, "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                    "evidence-station/abcdefghijklmnopqrstuvwxyz\n1893\nLCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=\n\n— evidence-station/abcdefghijklmnopqrstuvwxyz Zm9vYmFyYmF6cXV4\n",
                    "2026-11-22T10:15:00.000000Z", tuple(pages.LedgerLine(1892 - n, f"2026-11-22T10:{50 - n}:00.000000Z", kind, ("clip:8c1f2a9e77", "case:55ab01cd9e"), "2c26b46b68ffc68ff99b453c1d304134") for n, kind in enumerate(("clip.bound", "access.opened", "clip.ingested", "person.roles"))), 1889), AUDITOR, "/ledger"),
    "receipt": Shown("receipt.html", RECEIPT, OFFICER, "/dockings/d1/receipt"),
    "people": Shown("people.html", pages.PeoplePage(PEOPLE, tuple(role.value for role in Role), ("officer", "auxiliary", "staff"), "console", "https://127.0.0.1:8470/welcome/3f9a8c7d6e5b4a39281706f5e4d3c2b1", "张伟"), ADMIN, "/people"),
    "people/import": Shown("import.html", import_pages.ImportPage("people", importing_people.COLUMNS, importing_people.REQUIRED, problem="csv_header"), ADMIN, "/people/import"),
    "people/import/look": Shown("import.html", import_pages.ImportPage("people", importing_people.COLUMNS, importing_people.REQUIRED, IMPORTED, {"new": 1, "changed": 1, "unchanged": 1, "refused": 1}, "x", "y", "password"), ADMIN, "/people/import"),
    "uploads": Shown("uploads.html", UPLOADS, CLERK, "/uploads"),
    "uploads/rows": Shown("upload_rows.html", UPLOADS, CLERK, "/uploads"),
    "case-documents/rows": Shown("document_rows.html", DOCUMENTS, CLERK, "/cases/case1/documents"),
    "uploads/empty": Shown("uploads.html", replace(UPLOADS, lines=(), files=(), inbox=None), CLERK, "/uploads"),
    "cases/import/look": Shown("import.html", import_pages.ImportPage("cases", importing_cases.COLUMNS, importing_cases.REQUIRED, NUMBERED, {"new": 1, "changed": 1, "unchanged": 1, "refused": 1}, "x", "y"), CLERK, "/cases/import"),
    "recorders/import": Shown("import.html", import_pages.ImportPage("recorders", importing_recorders.COLUMNS, importing_recorders.REQUIRED, RECORDERS_IMPORTED, {"new": 1}), ADMIN, "/recorders/import"),
    "recorders": Shown("recorders.html", pages.RecordersPage(RECORDERS, PEOPLE, quarantine=QUARANTINE), ADMIN, "/recorders"),
    "alarms": Shown("alarms.html", pages.AlarmsPage(ALARMS, "note_missing", "a1"), CLERK, "/alarms"),
    "alarms-none": Shown("alarms.html", pages.AlarmsPage(()), ADMIN, "/alarms"),
    "me": Shown("me.html", pages.MePage(HANDLER, "2026-11-22T10:15:00.000000Z", "password", "s1", SESSIONS, pages.FactorView(), None, "password_changed"), HANDLER, "/me"),
    "health": Shown("health.html", pages.HealthPage(HEALTH), ADMIN, "/health"),
    "health-trouble": Shown("health.html", pages.HealthPage(TROUBLE), ADMIN, "/health"),
    "me/factor": Shown("me.html", pages.MePage(ADMIN, "2026-11-22T10:15:00.000000Z", "password", "s1", SESSIONS[:1], pages.FactorView(required=True, secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", qr=FACTOR_QR)), ADMIN, "/me"),
    "me/factor-set": Shown("me.html", pages.MePage(ADMIN, "2026-11-22T10:15:00.000000Z", "two_factors", "s1", SESSIONS[:1], pages.FactorView(there=True, codes=tuple(f"ABCD-EFGH-JKL{n}" for n in range(2, 10))), done="factor_set"), ADMIN, "/me"),
    "me/factor-due": Shown("me.html", pages.MePage(ADMIN, "2026-11-22T10:15:00.000000Z", "password", "s1", SESSIONS[:1], pages.FactorView(required=True), "factor_wrong"), ADMIN, "/me"),
    "station": Shown("station_rules.html", station_pages.RulesPage(rules.settings_in_force(Home(Path("/var/lib/evidence-station"), Settings(unit="城关区市场监督管理局", kiosk_addresses=("192.0.2.0/24",)))), load_rules(), rules.FIXED, rules.FIXED_FIGURES), ADMIN, "/station"),
    "station/slots": Shown("station_slots.html", station_pages.SlotsPage(tuple(station_pages.SlotLine(number, f"pci-0000:00:14.0-usb-0:{number}" if number < 5 else None, board) for number, board in enumerate(SLOTS, 1))), ADMIN, "/station/slots"),
    "station/slots-broken": Shown("station_slots.html", station_pages.SlotsPage((), "slots.toml: two ports have the same slot"), ADMIN, "/station/slots"),
    "station/profiles": Shown("station_profiles.html", station_pages.ProfilesPage(PROFILES), ADMIN, "/station/profiles"),
    "station/backup": Shown("station_backup.html", BACKUPS, ADMIN, "/station/backup"),
    "station/backup-late": Shown("station_backup.html", replace(BACKUPS, age=backups.Age(11 * 86400, "warn"), drilled=replace(KNOWN_BACKUP, drilled=backups.Drilled("2026-11-20T10:15:00.000000Z", True, 1204, 1202, 1)), failed=(replace(BACKUP_JOB, state="failed", ended_at="2026-11-22T10:15:00.000000Z", problem="backup_not_there", detail="/media/disk/backup"),)), ADMIN, "/station/backup"),
    "station/backup-damaged": Shown("station_backup.html", replace(BACKUPS, age=backups.Age(41 * 86400, "bad"), drilled=replace(KNOWN_BACKUP, drilled=backups.Drilled("2026-11-23T10:15:00.000000Z", False, 1204, 0, 0))), ADMIN, "/station/backup"),
    "station/backup-running": Shown("station_backup.html", replace(BACKUPS, job=BACKUP_JOB, footage=False), ADMIN, "/station/backup"),
    "station/backup-none": Shown("station_backup.html", replace(BACKUPS, age=backups.Age(None, "warn"), newest=None, drilled=None, places=(), same_disk=frozenset(), problem="backup_unknown"), ADMIN, "/station/backup"),
    "backup-state": Shown("backup_state.html", replace(BACKUPS, job=replace(BACKUP_JOB, kind="drill", step="originals", done=310, total=1204)), ADMIN, "/station/backup"),
    "station/sessions": Shown("station_sessions.html", station_pages.SessionsPage(SESSIONS, {"zhangwei": "张伟", "chenjing": "陈静"}, "s1"), ADMIN, "/station/sessions"),
    "station/tokens": Shown("station_tokens.html", station_pages.TokensPage(TOKENS, PEOPLE, tuple(scope.value for scope in Scope), 366, "password", "2026-11-22T10:15:00.000000Z", "est_3f9a8c7d6e5b4a39281706f5e4d3c2b1", "市局办案系统"), ADMIN, "/station/tokens"),
    "station/tokens-none": Shown("station_tokens.html", station_pages.TokensPage((), PEOPLE, tuple(scope.value for scope in Scope), 366, "console", "2026-11-22T10:15:00.000000Z", problem="scope_missing", values={"name": "x", "scopes": "cases:read"}), ADMIN, "/station/tokens"),
    "error-404": Shown("error.html", pages.ErrorPage(404, "not_found"), OFFICER, "/clips/none"),
    "error-500": Shown("error.html", pages.ErrorPage(500, "internal"), None, "/clips/none"),
}  # fmt: skip


def filmstrip(clip: str) -> bytes:
    """Return ten pictures side by side that can be told apart."""
    hue = sum(map(ord, clip)) * 47 % 360
    pictures = (
        f'<rect x="{n * 160}" width="160" height="90" fill="hsl({hue} 25% {30 + n * 3}%)"/>'
        f'<circle cx="{n * 160 + 20 + n * 12}" cy="55" r="30" fill="hsl({hue} 30% 60%)"/>'
        for n in range(10)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="90">{"".join(pictures)}</svg>'.encode()


def poster(clip: str) -> bytes:
    hue = sum(map(ord, clip)) * 47 % 360
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="320" height="180" fill="hsl({hue} 25% 42%)"/>'
        f'<circle cx="{60 + hue // 2}" cy="110" r="60" fill="hsl({hue} 30% 60%)"/><rect y="140" width="320" height="40" fill="hsl({hue} 20% 25%)"/></svg>'
    ).encode()
