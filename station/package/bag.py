"""A BagIt 1.0 bag (RFC 8493) on its way: files hashed while they are written, synced, and named only when whole.

Guarantees: a package is built in a hidden folder beside its name and gets the name by one rename, after every file and
folder was synced, so nothing half-made is ever found under it; a copy whose bytes are not those expected stops the
whole; paths are made of letters, digits, `.`, `_`, `-` and `/` alone (FORMAT.md, Files).
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from station.digest import CHUNK_BYTES, sha256_hex
from station.direct import reread
from station.durable import make_folder, sync_directory
from station.errors import ConflictError, DamagedError, NoSpaceError, ReadbackError, StorageError

DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
SEAL: Final = "seal."
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_UNFINISHED = "unfinished"
_DROP_BYTES = 64 * 1024 * 1024  # given back to the page cache at a time, so that a long copy does not empty it
Show = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the bag: its SHA-256 in hex, its size, and for copies their SHA-512 (for C4 ids)."""

    sha256: str
    size_bytes: int
    sha512: bytes = b""


class Bag:
    """A bag that is being made in the folder `root`; `files` maps the paths written so far to what they are."""

    def __init__(self, root: Path) -> None:
        """Begin in an empty folder."""
        self.root = root
        self.files: dict[str, Written] = {}

    def write(self, path: str, content: bytes, mode: int = 0o644) -> Written:
        """Write a small file and sync it; raises StorageError."""
        with self._created(path, mode) as handle:
            _write_all(handle, content, path)
        return self._note(path, Written(sha256_hex(content), len(content)))

    def copy(
        self, path: str, source: int, *, sha256: str | None, what: str, show: Show = lambda count: None
    ) -> Written:
        """Copy an open file in one pass and sync it; `show` gets the number of bytes of each piece.

        Raises DamagedError naming `what` when the bytes are not those of `sha256` (None: whatever they are),
        StorageError.
        """
        plain, long, size = hashlib.sha256(), hashlib.sha512(), 0
        with self._created(path, 0o644) as handle:
            while piece := _read(source, what):
                plain.update(piece)
                long.update(piece)
                _write_all(handle, piece, path)
                size += len(piece)
                show(len(piece))
                if size % _DROP_BYTES < CHUNK_BYTES:
                    _drop(source, handle, size)
        found = plain.hexdigest()
        if sha256 not in (None, found):
            raise DamagedError(
                f"{what} is damaged: its SHA-256 is {found}, and {sha256} was taken in",
                kept="No package was made, and the vault was not touched",
                hint="Run `station verify` on it; a package is made only of sound originals",
            )
        return self._note(path, Written(found, size, long.digest()))

    def write_tree(self, path: str, folder: Path) -> None:
        """Write all files of a folder under `path`; what is there already must be the same. Raises StorageError."""
        for place in sorted(folder.rglob("*")):
            if place.is_dir() and not place.is_symlink():
                continue
            inner = f"{path}/{place.relative_to(folder).as_posix()}"
            if not stat.S_ISREG(place.lstat().st_mode):
                raise StorageError(f"{place} is no plain file")
            content = place.read_bytes()
            if inner not in self.files:
                self.write(inner, content)
            elif self.files[inner].sha256 != sha256_hex(content):
                raise StorageError(f"{inner} is in the package with other content")

    def close(self, info: Mapping[str, str]) -> str:
        """Write `bagit.txt`, `bag-info.txt` and both manifests; return the SHA-256 of the tag manifest.

        `info` is added to `bag-info.txt` in its order. Every other file has been written by now.
        """
        payload = {path: found for path, found in self.files.items() if path.startswith("data/")}
        size = sum(found.size_bytes for found in payload.values())
        lines = {**info, "Payload-Oxum": f"{size}.{len(payload)}"}
        self.write("bagit.txt", DECLARATION)
        self.write("bag-info.txt", "".join(f"{name}: {_one_line(text)}\n" for name, text in lines.items()).encode())
        self.write(MANIFEST, _manifest(payload))
        tags = {path: found for path, found in self.files.items() if path not in payload and not path.startswith(SEAL)}
        return self.write(TAG_MANIFEST, _manifest(tags)).sha256

    def read_back(self, show: Show = lambda count: None) -> None:
        """Read every file again, past the page cache where the file system lets us; raises ReadbackError, StorageError.

        A stick that forgets is found while the originals are at hand, not in court.
        """
        for path, written in sorted(self.files.items()):
            place = self.root / path
            try:
                handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    found = reread(handle)
                finally:
                    os.close(handle)
            except OSError as error:
                raise StorageError(
                    f"{place} can't be read back: {error.strerror}", kept="No package was made"
                ) from error
            if (found.sha256, found.size_bytes) != (written.sha256, written.size_bytes):
                raise ReadbackError(
                    f"{place} does not come back from the disk as it was written",
                    kept="No package was made; what the station holds was not touched",
                    hint="Use another disk for the package",
                )
            show(written.size_bytes)

    @contextmanager
    def _created(self, path: str, mode: int) -> Iterator[int]:
        if not _PATH.fullmatch(path) or path in self.files:
            raise StorageError(f"{path!r} can't be a name in a package, or is there already")
        place = self.root / path
        make_folder(place.parent, 0o755)
        try:
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
            try:
                _set_mode(handle, mode)
                yield handle
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise _write_error(place, error) from error

    def _note(self, path: str, written: Written) -> Written:
        if not _PATH.fullmatch(path):
            raise StorageError(f"{path!r} can't be a name in a package")
        self.files[path] = written
        return written


