"""A package's content made up from nothing: a whole clip with a hostile name, one half read, one destroyed."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from station.package.content import Bound, Clip, Content, Derived, FieldValue, Gap, Line, Proven

LOG = "evidence-station/abcdefghijklmnopqrstuvwxyz"
KEY = f"{LOG}+92154bdf+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
OWN_CHECKPOINT = (
    f"{LOG}\n2\nhmZHP+EHbxfeJZZfZioasdfjbi4e9+a/tTBp6hPXHZk=\n\n"
    f"— {LOG} khVL315mp6JfWxRWzrOb8UA3lgQPIF5yMS+B4hKxEAvdPOEnUX/xO7ZEssUNzhuJatA1mVGiNqKnKsnrD//DrwAawgU=\n"
)
CHECKPOINT = OWN_CHECKPOINT + "— witness.example/w1 AAAAAGFiY2Q=\n"
HOSTILE = 'DCIM/=HYPERLINK("http://x")\u202e\u0007<script>\'{{7*7}}\n.mp4'
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def clip(name: str, **changes: Any) -> Clip:
    made = Clip(
        clip=name,
        state="whole",
        sha256=HASH,
        size_bytes=4,
        entries=(1, 5),
        seq=1,
        taken_in_at="2026-08-04T10:00:00.000000Z",
        media="video",
        container="mov",
        readback="direct",
        recorder="r1",
        recorder_name="T-1",
        profile="dsj",
        docking="d1",
        sensitivity="ordinary",
        fields=(
            FieldValue("case_number", "冀石执罚〔2026〕第12号", "case_system"),
            FieldValue("time", "2026-08-04T09:00:00.000000Z", "recorder", "clock_suspicious"),
            FieldValue("place", "中山路 1 号", "officer"),
            FieldValue("collector", "张三", "holder_register"),
            FieldValue("proves", "占道经营", "officer"),
        ),
        duration_ms=61_000,
        path=HOSTILE,
        path_raw=("44", "ff"),
        device_time="2026-08-04T17:00:00",
        zone="Asia/Shanghai",
        offset_ms=-1500,
        recorded_at="2026-08-04T09:00:00.000000Z",
        time_trust="suspicious",
        bindings=(
            Bound(
                "b1",
                "on_site",
                "",
                "officer",
                (Proven("占道经营", ((5000, 70_000),)),),
                "2026-08-04T11:00:00.000000Z",
                "李四",
            ),
        ),
        history=(Line(1, "2026-08-04T10:00:00.000000Z", "clip.ingested", {"recorder_name": "T-1\u202e"}),),
    )
    return replace(made, **changes)


def content(**changes: Any) -> Content:
    clips = (
        clip("a" * 26),
        clip("b" * 26, state="incomplete", gaps=(Gap(0, 4096),), more_gaps=2),
        clip("c" * 26, state="disposed", fields=tuple(FieldValue(each.field, None, None) for each in clip("c").fields)),
    )
    made = Content(
        export="e" * 26,
        log=LOG,
        log_size=2,
        checkpoint=CHECKPOINT,
        keys=(KEY,),
        as_of="2026-08-04T12:00:00.000000Z",
        target="t1",
        number="冀石执罚〔2026〕第12号",
        title="占道经营",
        unit="一大队",
        zone=ZoneInfo("Asia/Shanghai"),
        software="evidence-station 1.2.3",
        clips=clips,
        derived=(Derived("playable", "a" * 26, Path("/nowhere"), "副本", "A copy"),),
        witnesses=1,
        reason="举证",
    )
    return replace(made, **changes)
