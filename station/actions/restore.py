"""`station restore`: a new home out of a backup, with a new log that continues the old one.

Guarantees: a new origin and a new key, so that nothing an old database says can ever be signed a second time under the
old one; the first record pins the old log's last known checkpoint, and all that the backup holds of it is carried over
record by record (FORMAT.md, Continuation) and lies readable in `continued/`. A backup that is damaged is refused. The
new home is a home only when its settings are there, which come last: a restore cut short is begun anew, and neither
the backup nor the old home is ever written to.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from station import __version__, durable
from station.actions.backup import Way, copy_blob
from station.actions.backup_files import Manifest, check_files, read_manifest
from station.actions.setup import create_tables
from station.config import Home, load_home, read_settings
from station.custody import Custody, rebuild
from station.database import Database, sqlite_url
from station.digest import is_sha256
from station.errors import ConflictError, DamagedError, HomeError, LedgerError
from station.evidence.opening import create_store
from station.evidence.store import IDENTITY, LocalStore
from station.ledger import log
from station.ledger.audit_source import audit_database
from station.ledger.continuation import carry, export_continued, root_of
from station.ledger.keys import load_verifier, new_origin
from station.ledger.note import Checkpoint, VerifierKey, verify_checkpoint
from station.ledger.sign import create_home_key
from station.records.entries import Actor
from station.records.log_entries import LogContinues
from station.state.copying import copy_state

MARK = "restore.unfinished"
_WORK = "restore.work"


@dataclass(frozen=True, slots=True)
class Restored:
    """The new home, its log's origin, how many entries it carries, and how many the old log had beyond them."""

    home: Home
    origin: str
    continued: str
    carried: int
    lost: int
    originals: int


def restore(
    backup: Path,
    root: Path,
    actor: Actor,
    *,
    vault: Path | None = None,
    way: Way = "copy",
    database_url: str = "",
    last_checkpoint: str = "",
) -> Restored:
    """Make a home in `root` out of the backup in a folder.

    `vault` is an existing vault to go on with, else the backup's originals are copied or linked (`way`) into a new one.
    `database_url` is where the new database goes, SQLite in the home if empty. `last_checkpoint` is the text of a later
    checkpoint of the old log, from a receipt, a witness or the old signer's memory, which is pinned instead.

    Raises ConflictError where something lives in `root`, NotFoundError, DamagedError, HomeError, StorageError.
    """
    manifest = read_manifest(backup)
    _begin(root)
    check_files(backup, manifest)
    key = load_verifier(backup / "log.vkey")
    work = root / _WORK
    durable.make_folder(work, 0o700)
    shutil.copyfile(backup / manifest.database, work / "old.db")  # opening one may write beside it
    old = Database(sqlite_url(work / "old.db"))
    try:
        end, pinned = examine(old, key, manifest, last_checkpoint)
        settings = _settings(backup, root, vault, database_url)
        home = Home(root, read_settings(settings, root / "station.toml"))
        origin = make_log(home, old, key, end, pinned, actor, new_vault=vault is None)
    finally:
        old.dispose()
    if (backup / "continued").is_dir():
        shutil.copytree(backup / "continued", root / "continued", dirs_exist_ok=True, copy_function=shutil.copyfile)
    originals = _bring_footage(backup, home, way) if vault is None else 0
    _finish(root, settings)
    home = load_home(root)
    database = Database(home.database_url)
    try:
        Custody(home, database).seal()
    finally:
        database.dispose()
    return Restored(home, origin, key.name, end, max(0, pinned.size - end), originals)


