"""Clips that look like a body-worn camera's, made by ffmpeg from the photos of Debian's forensics-samples-files.

Guarantees: a clip shows a real photo through a swaying, slightly barrel-shaped and vignetted lens, with sensor noise
and a burned-in display whose clock ticks from the clip's start; a failed ffmpeg raises and leaves no clip behind.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from station.errors import DerivationError

Encoding = Literal["h264", "h265", "mpeg4", "ts"]

_LIMIT_SECONDS = 600
_TAIL_BYTES = 600
_FONT = "Noto Sans Mono CJK SC"
_SPEECH = "audio1/debian.wav"
_MARGIN = 28
_TILT = 0.025  # radians: no camera sits straight on a chest


@dataclass(frozen=True, slots=True)
class Scene:
    """A photo and how the camera wanders over it.

    `width_pixels`: the photo's width before the frame is cut out of it. `x` and `y`: where the frame is, from 0 (left,
    top) to 1, as the middle and how far it swings. `look`: further filters. `rim`: how dark the corners are, to 255.
    """

    photo: str
    width_pixels: int
    x: tuple[float, float]
    y: tuple[float, float]
    look: str = ""
    rim: int = 130


SCENES = {
    "street": Scene("pic1/IMG_1054.JPG", 1900, (0.5, 0.4), (0.6, 0.15)),
    "stall": Scene("pic1/IMG_1054.JPG", 3300, (0.76, 0.10), (0.52, 0.05)),
    # This photo was taken aslant: it is set upright, and what that leaves of it is used.
    "restaurant": Scene(
        "pic2/IMG_20191224_234846.jpg", 2400, (0.5, 0.4), (0.6, 0.3), "rotate=a=-0.40,crop=iw*0.72:ih*0.62,"
    ),
    "product": Scene("pic1/IMG_20200827_231612.jpg", 1750, (0.5, 0.35), (0.5, 0.3)),
    "park": Scene("pic2/IMG_20200608_111614.jpg", 1550, (0.5, 0.35), (0.5, 0.2)),
    "trees": Scene("pic1/IMG-20191006-WA0002.jpg", 1650, (0.5, 0.4), (0.6, 0.3)),
    "hall": Scene("pic2/IMG_20200124_231153.jpg", 1850, (0.4, 0.3), (0.55, 0.3)),
    # Infra-red light and a slow shutter: no colour, a dark rim, much noise.
    "night": Scene(
        "pic1/IMG_1054.JPG",
        1500,
        (0.5, 0.4),
        (0.6, 0.2),
        "hue=s=0,curves=all='0/0.04 0.3/0.2 0.7/0.55 1/0.9',",
        rim=230,
    ),
}


@dataclass(frozen=True, slots=True)
class Display:
    """What the camera burns into the picture; `date_format` is strftime's, `identity` names device and officer."""

    date_format: str
    identity: str
    position: str = ""
    colour: str = "white"


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip to make. `start` is the recorder's own clock; `scene_seconds` goes on where an earlier segment ended."""

    scene: str
    start: datetime
    duration_seconds: int
    display: Display
    encoding: Encoding = "h264"
    size: tuple[int, int] = (1280, 720)
    frames_per_second: int = 20
    scene_seconds: int = 0


_AUDIO_AAC = ("-c:a", "aac", "-b:a", "48k")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "29", "-g", "40", *_AUDIO_AAC)
_ENCODERS: dict[Encoding, tuple[str, ...]] = {
    "h264": (*_H264, "-f", "mp4"),
    "h265": (
        *("-c:v", "libx265", "-preset", "ultrafast", "-crf", "30", "-g", "40", "-tag:v", "hvc1"),
        *("-x265-params", "log-level=none:pools=1:frame-threads=1", *_AUDIO_AAC, "-f", "mp4"),
    ),
    "mpeg4": ("-c:v", "mpeg4", "-q:v", "6", "-g", "20", "-c:a", "libmp3lame", "-b:a", "64k", "-f", "avi"),
    "ts": (*_H264, "-f", "mpegts"),
}


def make_clip(clip: Clip, samples: Path, target: Path) -> None:
    """Make `clip` at `target` from the photos below `samples`; raises DerivationError with what ffmpeg said last."""
    with tempfile.TemporaryDirectory(prefix="station-demo-") as name:
        work = Path(name)
        # Filter syntax needs three layers of escaping for a path; a plain name in the working folder needs none.
        (work / "clock.txt").write_text(_ticking(clip), encoding="utf-8")
        (work / "identity.txt").write_text(clip.display.identity, encoding="utf-8")
        (work / "position.txt").write_text(clip.display.position or " ", encoding="utf-8")
        run_ffmpeg(_arguments(clip, samples.resolve(), target.resolve()), work)


