"""What is read out of recordings, whole, foreign, damaged and hostile."""

import json
import socket
import struct

import pytest

from station.derive import probe as probing
from station.derive.places import Place, read_exif_place, read_iso_place
from station.derive.playback import Playable
from station.derive.probe import Reason
from station.sandbox.program import Ending, Finished
from station.sniff import Sniffed

from .tracks import located_movie


def test_the_facts_of_a_plain_recording(examine, clips):
    facts = examine(clips / "h264.mp4")
    assert facts.ok
    assert (facts.tool, facts.tool_version != "", facts.container, facts.media) == ("ffprobe", True, "mov", "video")
    assert abs(facts.duration_ms - 2000) < 100
    video = facts.video
    assert (video.codec, video.pixel_format, video.width, video.height) == ("h264", "yuv420p", 320, 180)
    assert (video.frame_rate, video.rotation_degrees, video.interlaced) == ("25/1", 0, False)
    assert [(s.codec, s.sample_rate_hz, s.channels) for s in facts.audio] == [("aac", 44100, 1)]
    assert facts.creation_time == "2026-08-04T10:00:00.000000Z"
    assert facts.place == Place("31.230400", "121.473700")


def test_the_facts_of_a_telephone_s_recording(examine, samples):
    facts = examine(samples / "movie1" / "VID_20191220_170832.mp4")
    assert facts.place == Place("-15.835500", "-48.015300")
    assert facts.creation_time == "2019-12-20T20:08:34.000000Z"


def test_the_facts_of_a_photo(examine, samples):
    facts = examine(samples / "pic2" / "IMG_20200124_231153.jpg")
    assert (facts.media, facts.video.width, facts.video.height, facts.video.orientation) == ("photo", 4000, 3000, 3)
    assert (facts.make, facts.model, facts.creation_time) == ("Xiaomi", "Mi A3", "2020:01:24 23:11:53")
    assert facts.place == Place("-15.835670", "-48.015564")
    assert (facts.duration_ms, facts.video.frame_rate) == (None, None)


def test_a_turn_is_told_clockwise(examine, clips):
    assert examine(clips / "turned.mp4").video.rotation_degrees == 90


@pytest.mark.parametrize(
    ("name", "playable", "why"),
    [
        ("h264.mp4", Playable.ORIGINAL, ""),
        ("h265.mp4", Playable.PROXY, "video_codec"),
        ("h264-ten-bit.mp4", Playable.PROXY, "profile"),
        ("h264-interlaced.mp4", Playable.PROXY, "interlaced"),
        ("h264-alaw.mov", Playable.PROXY, "audio_codec"),
        ("mpeg4-mp3.avi", Playable.PROXY, "container"),
        ("h264.ts", Playable.PROXY, "container"),
        ("sound.wav", Playable.ORIGINAL, ""),
        ("sound.m4a", Playable.ORIGINAL, ""),
        ("sound.amr.wav", Playable.PROXY, "audio_codec"),
    ],
)
def test_whether_a_browser_plays_the_original(examine, clips, name, playable, why):
    facts = examine(clips / name)
    assert (facts.playable, facts.playable_reason) == (playable, why)


@pytest.mark.parametrize(
    ("name", "media", "playable"),
    [
        ("movie2/movie-hello.mp4", "video", Playable.ORIGINAL),
        ("movie2/movie-hello.avi", "video", Playable.PROXY),
        ("movie2/movie-hello.mpeg", "video", Playable.PROXY),
        ("movie2/movie-hello.ogg", "video", Playable.PROXY),
        ("audio1/debian.mp3", "audio", Playable.ORIGINAL),
        ("audio1/debian.ogg", "audio", Playable.ORIGINAL),
        ("pic1/IMG_1054.JPG", "photo", Playable.ORIGINAL),
        ("pic1/debian.png", "photo", Playable.ORIGINAL),
    ],
)
def test_the_kind_is_decided_by_the_streams(examine, samples, name, media, playable):
    facts = examine(samples / name)
    assert (facts.ok, facts.media, facts.playable) == (True, media, playable)


@pytest.mark.parametrize(
    ("name", "claim", "reason"),
    [
        ("empty.mp4", Sniffed("video", "mov"), Reason.EMPTY),
        ("garbage.mp4", None, Reason.UNFINISHED),
        ("index-missing.mp4", None, Reason.UNFINISHED),
        ("h264.mp4", Sniffed("video", "avi"), Reason.DAMAGED),
        ("h264.mp4", Sniffed("photo", "heif"), Reason.FOREIGN),
        ("bomb.png", None, Reason.TOO_LARGE),
    ],
)
def test_an_unreadable_file_is_an_answer_with_its_reason(examine, clips, name, claim, reason):
    facts = examine(clips / name, claim)
    assert (facts.ok, facts.reason, facts.playable) == (False, reason, Playable.NONE)


def test_a_recording_whose_end_is_missing_is_still_readable(examine, clips):
    assert examine(clips / "end-missing.mp4").ok


