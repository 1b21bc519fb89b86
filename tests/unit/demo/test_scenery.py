"""Clips of the demonstration: the display is there and ticks, the container says what it should, failures say why."""

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from station.demo.footage import SAMPLES
from station.demo.scenery import SCENES, Clip, Display, Encoding, make_clip
from station.errors import DerivationError

SIZE = (640, 360)
START = datetime(2026, 8, 4, 23, 59, 58)  # noqa: DTZ001 a recorder's clock knows no zone
DISPLAY = Display("%Y-%m-%d %H:%M:%S", "设备 J800001  100%")


@pytest.fixture(scope="session")
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("Debian's forensics-samples-files is not installed")
    return SAMPLES


@pytest.fixture(scope="session")
def clip(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("clips") / "a [strange]: name, 100%'s.mp4"
    make_clip(Clip("street", START, 3, DISPLAY, size=SIZE, frames_per_second=10), samples, target)
    return target


def probe(path: Path) -> dict[str, Any]:
    argv = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", f"file:{path}"]
    found: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return found


def grey_frame(path: Path, second: float) -> bytes:
    """Return one frame as 640 x 360 bytes of brightness."""
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-i", f"file:{path}", "-ss", str(second), "-frames:v", "1"]
    frame = subprocess.run([*argv, "-f", "rawvideo", "-pix_fmt", "gray", "-"], check=True, capture_output=True).stdout
    assert len(frame) == SIZE[0] * SIZE[1]
    return frame


def brightest(frame: bytes, left: int, top: int, width: int, height: int) -> list[bool]:
    """Tell of each pixel in a part of the frame whether it is as white as the display's letters."""
    rows = range(top, top + height)
    return [value > 215 for row in rows for value in frame[row * SIZE[0] + left : row * SIZE[0] + left + width]]


def test_device_and_officer_are_burned_in_though_a_percent_sign_is_among_them(clip: Path) -> None:
    assert sum(brightest(grey_frame(clip, 1.0), 28, 310, 150, 25)) > 60


def test_the_clock_ticks_past_midnight(clip: Path) -> None:
    before, after = (brightest(grey_frame(clip, second), 28, 24, 160, 25) for second in (1.5, 2.5))
    assert sum(before) > 60
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert changed > 60, "23:59:59 and 00:00:00 of the next day differ in most digits"


def test_a_clip_is_local_time_labelled_utc_and_playable_as_it_is(clip: Path) -> None:
    found = probe(clip)
    assert found["format"]["tags"]["creation_time"] == "2026-08-04T23:59:58.000000Z"
    assert [(each["codec_name"], each.get("pix_fmt")) for each in found["streams"]] == [
        ("h264", "yuv420p"),
        ("aac", None),
    ]
    assert float(found["format"]["duration"]) == pytest.approx(3, abs=0.1)


def test_the_index_lies_at_the_end_as_cameras_write_it(clip: Path) -> None:
    content = clip.read_bytes()
    assert content.index(b"moov") > content.index(b"mdat")


@pytest.mark.parametrize(
    ("encoding", "codec", "container"), [("h265", "hevc", "mp4"), ("mpeg4", "mpeg4", "avi"), ("ts", "h264", "mpegts")]
)
def test_each_encoding_is_what_it_is_called(
    samples: Path, tmp_path: Path, encoding: Encoding, codec: str, container: str
) -> None:
    target = tmp_path / "clip"
    make_clip(Clip("hall", START, 1, DISPLAY, encoding, SIZE, 10), samples, target)
    found = probe(target)
    assert found["streams"][0]["codec_name"] == codec
    assert container in found["format"]["format_name"].split(",")


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_has_its_photo(samples: Path, scene: str) -> None:
    assert (samples / SCENES[scene].photo).is_file()


def test_a_missing_photo_is_named_and_leaves_no_clip(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    with pytest.raises(DerivationError, match=r"IMG_1054\.JPG") as caught:
        make_clip(Clip("street", START, 1, DISPLAY, size=SIZE), tmp_path, target)
    assert caught.value.hint
    assert not target.exists()
