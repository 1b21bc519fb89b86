"""The copy a browser can play of a recording it can't: H.264 and AAC in MP4, at most 1280 pixels wide.

Guarantees: the copy is probed after it was made and is published only if it plays; what could not be decoded is
told as missing length, so that a short copy is never shown as the whole; it never takes more than its limits. With a
caption it is a disclosure copy.
"""

import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.derive import graphs, tool
from station.derive.caption import Caption, burn, write_caption
from station.derive.layout import publish
from station.derive.playback import Playable
from station.derive.probe import Probe, probe
from station.errors import DerivationError
from station.sandbox.confinement import Limits
from station.sniff import Sniffed

PROXY_PIXELS = 1280
_LONGEST_SECONDS = 12 * 3600  # a shift
_LEAST_BYTES_PER_SECOND = 600  # of AMR, the thriftiest format of recorders
_MIB = 1024 * 1024
_BITS_PER_SECOND = 4_000_000  # the most the picture may take, so that a shift's copies fit the disk
_VIDEO_OPTIONS = {
    "c:v": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "crf": "23",
    "maxrate": str(_BITS_PER_SECOND),
    "bufsize": str(2 * _BITS_PER_SECOND),
    "pix_fmt": "yuv420p",
    # Frames where the recorder took them: a claimed rate of a million makes no million frames.
    "fps_mode": "vfr",
    # Where a reviewer may jump to: every two seconds.
    "force_key_frames": "expr:gte(t,n_forced*2)",
}
_AUDIO_OPTIONS = {"c:a": "aac", "b:a": "96k"}
# What decodes is kept, whatever share of it does not.
_KEEP_GOING = {"max_error_rate": "1", "max_muxing_queue_size": "2048"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A published copy. `missing_ms` is how much shorter it is than the original claims to be, 0 if it is whole.

    `without_sound` tells that the original's sound could not be brought in step with its picture and was left out.
    `damage` is what the decoder complained about, for logs; empty if nothing. `command` is the whole command line.
    """

    duration_ms: int
    missing_ms: int
    without_sound: bool
    damage: str
    facts: Probe
    command: str


def make_proxy(
    source: Path,
    facts: Probe,
    target: Path,
    *,
    work: Path,
    user: str,
    on_progress: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
    caption: Caption | None = None,
    on_made: Callable[[Path], None] | None = None,
) -> Proxy:
    """Make the playable copy of a readable video or sound recording at `target`, with a caption burned in if given.

    `on_progress` gets per-mille of the length, rising, at most 999 until it is done; `on_made` gets the whole copy
    while it still lies in the work folder, where a confined program may read it. Raises DerivationError,
    SandboxError; then nothing is at `target` that was not there before.
    """
    demuxer = tool.find_demuxer(facts.container)
    if not facts.ok or demuxer is None or facts.media == "photo":
        raise DerivationError("No playable copy can be made of this file", kept="The original is untouched")
    if caption is not None:
        if facts.video is None:
            raise DerivationError("No caption can be burned into what has no picture", kept="The original is untouched")
        write_caption(caption, work)
    limits = _limits_for(facts, source.stat().st_size)
    progress = _Progress(facts.duration_ms, on_progress) if on_progress else _ignore

    def attempt(name: str, *, with_sound: bool) -> tuple[Proxy, Path]:
        plan = _plan(demuxer, facts, name, with_sound=with_sound, caption=caption)
        finished = tool.call(
            plan,
            source,
            work=work,
            user=user,
            limits=limits,
            on_progress=progress,
            cancel=cancel,
        )
        tool.check(finished, "playable copy")
        copy, length_ms = _check_copy(work / name, facts, work=work, user=user)
        missing_ms = max(0, -_excess_ms(facts, length_ms))
        proxy = Proxy(length_ms, missing_ms, not with_sound, finished.stderr_tail, copy, shlex.join(plan))
        return proxy, work / name

    proxy, made = attempt("made.mp4", with_sound=bool(facts.audio))
    if facts.video is not None and facts.audio and _excess_ms(facts, proxy.duration_ms) > 0:
        # Sound whose times lie far from the picture's stretches the copy with silence and stills.
        silent, made_silent = attempt("silent.mp4", with_sound=False)
        if _excess_ms(facts, silent.duration_ms) <= 0:
            proxy, made = silent, made_silent
    if on_made is not None:
        on_made(made)
    publish(made, target)
    if on_progress:
        on_progress(1000)
    return proxy


def _check_copy(made: Path, facts: Probe, *, work: Path, user: str) -> tuple[Probe, int]:
    if not made.is_file():
        raise DerivationError("No playable copy was made", kept="The original is untouched")
    copy = probe(made, Sniffed("video", "mov"), work=work, user=user)
    plays = copy.ok and copy.playable is Playable.ORIGINAL and copy.media == facts.media
    if not plays or copy.duration_ms is None:
        raise DerivationError(
            f"The playable copy that was made does not play ({copy.reason or copy.playable_reason or 'no length'})",
            kept="The original is untouched",
        )
    return copy, copy.duration_ms


def _plan(demuxer: str, facts: Probe, name: str, *, with_sound: bool, caption: Caption | None = None) -> list[str]:
    source = graphs.open_source(demuxer)
    streams: list[Any] = []
    options = dict(_KEEP_GOING)
    if facts.video is not None:
        picture = source["v:0"]
        if facts.video.interlaced:
            picture = picture.filter("yadif", deint="interlaced")
        picture = graphs.fit(picture, PROXY_PIXELS, even=True)
        streams.append(burn(picture, caption) if caption is not None else picture)
        options |= _VIDEO_OPTIONS
    if with_sound:
        streams.append(source["a:0"])
        options |= _AUDIO_OPTIONS | {"ac": str(min(facts.audio[0].channels or 1, 2))}
    return graphs.write_movie(streams, name, **options)


def _limits_for(facts: Probe, size_bytes: int) -> Limits:
    """Allow a multiple of the length: a slow machine takes longer than real time for H.265 in 4K.

    A claimed length counts only as far as a file of this size can hold it.
    """
    most = min(_LONGEST_SECONDS, 60 + size_bytes // _LEAST_BYTES_PER_SECOND)
    seconds = most if facts.duration_ms is None else min(most, facts.duration_ms // 1000 + 1)
    return Limits(
        cpu_seconds=300 + 10 * seconds,
        address_space_bytes=3 * tool.GIB,
        file_size_bytes=64 * _MIB + 2 * seconds * _BITS_PER_SECOND // 8,
        open_files=64,
        wall_seconds=600 + 15 * seconds,
    )


def _excess_ms(facts: Probe, made_ms: int) -> int:
    """Return how much longer (negative: shorter) a copy is than claimed, 0 within tolerance or where nothing is."""
    if facts.duration_ms is None:
        return 0
    excess = made_ms - facts.duration_ms
    # Sound and picture end apart by some frames in every file, and many lengths are estimates.
    return excess if abs(excess) > max(1000, facts.duration_ms // 50) else 0


def _ignore(line: bytes) -> None:
    """Leave the progress lines, which must still be read and dropped."""


class _Progress:
    """Turns ffmpeg's `key=value` lines into rising per-mille."""

    def __init__(self, duration_ms: int | None, report: Callable[[int], None]) -> None:
        self._duration_ms = duration_ms
        self._report = report
        self._last = -1

    def __call__(self, line: bytes) -> None:
        name, _, value = line.partition(b"=")
        if name != b"out_time_us" or not value.isdigit() or not self._duration_ms:
            return
        permille = min(999, int(value) // self._duration_ms)
        if permille > self._last:
            self._last = permille
            self._report(permille)
