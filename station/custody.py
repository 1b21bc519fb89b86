"""The only place that appends: a ledger entry and its projection, together or not at all.

Guarantees: what `append` returned is in the ledger, in the catalogue, and on the disk; what it raised left no trace.
Footage is made durable by the caller before its entry is appended, so the ledger never names what isn't there.
A signature follows the commit, never precedes it: the signer signs only what the database will still hold tomorrow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from station.catalogue import project as catalogue
from station.catalogue.tables import PROJECTION_VERSION
from station.config import Home
from station.database import Database, Session, sqlite_url
from station.errors import DatabaseError, SignerUnavailableError
from station.ledger import log
from station.ledger.entry import StoredEntry
from station.ledger.log import Appended
from station.ledger.note import Checkpoint
from station.ledger.sign import Signer, home_verifier
from station.records.entries import Entry
from station.records.registry import read_entry

_logger = structlog.get_logger(__name__)
_REBUILD_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of the catalogue that does not follow from the ledger: `stored` and `due` are JSON texts or None."""

    table: str
    stored: str | None
    due: str | None


class Custody:
    """The pen that writes the station's ledger and catalogue; safe to share between threads."""

    def __init__(self, home: Home, database: Database) -> None:
        """Take up the pen; raises LedgerError when the home has no log yet."""
        self._database = database
        self._origin = home_verifier(home).name
        self._signer = Signer(home)

    def append(
        self, *entries: Entry, guard: Callable[[Session], None] | None = None, seal: bool = True
    ) -> tuple[Appended, ...]:
        """Append `entries` in one transaction, in this order; see `append_from`."""

        def compose(session: Session) -> Sequence[Entry]:
            if guard is not None:
                guard(session)
            return entries

        return self.append_from(compose, seal=seal)

    def append_from(self, compose: Callable[[Session], Sequence[Entry]], *, seal: bool = True) -> tuple[Appended, ...]:
        """Append what `compose` returns after looking at the state that can't change until the commit.

        Whatever `compose` raises (usually ConflictError) aborts the whole; returning nothing appends nothing. With
        `seal` the signer is asked for a checkpoint afterwards; when none answers that is logged, since the entries
        are kept and the next checkpoint covers them. Raises DatabaseError, LedgerError, SignerRefusedError.
        """
        with self._database.write() as session:
            entries = compose(session)
            appended = log.append(session, [entry.draft() for entry in entries], origin=self._origin)
            for done, entry in zip(appended, entries, strict=True):
                catalogue.project(session, done.seq, done.time, entry)
        if seal and appended:
            try:
                self.seal()
            except SignerUnavailableError as error:
                _logger.error("unsigned", entries=len(appended), reason=error.message)
        return tuple(appended)

    def seal(self) -> Checkpoint:
        """Have the log's head signed and keep the checkpoint; raises SignerRefusedError, SignerUnavailableError."""
        return self._signer.checkpoint(self._database)


def rebuild(database: Database) -> int:
    """Drop the catalogue's content and project the whole ledger anew; returns the number of entries.

    One transaction: readers see the old catalogue or the new one. Raises DamagedError naming an entry that can't be
    read; the old catalogue then stays.
    """
    with database.write() as session:
        catalogue.renew(session)
        return _project_all(log.entries(session), session)


def keep_projection(database: Database) -> bool:
    """Rebuild the catalogue if it is of another version than this program's; returns whether it was needed."""
    catalogue.create_tables(database)
    with database.read() as session:
        if catalogue.applied(session) >= 0:
            return False
    rebuild(database)
    return True


def compare(database: Database, scratch: Path) -> list[Difference]:
    """Compare the catalogue, row by row, with one rebuilt from the ledger in a throw-away database below `scratch`.

    Raises DamagedError when an entry can't be read, DatabaseError when the catalogue is of another version.
    """
    with database.read() as session:
        size = catalogue.applied(session)
        stored = catalogue.table_rows(session)
    if size < 0:
        raise DatabaseError(
            f"The catalogue is not of version {PROJECTION_VERSION}",
            kept="The ledger is untouched",
            hint="Run `station rebuild`",
        )
    with TemporaryDirectory(dir=scratch) as folder:
        fresh = Database(sqlite_url(Path(folder) / "due.db"))
        try:
            catalogue.create_tables(fresh)
            with fresh.write() as session:
                for start in range(0, size, _REBUILD_BATCH):
                    # Short reads: entries never change, and a long read would hold up whoever wants to append.
                    with database.read() as source:
                        batch = list(log.entries(source, start, min(size, start + _REBUILD_BATCH)))
                    _project_all(batch, session)
            with fresh.read() as session:
                due = catalogue.table_rows(session)
        finally:
            fresh.dispose()
    return _differences(stored, due)


def _project_all(entries: Iterable[StoredEntry], session: Session) -> int:
    count = 0
    for stored in entries:
        entry = read_entry(stored.seq, stored.type, stored.values())
        catalogue.project(session, stored.seq, stored.time, entry)
        count += 1
        if count % _REBUILD_BATCH == 0:
            session.expunge_all()  # rows already flushed: memory stays bounded however long the log is
    return count


def _differences(stored: dict[str, list[str]], due: dict[str, list[str]]) -> list[Difference]:
    found = []
    for table, rows in stored.items():
        extra, missing = set(rows) - set(due[table]), set(due[table]) - set(rows)
        found += [Difference(table, row, None) for row in sorted(extra)]
        found += [Difference(table, None, row) for row in sorted(missing)]
    return found
