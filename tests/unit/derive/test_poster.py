"""The small pictures: present, upright, not black, and clean of what the original tells."""

import os
import subprocess

import pytest

from station.derive.poster import FILMSTRIP_FRAME_SIZE, FILMSTRIP_FRAMES, make_filmstrip, make_poster
from station.errors import DerivationError

from .conftest import USER

_AS_GREY = ("-f", "rawvideo", "-pix_fmt", "gray")


def decode(picture, pixel_format="rgba", size=None):
    """Return width, height and pixels of a picture."""
    asked = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(picture)]
    width, height = map(int, subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split(","))
    scale = ["-vf", f"scale={size[0]}:{size[1]}"] if size else []
    argv = ["ffmpeg", "-v", "error", "-i", str(picture), *scale, "-f", "rawvideo", "-pix_fmt", pixel_format, "-"]
    return width, height, subprocess.run(argv, capture_output=True, check=True).stdout


def poster_of(examine, source, work, tmp_path):
    target = tmp_path / "derived" / "poster.webp"
    make_poster(source, examine(source), target, work=work, user=USER)
    return target


@pytest.mark.parametrize("name", ["h264.mp4", "h265.mp4", "mpeg4-mp3.avi", "h264.ts", "end-missing.mp4"])
def test_a_video_gets_a_poster_with_a_picture_on_it(examine, clips, work, tmp_path, name):
    width, height, pixels = decode(poster_of(examine, clips / name, work, tmp_path), "gray")
    assert (width, height) == (320, 180)
    assert max(pixels) - min(pixels) > 100


def test_a_poster_is_ours_and_not_the_parser_s(examine, clips, work, tmp_path):
    found = poster_of(examine, clips / "h264.mp4", work, tmp_path).stat()
    assert (found.st_uid, found.st_mode & 0o777) == (os.geteuid(), 0o640)


@pytest.mark.parametrize(("name", "size"), [("wide.avi", (640, 360)), ("portrait.avi", (361, 640))])
def test_a_large_picture_is_scaled_into_the_box(examine, clips, work, tmp_path, name, size):
    assert decode(poster_of(examine, clips / name, work, tmp_path))[:2] == size


def test_a_poster_is_not_taken_from_a_black_start(examine, clips, work, tmp_path):
    pixels = decode(poster_of(examine, clips / "black-start.mp4", work, tmp_path), "gray")[2]
    assert min(pixels) > 200


def test_a_video_that_is_black_all_through_gets_its_black_poster(examine, clips, work, tmp_path):
    pixels = decode(poster_of(examine, clips / "all-black.mp4", work, tmp_path), "gray")[2]
    assert max(pixels) < 40


def test_a_turned_video_s_poster_is_upright(examine, clips, work, tmp_path):
    assert decode(poster_of(examine, clips / "turned.mp4", work, tmp_path))[:2] == (180, 320)


def test_a_photo_held_upside_down_is_turned(examine, samples, work, tmp_path):
    photo = samples / "pic2" / "IMG_20200124_231153.jpg"
    upright = decode(poster_of(examine, photo, work, tmp_path), "gray", (8, 6))[2]
    as_stored = subprocess.run(
        ["ffmpeg", "-v", "error", "-noautorotate", "-i", photo, *_AS_GREY, "-s", "8x6", "-"],
        capture_output=True,
        check=True,
    ).stdout

    def difference(one, other):
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))

    assert difference(upright, as_stored[::-1]) < difference(upright, as_stored) / 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_a_photo_can_be_held_comes_out_upright(examine, work, tmp_path, orientation):
    """A picture bright in its top left corner, stored turned as EXIF 2.3, 4.6.4 A describes each value."""
    store = {
        1: "null",
        2: "hflip",
        3: "hflip,vflip",
        4: "vflip",
        5: "transpose=cclock_flip",
        6: "transpose=cclock",
        7: "transpose=clock_flip",
        8: "transpose=clock",
    }[orientation]
    bright_corner = "color=black:s=64x32:d=1,drawbox=x=0:y=0:w=32:h=16:c=white:t=fill"
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{bright_corner},{store}", "-frames:v", "1", "-f", "mjpeg"]
    jpeg = subprocess.run([*argv, "-"], capture_output=True, check=True).stdout
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    assert examine(photo).video.orientation == orientation
    width, height, pixels = decode(poster_of(examine, photo, work, tmp_path), "gray")
    assert (width, height) == (64, 32)
    corners = [pixels[8 * 64 + 8], pixels[8 * 64 + 56], pixels[24 * 64 + 8], pixels[24 * 64 + 56]]
    assert [corner > 128 for corner in corners] == [True, False, False, False]


