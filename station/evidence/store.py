"""The vault's store: blobs under their SHA-256, written once, never altered, never replaced.

Guarantees: a blob appears under its digest only whole and synced; an existing one is verified before it is trusted
and never overwritten; nothing is written while the vault's identity file is absent or foreign, so an unmounted disk
stops the station instead of filling the mount point; the reserve for log-in, ledger and alarms is not touched.

    <root>/vault.json                      identity
    <root>/originals/<aa>/<sha256>         0440
    <root>/partials/<aa>/<sha256>          incomplete recordings; never count as held
    <root>/quarantine/<sha256>.<random>    bytes that contradicted a damaged blob
    <root>/staging/<docking>/inbox/        the reader's folder; <docking>.lock is held while the docking lives
"""

import fcntl
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from station import clock
from station.digest import is_sha256, new_id, sha256_hex
from station.direct import Reread, reread
from station.durable import make_folder, replace_file, sync_directory
from station.errors import DamagedError, HomeError, NoSpaceError, NotFoundError, StorageError, VaultMissingError

IDENTITY = "vault.json"
_FORMAT = 1
_FOLDERS = ("originals", "partials", "quarantine", "staging")
_MODE = 0o440


class Store(Protocol):
    """What holds originals; a folder on this machine now, an object store later."""

    def adopt(self, staged: Path, sha256: str) -> Path | None:
        """Keep a settled file as an original; raises DamagedError, StorageError."""

    def adopt_partial(self, staged: Path, sha256: str) -> Path | None:
        """Keep a settled but incomplete file; raises DamagedError, StorageError."""

    def put_bytes(self, data: bytes) -> str:
        """Keep small data made here and return its digest; raises DamagedError, StorageError."""

    def exists(self, sha256: str) -> bool:
        """Tell whether there is an original of that digest, without looking inside."""

    def size(self, sha256: str) -> int:
        """Return an original's size in bytes; raises NotFoundError."""

    def open(self, sha256: str) -> int:
        """Open an original for reading and return the descriptor; raises NotFoundError."""

    def as_file(self, sha256: str) -> AbstractContextManager[Path]:
        """Give an original as a local path for as long as the block lasts; raises NotFoundError."""

    def digests(self) -> Iterator[str]:
        """Yield the digests of all originals, in order."""

    def read_back(self, sha256: str) -> Reread:
        """Hash an original as it is on the disk; raises NotFoundError, StorageError."""


@dataclass(frozen=True, slots=True)
class Staging:
    """One docking's folder: the confined reader writes into `inbox`, we settle into `root`."""

    root: Path
    inbox: Path


