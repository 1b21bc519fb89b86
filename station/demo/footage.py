"""Sample recordings of three virtual recorders, made once into a folder.

Guarantees: the clips show scenes out of real photos (Debian's forensics-samples-files) with a recorder's burned-in
display and the word 示范, so that nobody takes them for evidence; names, folders, containers and clocks are those that
recorders are known to use, their faults included (a file cut off, a clock reset to 2000-01-01, local time labelled
UTC). The manifest is written last: a folder with one holds a finished set, a folder without one is made afresh.
"""

import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from station import clock, durable
from station.demo.scenery import Clip, Display, Encoding, make_clip
from station.errors import DerivationError

RECORDER_ZONE = ZoneInfo("Asia/Shanghai")
SAMPLES = Path("/usr/share/forensics-samples/original-files")

_MANIFEST = "manifest.json"
_MANIFEST_FORMAT = 1
_MARK = "示范素材 DEMO"
_CLOCK_RESET = datetime(2000, 1, 1, 0, 0, 37)  # noqa: DTZ001 a recorder's clock knows no zone
_VIDEO = "movie1/VID_20191220_170832.mp4"
_JOBS = 2


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A file for a card: which card, its path there, where its bytes are now, and what it is there to show."""

    card: str
    path: PurePosixPath
    source: Path
    note: str


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A virtual recorder; `name` and `folder` are formats over serial, police, start, sequence and mark."""

    serial: str
    police_number: str
    name: str
    folder: str
    first_sequence: int
    upper_case: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    """One file to record: `days_ago` None is the reset clock; `scene` names a scene, or the sample to copy."""

    card: str
    days_ago: int | None
    at: time
    scene: str
    note: str
    form: str = "mp4"
    seconds: int = 0
    scene_seconds: int = 0
    important: bool = False
    truncated: bool = False
    size: tuple[int, int] = (1280, 720)


_RECORDERS = {
    "A": _Recorder(
        "J800001", "000101", "{serial}_{police}{start:%Y%m%d%H%M%S}_{sequence:04d}{mark}", "DCIM/100MEDIA", 13
    ),
    "B": _Recorder(
        "8176162", "000102", "{serial}_{start:%Y%m%d%H%M%S}_1{sequence:04d}{mark}", "DCIM/100MEDIA", 7, upper_case=True
    ),
    "C": _Recorder("CAM001", "000103", "DCAM_{serial}_{police}_{start:%Y%m%d_%H%M%S}{mark}", "DCIM/{start:%Y%m%d}", 1),
}

