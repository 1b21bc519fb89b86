"""How long it takes to have an entry appended, signed, and cosigned by two witnesses on this machine.

Two witnesses are processes of their own, each with a folder on the same disk, asked over loopback and at the same time
as a station asks them. What is measured: one transaction with one entry, the signer's checkpoint, both cosignatures
verified and kept in the ledger, all of it on the disk, before the next begins.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ledger import _drafts
from station import clock
from station.config import Home, load_home
from station.custody import Custody
from station.database import Database, sqlite_url
from station.ledger import log, tables
from station.ledger.keys import new_origin
from station.ledger.sign import Signer, create_home_key, home_verifier
from station.ledger.witness_state import WitnessFolder
from station.stages.anchoring import gather_anchors

BUDGET_MS = 50.0
ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Anchored:
    """Milliseconds an entry: half of them take no longer than `median_ms`, 95 % no longer than `p95_ms`."""

    median_ms: float
    p95_ms: float


def append_cosigned(folder: Path, entries: int = ENTRIES) -> Anchored:
    """Append `entries`, each signed and cosigned by two witnesses before the next."""
    home, database = _new_log(folder)
    signer = Signer(home)
    signer.checkpoint(database)
    with ExitStack() as stack:
        settings = []
        for number in range(2):
            url, vkey = stack.enter_context(_witness(folder / f"w{number}", home))
            settings.append(f'[[witnesses]]\nurl = "{url}"\nvkey = "{vkey}"\n')
        (folder / "station.toml").write_text("\n".join(settings))
        home = load_home(folder)
        custody = Custody(home, database)
        gather_anchors(home, database, custody)  # connections are set up once
        taken = []
        for number in range(entries):
            start = clock.monotonic()
            with database.write() as session:
                log.append(session, list(_drafts(number, 1)), origin=signer.origin)
            done = gather_anchors(home, database, custody)
            taken.append((clock.monotonic() - start) * 1000)
            assert not done.failed and len(done.attempts) == 2, done.attempts
    database.dispose()
    return Anchored(statistics.median(taken), statistics.quantiles(taken, n=20)[-1])


def load() -> float:
    """Return how many processes wanted a processor in the last minute: figures of a busy machine mean little."""
    return os.getloadavg()[0]


def _new_log(folder: Path) -> tuple[Home, Database]:
    folder.mkdir(parents=True)
    (folder / "station.toml").touch()
    home = load_home(folder)
    create_home_key(home, new_origin())
    database = Database(sqlite_url(folder / "station.db"))
    tables.create_tables(database)
    with database.write() as session:
        log.append(session, list(_drafts(0, 1)), origin=home_verifier(home).name)
    return home, database


@contextmanager
def _witness(folder: Path, log_home: Home) -> Iterator[tuple[str, str]]:
    folder.mkdir(parents=True)
    (folder / "station.toml").write_text('witness_listen = "127.0.0.1:0"\n')
    kept = WitnessFolder(folder / "witness")
    vkey = kept.create_key(f"witness.example/{folder.name}")
    kept.trust(home_verifier(log_home))
    command = [sys.executable, "-m", "station.cli", "witness", "serve", "--home", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield process.stderr.readline().split()[-1], str(vkey)
    finally:
        process.terminate()
        process.communicate(timeout=20)
