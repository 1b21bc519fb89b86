"""How fast the ledger takes entries, and how fast it is audited and proven.

Each function works in a folder that the caller gives and may throw away; the disk it lies on is what is measured,
since every transaction is on the disk when it returns. Nothing here judges; figures are per second of wall time.
"""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station import clock
from station.config import Home, Settings
from station.database import Database, sqlite_url
from station.ledger import log, tables
from station.ledger.audit_source import audit_database
from station.ledger.extract import prove_entries
from station.ledger.keys import new_origin
from station.ledger.sign import Signer, create_home_key
from station.records.draft import Draft

ENTRIES = 1_000_000
_PROOFS = 300
GROUP = 100
_FILLING = 1000  # entries a transaction where only the result counts


@dataclass(frozen=True, slots=True)
class Rate:
    """`entries` handled in `seconds`."""

    entries: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Entries per second."""
        return self.entries / self.seconds


def append_single(folder: Path, entries: int = 300) -> Rate:
    """Append one entry a transaction, each on the disk before the next, not signed."""
    return _append(folder, entries, 1)


def append_grouped(folder: Path, entries: int = 20_000) -> Rate:
    """Append 100 entries a transaction."""
    return _append(folder, entries, GROUP)


def append_signed(folder: Path, entries: int = 100) -> Rate:
    """Append one entry a transaction and have a checkpoint over it signed and stored before the next."""
    home, database = _new_log(folder)
    signer = Signer(home)
    signer.checkpoint(database)  # starting the signer is not what is measured
    start = clock.monotonic()
    for number in range(entries):
        _fill(database, signer.origin, number, 1)
        signer.checkpoint(database)
    return Rate(entries, clock.monotonic() - start)


@dataclass(frozen=True, slots=True)
class LargeLog:
    """A log of many entries: its audit, that process's peak memory in MB, one proof in ms, and the load meanwhile."""

    audit: Rate
    memory_mb: float
    proof_median_ms: float
    proof_p95_ms: float
    load: float


def large_log(folder: Path, entries: int = ENTRIES) -> LargeLog:
    """Fill a log, audit it, which must find it sound, and prove entries of it, each as if it were the only one."""
    home, database = _new_log(folder)
    signer = Signer(home)
    for first in range(0, entries, _FILLING):
        _fill(database, signer.origin, first, min(_FILLING, entries - first))
    note = signer.checkpoint(database).note
    start = clock.monotonic()
    outcome = audit_database(database, signer.key, note)
    seconds = clock.monotonic() - start
    assert outcome.sound, outcome.findings
    assert outcome.signed_size == entries
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = sorted(_prove(database, seq * entries // _PROOFS) for seq in range(_PROOFS))
    return LargeLog(
        Rate(entries, seconds),
        memory_mb,
        proof_median_ms=took[_PROOFS // 2],
        proof_p95_ms=took[_PROOFS * 95 // 100],
        load=os.getloadavg()[0],
    )


def _prove(database: Database, seq: int) -> float:
    start = clock.monotonic()
    with database.read() as session:
        checkpoint = log.latest_checkpoint(session)
        assert checkpoint is not None
        prove_entries(session, [seq], checkpoint)
    return (clock.monotonic() - start) * 1000


def _append(folder: Path, entries: int, group: int) -> Rate:
    home, database = _new_log(folder)
    origin = Signer(home).origin
    _fill(database, origin, 0, group)
    start = clock.monotonic()
    for first in range(group, group + entries, group):
        _fill(database, origin, first, group)
    return Rate(entries, clock.monotonic() - start)


def _new_log(folder: Path) -> tuple[Home, Database]:
    folder.mkdir(parents=True)
    (folder / "station.toml").touch()
    home = Home(folder, Settings())
    create_home_key(home, new_origin())
    database = Database(sqlite_url(folder / "station.db"))
    tables.create_tables(database)
    return home, database


def _fill(database: Database, origin: str, first: int, count: int) -> None:
    with database.write() as session:
        log.append(session, list(_drafts(first, count)), origin=origin)


def _drafts(first: int, count: int) -> Iterator[Draft]:
    # About as long as the entry of a clip taken in, each third about the same clip.
    for number in range(first, first + count):
        yield Draft(
            "clip.ingested",
            (f"clip:{number // 3:026d}", f"docking:{number // 60:026d}"),
            {
                "fact": {
                    "digests": {"sha256": f"{number:064x}"},
                    "size_bytes": 100_000_000 + number,
                    "readback": "direct",
                },
                "names": {"file": f"张三_20260804_{number:06d}.mp4", "recorder": "DSJ-A1-0001"},
            },
        )