@contextmanager
def building(out: Path, name: str) -> Iterator[Bag]:
    """Give a bag that will be `out/name`; `publish` names it, and without that nothing of it is left.

    What a killed run left of the same name is removed. Raises ConflictError when there is something of that name
    already, StorageError.
    """
    make_folder(out, 0o755)
    final = out / name
    _check_free(final)
    _remove_leftovers(out, name)
    root = out / f".{name}.{secrets.token_hex(6)}.{_UNFINISHED}"
    try:
        root.mkdir(mode=0o755)
        lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _write_error(root, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Bag(root)
    finally:
        os.close(lock)
        if root.exists():
            shutil.rmtree(root, ignore_errors=True)


def publish(bag: Bag, out: Path, name: str) -> Path:
    """Give a bag its name, durably; raises ConflictError, StorageError, and then there is nothing of that name."""
    final = out / name
    for folder, _folders, _files in os.walk(bag.root, topdown=False):
        with suppress(PermissionError):
            Path(folder).chmod(0o755)
        sync_directory(Path(folder))
    _check_free(final)
    try:
        bag.root.rename(final)
    except OSError as error:
        raise StorageError(f"{final} could not be named: {error.strerror}", kept="Nothing is left of it") from error
    sync_directory(out)
    return final


def check_space(out: Path, size_bytes: int, reserve_bytes: int = 0) -> None:
    """Check that `size_bytes` fit beside `reserve_bytes` where `out` lies or will lie; raises NoSpaceError."""
    place = out
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        status = os.statvfs(place)
    except OSError as error:
        raise StorageError(f"{place} can't be looked at: {error.strerror}") from error
    free = max(0, status.f_bavail * status.f_frsize - reserve_bytes)
    if size_bytes > free:
        raise NoSpaceError(
            f"The package needs {size_bytes} bytes, but {free} are free in {place}",
            kept="Nothing was written",
            hint="Choose another disk, or make room",
        )


def _manifest(files: Mapping[str, Written]) -> bytes:
    # RFC 8493 section 2.1.3; our paths hold nothing that it wants escaped.
    return "".join(f"{files[path].sha256}  {path}\n" for path in sorted(files, key=str.encode)).encode()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _check_free(final: Path) -> None:
    if final.exists() or final.is_symlink():
        raise ConflictError(f"{final} exists already", kept="It was not touched", hint="Choose another folder")


def _remove_leftovers(out: Path, name: str) -> None:
    for place in out.glob(f".{name}.*.{_UNFINISHED}"):
        with suppress(OSError):
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held: somebody is still at it
                shutil.rmtree(place)
            finally:
                os.close(handle)


def _set_mode(handle: int, mode: int) -> None:
    with suppress(PermissionError):  # a stick's file system may know no modes
        os.fchmod(handle, mode)


def _read(source: int, what: str) -> bytes:
    try:
        return os.read(source, CHUNK_BYTES)
    except OSError as error:
        raise StorageError(f"{what} can't be read: {error.strerror}", kept="No package was made") from error


def _write_all(handle: int, content: bytes, path: str) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def _drop(source: int, handle: int, size: int) -> None:
    with suppress(OSError):
        os.posix_fadvise(source, 0, size, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(handle, 0, size, os.POSIX_FADV_DONTNEED)


_HINTS: Final = {
    errno.ENOSPC: "Choose a larger disk, or make room",
    errno.EFBIG: "FAT32 holds no file of 4 GiB or more: use a disk with exFAT, NTFS or ext4",
    errno.EROFS: "The disk is read-only",
}


def _write_error(place: Path, error: OSError) -> StorageError:
    kind = NoSpaceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(
        f"{place} could not be written: {error.strerror}",
        kept="No package was made; what the station holds was not touched",
        hint=_HINTS.get(error.errno or 0, ""),
    )