def test_nothing_of_the_original_s_metadata_is_in_a_poster(examine, samples, work, tmp_path):
    content = poster_of(examine, samples / "pic2" / "IMG_20200124_231153.jpg", work, tmp_path).read_bytes()
    for trace in (b"Xiaomi", b"Mi A3", b"Exif", b"EXIF", b"XMP", b"Lavc"):
        assert trace not in content


def test_sound_gets_its_waveform_on_transparent_ground(examine, clips, work, tmp_path):
    width, height, pixels = decode(poster_of(examine, clips / "sound.wav", work, tmp_path))
    assert (width, height) == (640, 160)
    assert (min(pixels[3::4]), max(pixels[3::4])) == (0, 255)


def test_an_unreadable_file_gets_no_poster(examine, clips, work, tmp_path):
    with pytest.raises(DerivationError, match="can't be read"):
        poster_of(examine, clips / "index-missing.mp4", work, tmp_path)
    assert not (tmp_path / "derived").exists()


def test_frames_larger_than_any_recorder_s_are_refused_whatever_the_container_says(examine, clips, work, tmp_path):
    content = bytearray((clips / "wide.avi").read_bytes())
    at = -1
    while (at := content.find(b"\xff\xc0\x00\x11\x08", at + 1)) >= 0:
        content[at + 5 : at + 9] = (30_000).to_bytes(2, "big") * 2
    bomb = tmp_path / "bomb.avi"
    bomb.write_bytes(content)
    facts = examine(bomb)
    assert "30000x30000 is invalid" in facts.detail
    with pytest.raises(DerivationError, match="No poster could be made"):
        make_poster(bomb, facts, tmp_path / "poster.webp", work=work, user=USER)


def test_a_recording_without_one_decodable_picture_gets_no_poster(examine, clips, work, tmp_path):
    facts = examine(clips / "h264-index-first.mp4")
    content = bytearray((clips / "h264-index-first.mp4").read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    hollow = tmp_path / "hollow.mp4"
    hollow.write_bytes(content)
    with pytest.raises(DerivationError, match="No poster could be made"):
        make_poster(hollow, facts, tmp_path / "poster.webp", work=work, user=USER)
    assert not (tmp_path / "poster.webp").exists()


@pytest.mark.parametrize("name", ["h264.mp4", "end-missing.mp4"])
def test_a_filmstrip_shows_the_video_in_equal_steps(examine, clips, work, tmp_path, name):
    target = tmp_path / "filmstrip.webp"
    make_filmstrip(clips / name, examine(clips / name), target, work=work, user=USER)
    width, height, pixels = decode(target, "gray")
    assert (width, height) == (FILMSTRIP_FRAME_SIZE[0] * FILMSTRIP_FRAMES, FILMSTRIP_FRAME_SIZE[1])
    last_frame = [row[-FILMSTRIP_FRAME_SIZE[0] :] for row in (pixels[y * width :][:width] for y in range(height))]
    assert (max(map(max, last_frame)) > 100) == (name == "h264.mp4")


def test_sound_has_no_filmstrip(examine, clips, work, tmp_path):
    with pytest.raises(DerivationError):
        make_filmstrip(clips / "sound.wav", examine(clips / "sound.wav"), tmp_path / "f", work=work, user=USER)
