"""Positions in a movie: read as they are, in their time, and never more than what is exactly one."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from station.derive.track import MOST_FIXES, Track, _Reading, make_track, read_track
from station.errors import DerivationError

from .conftest import USER
from .tracks import located_movie


def track_of(examine, source, work, tmp_path):
    target = tmp_path / "derived" / "track.json"
    make_track(source, examine(source), target, work=work, user=USER)
    return read_track(target)


def lines(*given_lines, duration_ms=60_000):
    reading = _Reading(duration_ms)
    for line in given_lines:
        reading.line(line)
    return reading.track()


def test_positions_that_a_recorder_wrote_into_its_movie_are_read_with_their_times(examine, work, tmp_path):
    movie = located_movie(tmp_path / "located.mp4", [(31.2416667, 121.4733333), (31.2417, 121.4734)])
    track = track_of(examine, movie, work, tmp_path)
    assert track == Track(timed="sample", fixes=((0, 31241667, 121473333), (1000, 31241700, 121473400)))


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4-mp3.avi", "h264.ts"])
def test_a_movie_without_positions_has_an_empty_track(examine, clips, work, tmp_path, name):
    assert track_of(examine, clips / name, work, tmp_path).fixes == ()


def test_a_container_in_which_no_recorder_writes_positions_is_not_given_to_exiftool(
    examine, clips, work, tmp_path, monkeypatch
):
    source = tmp_path / "film.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(clips / "h264.mp4"), "-c", "copy", str(source)], check=True)
    facts = examine(source)
    monkeypatch.setattr("station.derive.tool.call", None)
    make_track(source, facts, tmp_path / "derived" / "track.json", work=work, user=USER)
    assert read_track(tmp_path / "derived" / "track.json").fixes == ()


def test_what_can_not_be_read_has_no_track(examine, clips, work, tmp_path):
    with pytest.raises(DerivationError):
        track_of(examine, clips / "index-missing.mp4", work, tmp_path)
    assert not (tmp_path / "derived").exists()


def test_without_sample_times_the_first_fix_is_taken_for_the_start():
    track = lines(b"-;2026:11:20 09:30:01.500Z;1.5;-2.25", b"-;2026:11:20 09:30:00Z;1;2")
    assert track == Track(timed="clock", fixes=((0, 1_000_000, 2_000_000), (1500, 1_500_000, -2_250_000)))


@pytest.mark.parametrize(
    "line",
    [
        b"0;-;0;0",
        b"0;-;90.1;10",
        b"0;-;10;180.1",
        b"0;-;1e5;10",
        b"0;-;nan;10",
        b"0;-;10",
        b"0;-;10;20;30",
        b"-;-;10;20",
        b"-;2026:13:20 09:30:00Z;10;20",
        b"-;2026:11:20 09:30:00;10;20",
        b"-1;-;10;20",
        b"70;-;10;20",
        "٣;-;10;20".encode(),
        b"",
    ],
)
def test_what_is_not_exactly_a_fix_within_the_recording_is_left_out(line):
    assert lines(line).fixes == ()


def test_many_fixes_are_thinned_evenly():
    track = lines(*(b"%d;-;10.%05d;20" % (n, n) for n in range(10_000)), duration_ms=10_000_000)
    assert len(track.fixes) <= MOST_FIXES
    assert len({later[0] - earlier[0] for earlier, later in zip(track.fixes, track.fixes[1:], strict=False)}) == 1


_NUMBER = some.one_of(some.floats(-200, 200).map(str), some.integers().map(str), some.just("-"))
_CLOCK = some.one_of(some.datetimes().map(lambda at: f"{at:%Y:%m:%d %H:%M:%S.%f}Z"), some.just("-"), some.text())


@given(some.lists(some.one_of(some.binary(max_size=80), some.tuples(_NUMBER, _CLOCK, _NUMBER, _NUMBER).map(
    lambda words: ";".join(words).encode("utf-8", "replace")))))  # fmt: skip
def test_whatever_is_printed_comes_out_in_order_within_the_recording_and_on_this_earth(printed):
    track = lines(*printed)
    assert Track.model_validate_json(track.model_dump_json()) == track
    times = [ms for ms, _, _ in track.fixes]
    assert times == sorted(set(times)) and all(0 <= ms <= 62_000 for ms in times)
    assert all((latitude, longitude) != (0, 0) for _, latitude, longitude in track.fixes)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"timed":"sample","fixes":[[0,91000000,0]]}', b'{"timed":"sample","fixes":[[0,1]]}']
)
def test_a_file_that_is_not_ours_is_no_track(tmp_path, content):
    (tmp_path / "track.json").write_bytes(content)
    with pytest.raises(DerivationError):
        read_track(tmp_path / "track.json")
