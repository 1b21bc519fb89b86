"""One frame of a movie as PNG, exactly the one that is meant, with words inside the file on where it is from.

Guarantees: the picture is that of the wanted time in the file it is made of, or there is none: what the decoder says
of its time is compared; it is neither scaled nor smoothed, only turned as the recorder says; nothing of the original's
metadata goes along. Times are those of the file itself, as `frames` lists them.
"""

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from station.derive import graphs, tool
from station.derive.frames import FrameTimes, make_frames, read_frames
from station.derive.layout import publish
from station.errors import DerivationError
from station.sandbox.confinement import Limits

KEYWORD = "evidence-frame"  # of the iTXt chunk
_MIB = 1024 * 1024
_MADE = "made.png"
_KEPT = "The original is untouched"
_SAME_MS = 2  # how far a copy's own time base rounds a frame's time
_LIMITS = Limits(
    cpu_seconds=120,
    address_space_bytes=3 * tool.GIB,
    file_size_bytes=160 * _MIB,
    open_files=64,
    wall_seconds=120,
)
_PTS = re.compile(rb"frame:0\s+pts:(-?\d{1,18})\s", re.ASCII)
_PNG_START = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(_PNG_START) + 4 + 4 + 13 + 4  # PNG, 5.6 and 11.2.1: IHDR comes first and has 13 bytes


def make_still(source: Path, container: str, times: FrameTimes, number: int, *, work: Path, user: str) -> bytes:
    """Return picture `number` (from 0) of the movie `source` as PNG; `times` are those of this very file.

    Raises DerivationError, also where another picture than the wanted one came out; SandboxError.
    """
    demuxer = tool.find_demuxer(container)
    if demuxer is None:
        raise DerivationError("No frame can be read from this container", kept=_KEPT)
    shown: list[int] = []

    def line(text: bytes) -> None:
        if found := _PTS.match(text):
            shown.append(int(found[1]))

    plan = graphs.write_exact_frame(demuxer, times.base, times.ticks[number], _MADE)
    finished = tool.call(plan, source, work=work, user=user, limits=_LIMITS, on_progress=line)
    tool.check(finished, "picture of this frame")
    if shown[:1] != [times.ticks[number]]:
        raise DerivationError("The frame of this time could not be decoded", kept=_KEPT)
    taken = work / "taken" / _MADE
    publish(work / _MADE, taken)
    return taken.read_bytes()


def times_in_original(
    source: Path, container: str, copied: FrameTimes, number: int, *, work: Path, user: str
) -> FrameTimes:
    """Return the frame times of an original whose playable copy has `copied`, so that `number` is the same picture.

    That is only so where the copy has every picture of the original and this one at the same time from the first.
    Raises DerivationError where it can't be told, SandboxError.
    """
    listed = work / "listed" / "frames.json"
    make_frames(source, container, listed, work=work, user=user)
    times = read_frames(listed)
    apart = (
        (times.ms(number) - times.ms(0)) - (copied.ms(number) - copied.ms(0)) if _same_count(times, copied) else None
    )
    if apart is None or abs(apart) > _SAME_MS:
        raise DerivationError("The copy's frames are not those of the original, one for one", kept=_KEPT)
    return times


def _same_count(one: FrameTimes, other: FrameTimes) -> bool:
    return len(one.ticks) == len(other.ticks)


def with_words(png: bytes, words: Mapping[str, str | int]) -> bytes:
    """Return a PNG with `words` as JSON in an iTXt chunk named KEYWORD (PNG, third edition, 11.3.3.4), uncompressed.

    Raises DerivationError for what does not begin like a PNG.
    """
    if not png.startswith(_PNG_START) or png[12:16] != b"IHDR" or len(png) <= _HEADER_END:
        raise DerivationError("What was made is no PNG", kept=_KEPT)
    text = json.dumps(words, ensure_ascii=False, indent=1).encode()
    # Keyword, then: not compressed, no language, no translated keyword.
    data = KEYWORD.encode() + b"\0" + b"\0\0" + b"\0" + b"\0" + text
    kind = b"iTXt"
    chunk = len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]