class LocalStore:
    """A store in a folder of one file system."""

    def __init__(
        self,
        root: Path,
        *,
        identity: str | None = None,
        parser_uid: int | None = None,
        parser_gid: int | None = None,
        reserve_bytes: int = 0,
    ) -> None:
        """Take a vault made by `create`.

        `identity` is the id it must have, None for whichever is there first. `parser_uid` and `parser_gid` are whom
        parsers become when root runs this: they may write into an inbox and read originals. `reserve_bytes` of the
        disk are never used.
        """
        self.root = root
        self._parser_uid = parser_uid
        self.parser_gid = parser_gid
        self._reserve_bytes = reserve_bytes
        self._identity = identity

    @staticmethod
    def create(root: Path) -> str:
        """Make an empty vault and return its id; raises HomeError where there is one, StorageError."""
        if (root / IDENTITY).exists():
            raise HomeError(f"There is a vault in {root} already")
        make_folder(root)
        for name in _FOLDERS:
            make_folder(root / name)
        # All at once, so that taking in never waits for a folder to become durable.
        for number in range(256):
            (root / "originals" / f"{number:02x}").mkdir(mode=0o750, exist_ok=True)
        sync_directory(root / "originals")
        identity = new_id()
        content = {"format": _FORMAT, "made": clock.timestamp(), "vault": identity}
        replace_file(root / IDENTITY, json.dumps(content, sort_keys=True).encode() + b"\n", 0o444)
        return identity

    def check_identity(self) -> str:
        """Return the vault's id; raises VaultMissingError when it is absent, unreadable or another than before."""
        path = self.root / IDENTITY
        try:
            content = json.loads(path.read_bytes())
            identity = content["vault"]
            if content["format"] != _FORMAT or not isinstance(identity, str):
                raise ValueError("unknown format")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VaultMissingError(
                f"The vault's identity file {path} can't be read: {error}",
                kept="Nothing was written",
                hint="Check that the vault's disk is mounted",
            ) from error
        if self._identity not in (None, identity):
            raise VaultMissingError(
                f"The vault in {self.root} is not this station's: it is {identity}, not {self._identity}",
                kept="Nothing was written",
                hint="Check which disk is mounted there",
            )
        self._identity = identity
        return identity

    def adopt(self, staged: Path, sha256: str) -> Path:
        """Keep a settled file as an original under its digest and return its path.

        An existing blob is re-read first. Raises DamagedError when it does not match its name (the new bytes then go
        to quarantine), StorageError; the staged file is then still there.
        """
        return self._adopt(staged, sha256, "originals")

    def adopt_partial(self, staged: Path, sha256: str) -> Path:
        """Keep a settled but incomplete file in partials/; otherwise as `adopt`."""
        return self._adopt(staged, sha256, "partials")

    def put_bytes(self, data: bytes) -> str:
        """Keep small data made here (a card's listing) as an original and return its digest; raises as `adopt`."""
        self.check_identity()
        sha256 = sha256_hex(data)
        with self._staging(new_id()) as staging:
            staged = staging.root / sha256
            replace_file(staged, data, _MODE)
            if self.parser_gid is not None and os.geteuid() == 0:
                os.chown(staged, 0, self.parser_gid)
            self.adopt(staged, sha256)
        return sha256

    def path(self, sha256: str) -> Path:
        """Return where an original of that digest lies or would lie; raises StorageError for what is no digest."""
        return self._place("originals", sha256)

    def partial_path(self, sha256: str) -> Path:
        """Return where a partial of that digest lies or would lie; raises StorageError for what is no digest."""
        return self._place("partials", sha256)

    def exists(self, sha256: str) -> bool:
        """Tell whether there is an original of that digest, without looking inside."""
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Return an original's size in bytes; raises NotFoundError."""
        with self._opened(sha256) as handle:
            return os.fstat(handle).st_size

    def open(self, sha256: str) -> int:
        """Open an original for reading and return the descriptor, the caller's to close; raises NotFoundError."""
        try:
            return os.open(self.path(sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError(f"The vault holds no original {sha256}") from error
        except OSError as error:
            raise StorageError(f"The original {sha256} can't be opened: {error.strerror}") from error

    @contextmanager
    def as_file(self, sha256: str) -> Iterator[Path]:
        """Give an original as a local path for as long as the block lasts; raises NotFoundError."""
        if not self.exists(sha256):
            raise NotFoundError(f"The vault holds no original {sha256}")
        yield self.path(sha256)

    def digests(self) -> Iterator[str]:
        """Yield the digests of all originals, in order."""
        self.check_identity()
        for folder in sorted((self.root / "originals").iterdir()):
            yield from sorted(entry.name for entry in folder.iterdir() if is_sha256(entry.name))

    def read_back(self, sha256: str) -> Reread:
        """Hash an original as it is on the disk; raises NotFoundError, StorageError when it can't be read."""
        with self._opened(sha256) as handle:
            return _reread(handle, sha256)

    def staging(self, docking: str) -> AbstractContextManager[Staging]:
        """Give a docking an empty folder of its own; it and what is left in it go when the block ends."""
        return self._staging(docking)

    def clean_staging(self) -> list[str]:
        """Remove what dockings that are no longer alive left behind, and return their ids; raises StorageError."""
        self.check_identity()
        staging = self.root / "staging"
        removed = []
        for place in sorted(staging.iterdir()):
            if place.suffix == ".lock":
                continue
            with _locked(place.with_name(place.name + ".lock")) as alone:
                if alone:
                    _remove(place)
                    removed.append(place.name)
        return removed

    def free_bytes(self) -> int:
        """Return how many bytes can still be taken in without touching the reserve, never below 0."""
        status = os.statvfs(self.root)
        return max(0, status.f_bavail * status.f_frsize - self._reserve_bytes)

    def reserve(self, size_bytes: int) -> None:
        """Check that `size_bytes` fit beside the reserve; raises NoSpaceError, VaultMissingError."""
        self.check_identity()
        free = self.free_bytes()
        if size_bytes > free:
            raise NoSpaceError(
                f"{size_bytes} bytes do not fit into the vault: {free} are free beside the reserve",
                kept="The recordings are still on the recorder",
                hint="Make room in the vault or enlarge it, then dock again",
            )

    def _place(self, area: str, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise StorageError(f"{sha256!r} is no SHA-256")
        return self.root / area / sha256[:2] / sha256

    @contextmanager
    def _opened(self, sha256: str) -> Iterator[int]:
        handle = self.open(sha256)
        try:
            yield handle
        finally:
            os.close(handle)

    def _adopt(self, staged: Path, sha256: str, area: str) -> Path:
        self.check_identity()
        target = self._place(area, sha256)
        self._make_area(target.parent)
        try:
            with _opened(staged) as handle:
                if stat.S_IMODE(os.fstat(handle).st_mode) != _MODE:
                    os.fchmod(handle, _MODE)
                # The bytes before the name; owner, mode and name follow together, in one commit of the journal.
                os.fdatasync(handle)
                os.link(staged, target, follow_symlinks=False)
                os.fsync(handle)
        except FileExistsError:
            self._trust_existing(staged, target, sha256)
        except OSError as error:
            raise StorageError(f"{staged} can't be linked into the vault as {target}: {error.strerror}") from error
        # Even when the name was there already: whoever linked it may have died before this.
        sync_directory(target.parent)
        staged.unlink()
        return target

    def _make_area(self, folder: Path) -> None:
        make_folder(folder)
        if self.parser_gid is None or os.geteuid() != 0:
            return
        for place in (folder.parent, folder):
            # Confined ffmpeg passes through as the parsers' group; it is shut in to single files besides.
            if place.stat().st_gid != self.parser_gid:
                os.chown(place, 0, self.parser_gid)

    def _trust_existing(self, staged: Path, target: Path, sha256: str) -> None:
        with _opened(target) as handle:
            found = _reread(handle, sha256)
        if found.sha256 == sha256:
            return
        kept = self.root / "quarantine" / f"{sha256}.{secrets.token_hex(6)}"
        staged.rename(kept)
        sync_directory(kept.parent)
        raise DamagedError(
            f"{target} is damaged: its SHA-256 is {found.sha256}",
            kept=f"The bytes just read are kept as {kept}",
            hint="Check the vault's disk; don't erase the recorder",
        )

    @contextmanager
    def _staging(self, docking: str) -> Iterator[Staging]:
        self.check_identity()
        if not docking.isalnum():
            raise StorageError(f"{docking!r} is no id of a docking")
        root = self.root / "staging" / docking
        lock = root.with_name(root.name + ".lock")
        with _locked(lock) as alone:
            if not alone:
                raise StorageError(f"The docking {docking} is under way already")
            inbox = root / "inbox"
            root.mkdir(mode=0o700)
            try:
                inbox.mkdir(mode=0o700)
                if self._parser_uid is not None and os.geteuid() == 0:
                    os.chown(inbox, self._parser_uid, -1 if self.parser_gid is None else self.parser_gid)
                yield Staging(root, inbox)
            finally:
                _remove(root)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock file if nobody else does; a dead holder's lock is free, since the kernel lets go of it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _remove(place: Path) -> None:
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{place} can't be removed: {error.strerror}") from error


def _reread(handle: int, sha256: str) -> Reread:
    try:
        return reread(handle)
    except OSError as error:
        raise StorageError(f"The blob {sha256} can't be read: {error.strerror}") from error
