"""Small clips made once by ffmpeg, the camera files of Debian's forensics-samples-files, and a work folder."""

import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from station.derive.probe import Probe, probe
from station.sandbox.program import work_folder
from station.sniff import HEAD_BYTES, Sniffed, sniff

USER = "nobody"
SAMPLES = Path("/usr/share/forensics-samples/original-files")
_PICTURE = ("-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=2")
_SOUND = ("-f", "lavfi", "-i", "sine=f=440:d=2")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
_FACTS = ("-metadata", "creation_time=2026-08-04T10:00:00Z", "-metadata", "location=+31.2304+121.4737/")

# Name: what ffmpeg is given to make it.
_CLIPS: dict[str, tuple[str, ...]] = {
    "h264.mp4": (*_PICTURE, *_SOUND, *_H264, "-c:a", "aac", *_FACTS),
    "h264-index-first.mp4": (*_PICTURE, *_SOUND, *_H264, "-c:a", "aac", "-movflags", "+faststart"),
    "h264-ten-bit.mp4": (*_PICTURE, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
    "h264-interlaced.mp4": (*_PICTURE, *_H264, "-x264-params", "tff=1"),
    "h264-alaw.mov": (*_PICTURE, *_SOUND, *_H264, "-c:a", "pcm_alaw"),
    "h265.mp4": (*_PICTURE, *_SOUND, "-c:v", "libx265", "-x265-params", "log-level=none:pools=1", "-c:a", "aac"),
    "mpeg4-mp3.avi": (*_PICTURE, *_SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "h264.ts": (*_PICTURE, *_SOUND, *_H264, "-c:a", "aac"),
    "black-start.mp4": (
        *("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=3"),
        *("-f", "lavfi", "-i", "color=white:s=320x180:r=25:d=3"),
        *("-filter_complex", "concat=n=2:v=1:a=0", *_H264),
    ),
    "all-black.mp4": ("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=1", *_H264),
    "wide.avi": ("-f", "lavfi", "-i", "testsrc=s=1922x1082:r=5:d=0.4", "-c:v", "mjpeg"),
    "portrait.avi": ("-f", "lavfi", "-i", "testsrc=s=362x642:r=5:d=0.4", "-c:v", "mjpeg"),
    "sound.amr.wav": (*_SOUND, "-c:a", "adpcm_ms"),
    "sound.wav": (*_SOUND, "-c:a", "pcm_s16le"),
    "sound.m4a": (*_SOUND, "-c:a", "aac"),
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clips by the names in the table, and of hostile and damaged ones beside them."""
    folder = tmp_path_factory.mktemp("clips")
    for name, arguments in _CLIPS.items():
        argv = ["ffmpeg", "-nostdin", "-v", "error", *arguments, "-threads", "1", str(folder / name)]
        subprocess.run(argv, check=True)
    (folder / "turned.mp4").write_bytes(_turn((folder / "h264.mp4").read_bytes()))
    _cut(folder / "h264.mp4", folder / "index-missing.mp4")
    _cut(folder / "h264-index-first.mp4", folder / "end-missing.mp4")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "garbage.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(range(256)) * 64)
    (folder / "bomb.png").write_bytes(_png_claiming(30_000, 30_000))
    return folder


def _turn(movie: bytes) -> bytes:
    """Have the first track shown a quarter turn clockwise: the matrix of ISO/IEC 14496-12, 8.3.2, in its tkhd."""
    at = movie.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    assert movie[at : at + 36] == struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    return movie[:at] + matrix + movie[at + 36 :]


def _cut(whole: Path, half: Path) -> None:
    content = whole.read_bytes()
    half.write_bytes(content[: len(content) * 6 // 10])


def _png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    with work_folder(tmp_path, USER) as folder:
        yield folder


@pytest.fixture
def examine(work: Path) -> Callable[..., Probe]:
    """Probe a file as the pipeline does: sniffed first, unless told what it claims to be."""

    def examine(path: Path, claim: Sniffed | None = None) -> Probe:
        with path.open("rb") as stream:
            found = claim or sniff(stream.read(HEAD_BYTES))
        assert found is not None
        return probe(path, found, work=work, user=USER)

    return examine


@pytest.fixture(scope="session")
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("Debian's forensics-samples-files is not installed")
    return SAMPLES
