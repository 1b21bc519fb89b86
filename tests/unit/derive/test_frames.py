"""The times of a movie's pictures: all of them, in order, as the file has them, whatever its rate does."""

import json
import subprocess
from itertools import accumulate

import pytest

from station.derive.frames import make_frames
from station.derive.proxy import make_proxy
from station.errors import DerivationError

from .conftest import USER


def times_of(source, work, tmp_path):
    """Return the times in seconds that are written, by the format's own rule."""
    target = tmp_path / "derived" / "frames.json"
    make_frames(source, "mov", target, work=work, user=USER)
    made = json.loads(target.read_text())
    steps = (step for step, often in made["runs"] for _ in range(often))
    numerator, denominator = made["base"]
    return [round(ticks * numerator / denominator, 6) for ticks in accumulate(steps, initial=made["first"])]


def test_a_steady_rate_is_one_run_of_steps(clips, work, tmp_path):
    assert times_of(clips / "h264.mp4", work, tmp_path) == [n / 25 for n in range(50)]
    assert len(json.loads((tmp_path / "derived" / "frames.json").read_text())["runs"]) == 1


def test_frames_of_a_varying_rate_keep_their_own_times(clips, work, tmp_path):
    source = tmp_path / "varying.mp4"
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(clips / "h264.mp4"), "-vf", r"select=lt(mod(n\,7)\,3)"]
    subprocess.run([*argv, "-an", "-fps_mode", "vfr", "-preset", "ultrafast", str(source)], check=True)
    assert times_of(source, work, tmp_path) == [n / 25 for n in range(50) if n % 7 < 3]


def test_a_copy_has_the_times_of_its_original_s_frames(examine, clips, work, tmp_path):
    seen = []
    source = clips / "h265.mp4"
    target = tmp_path / "derived" / "proxy.mp4"

    def read(copy):
        seen.extend(times_of(copy, work, tmp_path))

    make_proxy(source, examine(source), target, work=work, user=USER, on_made=read)
    assert seen == [n / 25 for n in range(50)]


@pytest.mark.parametrize("name", ["sound.m4a", "garbage.mp4", "index-missing.mp4"])
def test_what_has_no_frames_has_no_times(clips, work, tmp_path, name):
    with pytest.raises(DerivationError):
        times_of(clips / name, work, tmp_path)
    assert not (tmp_path / "derived" / "frames.json").exists()