def _avi_with_playlist(playlist: bytes) -> bytes:
    """Build an AVI whose subtitle stream (GAB2) is a playlist, which old players followed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    def part(kind: bytes, *chunks: bytes) -> bytes:
        return chunk(b"LIST", kind + b"".join(chunks))

    main = struct.pack("<14I", 40000, 0, 0, 0x10, 1, 0, 2, 0, 64, 64, 0, 0, 0, 0)
    picture = b"vidsMJPG" + struct.pack("<10I4H", 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 64, 64)
    text = b"txts\0\0\0\0" + struct.pack("<10I4H", 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    bitmap = struct.pack("<IiiHH4sIiiII", 40, 64, 64, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    header = part(
        b"hdrl",
        chunk(b"avih", main),
        part(b"strl", chunk(b"strh", picture), chunk(b"strf", bitmap)),
        part(b"strl", chunk(b"strh", text), chunk(b"strf", b"")),
    )
    gab2 = b"GAB2\0\x02\0\0\0\0\0\x04\0" + struct.pack("<I", len(playlist)) + playlist
    body = b"AVI " + header + part(b"movi", chunk(b"01tx", gab2))
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("container", ["mov", "avi", "mpegts"])
@pytest.mark.parametrize("kind", ["playlist", "list of files", "playlist inside AVI"])
def test_a_disguised_playlist_fetches_and_reads_nothing(examine, tmp_path, kind, container):
    secret = tmp_path / "secret.txt"
    secret.write_text("the signer's key")
    secret.chmod(0o444)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/steal"
        playlist = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n{address}\n#EXTINF:1.0,\nfile://{secret}\n"
        content = {
            "playlist": playlist.encode(),
            "list of files": f"ffconcat version 1.0\nfile '{secret}'\nfile '{address}'\n".encode(),
            "playlist inside AVI": _avi_with_playlist(playlist.encode()),
        }[kind]
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        facts = examine(path, Sniffed("video", container))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "signer" not in repr(facts)


def _finished(stdout: bytes, returncode: int = 0) -> Finished:
    return Finished("ffprobe", returncode, stdout, "", Ending.ITSELF, None)


@pytest.mark.parametrize(
    "stdout",
    [
        b"",
        b"not JSON",
        b"[" * 100_000,
        b"[]",
        b'{"streams": 7, "format": [], "frames": {}, "program_version": "x"}',
        b'{"streams": [null, 7, {"codec_type": 5}]}',
        b'{"streams": [{"codec_type": "subtitle"}]}',
    ],
)
def test_nonsense_from_the_tool_is_an_unreadable_file(monkeypatch, examine, clips, stdout):
    monkeypatch.setattr(probing.tool, "call", lambda *args, **more: _finished(stdout))
    facts = examine(clips / "h264.mp4")
    assert (facts.ok, facts.reason) == (False, Reason.NO_MEDIA)


def test_hostile_values_from_the_tool_become_absence(monkeypatch, examine, clips):
    stream = {
        "codec_type": "video",
        "codec_name": "h264\x1b[31m" + "A" * 9999,
        "width": 1920,
        "height": 1080,
        "avg_frame_rate": "25/0",
        "side_data_list": [{"rotation": "ninety"}, "x"],
        "duration": "NaN",
    }
    format_ = {"duration": "1e999", "tags": {"location": "+99.0+200.0/", "creation_time": ["list"], "make": 5}}
    report = json.dumps({"streams": [stream], "format": format_}).encode()
    monkeypatch.setattr(probing.tool, "call", lambda *args, **more: _finished(report))
    facts = examine(clips / "h264.mp4")
    assert (facts.duration_ms, facts.place, facts.creation_time, facts.make) == (None, None, None, None)
    assert (facts.video.frame_rate, facts.video.rotation_degrees) == (None, 0)
    assert facts.video.codec.isprintable()
    assert len(facts.video.codec) <= 200


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+31.2304+121.4737/", Place("31.230400", "121.473700")),
        ("-15.8355-048.0153+012.3/", Place("-15.835500", "-48.015300")),
        ("+3113.824+12128.422/", Place("31.230400", "121.473700")),
        ("+311349.44+1212825.32/", Place("31.230400", "121.473700")),
        ("+00.0000+000.0000/", None),
        ("+91.0000+000.0000/", None),
        ("31.2304,121.4737", None),
        ("", None),
    ],
)
def test_places_are_read_in_every_form_of_iso_6709(text, place):
    assert read_iso_place(text) == place


def test_a_photo_s_place_with_a_fraction_by_nothing_is_absent():
    assert read_exif_place("1:0, 2:1, 3:1", "N", "1:1, 2:1, 3:1", "E") is None
    assert read_exif_place("1:1, 2:1, 3:1", "N", "1:1, 2:1, 3:1", None) is None


def test_a_movie_with_captions_is_as_readable_as_one_without(examine, tmp_path):
    facts = examine(located_movie(tmp_path / "located.mp4", [(31.25, 121.5)] * 2))
    assert (facts.ok, facts.duration_ms, facts.video.codec) == (True, 2000, "mpeg4")
