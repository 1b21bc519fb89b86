"""`station backup`: a consistent copy of database, settings and public key, and of the footage where wanted.

Guarantees: entered in the ledger before its first byte, so that every later erasure knows of it; never holds the key,
the signer's memory, or of local state more than `station.state.copying` names; it has the footage of all its entries;
the signer has agreed to the database before it is copied, so a database that was rolled back or
changed never takes a good backup's place; brought up to date in place, and whole again after a kill at any point.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from station import clock, durable
from station.actions.backup_files import (
    OWNER,
    File,
    Manifest,
    file_of,
    new_database_name,
    owner_of,
    write_manifest,
)
from station.actions.backups import known_backups
from station.actions.gone import gone_from
from station.actions.problems import ProblemError
from station.config import Home
from station.custody import Custody
from station.database import Database, Session, sqlite_url
from station.digest import SHA256, is_sha256, new_id
from station.errors import DamagedError, StorageError
from station.evidence.removing import remove_file
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.copying import copy_ledger
from station.ledger.tables import create_tables as create_ledger
from station.ledger.tables import metadata as ledger_tables
from station.records.disposal_entries import BackupBegun, BackupCompleted
from station.records.entries import Actor, Entry
from station.state.copying import KEPT_TABLES, copy_state
from station.state.tables import create_tables as create_state

Way = Literal["link", "copy"]
Step = Literal["database", "footage"]
Show = Callable[[Step, int, int], None]
"""Told between files how many bytes of a step are done, of how many; it may wait, or raise to break off."""
LOCK_FILE = "backup.lock"
_AREAS = ("originals", "partials")
_PIECES = ("station.toml", "vault.id", "log.vkey")
_BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BackupDone:
    """A whole backup: how many entries it has, how many files were written for it now, and all their bytes."""

    backup: str
    folder: Path
    log_size: int
    files: int
    size_bytes: int


def make_backup(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    actor: Actor,
    folder: Path,
    *,
    vault: Way | None = None,
    show: Show = lambda step, done, total: None,
) -> BackupDone:
    """Make a backup in `folder`, or bring the one there up to date; with `vault` the footage too, by link or copy.

    Raises ProblemError (backup_folder_taken: it holds something else, backup_inside_home), SignerRefusedError,
    StorageError, DatabaseError, DamagedError when an original is not what its name says.
    """
    folder = folder.absolute()
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise ProblemError("backup_inside_home", "A backup inside of the home would go down with it")
    with _alone(home):
        backup = _begin(custody, database, actor, folder, vault is not None)
        written = 0

        def bring() -> None:
            nonlocal written
            written = _copy_vault(store, folder, vault, show) if vault else 0

        show("database", 0, 0)
        manifest, digest = _write(home, database, custody, folder, backup, bring)
        done = BackupDone(
            backup,
            folder,
            manifest.log_size,
            written + len(manifest.files),
            manifest.originals_bytes + sum(each.size_bytes for each in manifest.files.values()),
        )
        fact = BackupCompleted.Fact(
            backup=backup,
            log_size=manifest.log_size,
            files=manifest.originals + len(manifest.files),
            size_bytes=done.size_bytes,
            manifest={SHA256: digest},
        )
        custody.append(BackupCompleted(fact=fact))
    return done


def clear_backup(home: Home, database: Database, custody: Custody, folder: Path, backup: str) -> bool:
    """Write a backup anew so that it holds nothing any more that is erased or disposed of; False if it isn't there.

    It is brought up to date by that, else it could not say why something is missing. Raises what `make_backup` does.
    """
    owner = owner_of(folder)
    if owner is None or owner[0] != backup:
        return False
    with _alone(home):
        with database.read() as session:
            gone = gone_from(session)
        for sha256, path in _blobs(folder):
            if sha256 in gone.digests:
                remove_file(path)
        _write(home, database, custody, folder, backup)
    return True


def _begin(custody: Custody, database: Database, actor: Actor, folder: Path, vault: bool) -> str:
    """Find or choose the folder's id, and enter that it is written to now."""
    owner, origin = owner_of(folder), custody.origin
    if owner is not None and owner[1] != origin:
        raise ProblemError("backup_folder_taken", f"{folder} holds a backup of another log: {owner[1]}")
    if owner is None and folder.exists() and any(folder.iterdir()):
        raise ProblemError("backup_folder_taken", f"{folder} is not empty and holds no backup")
    chosen = owner[0] if owner else ""

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal chosen
        if not chosen:  # one that was entered and killed before it wrote anything
            begun = (each for each in known_backups(session) if each.folder == folder and each.completed_at is None)
            chosen = next((each.backup for each in begun), new_id())
        names = BackupBegun.Names(folder=str(folder))
        return (BackupBegun(fact=BackupBegun.Fact(backup=chosen, vault=vault), names=names, actor=actor),)

    custody.append_from(compose)
    durable.make_folder(folder, 0o700)
    if owner is None:
        content = f'{{"backup": "{chosen}", "origin": "{origin}"}}\n'
        durable.replace_file(folder / OWNER, content.encode())
    return chosen


