"""What a court package tells, as frozen values: made from the ledger by `actions.casefile`, written down by siblings.

Guarantee: nothing here asks a clock, a database or a setting, so that two packages of one content are the same bytes.
All times are text as `station.clock` writes them (UTC); codes are those of `station.records.terms`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from station.records.entries import Media

State = Literal["whole", "incomplete", "disposed"]
DerivedKind = Literal["playable", "disclosure"]

ORIGINALS: Final = "data/originals"
INCOMPLETE: Final = "data/incomplete"
LEDGER: Final = "data/ledger"
# Extensions by our own sniff of the first bytes: what a device named is never a name of ours.
_EXTENSIONS: Final[Mapping[tuple[str, str], str]] = {
    ("video", "mov"): "mp4",
    ("audio", "mov"): "m4a",
    ("video", "matroska"): "mkv",
    ("video", "mpeg"): "mpg",
    ("video", "mpegts"): "ts",
    ("photo", "jpeg"): "jpg",
    ("photo", "heif"): "heic",
    **{("video", each): each for each in ("avi", "flv", "asf")},
    **{("audio", each): each for each in ("wav", "ogg", "flac", "amr", "mp3", "aac")},
    ("photo", "png"): "png",
}
_MIME_TYPES: Final[Mapping[str, str]] = {
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "mkv": "video/x-matroska",
    "mpg": "video/mpeg",
    "ts": "video/mp2t",
    "jpg": "image/jpeg",
    "heic": "image/heic",
    "avi": "video/vnd.avi",
    "flv": "video/x-flv",
    "asf": "video/x-ms-asf",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "amr": "audio/amr",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "png": "image/png",
}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One of the five fields; `doubt` is a code of the group `doubt`, or None."""

    field: str
    value: str | None
    source: str | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """证明对象: one thing a clip proves; `ranges` are (start_ms, end_ms) from its start, the end exclusive."""

    text: str
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding of a clip to this case (or to a pending matter that became it)."""

    binding: str
    stage: str | None
    note: str
    source: str
    proves: tuple[Proven, ...]
    bound_at: str
    bound_by: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the custody history: `params` as `Translator.line` takes them; `actor` None: the station, or erased."""

    seq: int
    time: str
    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of an incomplete clip that is zeros here, since it could not be read on the recorder."""

    offset_bytes: int
    length_bytes: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording. `entries` are all entries about it below the package's log size, `seq` the one that took it in.

    `sm3` is there where it was taken in with one; what refers to its bytes goes by `sha256` all the same.
    """

    clip: str
    state: State
    sha256: str
    size_bytes: int
    entries: tuple[int, ...]
    seq: int
    taken_in_at: str
    media: Media
    container: str
    readback: str
    recorder: str
    recorder_name: str
    profile: str
    docking: str
    sensitivity: str
    fields: tuple[FieldValue, ...]
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    path: str | None = None
    path_raw: tuple[str, ...] = ()
    device_time: str | None = None
    zone: str | None = None
    offset_ms: int | None = None
    recorded_at: str | None = None
    time_trust: str = "unknown"
    companions: tuple[str, ...] = ()
    bindings: tuple[Bound, ...] = ()
    gaps: tuple[Gap, ...] = ()
    more_gaps: int = 0
    sm3: str | None = None
    history: tuple[Line, ...] = ()

    @property
    def extension(self) -> str:
        """The extension of its file, `bin` for what we have no name for."""
        return _EXTENSIONS.get((self.media, self.container), "bin")

    @property
    def mime_type(self) -> str:
        """Its media type (RFC 6838)."""
        return _MIME_TYPES.get(self.extension, "application/octet-stream")

    @property
    def original(self) -> str | None:
        """Where its bytes lie in the package; None when it was destroyed."""
        if self.state == "disposed":
            return None
        return f"{ORIGINALS if self.state == 'whole' else INCOMPLETE}/{self.clip}.{self.extension}"

    def field(self, name: str) -> FieldValue:
        """Return one of the five fields; KeyError for another name."""
        return {each.field: each for each in self.fields}[name]


@dataclass(frozen=True, slots=True)
class Derived:
    """A file made from a recording, never evidence by itself; `sha256` None: not known before it is copied.

    `zh` and `en` say in a sentence what it is and how it was made. `of` is the clip, `source` where its bytes lie now.
    """

    kind: DerivedKind
    of: str
    source: Path
    zh: str
    en: str
    sha256: str | None = None
    extension: str = "mp4"

    @property
    def path(self) -> str:
        """Where it lies in the package."""
        return f"data/{self.kind}/{self.of}.{self.extension}"


@dataclass(frozen=True, slots=True)
class Content:
    """All that a package says. `as_of` is the time of the last entry under its checkpoint: the date it speaks of.

    `checkpoint` is the signed note as it lies in data/ledger; `others` are further entries included; `anchors` tells
    how many witnesses cosigned and how many time stamps there are over it.
    """

    export: str
    log: str
    log_size: int
    checkpoint: str
    keys: tuple[str, ...]
    as_of: str
    target: str
    number: str
    title: str
    unit: str
    zone: ZoneInfo
    software: str
    clips: tuple[Clip, ...]
    derived: tuple[Derived, ...] = ()
    others: tuple[int, ...] = ()
    witnesses: int = 0
    timestamps: int = 0
    requested_by: str | None = None
    approved_by: str | None = None
    reason: str | None = None

    def derived_of(self, clip: str) -> tuple[Derived, ...]:
        """Return what was made from a clip, by path."""
        return tuple(sorted((each for each in self.derived if each.of == clip), key=lambda each: each.path))
