"""Small pictures that stand for a recording: a poster for everything, a filmstrip for videos.

Guarantees: WebP without any metadata of the original; a photo turned the way it was held; a video's poster taken
from its first seconds and not black where there is anything else; for sound its waveform on transparent ground.
"""

import threading
from pathlib import Path
from typing import Any

from station.derive import graphs, tool
from station.derive.layout import publish
from station.derive.probe import Probe
from station.errors import DerivationError
from station.sandbox.confinement import Limits

POSTER_PIXELS = 640
FILMSTRIP_FRAMES = 10
FILMSTRIP_FRAME_SIZE = (160, 90)
_WAVEFORM_SIZE = "640x160"
_WAVEFORM_COLOUR = "0x8b8d98"  # a grey that can be told from light and dark ground
_WAVEFORM_SECONDS = "7200"
_CANDIDATES_PER_POSTER = "60"
_LATEST_POSTER_MS = 10_000
_MADE = "made.webp"
_LIMITS = Limits(
    cpu_seconds=180,
    address_space_bytes=3 * tool.GIB,
    file_size_bytes=16 * 1024 * 1024,
    open_files=64,
    wall_seconds=600,
)

# EXIF 2.3, 4.6.4 A, Orientation: what must be done to show the picture upright.
_UPRIGHT: dict[int, tuple[tuple[str, dict[str, str]], ...]] = {
    2: (("hflip", {}),),
    3: (("hflip", {}), ("vflip", {})),
    4: (("vflip", {}),),
    5: (("transpose", {"dir": "cclock_flip"}),),
    6: (("transpose", {"dir": "clock"}),),
    7: (("transpose", {"dir": "clock_flip"}),),
    8: (("transpose", {"dir": "cclock"}),),
}


def make_poster(
    source: Path, facts: Probe, target: Path, *, work: Path, user: str, cancel: threading.Event | None = None
) -> None:
    """Make the poster of a readable original at `target`; raises DerivationError, SandboxError."""
    demuxer = _demuxer_of(facts)
    plans = {"photo": _photo_plans, "video": _video_plans, "audio": _audio_plans}[facts.media](facts, demuxer)
    made = work / _MADE
    for number, argv in enumerate(plans, start=1):
        made.unlink(missing_ok=True)
        finished = tool.call(argv, source, work=work, user=user, limits=_LIMITS, cancel=cancel)
        if not finished.failure and made.is_file() and made.stat().st_size:
            publish(made, target)
            return
        if number == len(plans):
            tool.check(finished, "poster")
    raise DerivationError(
        "No poster could be made: no picture in it could be decoded", kept="The original is untouched"
    )


def make_filmstrip(
    source: Path, facts: Probe, target: Path, *, work: Path, user: str, cancel: threading.Event | None = None
) -> None:
    """Make a sprite of a video's `FILMSTRIP_FRAMES` frames in one row; raises DerivationError, SandboxError.

    Frame i shows the moment (i + ½) / `FILMSTRIP_FRAMES` of the way through, each `FILMSTRIP_FRAME_SIZE` large;
    it is black where nothing could be decoded.
    """
    demuxer = _demuxer_of(facts)
    if facts.media != "video" or facts.duration_ms is None:
        raise DerivationError("No filmstrip is made of what is not a video, or has no known length")
    finished = tool.call(
        _filmstrip_plan(demuxer, facts.duration_ms), source, work=work, user=user, limits=_LIMITS, cancel=cancel
    )
    tool.check(finished, "filmstrip")
    publish(work / _MADE, target)


def _demuxer_of(facts: Probe) -> str:
    demuxer = tool.find_demuxer(facts.container)
    if not facts.ok or demuxer is None:
        raise DerivationError("Nothing can be made of a file that can't be read", kept="The original is untouched")
    return demuxer


def _photo_plans(facts: Probe, demuxer: str) -> list[list[str]]:
    # Turned by us: this ffmpeg turns a video by its container's matrix, but not every photo by its EXIF.
    stream = graphs.fit(graphs.open_source(demuxer, noautorotate=None), POSTER_PIXELS)
    for name, options in _UPRIGHT.get(facts.video.orientation if facts.video else 1, ()):
        stream = stream.filter(name, **options)
    return [graphs.write_picture(stream, _MADE)]


def _video_plans(facts: Probe, demuxer: str) -> list[list[str]]:
    """Return what is tried in turn: a little way in; from the start; from the start, black or not."""
    start_ms = min((facts.duration_ms or 0) // 10, _LATEST_POSTER_MS)
    tries = ((start_ms, True), (0, True), (0, False))
    return [graphs.write_picture(_representative(demuxer, start, lit), _MADE) for start, lit in tries]


def _representative(demuxer: str, start_ms: int, lit: bool) -> Any:
    seek = {"ss": f"{start_ms / 1000:.3f}"} if start_ms else {}
    # Scaled first: the filters after it hold many frames at once.
    stream = graphs.fit(graphs.open_source(demuxer, **seek, t="10").video, POSTER_PIXELS)
    if lit:
        key = "lavfi.blackframe.pblack"
        stream = stream.filter("blackframe", amount="0", threshold="32")
        stream = stream.filter("metadata", mode="select", key=key, value="90", function="less")
    return stream.filter("thumbnail", n=_CANDIDATES_PER_POSTER)


def _audio_plans(facts: Probe, demuxer: str) -> list[list[str]]:
    stream = graphs.open_source(demuxer, t=_WAVEFORM_SECONDS).audio.filter("aformat", channel_layouts="mono")
    stream = stream.filter("showwavespic", s=_WAVEFORM_SIZE, colors=_WAVEFORM_COLOUR)
    return [graphs.write_picture(stream, _MADE)]


def _filmstrip_plan(demuxer: str, duration_ms: int) -> list[str]:
    frames = []
    for number, blank in enumerate(graphs.blanks(FILMSTRIP_FRAME_SIZE, FILMSTRIP_FRAMES)):
        seconds = duration_ms * (2 * number + 1) / (2 * FILMSTRIP_FRAMES) / 1000
        # Each moment is an input of its own: jumping there is cheap, reading an hour for ten frames is not.
        stream = graphs.open_source(demuxer, ss=f"{seconds:.3f}", t="1").video
        frames.append(graphs.first_of([graphs.tile(stream, FILMSTRIP_FRAME_SIZE), blank]))
    return graphs.write_picture(graphs.side_by_side(frames), _MADE)
