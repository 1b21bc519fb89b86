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
from station.catalogue.project import TableContent
from station.catalogue.tables import PROJECTION_VERSION
from station.config import Home
from station.database import Database, Session, sqlite_url
from station.digest import sha256_hex
from station.errors import DamagedError, DatabaseError, SignerUnavailableError
from station.ledger import log
from station.ledger.entry import StoredEntry, parse_payload, parse_record
from station.ledger.log import Appended
from station.ledger.note import Checkpoint
from station.ledger.sign import Signer, home_verifier
from station.ledger.tables import add_missing_tables
from station.records.entries import Entry
from station.records.registry import read_entry

_logger = structlog.get_logger(__name__)
_REBUILD_BATCH = 1000
_AUDIT = "`station ledger audit` names all that is wrong"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong with the catalogue: a row that does not follow from the ledger, one that is missing, or a table.

    `stored` and `due` are JSON texts; `fault` tells why a table can't be read whole or is damaged in itself.
    """

    table: str
    stored: str | None
    due: str | None
    fault: str | None = None


class Custody:
    """The pen that writes the station's ledger and catalogue; safe to share between threads."""

    def __init__(self, home: Home, database: Database) -> None:
        """Take up the pen; raises LedgerError when the home has no log yet."""
        self._database = database
        self._origin = home_verifier(home).name
        self._signer = Signer(home)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._origin

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

    One transaction: readers see the old catalogue or the new one. An entry is believed only if its parts are those
    its record promises. Raises DamagedError naming an entry that is not; the old catalogue then stays.
    """
    try:
        return _rebuild(database, damaged=False)
    except DatabaseError:
        if not database.is_sqlite:
            raise
    count = _rebuild(database, damaged=True)
    try:
        database.compact()
    except DatabaseError as error:
        _logger.error("not compacted", reason=error.message)  # the catalogue is right; unused pages stay behind
    return count


def _rebuild(database: Database, *, damaged: bool) -> int:
    with database.write() as session:
        catalogue.renew(session, damaged=damaged)
        return _project_all(log.entries(session), session)


def drop_erased(database: Database) -> int:
    """Delete the parts that are recorded as erased, and project what is left anew; returns how many there were.

    One transaction: whoever reads sees a catalogue that follows from the parts there are. It is made anew as a whole,
    since a part's text may have come to lie in any row by any later entry. Raises DamagedError, DatabaseError.
    """
    with database.write() as session:
        dropped = log.drop_erased_parts(session)
        if dropped:
            catalogue.renew(session)
            _project_all(log.entries(session), session)
    return dropped


def keep_projection(database: Database) -> bool:
    """Rebuild the catalogue if it is of another version than this program's; returns whether it was needed."""
    add_missing_tables(database)
    catalogue.create_tables(database)
    with database.read() as session:
        if catalogue.applied(session) >= 0:
            return False
    rebuild(database)
    return True


def compare(database: Database, scratch: Path) -> list[Difference]:
    """Compare the catalogue, row by row, with one rebuilt from the ledger in a throw-away database below `scratch`.

    Damage of the catalogue is a difference, never an error. Raises DamagedError when an entry of the ledger can't be
    read, DatabaseError when the catalogue is of an older version.
    """
    with database.read() as session:
        size = log.size(session)
        stored = catalogue.read_tables(session)
    if catalogue.is_of_older_version(stored):
        raise DatabaseError(
            f"The catalogue is of a version before {PROJECTION_VERSION}",
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
                due = catalogue.read_tables(session)
        finally:
            fresh.dispose()
    return _differences(stored, due)


def check_parts(stored: StoredEntry) -> None:
    """Check that an entry's payload and parts are those its record promises; raises DamagedError naming the entry.

    This proves them against the record only; that the record itself is the one sealed is for the tree to prove.
    """
    record = parse_record(stored.record)
    if (record.seq, record.type, record.time) != (stored.seq, stored.type, stored.time):
        raise DamagedError(f"The row of entry {stored.seq} does not say what its record says", hint=_AUDIT)
    if sha256_hex(stored.payload) != record.payload:
        raise DamagedError(f"The payload of entry {stored.seq} was altered", hint=_AUDIT)
    promised = parse_payload(stored.payload)
    for name, part in stored.parts.items():
        if sha256_hex(part) != promised.get(name):
            raise DamagedError(f"The part {name} of entry {stored.seq} was altered", hint=_AUDIT)


def _project_all(entries: Iterable[StoredEntry], session: Session) -> int:
    count = 0
    for stored in entries:
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        catalogue.project(session, stored.seq, stored.time, entry)
        count += 1
        if count % _REBUILD_BATCH == 0:
            session.expunge_all()  # rows already flushed: memory stays bounded however long the log is
    return count


def _differences(stored: dict[str, TableContent], due: dict[str, TableContent]) -> list[Difference]:
    found = []
    for table, content in stored.items():
        found += [Difference(table, None, None, fault) for fault in content.faults]
        if content.faults and not content.rows:
            continue  # what could not be read at all is told once, not row by row
        found += [Difference(table, row, None) for row in sorted((content.rows - due[table].rows).elements())]
        found += [Difference(table, None, row) for row in sorted((due[table].rows - content.rows).elements())]
    return found
