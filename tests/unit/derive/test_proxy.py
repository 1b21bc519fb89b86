"""The copies made for playing: that they play, how long they are, and what is told when something is missing."""

import dataclasses
import itertools
import subprocess
import threading

import pytest

from station.derive import graphs, proxy, tool
from station.derive.playback import Playable
from station.derive.proxy import make_proxy
from station.errors import DerivationError

from .conftest import USER


def make(examine, source, work, tmp_path, **more):
    target = tmp_path / "derived" / "proxy.mp4"
    return target, make_proxy(source, examine(source), target, work=work, user=USER, **more)


@pytest.mark.parametrize("name", ["h265.mp4", "mpeg4-mp3.avi", "h264.ts", "h264-ten-bit.mp4", "h264-interlaced.mp4"])
def test_what_a_browser_can_not_play_gets_a_copy_it_can(examine, clips, work, tmp_path, name):
    target, made = make(examine, clips / name, work, tmp_path)
    facts = made.facts
    assert target.stat().st_size > 0
    assert (facts.playable, facts.video.codec, facts.video.pixel_format) == (Playable.ORIGINAL, "h264", "yuv420p")
    assert (made.missing_ms, made.without_sound) == (0, not examine(clips / name).audio)
    assert abs(made.duration_ms - 2000) < 200


def test_sound_gets_a_copy_without_a_picture(examine, clips, work, tmp_path):
    facts = make(examine, clips / "sound.amr.wav", work, tmp_path)[1].facts
    assert (facts.media, facts.playable, facts.audio[0].codec) == ("audio", Playable.ORIGINAL, "aac")


@pytest.mark.parametrize(("name", "size"), [("wide.avi", (1280, 720)), ("portrait.avi", (362, 642))])
def test_a_copy_is_scaled_down_and_never_up(examine, clips, work, tmp_path, name, size):
    video = make(examine, clips / name, work, tmp_path)[1].facts.video
    assert (video.width, video.height) == size


def test_a_copy_can_be_played_before_it_is_all_there(examine, clips, work, tmp_path):
    content = make(examine, clips / "h264.ts", work, tmp_path)[0].read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_nothing_of_the_original_s_metadata_is_in_a_copy(examine, clips, work, tmp_path):
    facts = make(examine, clips / "h264.mp4", work, tmp_path)[1].facts
    assert (facts.place, facts.creation_time) == (None, None)


def test_progress_rises_and_ends_with_the_whole(examine, clips, work, tmp_path):
    seen = []
    make(examine, clips / "h265.mp4", work, tmp_path, on_progress=seen.append)
    assert seen == sorted(set(seen))
    assert seen[-1] == 1000
    assert all(0 <= permille <= 999 for permille in seen[:-1])


def test_of_a_recording_whose_end_is_missing_the_rest_is_kept_and_told(examine, clips, work, tmp_path):
    _, made = make(examine, clips / "end-missing.mp4", work, tmp_path)
    assert 200 < made.duration_ms < 1900
    claimed = examine(clips / "end-missing.mp4").duration_ms
    longer = dataclasses.replace(examine(clips / "end-missing.mp4"), duration_ms=claimed + 60_000)
    again = make_proxy(clips / "end-missing.mp4", longer, tmp_path / "again.mp4", work=work, user=USER)
    assert again.missing_ms == longer.duration_ms - again.duration_ms


def test_sound_out_of_step_is_left_out_and_told(examine, samples, work, tmp_path):
    # The sound of this file lies a minute and a half before its picture.
    _, made = make(examine, samples / "movie2" / "movie-hello.ogg", work, tmp_path)
    assert made.without_sound
    assert abs(made.duration_ms - 8300) < 300


def test_damage_in_the_middle_does_not_end_the_copy(examine, clips, work, tmp_path):
    content = bytearray((clips / "h264.ts").read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 20] = b"\xaa" * (188 * 20)
    (tmp_path / "hurt.ts").write_bytes(content)
    _, made = make(examine, tmp_path / "hurt.ts", work, tmp_path)
    assert made.duration_ms > 1000
    assert made.damage != ""


def test_a_cancelled_copy_leaves_nothing(examine, clips, work, tmp_path):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(DerivationError, match="cancelled"):
        make(examine, clips / "h265.mp4", work, tmp_path, cancel=cancel)
    assert not (tmp_path / "derived").exists()


def test_a_copy_that_breaks_its_limits_is_an_error_and_not_a_short_copy(examine, clips, work, tmp_path, monkeypatch):
    facts = examine(clips / "h265.mp4")
    small = dataclasses.replace(proxy._limits_for(facts, 10_000), file_size_bytes=2000)
    monkeypatch.setattr(proxy, "_limits_for", lambda facts, size_bytes: small)
    with pytest.raises(DerivationError, match="larger file than it may"):
        make_proxy(clips / "h265.mp4", facts, tmp_path / "proxy.mp4", work=work, user=USER)
    assert not (tmp_path / "proxy.mp4").exists()


def test_a_small_file_that_claims_a_month_gets_no_month_of_work(examine, clips):
    facts = dataclasses.replace(examine(clips / "h265.mp4"), duration_ms=30 * 24 * 3600 * 1000)
    assert proxy._limits_for(facts, 100_000).wall_seconds < 2 * 3600
    assert proxy._limits_for(facts, 1 << 40).wall_seconds < 8 * 24 * 3600


def test_an_unreadable_file_gets_no_copy(examine, clips, work, tmp_path):
    with pytest.raises(DerivationError):
        make(examine, clips / "index-missing.mp4", work, tmp_path)


def test_a_copy_that_does_not_play_is_not_published(examine, clips, work, tmp_path, monkeypatch):
    mp2 = graphs.write_movie

    def with_mpeg4(streams, name, **options):
        return mp2(streams, name, **{"c:v": "mpeg4", "c:a": "aac"})

    monkeypatch.setattr(graphs, "write_movie", with_mpeg4)
    with pytest.raises(DerivationError, match="does not play"):
        make(examine, clips / "h265.mp4", work, tmp_path)
    assert not (tmp_path / "derived").exists()


def test_what_was_there_before_stays_when_a_new_copy_fails(examine, clips, work, tmp_path):
    target, _ = make(examine, clips / "h264.ts", work, tmp_path)
    before = target.read_bytes()
    with pytest.raises(DerivationError):
        make(examine, clips / "index-missing.mp4", work, tmp_path)
    assert target.read_bytes() == before


def test_every_input_of_every_command_is_fenced_in(examine, clips):
    argv = proxy._plan("mov", examine(clips / "h264.mp4"), "made.mp4", with_sound=True)
    first = argv.index(tool.INPUT)
    options = dict(itertools.pairwise(argv[:first]))
    assert options["-f"] == options["-format_whitelist"] == "mov"
    assert options["-protocol_whitelist"] == "file,pipe"
    assert argv.count(tool.INPUT) == 1
    assert argv[-1] == "file:made.mp4"


def test_the_decoders_we_allow_are_known_to_this_ffmpeg():
    listed = subprocess.run(["ffmpeg", "-v", "error", "-decoders"], capture_output=True, text=True, check=True).stdout
    known = {line.split()[1] for line in listed.splitlines() if line.startswith(" ") and len(line.split()) > 1}
    assert set(tool._DECODERS.split(",")) - known == set()
