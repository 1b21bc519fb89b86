"""恢复演练: trying whether a backup can be restored, without touching it or the station.

Guarantees: what is tried is what `station restore` would do, with the same steps, into a scratch place on the station's
own disk, which is removed again however it ends; the footage is read where it lies in the backup, past the page cache,
and each file is compared with what the restored ledger says of it; the result is an entry. A drill that could not be
carried out says nothing of the backup and leaves no entry.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from station import durable
from station.actions.backup_files import MANIFEST, Manifest, check_files, owner_of, read_manifest
from station.actions.held import Held, all_held
from station.actions.problems import ProblemError
from station.actions.rereading import Pace, reread_all
from station.actions.restore import examine, make_log
from station.config import Home
from station.custody import Custody
from station.database import Database, sqlite_url
from station.digest import SHA256, sha256_hex
from station.errors import DamagedError, StationError
from station.ledger import log
from station.ledger.keys import load_verifier
from station.records.disposal_entries import BackupDrilled
from station.records.entries import Actor

SCRATCH = "drill"
_COPIES = 4  # of the backup's database: opened, carried over, projected, and room to work
Show = Callable[[str, int, int], None]


def drill(home: Home, custody: Custody, actor: Actor, folder: Path, pace: Pace, show: Show) -> BackupDrilled:
    """Try the backup in `folder` and enter what came of it.

    `show` is told step (ledger, originals), how many are done and of how many. Raises ProblemError (backup_not_there,
    drill_no_room), BrokenOffError, StorageError.
    """
    if not (folder / MANIFEST).exists():
        raise ProblemError("backup_not_there", f"There is no backup in {folder}")
    clear_scratch(home)
    scratch = home.run / SCRATCH
    show("ledger", 0, 0)
    try:
        found = _restore_and_check(home, actor, folder, scratch, pace, show)
    finally:
        clear_scratch(home)
    entry = BackupDrilled(fact=found, actor=actor)
    custody.append(entry)
    return entry


def clear_scratch(home: Home) -> None:
    """Remove what a drill that was killed left; raises StorageError."""
    with suppress(FileNotFoundError):
        shutil.rmtree(home.run / SCRATCH)


def _restore_and_check(
    home: Home, actor: Actor, folder: Path, scratch: Path, pace: Pace, show: Show
) -> BackupDrilled.Fact:
    digest = sha256_hex((folder / MANIFEST).read_bytes())
    try:
        manifest = read_manifest(folder)
    except DamagedError:
        owner = owner_of(folder)
        if owner is None:
            raise
        return _damaged(owner[0], digest)
    database = folder / manifest.database
    if database.exists() and _COPIES * database.stat().st_size > _room(home):
        raise ProblemError("drill_no_room", f"A drill needs {_COPIES} times the database's size in {home.run}")
    try:
        held = _restore_ledger(home, actor, folder, scratch, manifest)
    except DamagedError:  # that is what a drill is for
        return _damaged(manifest.backup, digest, manifest.log_size, manifest.originals)
    wanted = sorted({(each.partial, each.sha256) for each in held}) if manifest.vault else []
    sound = missing = 0
    paths = [_path(folder, partial, sha256) for partial, sha256 in wanted]
    for number, reading in enumerate(reread_all(((path, ()) for path in paths), pace)):
        sound += reading.found is not None and reading.found.sha256 == reading.path.name
        missing += reading.trouble == "missing"
        show("originals", number + 1, len(paths))
    return BackupDrilled.Fact(
        backup=manifest.backup,
        manifest={SHA256: digest},
        log_size=manifest.log_size,
        ledger=True,
        originals=len(paths),
        sound=sound,
        missing=missing,
    )


def _damaged(backup: str, digest: str, log_size: int = 0, originals: int = 0) -> BackupDrilled.Fact:
    return BackupDrilled.Fact(
        backup=backup,
        manifest={SHA256: digest},
        log_size=log_size,
        ledger=False,
        originals=originals,
        sound=0,
        missing=0,
    )


def _room(home: Home) -> int:
    return shutil.disk_usage(home.run).free - home.settings.reserve_bytes


def _path(folder: Path, partial: bool, sha256: str) -> Path:
    return folder / "vault" / ("partials" if partial else "originals") / sha256[:2] / sha256


def _restore_ledger(home: Home, actor: Actor, folder: Path, scratch: Path, manifest: Manifest) -> list[Held]:
    """Restore all but the footage; return what footage there has to be. Raises DamagedError."""
    check_files(folder, manifest)
    key = load_verifier(folder / "log.vkey")
    durable.make_folder(scratch, 0o700)
    shutil.copyfile(folder / manifest.database, scratch / "old.db")  # opening one may write beside it
    # A key of its own in the scratch place, never on the station's token, and no database but the one there.
    own = {"database_url": "", "vault": "", "key_store": "file", "second_signatures": (), "service_group": ""}
    restored = Home(scratch / "home", home.settings.model_copy(update=own))
    durable.make_folder(restored.root, 0o700)
    old = Database(sqlite_url(scratch / "old.db"))
    try:
        end, pinned = examine(old, key, manifest, "")
        make_log(restored, old, key, end, pinned, actor, new_vault=True)
    finally:
        old.dispose()
    database = Database(restored.database_url)

    def refuse(seq: int | None, error: StationError) -> None:
        raise DamagedError(f"Entry {seq} of the restored ledger can't be read: {error.message}")

    try:
        with database.read() as session:
            size = log.size(session)
        return all_held(database, size, refuse)
    finally:
        database.dispose()