def run_ffmpeg(arguments: list[str], work: Path) -> None:
    """Run ffmpeg, writing the last of `arguments`; raises DerivationError, and removes that file, when it fails."""
    target = Path(arguments[-1].removeprefix("file:"))
    argv = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "error", "-y", *arguments]
    said = work / "stderr.txt"
    try:
        with said.open("wb") as stream:
            done = subprocess.run(
                argv,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        if done.returncode == 0:
            return
        reason = said.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        reason = f"not done after {_LIMIT_SECONDS} seconds"
    except OSError as error:
        reason = f"it could not be started: {error.strerror}"
    target.unlink(missing_ok=True)
    raise DerivationError(
        f"ffmpeg could not make {target.name}: {reason}", hint="Install ffmpeg and forensics-samples-files"
    )


def _arguments(clip: Clip, samples: Path, target: Path) -> list[str]:
    graph = f"{_picture(clip)};[p]{_display(clip)},format=yuv420p[v];{_sound(clip)}"
    return [
        *("-i", f"file:{samples / SCENES[clip.scene].photo}"),
        *("-f", "lavfi", "-i", f"anoisesrc=color=brown:amplitude=0.05:r=32000:seed={clip.start.second + 1}"),
        *("-i", f"file:{samples / _SPEECH}"),
        *("-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-t", str(clip.duration_seconds)),
        *("-threads", "1", "-ac", "1", "-ar", "32000"),
        # The classic mistake of cameras: local time in a field that is UTC by its format (ISO/IEC 14496-12, 8.2.2).
        *("-map_metadata", "-1", "-metadata", f"creation_time={clip.start:%Y-%m-%dT%H:%M:%SZ}", "-fflags", "+bitexact"),
        *_ENCODERS[clip.encoding],
        f"file:{target}",
    ]


def _picture(clip: Clip) -> str:
    """Return the filters that turn a still photo into a camera carried on a chest; from pad 0:v to pad p.

    All that bends, tilts or dims is done to a single frame, since per frame it takes ten times as long as encoding.
    """
    scene, (width, height), fps = SCENES[clip.scene], clip.size, clip.frames_per_second
    scaled = scene.width_pixels * width // 1280 // 2 * 2
    t = f"(t+{clip.scene_seconds})"
    shake = height / 720
    x = f"(iw-ow)*({scene.x[0]}+{scene.x[1]}*sin({t}/7))+{shake:.2f}*(9*sin({t}*5.1)+5*sin({t}*8.7))"
    y = f"(ih-oh)*({scene.y[0]}+{scene.y[1]}*sin({t}/11))+{shake:.2f}*(7*sin({t}*9.6)+4*sin({t}*3.3))"
    still = f"loop=loop=-1:size=1,setpts=N/({fps}*TB),fps={fps}"
    rim = f"{scene.rim}*pow(hypot(X/W-0.5\\,Y/H-0.5)/0.707\\,2.5)"
    return (
        f"[0:v]scale={scaled}:-2:flags=bicubic,format=yuv420p,lenscorrection=k1=-0.10:k2=-0.02:i=bilinear,"
        f"rotate=a={_TILT},crop=iw*0.88:ih*0.88,{scene.look}{still},crop={width}:{height}:x='{x}':y='{y}'[moving];"
        f"color=black:s={width}x{height}:r=1:d=1,format=yuva420p,geq=lum=16:cb=128:cr=128:a='{rim}',{still}[rim];"
        "[moving][rim]overlay,noise=c0s=5:c0f=t[p]"
    )


def _display(clip: Clip) -> str:
    """Return the filters that draw the display: clock, red dot, device and officer, position."""
    size = clip.size[1] // 24
    common = f"font='{_FONT}':fontsize={size}:borderw=2:bordercolor=black@0.8"
    text = f"{common}:fontcolor={clip.display.colour}"
    lines = [
        f"drawtext={text}:expansion=normal:textfile=clock.txt:x={_MARGIN}:y={_MARGIN}",
        f"drawtext={text}:expansion=none:textfile=identity.txt:x={_MARGIN}:y=h-th-{_MARGIN}",
        f"drawtext={text}:expansion=none:text=REC:x=w-tw-{_MARGIN}:y={_MARGIN}",
        f"drawtext={common}:fontcolor=red:expansion=none:text='●':x=w-{_MARGIN + 3 * size}:y={_MARGIN - size // 6}"
        ":enable='lt(mod(t,1),0.6)'",
    ]
    if clip.display.position:
        lines.append(f"drawtext={text}:expansion=none:textfile=position.txt:x=w-tw-{_MARGIN}:y=h-th-{_MARGIN}")
    return ",".join(lines)


def _ticking(clip: Clip) -> str:
    """Return drawtext's expansion of the time at each frame; its gmtime shows `start` untouched by the host's zone."""
    seconds = int(clip.start.replace(tzinfo=UTC).timestamp())
    shown = clip.display.date_format.replace(":", r"\:")
    return f"%{{pts:gmtime:{seconds}:{shown}}}"


def _sound(clip: Clip) -> str:
    """Return the filters for a street's murmur with somebody speaking a little into it."""
    if clip.duration_seconds < 5:
        return "[1:a]acopy[a]"
    return (
        "[2:a]aresample=32000,aformat=channel_layouts=mono,adelay=1500,volume=0.5[s];"
        "[1:a][s]amix=inputs=2:duration=first:normalize=0[a]"
    )
