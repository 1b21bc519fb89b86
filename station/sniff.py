"""What a file is, by its first bytes; our own sniff, so that no hostile name or header chooses a parser.

Guarantee: `sniff` looks only at the bytes given, never raises, and answers from the fixed table below.
"""

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 4096
Media = Literal["video", "audio", "photo"]


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A media kind and the container's name, which is also the name of ffmpeg's demuxer for it."""

    media: Media
    container: str


# Offset, magic, answer. Sources: ISO/IEC 14496-12 4.3 (ftyp), RIFF (AVI, WAVE), ISO/IEC 11172-1 and 13818-1
# (program stream pack, 47h sync bytes), RFC 3533 (OggS), ID3v2, EBML (RFC 8794), JFIF, PNG (RFC 2083), FLV 10.1.
_MAGIC: tuple[tuple[int, bytes, Sniffed], ...] = (
    (8, b"AVI ", Sniffed("video", "avi")),
    (8, b"WAVE", Sniffed("audio", "wav")),
    (0, b"\x1a\x45\xdf\xa3", Sniffed("video", "matroska")),
    (0, b"\x00\x00\x01\xba", Sniffed("video", "mpeg")),
    (0, b"FLV\x01", Sniffed("video", "flv")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniffed("video", "asf")),
    (0, b"OggS", Sniffed("audio", "ogg")),
    (0, b"fLaC", Sniffed("audio", "flac")),
    (0, b"#!AMR", Sniffed("audio", "amr")),
    (0, b"ID3", Sniffed("audio", "mp3")),
    (0, b"\xff\xd8\xff", Sniffed("photo", "jpeg")),
    (0, b"\x89PNG\r\n\x1a\n", Sniffed("photo", "png")),
)
_RIFF_FORMS = {b"AVI ", b"WAVE"}
_ISO_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
_ISO_AUDIO_BRANDS = {b"M4A ", b"M4B "}
_ISO_PHOTO_BRANDS = {b"heic", b"heix", b"mif1", b"avif"}
_TS_PACKET_BYTES = (188, 192, 204)


def sniff(head: bytes) -> Sniffed | None:
    """Name the container of a file from its first bytes (up to `HEAD_BYTES`), or None when none fits."""
    for offset, magic, answer in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            if magic in _RIFF_FORMS and head[:4] != b"RIFF":
                continue
            return answer
    if head[4:8] in _ISO_FIRST_BOXES:
        return _sniff_iso(head)
    if _looks_like_transport_stream(head):
        return Sniffed("video", "mpegts")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08:
        return Sniffed("audio", "mp3")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return Sniffed("audio", "aac")
    return None


def _sniff_iso(head: bytes) -> Sniffed:
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _ISO_AUDIO_BRANDS:
        return Sniffed("audio", "mov")
    if brand in _ISO_PHOTO_BRANDS:
        return Sniffed("photo", "heif")
    return Sniffed("video", "mov")


def _looks_like_transport_stream(head: bytes) -> bool:
    for size in _TS_PACKET_BYTES:
        first = 4 if size == 192 else 0
        marks = [head[at : at + 1] for at in range(first, min(len(head), first + 5 * size), size)]
        if len(marks) >= 3 and all(mark == b"\x47" for mark in marks):
            return True
    return False
