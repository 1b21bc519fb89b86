"""Sample recordings of three virtual recorders, made once into a folder.

Guarantees: the clips show scenes out of real photos and a real camera video (Debian's forensics-samples-files), with
a recorder's burned-in display and the word 示范, so that nobody takes them for evidence; names, folders, containers
and clocks are those that recorders are known to use, their faults included (a cut-off file, a clock reset to
2000-01-01, local time labelled UTC); none lies in the future. The manifest is written last, so a folder with one holds
a finished set, and a folder without one is made afresh.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from station import clock, durable
from station.errors import DerivationError

RECORDER_ZONE = ZoneInfo("Asia/Shanghai")
SAMPLES = Path("/usr/share/forensics-samples/original-files")

_MANIFEST = "manifest.json"
_MANIFEST_FORMAT = 1
_FONT = "Noto Sans Mono CJK SC"
_CLOCK_RESET = datetime(2000, 1, 1, 0, 0, 37)  # noqa: DTZ001 a recorder's clock knows no zone
_VIDEO = "movie1/VID_20191220_170832.mp4"
_FRAMES_PER_SECOND = 25
_PROGRAM_LIMIT_SECONDS = 300
_TAIL_CHARACTERS = 800


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
    """One file to be recorded: `days_ago` None is the reset clock; `scene` names a scene, or a sample to copy."""

    card: str
    days_ago: int | None
    at: time
    scene: str
    note: str
    form: str = "mp4"
    seconds: float = 0
    scene_offset_seconds: float = 0
    important: bool = False
    truncated: bool = False
    size: tuple[int, int] = (1280, 720)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A still to walk through: the sample it is cut from, and the filters that prepare it once."""

    sample: str
    prepare: str
    noise: int = 7


_RECORDERS = {
    "A": _Recorder(
        "J800001", "000101", "{serial}_{police}{start:%Y%m%d%H%M%S}_{sequence:04d}{mark}", "DCIM/100MEDIA", 13
    ),
    "B": _Recorder(
        "8176162", "000102", "{serial}_{start:%Y%m%d%H%M%S}_1{sequence:04d}{mark}", "DCIM/100MEDIA", 7, upper_case=True
    ),
    "C": _Recorder("CAM001", "000103", "DCAM_{serial}_{police}_{start:%Y%m%d_%H%M%S}{mark}", "DCIM/{start:%Y%m%d}", 1),
}

_DARK = "eq=brightness=-0.16:contrast=0.85:saturation=0.35:gamma=0.62,colorbalance=bs=0.12:bm=0.08:rm=-0.06"
_STILL_WIDTH = 1600
_SCENES = {
    "street": _Scene("pic1/IMG_1054.JPG", ""),
    "night": _Scene("pic1/IMG_1054.JPG", _DARK, noise=18),
    "park": _Scene("pic2/IMG_20200608_111614.jpg", ""),
    "tree": _Scene("pic1/IMG-20191006-WA0002.jpg", ""),
    "restaurant": _Scene("pic2/IMG_20191224_234846.jpg", ""),
    "workshop": _Scene("pic1/IMG_20200827_231612.jpg", ""),
}

