"""What a file is, by its first bytes alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.sniff import HEAD_BYTES, sniff


@pytest.mark.parametrize(
    ("head", "media", "container"),
    [
        (b"\0\0\0\x18ftypisom", "video", "mov"),
        (b"\0\0\0\x18ftypM4A ", "audio", "mov"),
        (b"\0\0\0\x18ftypheic", "photo", "heif"),
        (b"\0\0\0\x08wide", "video", "mov"),
        (b"RIFF\0\0\0\0AVI ", "video", "avi"),
        (b"RIFF\0\0\0\0WAVE", "audio", "wav"),
        (b"\x1a\x45\xdf\xa3", "video", "matroska"),
        (b"\x00\x00\x01\xba", "video", "mpeg"),
        (b"FLV\x01", "video", "flv"),
        (b"OggS", "audio", "ogg"),
        (b"fLaC", "audio", "flac"),
        (b"#!AMR\n", "audio", "amr"),
        (b"ID3\x03", "audio", "mp3"),
        (b"\xff\xfb\x90\x00", "audio", "mp3"),
        (b"\xff\xf1\x50\x80", "audio", "aac"),
        (b"\xff\xd8\xff\xe0", "photo", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "photo", "png"),
        ((b"\x47" + bytes(187)) * 5, "video", "mpegts"),
        ((bytes(4) + b"\x47" + bytes(187)) * 5, "video", "mpegts"),
    ],
)
def test_each_container_is_known_by_its_magic(head: bytes, media: str, container: str) -> None:
    found = sniff(head)
    assert found is not None
    assert (found.media, found.container) == (media, container)


@pytest.mark.parametrize(
    "head", [b"", b"\0" * HEAD_BYTES, b"text", b"XXXX\0\0\0\0AVI ", b"RIFF\0\0\0\0WEBP", b"\x47" + bytes(187), b"ft"]
)
def test_what_is_no_recording_is_none(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=600))
def test_whatever_the_bytes_the_answer_is_one_of_the_table_or_none(head: bytes) -> None:
    found = sniff(head)
    assert found is None or found.media in ("video", "audio", "photo")
