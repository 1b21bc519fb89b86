"""Where derived files lie, and how they get there.

`derived/<aa>/<sha256>/poster.webp|filmstrip.webp|waveform.json|track.json|proxy.mp4|frames.json|disclosure-<export>.mp4`

Guarantee: a name of the layout holds a whole file or does not exist. What a confined program left is taken only
if it is a plain file of its own, so that a link planted in its place can't make us publish or move another file.
"""

import os
import stat
from pathlib import Path

from station.digest import is_id, is_sha256
from station.durable import make_folder, sync_directory
from station.errors import DerivationError

_WORK = "work"
_MODE = 0o640


def clip_folder(derived: Path, sha256: str) -> Path:
    """Return the folder of everything derived from one original; ValueError if `sha256` is not 64 hex digits."""
    if not is_sha256(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256")
    return derived / sha256[:2] / sha256


def poster_path(derived: Path, sha256: str) -> Path:
    """Return where the poster is or will be: WebP, at most 640 pixels either way."""
    return clip_folder(derived, sha256) / "poster.webp"


def filmstrip_path(derived: Path, sha256: str) -> Path:
    """Return where the filmstrip is or will be: WebP, frames side by side (see `poster`)."""
    return clip_folder(derived, sha256) / "filmstrip.webp"


def waveform_path(derived: Path, sha256: str) -> Path:
    """Return where the loudness over time is or will be: JSON (see `waveform`)."""
    return clip_folder(derived, sha256) / "waveform.json"


def track_path(derived: Path, sha256: str) -> Path:
    """Return where the positions of the recorder are or will be: JSON (see `track`)."""
    return clip_folder(derived, sha256) / "track.json"


def proxy_path(derived: Path, sha256: str) -> Path:
    """Return where the browser-playable copy is or will be: MP4."""
    return clip_folder(derived, sha256) / "proxy.mp4"


def frames_path(derived: Path, sha256: str) -> Path:
    """Return where the times of the pictures that are played are or will be: JSON (see `frames`)."""
    return clip_folder(derived, sha256) / "frames.json"


def disclosure_path(derived: Path, sha256: str, export: str) -> Path:
    """Return where the copy with a caption is or will be that was made for one export: MP4; `export` is an id."""
    if not is_id(export):
        raise ValueError(f"{export!r} is not an id")
    return clip_folder(derived, sha256) / f"disclosure-{export}.mp4"


def work_parent(derived: Path) -> Path:
    """Make and return the folder for work folders: on the same file system as the results, as renaming needs."""
    folder = derived / _WORK
    make_folder(folder)
    return folder


def publish_text(text: str, work: Path, target: Path) -> None:
    """Put a text of ours to its place in the layout by way of the work folder; raises as `publish`."""
    made = work / target.name
    # The folder is the confined program's: what it may have left under this name is not written through.
    made.unlink(missing_ok=True)
    with made.open("x", encoding="utf-8") as file:
        file.write(text)
    publish(made, target)


def publish(made: Path, target: Path) -> None:
    """Move what a confined program made to its place in the layout, durably; the program must have ended.

    Raises DerivationError if there is nothing, or something other than one plain file; StorageError on disk trouble.
    """
    make_folder(target.parent)
    try:
        handle = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size == 0:
                raise DerivationError(f"Instead of {target.name} something else was left behind")
            # Out of the parser's hands and into the hands of whoever reads the folder.
            owner = target.parent.stat()
            if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
                os.fchown(handle, owner.st_uid, owner.st_gid)
            os.fchmod(handle, _MODE)
            os.fsync(handle)
        finally:
            os.close(handle)
        made.replace(target)
    except OSError as error:
        raise DerivationError(f"{target} could not be put in place: {error.strerror}") from error
    sync_directory(target.parent)