_SEGMENT = "one of three segments of one recording"
_ITEMS = (
    _Item("A", 1, time(15, 20, 0), "trees", "H.264 in MP4", seconds=8),
    _Item("A", 1, time(15, 24, 10), "pic2/IMG_20200608_111614.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("A", 1, time(16, 5, 30), "audio1/debian.wav", "a sound recording", form="wav"),
    _Item("A", 0, time(8, 30, 0), "street", _SEGMENT, seconds=20),
    _Item("A", 0, time(8, 30, 20), "street", _SEGMENT, seconds=20, scene_seconds=20),
    _Item("A", 0, time(8, 30, 40), "street", _SEGMENT, seconds=20, scene_seconds=40),
    _Item("A", 0, time(8, 42, 15), "stall", "one second: the button was hit by mistake", seconds=1),
    _Item("A", 0, time(9, 5, 0), "park", "marked important on the recorder", seconds=15, important=True),
    _Item("A", 0, time(9, 31, 5), "stall", "damaged: cut off before its index was written", seconds=8, truncated=True),
    _Item("B", 1, time(10, 12, 0), "product", "H.265 in MP4", form="h265", seconds=10),
    _Item("B", 1, time(10, 15, 30), "pic1/IMG_20200827_231612.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("B", 0, time(0, 41, 20), "night", "a night patrol", seconds=20),
    _Item("B", 0, time(9, 0, 0), "restaurant", "one minute", seconds=60, size=(960, 540)),
    _Item("B", 0, time(9, 3, 10), "restaurant", "MPEG-4 in AVI", form="avi", seconds=8, size=(960, 540)),
    _Item("B", 0, time(9, 6, 45), "audio2/deleted.mp3", "a sound recording", form="mp3"),
    _Item("C", 1, time(16, 40, 0), "street", "H.264 in an MPEG transport stream", form="ts", seconds=10),
    _Item("C", 0, time(10, 15, 0), "restaurant", "marked important on the recorder", seconds=12, important=True),
    _Item("C", 0, time(10, 21, 30), "pic2/IMG_20191224_234846.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("C", None, time(), "hall", "the recorder's clock was reset", seconds=6),
)

# form: (extension, encoding); any other form is a sample to be copied, and its own extension.
_CLIPS: dict[str, tuple[str, Encoding]] = {
    "mp4": ("mp4", "h264"),
    "h265": ("mp4", "h265"),
    "avi": ("avi", "mpeg4"),
    "ts": ("ts", "ts"),
}


@dataclass(frozen=True, slots=True)
class _Take:
    """An item with the recorder's clock at its start, and its place on the card."""

    item: _Item
    start: datetime
    path: PurePosixPath


def make_footage(folder: Path, *, today: date, samples: Path = SAMPLES) -> tuple[DemoFile, ...]:
    """Make the sample recordings in `folder`, or return the finished set that is there already.

    Each file's modification time is the end of its recording by its recorder's clock, taken as Asia/Shanghai.
    Takes about half a minute. Raises DerivationError when a sample or ffmpeg is missing, or ffmpeg fails.
    """
    if (folder / _MANIFEST).exists():
        return _read_manifest(folder)
    takes = _place(today, clock.now().astimezone(RECORDER_ZONE).replace(tzinfo=None))
    try:
        for card in _RECORDERS:
            shutil.rmtree(folder / card, ignore_errors=True)
        with ThreadPoolExecutor(max_workers=_JOBS) as pool:
            files = list(pool.map(lambda take: _record(folder, samples, take), takes))
        files += _add_other_files(folder, samples, today)
    except OSError as error:
        raise DerivationError(f"The sample footage in {folder} could not be made: {error}") from error
    _write_manifest(folder, files)
    return tuple(files)


def _place(today: date, now: datetime) -> list[_Take]:
    """Give every item its start and its name.

    What belongs to an hour that is not over at `now` moves to the day before: no recording lies in the future, and the
    segments of one stay together.
    """
    starts = []
    for item in _ITEMS:
        start = _CLOCK_RESET
        if item.days_ago is not None:
            start = datetime.combine(today - timedelta(days=item.days_ago), item.at)
            if start.replace(minute=59, second=59) > now:
                start -= timedelta(days=1)
        starts.append((item, start))
    takes = []
    for card, recorder in _RECORDERS.items():
        own = sorted((pair for pair in starts if pair[0].card == card), key=lambda pair: pair[1])
        for sequence, (item, start) in enumerate(own, start=recorder.first_sequence):
            takes.append(_Take(item, start, _path_on_card(recorder, item, start, sequence)))
    return takes


def _path_on_card(recorder: _Recorder, item: _Item, start: datetime, sequence: int) -> PurePosixPath:
    stem = recorder.name.format(
        serial=recorder.serial,
        police=recorder.police_number,
        start=start,
        sequence=sequence,
        mark="_IMP" if item.important else "",
    )
    extension = _CLIPS[item.form][0] if item.form in _CLIPS else item.form
    return PurePosixPath(
        recorder.folder.format(start=start), f"{stem}.{extension.upper() if recorder.upper_case else extension}"
    )


def _sample(samples: Path, name: str) -> Path:
    path = samples / name
    if not path.is_file():
        raise DerivationError(
            f"The sample {path} is missing", hint="Install Debian's package forensics-samples-files (make install)"
        )
    return path


def _record(folder: Path, samples: Path, take: _Take) -> DemoFile:
    item = take.item
    target = folder / item.card / take.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if item.form in _CLIPS:
        _film(take, samples, target)
        if item.truncated:
            os.truncate(target, target.stat().st_size * 3 // 5)
    else:
        shutil.copyfile(_sample(samples, item.scene), target)
    _date(target, take.start + timedelta(seconds=item.seconds))
    return DemoFile(item.card, take.path, target, item.note)


def _date(path: Path, local: datetime) -> None:
    moment = local.replace(tzinfo=RECORDER_ZONE).timestamp()
    os.utime(path, (moment, moment))


def _film(take: _Take, samples: Path, target: Path) -> None:
    item, recorder = take.item, _RECORDERS[take.item.card]
    display = Display(
        date_format="%Y-%m-%d %H:%M:%S",
        identity=f"设备编号 {recorder.serial}  警号 {recorder.police_number}",
        position=_MARK,
    )
    clip = Clip(
        item.scene,
        take.start,
        item.seconds,
        display,
        _CLIPS[item.form][1],
        item.size,
        scene_seconds=item.scene_seconds,
    )
    make_clip(clip, samples, target)


def _add_other_files(folder: Path, samples: Path, today: date) -> list[DemoFile]:
    """Add a phone's real video, which no recorder named, and files that are no recordings at all."""
    yesterday = datetime.combine(today - timedelta(days=1), time(7, 55))
    texts = (
        ("A", "SYSTEM/version.txt", "MODEL=DEMO\r\nFIRMWARE=1.0.3\r\nSERIAL=J800001\r\n"),
        ("B", "LOG/power.log", f"{yesterday:%Y-%m-%d %H:%M:%S} POWER ON BAT=97\r\n"),
        ("C", "SYSTEM/version.txt", "MODEL=DEMO\r\nFIRMWARE=2.1\r\nSERIAL=CAM001\r\n"),
    )
    files = []
    for card, name, text in texts:
        target = folder / card / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="ascii", newline="")
        _date(target, yesterday)
        files.append(DemoFile(card, PurePosixPath(name), target, "no recording: to be skipped"))
    name = f"DCIM/CAMERA/{Path(_VIDEO).name}"
    target = folder / "C" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_sample(samples, _VIDEO), target)
    _date(target, datetime(2019, 12, 20, 17, 8, 34))  # noqa: DTZ001 as its name says it, by the phone's clock
    files.append(DemoFile("C", PurePosixPath(name), target, "a real camera's video, copied as it is"))
    return files


def _write_manifest(folder: Path, files: Sequence[DemoFile]) -> None:
    entries = [{"card": each.card, "path": str(each.path), "note": each.note} for each in files]
    text = json.dumps({"format": _MANIFEST_FORMAT, "files": entries}, ensure_ascii=False, indent=1)
    durable.replace_file(folder / _MANIFEST, text.encode())


def _read_manifest(folder: Path) -> tuple[DemoFile, ...]:
    entries = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
    return tuple(
        DemoFile(entry["card"], PurePosixPath(entry["path"]), folder / entry["card"] / entry["path"], entry["note"])
        for entry in entries
    )
