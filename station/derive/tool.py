"""How ffmpeg and ffprobe are called on a hostile file: the parser chosen by us, few protocols, codecs and pixels.

Guarantee: the demuxer is forced from our own sniff, so that a playlist or script that calls itself MP4 is read as
MP4 and nothing else; what runs is confined and bounded by `sandbox.program`.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from station.errors import DerivationError
from station.sandbox.confinement import Limits
from station.sandbox.program import Finished, run

GIB = 1024 * 1024 * 1024
MAX_PHOTO_PIXELS = 120_000_000  # the largest telephone cameras have 108 million
MAX_VIDEO_PIXELS = 36_000_000  # 8192 × 4320, of which a decoder holds up to 16
INPUT = "file:{input}"
_NICENESS = 10  # copying from recorders goes first

# Our sniff's container -> ffmpeg's demuxer (ffmpeg -demuxers).
_DEMUXERS = {
    "mov": "mov",
    "avi": "avi",
    "matroska": "matroska",
    "mpeg": "mpeg",
    "mpegts": "mpegts",
    "flv": "flv",
    "asf": "asf",
    "wav": "wav",
    "mp3": "mp3",
    "aac": "aac",
    "ogg": "ogg",
    "flac": "flac",
    "amr": "amr",
    "jpeg": "jpeg_pipe",
    "png": "png_pipe",
}
# What recorders, telephones and their players are known to write; anything rarer is more likely an attack.
_DECODERS = (
    "h264,hevc,mpeg4,mpeg2video,mpeg1video,mjpeg,h263,h263i,flv,msmpeg4,msmpeg4v2,wmv1,wmv2,wmv3,vc1,"
    "vp8,vp9,libdav1d,theora,png,"
    "aac,aac_latm,mp3float,mp3,mp2float,mp2,ac3,opus,libopus,vorbis,flac,alac,amrnb,amrwb,"
    "wmav1,wmav2,wmapro,gsm,gsm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_ms,g726,g726le,g723_1,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw,pcm_dvd,pcm_bluray,"
    "mov_text"  # recorders write positions as captions; without this ffprobe gives the whole movie up
)


def find_demuxer(container: str) -> str | None:
    """Name the demuxer for a sniffed container; None where ffmpeg has none that we use."""
    return _DEMUXERS.get(container)


def input_options(demuxer: str) -> dict[str, str]:
    """Return the options that must stand before every input."""
    pixels = MAX_PHOTO_PIXELS if demuxer.endswith("_pipe") else MAX_VIDEO_PIXELS
    return {
        "f": demuxer,
        "protocol_whitelist": "file,pipe",
        # A demuxer that opens another (subtitles inside AVI) finds none.
        "format_whitelist": demuxer,
        "codec_whitelist": _DECODERS,
        "max_pixels": str(pixels),
    }


def call(
    argv: list[str],
    source: Path,
    *,
    work: Path,
    user: str,
    limits: Limits,
    on_progress: Callable[[bytes], None] | None = None,
    cancel: threading.Event | None = None,
) -> Finished:
    """Run a tool whose arguments name the original as `INPUT`; raises SandboxError, not for the tool failing."""
    return run(
        argv,
        inputs={"input": source},
        work=work,
        limits=limits,
        user=user,
        on_progress=on_progress,
        cancel=cancel,
        niceness=_NICENESS,
    )


def check(finished: Finished, what: str) -> None:
    """Raise DerivationError with the tool's last words if it failed to make `what`."""
    if finished.failure:
        last_words = " | ".join(finished.stderr_tail.splitlines()[-3:])
        raise DerivationError(
            f"No {what} could be made: {finished.failure}" + (f" ({last_words[:500]})" if last_words else ""),
            kept="The original is untouched",
        )
