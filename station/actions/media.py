"""Which bytes a person gets to see of a clip, and as what; nothing here checks who asks (see `access`).

Guarantees: a suspected secret has no bytes for anybody; an original is handed out only whole and as the type of our own
sniff, never of its name; a browser-playable original is played from the vault as it is, without a copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from station.catalogue.clips import ClipBytes
from station.config import Home
from station.database import Session
from station.derive import layout
from station.derive.track import Track, read_track
from station.derive.waveform import Waveform, read_waveform
from station.errors import DerivationError
from station.evidence.store import LocalStore
from station.records.terms import ClipStage, Sensitivity
from station.state import work

PROXY, FRAMES, WAVEFORM, TRACK = "proxy", "frames", "waveform", "track"
PICTURE_TYPE = "image/webp"
_FRAMES_TYPE = "application/json"
_PROXY_TYPE = "video/mp4"
_logger = structlog.get_logger(__name__)
# (media, container by our sniff): what browsers call it. Anything else is not handed out as an original.
_TYPES = {
    ("video", "mov"): "video/mp4",
    ("audio", "mov"): "audio/mp4",
    ("audio", "wav"): "audio/wav",
    ("audio", "mp3"): "audio/mpeg",
    ("audio", "aac"): "audio/aac",
    ("audio", "ogg"): "audio/ogg",
    ("audio", "flac"): "audio/flac",
    ("photo", "jpeg"): "image/jpeg",
    ("photo", "png"): "image/png",
}
_BLOCKING_STAGES = {ClipStage.INCOMPLETE.value: "incomplete", ClipStage.DISPOSED.value: "disposed"}
FramesState = Literal["none", "waiting", "ready", "failed"]
_Content = TypeVar("_Content")
ProxyStage = Literal["none", "waiting", "running", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Footage:
    """A file to send: its type, and a validator that changes with its content (RFC 9110 section 8.8.3)."""

    path: Path
    media_type: str
    etag: str


def blocked(held: ClipBytes) -> str | None:
    """Return why nobody gets to see the clip's footage, as a code, or None."""
    if held.sensitivity == Sensitivity.SUSPECTED_SECRET:
        return "suspected_secret"
    return _BLOCKING_STAGES.get(held.stage)


def poster(home: Home, held: ClipBytes) -> Footage | None:
    """Return the clip's poster, None when there is none (yet) or it is blocked."""
    if held.sensitivity == Sensitivity.SUSPECTED_SECRET or held.stage == ClipStage.DISPOSED:
        return None
    path = layout.poster_path(home.derived, held.sha256)
    return Footage(path, PICTURE_TYPE, f'"{held.sha256}-poster"') if path.is_file() else None


def filmstrip(home: Home, held: ClipBytes) -> Footage | None:
    """Return the clip's filmstrip (`station.derive.poster`), None when there is none (yet) or it is blocked."""
    if blocked(held) is not None:
        return None
    path = layout.filmstrip_path(home.derived, held.sha256)
    return Footage(path, PICTURE_TYPE, f'"{held.sha256}-filmstrip"') if path.is_file() else None


def with_filmstrip(home: Home, digests: Mapping[str, str]) -> frozenset[str]:
    """Return those clips, given with their SHA-256, that have a filmstrip."""
    return frozenset(clip for clip, sha256 in digests.items() if layout.filmstrip_path(home.derived, sha256).is_file())


def waveform(home: Home, held: ClipBytes) -> Waveform | None:
    """Return how loud the clip is when, None when that was not measured (yet) or it is blocked."""
    return _read(held, layout.waveform_path(home.derived, held.sha256), read_waveform)


def track(home: Home, held: ClipBytes) -> Track | None:
    """Return where the recorder was, None when that was not read (yet) or it is blocked."""
    return _read(held, layout.track_path(home.derived, held.sha256), read_track)


def _read(held: ClipBytes, path: Path, read: Callable[[Path], _Content]) -> _Content | None:
    if blocked(held) is not None or not path.is_file():
        return None
    try:
        return read(path)
    except DerivationError as error:
        _logger.warning("derived file not used", clip=held.clip, reason=str(error))
        return None


def beside_state(session: Session, held: ClipBytes, kind: str) -> Literal["waiting", "failed"]:
    """Return whether what is not there to stand beside the player will still be made; `kind` as work has it."""
    progress = work.find(session, held.sha256, kind)
    return "failed" if progress is not None and progress.state == "failed" else "waiting"


def footage(home: Home, store: LocalStore, held: ClipBytes) -> Footage | None:
    """Return what is played: the original where a browser plays it, else the copy made for it; None: nothing (yet)."""
    if blocked(held) is not None:
        return None
    original = _TYPES.get((held.media, held.container))
    if held.playable == "original" and original is not None:
        path = store.path(held.sha256)
        return Footage(path, original, f'"{held.sha256}"') if path.is_file() else None
    path = layout.proxy_path(home.derived, held.sha256)
    return Footage(path, _PROXY_TYPE, f'"{held.sha256}-proxy"') if path.is_file() else None


def original_type(held: ClipBytes) -> str:
    """Return the type to send an original as, by our own sniff; for one that browsers don't play, plain bytes."""
    return _TYPES.get((held.media, held.container), "application/octet-stream")


def frames(home: Home, store: LocalStore, held: ClipBytes) -> Footage | None:
    """Return the times of the pictures that are played (`station.derive.frames`); None: not there (yet)."""
    if footage(home, store, held) is None:
        return None
    path = layout.frames_path(home.derived, held.sha256)
    return Footage(path, _FRAMES_TYPE, f'"{held.sha256}-frames"') if path.is_file() else None


def frames_state(session: Session, home: Home, store: LocalStore, held: ClipBytes) -> FramesState:
    """Return whether the played video can be stepped frame by frame; `none` where no video is played now."""
    if held.media != "video" or footage(home, store, held) is None:
        return "none"
    if frames(home, store, held) is not None:
        return "ready"
    return beside_state(session, held, FRAMES)


def proxy_progress(session: Session, home: Home, held: ClipBytes) -> tuple[ProxyStage, int]:
    """Return how far the playable copy is, and its per mille; `none` where the original is played or nothing can be."""
    if held.playable != "proxy" or held.media == "photo" or blocked(held) is not None:
        return "none", 0
    if layout.proxy_path(home.derived, held.sha256).is_file():
        return "ready", 1000
    progress = work.find(session, held.sha256, PROXY)
    if progress is None or progress.state == "ready":  # ready, but the file is gone: it will be made again
        return "waiting", 0
    return progress.state, progress.per_mille
