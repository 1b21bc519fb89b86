"""One frame as PNG: the frame that is meant, of the file itself, with words inside."""

import json
import subprocess
from itertools import pairwise

import pytest

from station.derive.frames import FrameTimes, make_frames, read_frames
from station.derive.proxy import make_proxy
from station.derive.still import KEYWORD, make_still, times_in_original, with_words
from station.errors import DerivationError

from .conftest import USER


@pytest.fixture
def listed(work, tmp_path):
    def read(source, container="mov"):
        target = tmp_path / f"{source.name}.json"
        make_frames(source, container, target, work=work, user=USER)
        return read_frames(target)

    return read


def pixels(argv, content=None):
    """Return what ffmpeg decodes to RGB, one picture's bytes."""
    out = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return subprocess.run(
        ["ffmpeg", "-v", "error", *argv, *out], input=content, stdout=subprocess.PIPE, check=True
    ).stdout


def frame_of(source, number):
    """Return a frame decoded the slow way: all from the first on, counted."""
    return pixels(["-nostdin", "-i", str(source), "-vf", f"select=eq(n\\,{number})", "-fps_mode", "passthrough"])


def decoded(png):
    return pixels(["-f", "png_pipe", "-i", "-"], png)


def read_words(png):
    """Return the JSON of the chunk by the PNG specification's own layout, walking over every chunk."""
    at, found = 8, {}
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        found[kind] = png[at + 8 : at + 8 + length]
        at += length + 12
    keyword, _, rest = found[b"iTXt"].partition(b"\0")
    assert (keyword.decode(), rest[:4]) == (KEYWORD, b"\0\0\0\0")
    return json.loads(rest[4:])


@pytest.mark.parametrize("number", [0, 49])
def test_the_picture_is_the_very_frame_of_the_original(clips, listed, work, number):
    source = clips / "h264.mp4"
    png = make_still(source, "mov", listed(source), number, work=work, user=USER)
    assert decoded(png) == frame_of(source, number)


def test_where_the_rate_varies_the_frame_shown_at_a_moment_is_taken(clips, listed, work, tmp_path):
    source = tmp_path / "varying.mp4"
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(clips / "h264.mp4"), "-vf", r"select=lt(mod(n\,7)\,3)"]
    subprocess.run([*argv, "-an", "-fps_mode", "vfr", "-preset", "ultrafast", str(source)], check=True)
    times = listed(source)
    assert [times.at(ms) for ms in (0, 39, 40, 200, 279, 280)] == [0, 0, 1, 2, 2, 3]
    assert decoded(make_still(source, "mov", times, 4, work=work, user=USER)) == frame_of(source, 4)


@pytest.mark.parametrize(("name", "container"), [("h265.mp4", "mov"), ("h264.ts", "mpegts")])
def test_behind_a_copy_the_original_s_own_frame_is_found(examine, clips, listed, work, tmp_path, name, container):
    source, target = clips / name, tmp_path / "derived" / "proxy.mp4"
    seen = []
    make_proxy(source, examine(source), target, work=work, user=USER, on_made=lambda made: seen.append(listed(made)))
    (copied,) = seen
    times = times_in_original(source, container, copied, 31, work=work, user=USER)
    assert decoded(make_still(source, container, times, 31, work=work, user=USER)) == frame_of(source, 31)


def test_a_copy_that_lost_frames_does_not_lead_to_the_original(clips, work):
    fewer = FrameTimes((1, 25), tuple(range(49)))
    with pytest.raises(DerivationError, match="one for one"):
        times_in_original(clips / "h264.mp4", "mov", fewer, 3, work=work, user=USER)


def test_another_frame_than_the_wanted_one_is_none(clips, listed, work):
    source = clips / "h264.mp4"
    times = listed(source)
    between = FrameTimes(times.base, tuple(tick + 1 for tick in times.ticks))
    assert all(later - earlier > 1 for earlier, later in pairwise(times.ticks))
    with pytest.raises(DerivationError):
        make_still(source, "mov", between, 30, work=work, user=USER)


def test_words_stand_in_the_file_and_change_no_pixel(clips, listed, work):
    source = clips / "h264.mp4"
    png = make_still(source, "mov", listed(source), 7, work=work, user=USER)
    told = with_words(png, {"clip": "a", "exported_by_name": "陈志远", "frame_time_ms": 280})
    assert read_words(told) == {"clip": "a", "exported_by_name": "陈志远", "frame_time_ms": 280}
    assert decoded(told) == decoded(png)
    with pytest.raises(DerivationError):
        with_words(b"GIF89a", {})
