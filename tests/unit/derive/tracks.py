"""Movies with positions in them, as recorders write them: NMEA 0183 sentences in a timed text track."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_FFMPEG = ("ffmpeg", "-nostdin", "-v", "error")


def located_movie(target: Path, places: Sequence[tuple[float, float]]) -> Path:
    """Make a movie that tells one place (degrees north and east) a second."""
    picture = ("-f", "lavfi", "-i", f"testsrc=s=64x36:r=5:d={len(places)}")
    subprocess.run([*_FFMPEG, *picture, "-c:v", "mpeg4", str(target)], check=True)
    write_places(target, places)
    return target


def write_places(movie: Path, places: Sequence[tuple[float, float]]) -> None:
    """Write one place a second into an MP4, from its start."""
    captions, plain = movie.with_suffix(".srt"), movie.with_suffix(".plain.mp4")
    captions.write_text(
        "".join(f"{n + 1}\n{_at(n)} --> {_at(n + 1)}\n{_rmc(n, *at)}\n\n" for n, at in enumerate(places))
    )
    movie.rename(plain)
    both = ("-i", str(plain), "-i", str(captions), "-map", "0", "-map", "1")
    subprocess.run([*_FFMPEG, *both, "-c", "copy", "-c:s", "mov_text", str(movie)], check=True)
    plain.unlink()
    captions.unlink()
    content = movie.read_bytes()
    # ffmpeg writes subtitles (3GPP TS 26.245) only; recorders write plain text, of which exiftool reads NMEA.
    assert content.count(b"sbtl") == content.count(b"tx3g") == 1
    movie.write_bytes(content.replace(b"sbtl", b"text").replace(b"tx3g", b"text"))


def _at(second: int) -> str:
    return f"00:{second // 60:02}:{second % 60:02},000"


def _rmc(second: int, latitude: float, longitude: float) -> str:
    north, east = (
        f"{int(each)}".zfill(width) + f"{each % 1 * 60:07.4f}" for each, width in ((latitude, 2), (longitude, 3))
    )
    return f"$GPRMC,0930{second % 60:02}.000,A,{north},N,{east},E,0.02,31.66,201126,,,A*00"
