"""How loud it is when: in its place, whatever the stream does; and in words where there is nothing to hear."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from station.derive.waveform import MOST_BUCKETS, Waveform, _Levels, make_waveform, read_waveform
from station.errors import DerivationError

from .conftest import USER


def waveform_of(examine, source, work, tmp_path):
    target = tmp_path / "derived" / "waveform.json"
    make_waveform(source, examine(source), target, work=work, user=USER)
    return read_waveform(target)


def film(target, sound, *more):
    picture = ("-f", "lavfi", "-i", "testsrc=s=64x36:r=5:d=4", "-c:v", "mpeg4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *picture, *sound, *more, str(target)], check=True)
    return target


def heard(wave):
    """Return which tenths of the recording are louder than a hundredth of full scale."""
    loud = [high > 327 for high in wave.high]
    return [any(loud[at * len(loud) // 10 : (at + 1) * len(loud) // 10]) for at in range(10)]


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4-mp3.avi", "h264.ts", "sound.wav", "sound.m4a", "end-missing.mp4"])
def test_a_tone_is_heard_from_start_to_end(examine, clips, work, tmp_path, name):
    wave = waveform_of(examine, clips / name, work, tmp_path)
    assert wave.sound == "heard"
    assert len(wave.high) * wave.bucket_ms == pytest.approx(2000 if "missing" not in name else 1200, rel=0.2)
    assert 3500 < max(wave.high) < 4600  # lavfi's sine has an eighth of full scale
    assert min(wave.low) == pytest.approx(-max(wave.high), rel=0.05)


def test_sound_that_starts_late_stands_where_it_starts(examine, work, tmp_path):
    late = film(tmp_path / "late.mkv", ("-itsoffset", "2", "-f", "lavfi", "-i", "sine=d=2", "-c:a", "aac"))
    tenths = heard(waveform_of(examine, late, work, tmp_path))
    assert (tenths[:4], tenths[5:]) == ([False] * 4, [True] * 5)


def test_a_channel_is_not_hidden_by_its_opposite(examine, work, tmp_path):
    sound = ("-f", "lavfi", "-i", "aevalsrc=sin(880*t)|-sin(880*t):d=4", "-c:a", "pcm_s16le")
    wave = waveform_of(examine, film(tmp_path / "opposite.mov", sound), work, tmp_path)
    assert max(wave.high) > 30000


def test_silence_is_told_from_sound_and_from_having_none(examine, work, tmp_path):
    silence = film(tmp_path / "silent.mov", ("-f", "lavfi", "-i", "anullsrc=d=4", "-c:a", "pcm_s16le"))
    assert waveform_of(examine, silence, work, tmp_path).sound == "silent"
    assert waveform_of(examine, film(tmp_path / "none.mov", ()), work, tmp_path).sound == "none"


def test_a_long_recording_has_no_more_stretches_than_a_short_one(examine, work, tmp_path):
    long = tmp_path / "long.wav"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=d=600:r=8000", long], check=True)
    assert len(waveform_of(examine, long, work, tmp_path).high) == MOST_BUCKETS


def test_what_can_not_be_read_or_is_a_photo_has_none(examine, clips, samples, work, tmp_path):
    for source in (clips / "index-missing.mp4", samples / "pic2" / "IMG_20200124_231153.jpg"):
        with pytest.raises(DerivationError):
            waveform_of(examine, source, work, tmp_path)
    assert not (tmp_path / "derived").exists()


def test_a_file_that_is_not_ours_is_no_waveform(tmp_path):
    place = tmp_path / "waveform.json"
    for content in (b"", b"[]", b'{"bucket": -1, "low": [], "high": []}', b'{"bucket": 80, "low": [1e9999]}'):
        place.write_bytes(content)
        with pytest.raises(DerivationError):
            read_waveform(place)


@given(some.lists(some.one_of(some.binary(max_size=60), some.from_regex(rb"frame:\d+ +pts:\d+ .*"),
                              some.from_regex(rb"lavfi\.astats\.Overall\.(Min|Max)_level=-?\d+\.\d+"))))  # fmt: skip
def test_whatever_the_tool_prints_comes_out_as_a_waveform_or_not_at_all(lines):
    levels = _Levels(800)
    for line in lines:
        levels.line(line)
    try:
        wave = levels.waveform()
    except DerivationError:
        return
    assert Waveform.model_validate_json(wave.model_dump_json()) == wave