def _write(
    home: Home,
    database: Database,
    custody: Custody,
    folder: Path,
    backup: str,
    bring: Callable[[], None] = lambda: None,
) -> tuple[Manifest, str]:
    """Write database and settings, `bring` the footage, then write the manifest; returns it and its digest.

    The footage comes after the database, so that what is taken in meanwhile is never in the ledger's copy alone.
    """
    checkpoint = custody.seal()  # refused when the database is not the one that was signed
    name = new_database_name()
    size = _copy_database(database, folder / name)
    files = {name: file_of(folder / name)}
    for piece in _PIECES:
        if (home.root / piece).exists():
            durable.replace_file(folder / piece, (home.root / piece).read_bytes(), 0o600)
            files[piece] = file_of(folder / piece)
    durable.replace_file(folder / "checkpoint", checkpoint.note.encode())
    files["checkpoint"] = file_of(folder / "checkpoint")
    files |= _copy_continued(home, folder)
    bring()
    blobs = [path.stat().st_size for _, path in _blobs(folder)]
    manifest = Manifest(
        backup=backup,
        origin=custody.origin,
        log_size=size,
        checkpoint=checkpoint.note,
        made_at=clock.timestamp(),
        database=name,
        vault=bool(blobs),
        originals=len(blobs),
        originals_bytes=sum(blobs),
        files=files,
    )
    return manifest, write_manifest(folder, manifest)


def _copy_database(database: Database, path: Path) -> int:
    """Copy ledger and state as they are at one moment; returns the number of entries."""
    if database.is_sqlite:
        database.copy_to(path, {*ledger_tables.tables, *KEPT_TABLES})
    copy = Database(sqlite_url(path))
    try:
        if not database.is_sqlite:
            create_ledger(copy)
            create_state(copy)
            with database.read() as source, copy.write() as target:
                copy_ledger(source, target)
                copy_state(source, target)
        with copy.read() as session:
            size = log.size(session)
    finally:
        copy.dispose()
    path.chmod(0o600)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    durable.sync_directory(path.parent)
    return size


def _copy_continued(home: Home, folder: Path) -> dict[str, File]:
    files = {}
    for path in sorted((home.root / "continued").rglob("*")):
        if path.is_file():
            name = str(path.relative_to(home.root))
            durable.make_folder((folder / name).parent, 0o700)
            if not (folder / name).exists():
                durable.replace_file(folder / name, path.read_bytes(), 0o600)
            files[name] = file_of(folder / name)
    return files


def _copy_vault(store: LocalStore, folder: Path, way: Way, show: Show) -> int:
    """Copy what is not there yet; what the station has no more stays, unless the ledger says why it is gone."""
    store.check_identity()
    wanted, total = list[tuple[Path, Path, int]](), 0
    for area in _AREAS:
        for path in sorted((store.root / area).glob("[0-9a-f][0-9a-f]/*")):
            target, size = folder / "vault" / area / path.parent.name / path.name, path.stat().st_size
            if is_sha256(path.name) and not (target.exists() and target.stat().st_size == size):
                wanted.append((path, target, size))
                total += size
    done = 0
    for path, target, size in wanted:
        show("footage", done, total)
        durable.make_folder(target.parent, 0o700)
        target.unlink(missing_ok=True)
        if way == "copy" or not _link(path, target):
            copy_blob(path, target, path.name)
        durable.sync_directory(target.parent)
        done += size
    return len(wanted)


def _link(path: Path, target: Path) -> bool:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:  # another file system, or one without links
        return False
    return True


def copy_blob(path: Path, target: Path, sha256: str) -> None:
    """Copy an original to a new name, hashing what was written; raises DamagedError, StorageError."""
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with path.open("rb") as source, temporary.open("xb") as stream:
            shutil.copyfileobj(source, stream, _BLOCK_BYTES)
            stream.flush()
            os.fsync(stream.fileno())
        if file_of(temporary).sha256 != sha256:
            raise DamagedError(f"{path} is damaged: its bytes are not those its name says", kept="It stays where it is")
        temporary.chmod(0o440)
        temporary.replace(target)
    except OSError as error:
        raise StorageError(f"{path} can't be copied to {target}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _blobs(folder: Path) -> Iterator[tuple[str, Path]]:
    for area in _AREAS:
        for path in sorted((folder / "vault" / area).glob("[0-9a-f][0-9a-f]/*")):
            if is_sha256(path.name):
                yield path.name, path


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    durable.make_folder(home.run)
    path = home.run / LOCK_FILE
    # Another user's file in a sticky folder may be opened, but not as one to be created (fs.protected_regular).
    flags = os.O_RDWR | os.O_CLOEXEC | (0 if path.exists() else os.O_CREAT)
    handle = os.open(path, flags, 0o660)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
