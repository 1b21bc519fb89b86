"""What a recording says about itself, by ffprobe: streams, length, times, place; and whether a browser plays it.

Guarantees: nothing but headers and, for photos, the one picture is decoded; whatever ffprobe prints is treated as
hostile: every text is cut and cleaned, every number checked, unknown shapes become absence. A damaged or foreign
file is an answer (`ok` False with a `reason`), not an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from station.derive import tool
from station.derive.places import Place, read_exif_place, read_iso_place
from station.derive.playback import Playable, judge
from station.derive.streams import AudioStream, VideoStream
from station.errors import SandboxError
from station.sandbox.confinement import Limits
from station.sandbox.program import Ending, Finished
from station.sniff import Sniffed

_LIMITS = Limits(cpu_seconds=30, address_space_bytes=2 * tool.GIB, file_size_bytes=0, open_files=64, wall_seconds=120)
_TEXT_CHARACTERS = 200
_LONGEST_MS = 30 * 24 * 3600 * 1000
_MOST_STREAMS = 32


class Reason(StrEnum):
    """Why a file can't be read as a recording; the words for people are in the catalogues."""

    EMPTY = "empty"  # no byte in it
    FOREIGN = "foreign"  # a container we have no reader for
    UNFINISHED = "unfinished"  # the recorder never wrote the index (moov), as when its battery was pulled
    DAMAGED = "damaged"  # not readable as the container it begins as
    NO_MEDIA = "no_media"  # readable, but neither picture nor sound in it
    TOO_LARGE = "too_large"  # claims more pixels than any recorder has
    LIMITS = "limits"  # reading it took more time or memory than it may


@dataclass(frozen=True, slots=True)
class Probe:
    """The facts of one original. Absent values are None; texts are as stored, cleaned.

    `media` is decided by the streams found, where any were, not by the container's usual content. `detail` is the
    tool's own words, for logs. `place`, `make`, `model` and `creation_time` are claims of the file.
    """

    ok: bool
    reason: Reason | None
    detail: str
    tool: str
    tool_version: str
    container: str
    media: Literal["video", "audio", "photo"]
    playable: Playable
    playable_reason: str
    duration_ms: int | None = None
    video: VideoStream | None = None
    audio: tuple[AudioStream, ...] = ()
    creation_time: str | None = None
    make: str | None = None
    model: str | None = None
    place: Place | None = None


def probe(path: Path, sniffed: Sniffed, *, work: Path, user: str) -> Probe:
    """Read the facts of the file at `path`, known to begin as `sniffed`; raises SandboxError only.

    `work` is a work folder of `sandbox.program` owned by `user`, whom the tool runs as when we are root.
    """
    demuxer = tool.find_demuxer(sniffed.container)
    if _size_of(path) == 0:
        return _unreadable(sniffed, Reason.EMPTY, "", "")
    if demuxer is None:
        return _unreadable(sniffed, Reason.FOREIGN, "", "")
    finished = tool.call(_arguments(demuxer), path, work=work, user=user, limits=_LIMITS)
    report = _parse_report(finished.stdout)
    version = _text(_mapping(report.get("program_version")).get("version")) or ""
    facts = _read_facts(report, sniffed)
    reason = _find_reason(finished, facts)
    if reason is not None:
        return _unreadable(sniffed, reason, finished.stderr_tail or finished.failure, version)
    playable, why = judge(sniffed.container, facts["media"], facts["video"], facts["audio"])
    return Probe(
        ok=True,
        reason=None,
        detail=finished.stderr_tail,
        tool="ffprobe",
        tool_version=version,
        container=sniffed.container,
        playable=playable,
        playable_reason=why,
        **facts,
    )


# Only what is read below is asked for: a file can't make the answer large with tags of its own.
_STREAM_ENTRIES = (
    "codec_type,codec_name,profile,pix_fmt,width,height,field_order,avg_frame_rate,sample_rate,channels,duration"
)
_FORMAT_TAGS = (
    "creation_time,date,make,model,location,location-eng,com.apple.quicktime.make,com.apple.quicktime.model,"
    "com.apple.quicktime.location.ISO6709,com.apple.quicktime.creationdate"
)
_PHOTO_TAGS = "Make,Model,Orientation,DateTimeOriginal,DateTime,GPSLatitude,GPSLatitudeRef,GPSLongitude,GPSLongitudeRef"


def _arguments(demuxer: str) -> list[str]:
    entries = [
        "program_version=version",
        "format=duration",
        f"format_tags={_FORMAT_TAGS}",
        f"stream={_STREAM_ENTRIES}",
        "stream_tags=creation_time",
        "stream_side_data=rotation",
        "stream_disposition=attached_pic",
    ]
    argv = ["ffprobe", "-v", "error", "-hide_banner"]
    for option, value in tool.input_options(demuxer).items():
        argv += [f"-{option}", value]
    if demuxer == "jpeg_pipe":
        # EXIF is read with the picture; the intervals keep it to one.
        entries.append(f"frame_tags={_PHOTO_TAGS}")
        argv += ["-read_intervals", "%+#1"]
    return [*argv, "-show_program_version", "-show_entries", ":".join(entries), "-of", "json", "-i", tool.INPUT]


