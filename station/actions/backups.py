"""The backups this station knows of, as its ledger tells: what an erasure has to look through.

Guarantee: a backup is entered before its first byte is written, so none is missing here however it was cut short.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

from station import clock
from station.actions.problems import ProblemError
from station.config import Home
from station.custody import Custody, check_parts
from station.database import Session
from station.digest import SHA256
from station.ledger import log
from station.records.disposal_entries import (
    BACKUPS,
    BackupBegun,
    BackupCompleted,
    BackupDrilled,
    BackupForgotten,
    Reason,
)
from station.records.entries import Actor, Entry
from station.records.registry import read_entry


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """A backup: where it lies (None: that was erased), and since when; `log_size` 0: it was never completed.

    `manifest` is the hex SHA-256 of its manifest.json, `drilled` what came of the last drill with it.
    """

    backup: str
    folder: Path | None
    vault: bool
    begun_at: str
    completed_at: str | None = None
    log_size: int = 0
    size_bytes: int = 0
    manifest: str = ""
    drilled: "Drilled | None" = None


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill: when, and how many of the originals that the backup's ledger names were sound in it."""

    at: str
    ledger: bool
    originals: int
    sound: int
    missing: int

    @property
    def whole(self) -> bool:
        """Tell whether all of it was sound."""
        return self.ledger and self.sound == self.originals


def known_backups(session: Session) -> tuple[KnownBackup, ...]:
    """Return the backups that nobody said are gone, oldest first."""
    found: dict[str, KnownBackup] = {}
    for stored in log.subject_entries(session, BACKUPS):
        check_parts(stored)
        match read_entry(stored.seq, stored.type, stored.values()):
            case BackupBegun(fact=fact, names=names):
                folder = Path(names.folder) if names else None
                former = found.get(fact.backup)
                vault = fact.vault or (former is not None and former.vault)
                found[fact.backup] = KnownBackup(
                    fact.backup, folder, vault, stored.time, drilled=former.drilled if former else None
                )
            case BackupCompleted(fact=done) if done.backup in found:
                begun = found[done.backup]
                found[done.backup] = replace(
                    begun,
                    completed_at=stored.time,
                    log_size=done.log_size,
                    size_bytes=done.size_bytes,
                    manifest=done.manifest.get(SHA256, ""),
                )
            case BackupDrilled(fact=tried) if tried.backup in found:
                outcome = Drilled(stored.time, tried.ledger, tried.originals, tried.sound, tried.missing)
                found[tried.backup] = replace(found[tried.backup], drilled=outcome)
            case BackupForgotten(fact=gone):
                found.pop(gone.backup, None)
            case _:
                pass
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Age:
    """How many seconds ago the last whole backup was made, None for never, and how good that is by the settings."""

    seconds: int | None
    grade: Literal["ok", "warn", "bad"]


def age_of(home: Home, known: Sequence[KnownBackup]) -> Age:
    """Return the age of the newest whole backup."""
    made = [each.completed_at for each in known if each.completed_at]
    if not made:
        return Age(None, "warn")
    age = max(timedelta(0), clock.now() - clock.parse_time(max(made)))
    late, bad = timedelta(days=home.settings.backup_warn_days), timedelta(days=home.settings.backup_bad_days)
    return Age(int(age.total_seconds()), "bad" if age > bad else "warn" if age > late else "ok")


def forget_backup(custody: Custody, actor: Actor, backup: str, reason: str) -> None:
    """Enter that a backup was destroyed; raises ProblemError (backup_unknown, reason_missing)."""
    if not reason.strip():
        raise ProblemError("reason_missing", "Giving up a backup needs a reason")

    def compose(session: Session) -> Sequence[Entry]:
        if backup not in {each.backup for each in known_backups(session)}:
            raise ProblemError("backup_unknown", f"There is no backup {backup}")
        text = Reason(reason=reason.strip())
        return (BackupForgotten(fact=BackupForgotten.Fact(backup=backup), text=text, actor=actor),)

    custody.append_from(compose)