def _begin(root: Path) -> None:
    """Make sure that nothing lives in `root` but what an unfinished restore left, and clear that away."""
    if (root / "station.toml").exists():
        raise ConflictError(
            f"There is a station in {root} already", kept="It was not touched", hint="Name another folder with --home"
        )
    if root.exists() and any(root.iterdir()) and not (root / MARK).exists():
        raise HomeError(f"{root} is not empty", kept="It was not touched", hint="Name another folder with --home")
    durable.make_folder(root)
    durable.replace_file(root / MARK, b"a restore was begun here and has not ended\n")
    for path in sorted(root.iterdir()):
        if path.name not in (MARK, "vault"):  # footage that was brought already is verified, not brought again
            _remove(path)
    (root / "vault" / IDENTITY).unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def examine(old: Database, key: VerifierKey, manifest: Manifest, last_checkpoint: str) -> tuple[int, Checkpoint]:
    """Audit the old log; return how many entries there are and the checkpoint to pin; raises DamagedError."""
    audit = audit_database(old, key)
    if not audit.sound:
        raise DamagedError(
            f"The backup's ledger is damaged: {audit.findings[0].message}",
            kept="Nothing was restored",
            hint="Take an older backup, or one from another place",
        )
    with old.read() as session:
        stored, end = log.latest_checkpoint(session), log.size(session)
        if stored is None or end != manifest.log_size:
            raise DamagedError(
                "The backup's database is not the one its manifest tells of", kept="Nothing was restored"
            )
        pinned = verify_checkpoint(last_checkpoint, key) if last_checkpoint else stored
        if pinned.size < stored.size:
            pinned = stored
        if pinned.size <= end and log.root_at(session, pinned.size) != pinned.root:
            raise DamagedError(
                f"The checkpoint of {pinned.size} entries is not of the log in the backup",
                kept="Nothing was restored",
                hint="One of them is of a history that never was: find out which before anything else",
            )
    return end, pinned


def _settings(backup: Path, root: Path, vault: Path | None, database_url: str) -> str:
    """Return the old settings with what names places of the old home changed."""
    text = (backup / "station.toml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.lstrip().startswith(("database_url", "vault"))]
    new = []
    if database_url:
        new.append(f"database_url = {_quoted(database_url)}")
    if vault is not None:
        new.append(f"vault = {_quoted(str(vault.absolute()))}")
    return "\n".join([*new, *kept]) + "\n"  # before any [table]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_log(
    home: Home, old: Database, key: VerifierKey, end: int, pinned: Checkpoint, actor: Actor, *, new_vault: bool
) -> str:
    """Make key, database and catalogue of a new home, whose log carries the old one; returns the new origin."""
    durable.make_folder(home.derived)
    durable.make_folder(home.run)
    origin = new_origin(key.name.partition("/")[0])
    create_home_key(home, origin)
    if new_vault:
        create_store(home)
    else:
        _adopt_vault(home)
    database = Database(home.database_url)
    try:
        create_tables(database)
        with database.read() as session:
            if log.size(session):
                raise ConflictError("The new database holds a log already", kept="It was not touched")
        if database.is_sqlite and not home.settings.database_url:
            (home.root / "station.db").chmod(0o640)
        with old.read() as source:
            fact = LogContinues.Fact(
                origin=origin,
                software=f"evidence-station {__version__}",
                vkey=str(key),
                checkpoint=pinned.note,
                carried=end,
                root=root_of(source, end).hex(),
            )
            with database.write() as target:
                log.append(target, [LogContinues(fact=fact, actor=actor).draft()], origin=origin)
                carry(source, target, origin=origin, end=end)
                log.drop_erased_parts(target)
                copy_state(source, target)
            export_continued(source, home.root / "continued" / key.name.rpartition("/")[2], str(key), end)
        rebuild(database)
    finally:
        database.dispose()
    return origin


def _adopt_vault(home: Home) -> None:
    """Go on with a vault that is there: remember its id, which the station checks from now on."""
    identity = LocalStore(home.vault).check_identity()
    durable.replace_file(home.root / "vault.id", f"{identity}\n".encode())


def _bring_footage(backup: Path, home: Home, way: Way) -> int:
    count = 0
    for area in ("originals", "partials"):
        for path in sorted((backup / "vault" / area).glob("[0-9a-f][0-9a-f]/*")):
            target = home.vault / area / path.parent.name / path.name
            if not is_sha256(path.name):
                continue
            count += 1
            if target.exists():
                continue
            durable.make_folder(target.parent)
            if way == "copy" or not _link(path, target):
                copy_blob(path, target, path.name)
            durable.sync_directory(target.parent)
    return count


def _link(path: Path, target: Path) -> bool:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _finish(root: Path, settings: str) -> None:
    """Turn the folder into a home: the settings last, and then the mark goes."""
    work = root / _WORK
    shutil.rmtree(work, ignore_errors=True)
    durable.replace_file(root / "station.toml", settings.encode())
    (root / MARK).unlink(missing_ok=True)
    durable.sync_directory(root)


def newest_checkpoint(text: str) -> str:
    """Return the checkpoint out of a file: a note as such, or the signer's memory of the old home."""
    if text.lstrip().startswith("{"):
        try:
            return str(json.loads(text)["note"])
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"There is no checkpoint in this file: {error}") from error
    return text
