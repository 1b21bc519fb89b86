"""How the station is: disks, encryption, ledger, background work. It changes nothing; the log is sealed on the way."""

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from station import clock
from station.actions import anchors
from station.actions.backups import age_of, known_backups
from station.catalogue.alarms import count_standing
from station.catalogue.amounts import bytes_since
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.errors import LedgerError, StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.sign import Signer
from station.state import hooks, scrubs, work
from station.state.chores import last_runs

Grade = Literal["ok", "warn", "bad"]
AGES = frozenset({"outside_anchor", "last_witness", "last_timestamp", "scrub", "backup"})
"""Findings whose figure is an age in seconds."""
_UNSEALED_BEARABLE = 1000
_CHORES_QUIET = timedelta(minutes=10)  # each chore that ran is noted once a minute
_SCRUB_LATE = 2  # periods
_RATE = timedelta(days=14)
_DAYS_WARN, _DAYS_BAD = 30, 7
_CLOCK_ERROR_MS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `code` is stable, `value` a plain figure or name (sizes in bytes), never a sentence."""

    code: str
    state: Grade
    value: str


def examine(home: Home, database: Database, custody: Custody, store: LocalStore) -> tuple[Finding, ...]:
    """Return the findings, the worst marked `bad`: vault, space, encryption, signer, log, alarms, anchors, chores."""
    return (
        _vault(store),
        *_space(home, database, store),
        _encryption(home),
        _clock(),
        _signer(custody),
        _key(home),
        *_database(database),
        _outside_anchor(home, database),
        *_anchors(home, database),
        _backup(home, database),
        _chores(database),
        *_scrub(home, database),
        _hooks(database),
        Finding("database", "ok", "SQLite" if database.is_sqlite else "PostgreSQL"),
        _programs(),
        Finding("checked_at", "ok", clock.timestamp()),
    )


def _vault(store: LocalStore) -> Finding:
    try:
        return Finding("vault", "ok", "yes" if store.check_identity() else "no")
    except StationError:
        return Finding("vault", "bad", "no")


def _space(home: Home, database: Database, store: LocalStore) -> tuple[Finding, ...]:
    """Tell the room in bytes, and for how many days it lasts at the rate of the last fortnight."""
    try:
        free = store.free_bytes()
    except OSError:
        return (Finding("free_bytes", "bad", ""),)
    grade: Grade = "bad" if free == 0 else "warn" if free < 10 * max(home.settings.reserve_bytes, 1 << 30) else "ok"
    with database.read() as session:
        grown = bytes_since(session, clock.format_time(clock.now() - _RATE))
    if not grown:
        return (Finding("free_bytes", grade, str(free)), Finding("days_left", "ok", "nothing_lately"))
    usable = max(0, free - home.settings.reserve_bytes)
    days = int(usable * _RATE.days // grown)
    lasting: Grade = "bad" if days < _DAYS_BAD else "warn" if days < _DAYS_WARN else "ok"
    return (Finding("free_bytes", grade, str(free)), Finding("days_left", lasting, str(days)))


def _encryption(home: Home) -> Finding:
    """Tell whether the vault's file system lies on LUKS, by the device mapper's name for it."""
    try:
        device = os.stat(home.vault).st_dev  # noqa: PTH116  the device number is what is asked
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/dm/uuid").read_text(encoding="ascii")
    except OSError:
        name = ""
    encrypted = name.startswith("CRYPT-LUKS")
    return Finding("encryption", "ok" if encrypted else "warn", "LUKS" if encrypted else "no")


def _clock() -> Finding:
    """Tell by how many milliseconds the host's clock may be off, where it follows a time source."""
    kernel = clock.kernel_clock()
    if not kernel.synchronised:
        return Finding("clock", "warn", "not_synchronised")
    return Finding("clock", "ok" if kernel.error_ms < _CLOCK_ERROR_MS else "warn", str(kernel.error_ms))


def _signer(custody: Custody) -> Finding:
    try:
        custody.seal()
    except LedgerError:
        return Finding("signer", "bad", "no")
    return Finding("signer", "ok", "yes")


