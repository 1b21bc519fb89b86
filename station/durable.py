"""Files that survive a power cut: written under a temporary name, synced, renamed, directory synced.

Guarantees: a reader sees the old content or the new, never a mixture; when a function returns, the change is on
the disk as far as fsync tells. A failed fsync is never retried, since the kernel may have dropped the pages.
"""

import os
import secrets
from pathlib import Path

from station.errors import StorageError


def sync_directory(folder: Path) -> None:
    """Make the names in `folder` durable; raises StorageError."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageError(f"The folder {folder} could not be made durable: {error.strerror}") from error


def make_folder(folder: Path, mode: int = 0o750) -> None:
    """Create `folder` and its missing parents durably; an existing one is left as it is."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    try:
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} could not be made: {error.strerror}") from error
    sync_directory(folder.parent)


def replace_file(path: Path, content: bytes, mode: int = 0o640) -> None:
    """Put `content` at `path` atomically and durably; raises StorageError, leaving the old content in place."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(handle, "wb", closefd=False) as stream:
                stream.write(content)
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path} could not be written: {error.strerror}", kept="Its former content is unchanged"
        ) from error
    sync_directory(path.parent)


def replace_volatile(path: Path, content: bytes, mode: int = 0o640) -> None:
    """Put `content` at `path` atomically without waiting for the disk: for progress, which is not evidence."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    temporary.replace(path)
