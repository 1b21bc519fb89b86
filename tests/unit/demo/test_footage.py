"""The sample footage: names that the profile reads, clocks that fit together, faults that are meant, made once."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from station import clock
from station.demo import footage
from station.demo.footage import RECORDER_ZONE, SAMPLES, DemoFile, make_footage
from station.demo.scenery import Clip
from station.errors import DerivationError
from station.profiles.library import load_profiles
from station.profiles.model import read_name

TODAY = date(2026, 11, 22)
AFTERNOON = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)  # 16:00 in Shanghai
PROFILES = Path(__file__).parents[3] / "firmware_profiles"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="Debian's package forensics-samples-files is not installed: no sample photos"
)


class Studio:
    """Stands in for ffmpeg: remembers the clips asked for and writes a few bytes for each."""

    def __init__(self) -> None:
        self.clips: dict[str, Clip] = {}

    def make_clip(self, clip: Clip, samples: Path, target: Path) -> None:
        """Write what could be a clip."""
        self.clips[target.name] = clip
        target.write_bytes(b"c" * 1000)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Return the studio that makes the clips of this test; the time is an afternoon's."""
    made = Studio()
    monkeypatch.setattr(footage, "make_clip", made.make_clip)
    monkeypatch.setattr(clock, "now", lambda: AFTERNOON)
    return made


def names(files: Sequence[DemoFile], card: str) -> list[str]:
    """Return the names of the recordings of `card` in the order of their making."""
    return [each.path.name for each in files if each.card == card]


def test_names_are_those_of_the_public_examples(studio: Studio, tmp_path: Path) -> None:
    files = make_footage(tmp_path / "set", today=TODAY)
    assert "J800001_00010120261122083000_0016.mp4" in names(files, "A")
    assert "8176162_20261122090000_10010.MP4" in names(files, "B")
    assert "DCAM_CAM001_000103_20261122_101500_IMP.mp4" in names(files, "C")


def test_all_but_the_phone_video_and_the_texts_are_read_by_the_profile(studio: Studio, tmp_path: Path) -> None:
    profile = load_profiles(PROFILES)["ga-t-947-named"]
    unread = {
        str(each.path)
        for each in make_footage(tmp_path / "set", today=TODAY)
        if read_name(profile, each.path.name) is None
    }
    assert unread == {"SYSTEM/version.txt", "LOG/power.log", "DCIM/CAMERA/VID_20191220_170832.mp4"}


def test_three_segments_follow_each_other_without_a_gap(studio: Studio, tmp_path: Path) -> None:
    make_footage(tmp_path / "set", today=TODAY)
    segments = [studio.clips[f"J800001_000101202611220830{second}_00{n}.mp4"] for second, n in (("00", 16), ("20", 17))]
    last = studio.clips["J800001_00010120261122083040_0018.mp4"]
    for earlier, later in zip(segments, [segments[1], last], strict=True):
        assert later.start == earlier.start + timedelta(seconds=earlier.duration_seconds)
        assert later.scene_seconds == earlier.scene_seconds + earlier.duration_seconds


def test_a_file_is_dated_at_the_end_of_its_recording_in_china(studio: Studio, tmp_path: Path) -> None:
    files = make_footage(tmp_path / "set", today=TODAY)
    segment = next(each for each in files if "083000" in each.path.name)
    ended = datetime.fromtimestamp(segment.source.stat().st_mtime, RECORDER_ZONE)
    assert ended == datetime(2026, 11, 22, 8, 30, 20, tzinfo=RECORDER_ZONE)


def test_a_clip_is_cut_off_and_only_that_one(studio: Studio, tmp_path: Path) -> None:
    files = make_footage(tmp_path / "set", today=TODAY)
    cut = [each.note for each in files if each.path.name in studio.clips and each.source.stat().st_size < 1000]
    assert cut == ["damaged: cut off before its index was written"]


def test_one_clip_has_a_reset_clock(studio: Studio, tmp_path: Path) -> None:
    make_footage(tmp_path / "set", today=TODAY)
    assert [clip.start.year for clip in studio.clips.values()].count(2000) == 1


def test_early_in_the_morning_nothing_lies_in_the_future(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)  # 02:00 on the 22nd in Shanghai
    monkeypatch.setattr(clock, "now", lambda: night)
    files = make_footage(tmp_path / "set", today=TODAY)
    assert max(each.source.stat().st_mtime for each in files) < night.timestamp()
    assert max(clip.start.date() for clip in studio.clips.values()) == TODAY


def test_sequence_numbers_grow_with_time_and_leave_none_out(studio: Studio, tmp_path: Path) -> None:
    stems = [name.partition(".")[0].removesuffix("_IMP") for name in names(make_footage(tmp_path, today=TODAY), "A")]
    recorded = [stem for stem in stems if stem.startswith("J800001")]
    assert [int(stem[-4:]) for stem in recorded] == list(range(13, 13 + len(recorded)))
    assert recorded == sorted(recorded)


def test_a_finished_set_is_returned_as_it_is(studio: Studio, tmp_path: Path) -> None:
    first = make_footage(tmp_path / "set", today=TODAY)
    studio.clips.clear()
    assert make_footage(tmp_path / "set", today=TODAY + timedelta(days=3)) == first
    assert studio.clips == {}


def test_an_unfinished_set_is_made_afresh(studio: Studio, tmp_path: Path) -> None:
    make_footage(tmp_path / "set", today=TODAY)
    (tmp_path / "set/manifest.json").unlink()
    leftover = tmp_path / "set/A/DCIM/100MEDIA/leftover.mp4"
    leftover.write_bytes(b"half")
    make_footage(tmp_path / "set", today=TODAY)
    assert not leftover.exists()
    assert json.loads((tmp_path / "set/manifest.json").read_text())["files"]


def test_a_missing_sample_is_named_and_no_set_counts_as_finished(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(DerivationError, match=r"The sample .*IMG_20200608_111614\.jpg is missing"):
        make_footage(tmp_path / "set", today=TODAY, samples=tmp_path)
    assert not (tmp_path / "set/manifest.json").exists()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_a_real_clip_calls_local_time_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "_ITEMS", [item for item in footage._ITEMS if item.seconds == 1])
    monkeypatch.setattr(clock, "now", lambda: AFTERNOON)
    clip = next(each for each in make_footage(tmp_path / "set", today=TODAY) if each.path.suffix == ".mp4")
    asked = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,pix_fmt:format_tags=creation_time"]
    told = subprocess.run([*asked, "-of", "json", str(clip.source)], check=True, capture_output=True).stdout
    facts = json.loads(told)
    assert [stream["codec_name"] for stream in facts["streams"]] == ["h264", "aac"]
    assert facts["streams"][0]["pix_fmt"] == "yuv420p"
    assert facts["format"]["tags"]["creation_time"] == "2026-11-22T08:42:15.000000Z"