def _key(home: Home) -> Finding:
    """Tell where the log's private key is kept: `file`, `sealed` by systemd, or `pkcs11`."""
    try:
        store = str(Signer(home).describe()["store"])
    except (LedgerError, KeyError):
        return Finding("log_key", "bad", "")
    return Finding("log_key", "ok", store)


def _database(database: Database) -> tuple[Finding, ...]:
    with database.read() as session:
        size = log.head(session).size
        checkpoint = log.latest_checkpoint(session)
        jobs = work.counts(session)
        alarms = count_standing(session)
    unsealed = size - (checkpoint.size if checkpoint else 0)
    return (
        Finding("ledger_size", "ok", str(size)),
        Finding("unsealed", "ok" if unsealed < _UNSEALED_BEARABLE else "warn", str(unsealed)),
        Finding("queue", "ok", str(jobs.get("waiting", 0) + jobs.get("running", 0))),
        Finding("work_failed", "warn" if jobs.get("failed") else "ok", str(jobs.get("failed", 0))),
        Finding("alarms", "warn" if alarms else "ok", str(alarms)),
    )


def _outside_anchor(home: Home, database: Database) -> Finding:
    """Tell how many seconds old the last outside anchor is; a word where there is none, or a witness stopped us."""
    try:
        with database.read() as session:
            found = anchors.age(home, session)
    except StationError:
        return Finding("outside_anchor", "bad", "unknown")
    if found.halted:
        return Finding("outside_anchor", "bad", "halted")
    word = "never" if found.configured else "not_set_up"
    return Finding("outside_anchor", found.grade, word if found.seconds is None else str(found.seconds))


def _anchors(home: Home, database: Database) -> tuple[Finding, ...]:
    """Tell how many seconds old the last anchor of each kind is that is set up."""
    with database.read() as session:
        found = anchors.ages(home, session)
    codes = {"cosignature": "last_witness", "timestamp": "last_timestamp"}
    return tuple(
        Finding(codes[kind], age.grade, "never" if age.seconds is None else str(age.seconds))
        for kind, age in found.items()
    )


def _backup(home: Home, database: Database) -> Finding:
    """Tell how many seconds ago the last whole backup was made, by the ledger."""
    with database.read() as session:
        age = age_of(home, known_backups(session))
    return Finding("backup", age.grade, "never" if age.seconds is None else str(age.seconds))


def _chores(database: Database) -> Finding:
    """Tell whether what the clock starts is alive (`station tend`), and name the chores that failed last."""
    with database.read() as session:
        runs = last_runs(session)
    if not runs:
        return Finding("chores", "warn", "never")
    newest = max(clock.parse_time(run.ended_at) for run in runs.values())
    if clock.now() - newest > _CHORES_QUIET:
        return Finding("chores", "bad", "stopped")
    failed = sorted(name for name, run in runs.items() if run.problem is not None)
    return Finding("chores", "warn" if failed else "ok", " ".join(failed) or "running")


def _hooks(database: Database) -> Finding:
    """Tell how many systems that want to know of events are not told at present (webhooks)."""
    with database.read() as session:
        found = hooks.list_all(session)
    failing = [hook for hook in found if hook.state != "ok"]
    grade: Grade = "bad" if any(hook.state == "dead" for hook in found) else "warn" if failing else "ok"
    return Finding("hooks", grade, str(len(failing)) if found else "no_hooks")


def _scrub(home: Home, database: Database) -> tuple[Finding, ...]:
    """Tell how many seconds ago the whole vault had been re-read, where that is asked for, and what it found."""
    days = home.settings.scrub_days
    if not days:
        return (Finding("scrub", "warn", "off"),)
    with database.read() as session:
        progress = scrubs.load(session)
    if progress is None or progress.last_pass_at is None:
        return (Finding("scrub", "ok", "under_way"),)
    age = max(0.0, (clock.now() - clock.parse_time(progress.last_pass_at)).total_seconds())
    late = age > _SCRUB_LATE * days * 86400
    grade: Grade = "bad" if progress.last_damaged else "warn" if late or progress.last_unchecked else "ok"
    return (Finding("scrub", grade, str(int(age))), Finding("scrub_damaged", grade, str(progress.last_damaged)))


def _programs() -> Finding:
    missing = [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]
    return Finding("programs", "warn" if missing else "ok", ", ".join(missing) or "ffmpeg")
