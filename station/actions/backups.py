"""The backups this station knows of, as its ledger tells: what an erasure has to look through.

Guarantee: a backup is entered before its first byte is written, so none is missing here however it was cut short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from station.actions.problems import ProblemError
from station.custody import Custody, check_parts
from station.database import Session
from station.ledger import log
from station.records.disposal_entries import BACKUPS, BackupBegun, BackupCompleted, BackupForgotten, Reason
from station.records.entries import Actor, Entry
from station.records.registry import read_entry


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """A backup: where it lies (None: that was erased), and since when; `log_size` 0: it was never completed."""

    backup: str
    folder: Path | None
    vault: bool
    begun_at: str
    completed_at: str | None = None
    log_size: int = 0


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
                found[fact.backup] = KnownBackup(fact.backup, folder, vault, stored.time)
            case BackupCompleted(fact=done) if done.backup in found:
                begun = found[done.backup]
                found[done.backup] = KnownBackup(
                    begun.backup, begun.folder, begun.vault, begun.begun_at, stored.time, done.log_size
                )
            case BackupForgotten(fact=gone):
                found.pop(gone.backup, None)
            case _:
                pass
    return tuple(found.values())


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