_SEGMENT = "one of three segments of one recording"
_ITEMS = (
    _Item("A", 1, time(15, 20, 0), "tree", "H.264 in MP4", seconds=8),
    _Item("A", 1, time(15, 24, 10), "pic2/IMG_20200608_111614.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("A", 1, time(16, 5, 30), "audio1/debian.wav", "a sound recording", form="wav"),
    _Item("A", 0, time(8, 30, 0), "street", _SEGMENT, seconds=20),
    _Item("A", 0, time(8, 30, 20), "street", _SEGMENT, seconds=20, scene_offset_seconds=20),
    _Item("A", 0, time(8, 30, 40), "street", _SEGMENT, seconds=20, scene_offset_seconds=40),
    _Item("A", 0, time(8, 42, 15), "street", "one second: the button was hit by mistake", seconds=1),
    _Item("A", 0, time(9, 5, 0), "park", "marked important on the recorder", seconds=15, important=True),
    _Item("A", 0, time(9, 31, 5), "park", "damaged: cut off before its index was written", seconds=8, truncated=True),
    _Item("B", 1, time(10, 12, 0), "workshop", "H.265 in MP4", form="h265", seconds=10),
    _Item("B", 1, time(10, 15, 30), "pic1/IMG_20200827_231612.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("B", 0, time(0, 41, 20), "night", "a night patrol", seconds=20),
    _Item("B", 0, time(9, 0, 0), "restaurant", "one minute", seconds=60, size=(960, 540)),
    _Item("B", 0, time(9, 3, 10), "restaurant", "MPEG-4 in AVI", form="avi", seconds=8, size=(960, 540)),
    _Item("B", 0, time(9, 6, 45), "audio2/deleted.mp3", "a sound recording", form="mp3"),
    _Item("C", 1, time(16, 40, 0), "street", "H.264 in an MPEG transport stream", form="ts", seconds=10),
    _Item("C", 0, time(10, 15, 0), "restaurant", "marked important on the recorder", seconds=12, important=True),
    _Item("C", 0, time(10, 21, 30), "pic2/IMG_20191224_234846.jpg", "a photo taken with the recorder", form="jpg"),
    _Item("C", None, time(), "video", "the recorder's clock was reset", seconds=6),
)

# form: (extension, ffmpeg's output options)
_H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "29", "-g", "50", "-pix_fmt", "yuv420p"]
_AAC = ["-c:a", "aac", "-b:a", "32k"]
_FORMS: dict[str, tuple[str, list[str]]] = {
    "mp4": ("mp4", [*_H264, *_AAC, "-f", "mp4"]),
    "h265": (
        "mp4",
        ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "30", "-x265-params", "log-level=error", "-tag:v", "hvc1"]
        + ["-pix_fmt", "yuv420p", *_AAC, "-f", "mp4"],
    ),
    "avi": ("avi", ["-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "6", "-c:a", "pcm_s16le", "-f", "avi"]),
    "ts": ("ts", [*_H264, *_AAC, "-f", "mpegts"]),
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
    work = folder / "work"
    for leftover in (work, *(folder / card for card in _RECORDERS)):
        shutil.rmtree(leftover, ignore_errors=True)
    work.mkdir(parents=True)
    _prepare_scenes(work, samples)
    takes = _place(today, clock.now().astimezone(RECORDER_ZONE).replace(tzinfo=None))
    with ThreadPoolExecutor(max_workers=2) as pool:
        files = list(pool.map(lambda numbered: _record(folder, samples, *numbered), enumerate(takes)))
    files += _add_other_files(folder, samples, today)
    shutil.rmtree(work)
    _write_manifest(folder, files)
    return tuple(files)


def run_program(
    argv: Sequence[str], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> str:
    """Run a program to its end and return what it printed; its messages go to the file `log`.

    Raises DerivationError, with the tail of `log`, when the program is missing, fails or takes over five minutes.
    """
    try:
        with log.open("wb") as messages:
            done = subprocess.run(
                argv,
                input=stdin.encode(),
                stdout=subprocess.PIPE,
                stderr=messages,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                timeout=_PROGRAM_LIMIT_SECONDS,
                check=False,
            )
    except FileNotFoundError as error:
        raise DerivationError(f"The program {argv[0]} is not installed", hint="Run `make install`") from error
    except subprocess.TimeoutExpired as error:
        raise DerivationError(f"{argv[0]} did not end within {_PROGRAM_LIMIT_SECONDS} seconds") from error
    if done.returncode != 0:
        tail = log.read_text(errors="replace")[-_TAIL_CHARACTERS:].strip()
        raise DerivationError(f"{argv[0]} failed with status {done.returncode}: {tail}")
    return done.stdout.decode(errors="replace")


def _place(today: date, now: datetime) -> list[_Take]:
    """Give every item its start and its name; what would still be to come is moved to the day before."""
    starts = []
    for item in _ITEMS:
        start = _CLOCK_RESET
        if item.days_ago is not None:
            start = datetime.combine(today - timedelta(days=item.days_ago), item.at)
            if start + timedelta(minutes=1) > now:
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
    extension = _FORMS[item.form][0] if item.form in _FORMS else item.form
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


def _prepare_scenes(work: Path, samples: Path) -> None:
    """Cut each scene's still once, and the dark corners of the lens, so that the clips cost little to make."""
    for name, scene in _SCENES.items():
        filters = [f"scale={_STILL_WIDTH}:-2:flags=area"]
        if scene.prepare:
            filters.append(scene.prepare)
        source = f"file:{_sample(samples, scene.sample)}"
        _ffmpeg(work, name, ["-i", source, "-vf", ",".join(filters), "-frames:v", "1", "-q:v", "2", f"{name}.jpg"])
    corners = (
        "color=white:s=1280x720,format=gray,vignette=a=PI/4.6,negate[alpha];color=black:s=1280x720,format=rgba[black]"
    )
    _ffmpeg(
        work,
        "lens",
        ["-filter_complex", f"{corners};[black][alpha]alphamerge[out]", "-map", "[out]", "-frames:v", "1", "lens.png"],
    )


def _ffmpeg(work: Path, name: str, arguments: Sequence[str]) -> None:
    argv = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", *arguments]
    run_program(argv, log=work / f"{name}.log", cwd=work)


def _record(folder: Path, samples: Path, number: int, take: _Take) -> DemoFile:
    item = take.item
    target = folder / item.card / take.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if item.form in _FORMS:
        _film(folder / "work", samples, number, take, target)
        if item.truncated:
            os.truncate(target, target.stat().st_size * 3 // 5)
    else:
        shutil.copyfile(_sample(samples, item.scene), target)
    _date(target, take.start + timedelta(seconds=item.seconds))
    return DemoFile(item.card, take.path, target, item.note)


def _date(path: Path, local: datetime) -> None:
    moment = local.replace(tzinfo=RECORDER_ZONE).timestamp()
    os.utime(path, (moment, moment))


def _film(work: Path, samples: Path, number: int, take: _Take, target: Path) -> None:
    """Walk through the item's scene with the recorder's display over it."""
    item, recorder = take.item, _RECORDERS[take.item.card]
    _write_display(work, number, take, recorder)
    if item.scene == "video":
        source, noise = ["-i", f"file:{_sample(samples, _VIDEO)}"], 5
        # The real video lasts a second and a half: to and fro, again and again.
        picture = (
            f"[0:v]fps={_FRAMES_PER_SECOND},scale={_STILL_WIDTH}:-2,split[to][back];[back]reverse[fro];"
            "[to][fro]concat,loop=-1:74:0"
        )
    else:
        source, noise = ["-i", f"{item.scene}.jpg"], _SCENES[item.scene].noise
        picture = "[0:v]format=yuv420p,loop=-1:1:0"
    graph = (
        f"{picture},setpts=N/{_FRAMES_PER_SECOND}/TB,fps={_FRAMES_PER_SECOND},{_camera(item)},"
        f"noise=alls={noise}:allf=t[seen];"
        f"[1:v]scale={item.size[0]}:{item.size[1]},format=yuva420p[lens];[seen][lens]overlay=format=yuv420,"
        f"{_display(number, item)}[out]"
    )
    sound = f"anoisesrc=color=brown:amplitude=0.03:sample_rate=16000:seed={number + 1}"
    # Recorders write their local time here, though the format says UTC: eight hours off.
    label = f"creation_time={take.start:%Y-%m-%dT%H:%M:%S}.000000Z"
    arguments = [*source, "-i", "lens.png", "-f", "lavfi", "-i", sound]
    arguments += ["-filter_complex", graph, "-map", "[out]", "-map", "2:a", "-t", f"{item.seconds:g}"]
    arguments += [*_FORMS[item.form][1], "-metadata", label, f"file:{target}"]
    _ffmpeg(work, f"{number}", arguments)


def _camera(item: _Item) -> str:
    """Return the filters of a camera worn on a chest: slow sway, steps, a slow approach."""
    width, height = item.size
    t = f"(t+{item.scene_offset_seconds:g})"
    still_width = _STILL_WIDTH * width // 1280
    approach = f"{still_width}*(1.02+0.10*(1-cos({t}/19)))"
    sway = f"{width}*(0.045*sin(0.43*{t})+0.014*sin(1.31*{t})+0.004*sin(5.3*{t}))"
    steps = f"{height}*(0.05*sin(0.29*{t}+1)+0.012*sin(1.13*{t})+0.007*abs(sin(5.3*{t})))"
    return (
        f"scale=w='2*trunc({approach}/2)':h=-2:eval=frame:flags=fast_bilinear,"
        f"crop={width}:{height}:x='(iw-ow)/2+{sway}':y='(ih-oh)/2+{steps}'"
    )


def _write_display(work: Path, number: int, take: _Take, recorder: _Recorder) -> None:
    """Write the display's lines to files: text in a filter's arguments is lost when it holds a percent sign."""
    started = int(take.start.replace(tzinfo=ZoneInfo("UTC")).timestamp())
    lines = {
        "clock": f"%{{pts:gmtime:{started}:%Y-%m-%d %H\\:%M\\:%S}}",
        "device": f"设备编号 {recorder.serial}  警号 {recorder.police_number}",
        "mark": "示范素材 DEMO",
        "dot": "●",
        "rec": "REC",
    }
    for name, text in lines.items():
        (work / f"{number}-{name}.txt").write_text(text, encoding="utf-8")


def _display(number: int, item: _Item) -> str:
    size = item.size[1] // 24
    margin = size * 3 // 4
    style = f"font={_FONT}:fontsize={size}:borderw=2:bordercolor=black@0.8"
    white = f"{style}:fontcolor=white"
    bottom = f"y=h-{margin}-{size}:expansion=none"
    right = f"y={margin}:expansion=none"
    return ",".join(
        [
            f"drawtext={white}:textfile={number}-clock.txt:x={margin}:y={margin}",
            f"drawtext={white}:textfile={number}-device.txt:x={margin}:{bottom}",
            f"drawtext={white}:textfile={number}-mark.txt:x=w-tw-{margin}:{bottom}",
            f"drawtext={style}:fontcolor=red:textfile={number}-dot.txt:x=w-{margin + 3 * size}:{right}"
            ":enable='lt(mod(t,1),0.6)'",
            f"drawtext={white}:textfile={number}-rec.txt:x=w-tw-{margin}:{right}",
        ]
    )


def _add_other_files(folder: Path, samples: Path, today: date) -> list[DemoFile]:
    """Add a phone's real video, which no recorder named, and files that are no recordings at all."""
    yesterday = datetime.combine(today - timedelta(days=1), time(7, 55))
    texts = (
        (
            "A",
            "SYSTEM/version.txt",
            "MODEL=DEMO\r\nFIRMWARE=1.0.3\r\nSERIAL=J800001\r\n",
            "no recording: to be skipped",
        ),
        ("B", "LOG/power.log", f"{yesterday:%Y-%m-%d %H:%M:%S} POWER ON BAT=97\r\n", "no recording: to be skipped"),
        ("C", "SYSTEM/version.txt", "MODEL=DEMO\r\nFIRMWARE=2.1\r\nSERIAL=CAM001\r\n", "no recording: to be skipped"),
    )
    files = []
    for card, name, text, note in texts:
        target = folder / card / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="ascii", newline="")
        _date(target, yesterday)
        files.append(DemoFile(card, PurePosixPath(name), target, note))
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