def _parse_report(stdout: bytes) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(stdout.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return {}


def _read_facts(report: Mapping[str, Any], sniffed: Sniffed) -> dict[str, Any]:
    streams = [_mapping(stream) for stream in _listing(report.get("streams"))[:_MOST_STREAMS]]
    pictures = [
        stream
        for stream in streams
        if stream.get("codec_type") == "video"
        and _mapping(stream.get("disposition")).get("attached_pic") != 1  # a song's cover
    ]
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    format_ = _mapping(report.get("format"))
    tags = _mapping(format_.get("tags"))
    frames = _listing(report.get("frames"))
    exif = _mapping(_mapping(frames[0]).get("tags")) if frames else {}
    media = "photo" if sniffed.media == "photo" else "video" if pictures else "audio"
    lengths = [_milliseconds(part.get("duration")) or 0 for part in (format_, *streams)]
    return {
        "media": media,
        "duration_ms": None if media == "photo" else lengths[0] or max(lengths, default=0) or None,
        "video": _read_video(pictures[0], exif, moving=media == "video") if pictures else None,
        "audio": tuple(_read_audio(stream) for stream in sounds),
        "creation_time": _first(exif, "DateTimeOriginal", "DateTime")
        or _first(tags, "com.apple.quicktime.creationdate", "creation_time", "date")
        or next((time for time in (_first(_mapping(s.get("tags")), "creation_time") for s in streams) if time), None),
        "make": _first(exif, "Make") or _first(tags, "com.apple.quicktime.make", "make"),
        "model": _first(exif, "Model") or _first(tags, "com.apple.quicktime.model", "model"),
        "place": read_exif_place(
            _first(exif, "GPSLatitude"),
            _first(exif, "GPSLatitudeRef"),
            _first(exif, "GPSLongitude"),
            _first(exif, "GPSLongitudeRef"),
        )
        or read_iso_place(_first(tags, "com.apple.quicktime.location.ISO6709", "location", "location-eng") or ""),
    }


def _read_video(stream: Mapping[str, Any], exif: Mapping[str, Any], *, moving: bool) -> VideoStream:
    turns = [_mapping(data).get("rotation") for data in _listing(stream.get("side_data_list"))]
    rotation = next((turn for turn in turns if isinstance(turn, int)), 0)
    return VideoStream(
        codec=_text(stream.get("codec_name")) or "unknown",
        profile=_text(stream.get("profile")),
        pixel_format=_text(stream.get("pix_fmt")),
        width=_integer(stream.get("width")) or 0,
        height=_integer(stream.get("height")) or 0,
        # ffmpeg tells the turn counter-clockwise; ours is the clockwise turn that a viewer must make.
        rotation_degrees=-rotation % 360,
        orientation=_integer(_first(exif, "Orientation")) or 1,
        frame_rate=_frame_rate(stream.get("avg_frame_rate")) if moving else None,
        interlaced=stream.get("field_order") in ("tt", "bb", "tb", "bt"),
    )


def _read_audio(stream: Mapping[str, Any]) -> AudioStream:
    return AudioStream(
        codec=_text(stream.get("codec_name")) or "unknown",
        profile=_text(stream.get("profile")),
        sample_rate_hz=_integer(stream.get("sample_rate")) or 0,
        channels=_integer(stream.get("channels")) or 0,
    )


def _find_reason(finished: Finished, facts: Mapping[str, Any]) -> Reason | None:
    words = finished.stderr_tail
    video: VideoStream | None = facts["video"]
    if finished.ending is not Ending.ITSELF or finished.returncode < 0 or "Cannot allocate memory" in words:
        return Reason.LIMITS
    if "moov atom not found" in words:
        return Reason.UNFINISHED
    if video is not None and not (video.width and video.height):
        return Reason.TOO_LARGE if "Picture size" in words else Reason.DAMAGED
    if finished.returncode:
        return Reason.DAMAGED
    return Reason.NO_MEDIA if video is None and not facts["audio"] else None


def _unreadable(sniffed: Sniffed, reason: Reason, detail: str, version: str) -> Probe:
    return Probe(
        ok=False,
        reason=reason,
        detail=detail,
        tool="ffprobe",
        tool_version=version,
        container=sniffed.container,
        media=sniffed.media,
        playable=Playable.NONE,
        playable_reason=reason.value,
    )


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError as error:
        raise SandboxError(f"{path} can't be opened: {error.strerror}") from error


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _listing(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(c for c in value[:_TEXT_CHARACTERS] if c.isprintable()).strip() or None


def _first(tags: Mapping[str, Any], *names: str) -> str | None:
    return next((text for text in (_text(tags.get(name)) for name in names) if text), None)


def _integer(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= 12:
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _frame_rate(value: object) -> str | None:
    text = _text(value) or ""
    return text if re.fullmatch(r"[1-9]\d{0,9}/[1-9]\d{0,9}", text, re.ASCII) else None


def _milliseconds(value: object) -> int | None:
    try:
        length = int(Decimal(_text(value) or "") * 1000)
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return length if 0 < length <= _LONGEST_MS else None
