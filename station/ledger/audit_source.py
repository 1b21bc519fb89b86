"""Feeds `verify.audit` from the database as it lies there, damage and all, while the station goes on working.

Guarantees: every row of every ledger table reaches the audit, also those whose numbers or types are damaged; reads
are short, so that writers never wait long; entries that are appended meanwhile are taken along. What the database
can't read is named by table and row. SQLite's own integrity check of the ledger's tables is part of the findings.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from station.database import Database
from station.errors import DatabaseError
from station.ledger import tables
from station.ledger.anchors import AnchorTrust, check_anchors
from station.ledger.findings import Finding
from station.ledger.note import VerifierKey
from station.ledger.verify import Audit, Row, audit

_BATCH = 2000
_UNREADABLE = 64  # rows of that kind that are told one by one; what they held is missing in any case
_FAR = 10_000  # rows that may be missing before the search for them is left to `_strays`

_COLUMNS = {
    "record": "seq, record, leaf, type, time",
    "payload": "seq, payload",
    "part": "seq, name, part",
    "subject": "seq, subject",
}


def audit_database(
    database: Database,
    key: VerifierKey | Sequence[VerifierKey],
    signer_note: str | None = None,
    trust: AnchorTrust | None = None,
) -> Audit:
    """Audit the whole ledger in `database`; `signer_note` is what the signer remembers, fetched before the call.

    `trust` says whose outside anchors are ours (see `anchors.check_anchors` for what is checked without it). Raises
    DatabaseError only if the database can't be opened at all.
    """
    source = _Source(database)
    found = audit(
        source.rows(),
        key,
        checkpoints=source.checkpoints(),
        nodes=source.nodes,
        erasures=source.erasures(),
        signer_note=signer_note,
    )
    # Between the signer's answer and our reading, a checkpoint is on its way into the table: look once more.
    findings = [item for item in found.findings if not source.has_arrived(item)]
    rows = list(source.anchors())  # before their checkpoints: both grow meanwhile
    anchors = list(check_anchors(rows, source.notes(), trust))
    return Audit(
        findings=(*source.findings, *findings, *(each for each in anchors if each.is_damage)),
        notes=(*found.notes, *(each for each in anchors if not each.is_damage)),
        size=found.size,
        root=found.root,
        signed_size=found.signed_size,
        checked=found.checked,
    )


class _Source:
    def __init__(self, database: Database) -> None:
        self.findings: list[Finding] = []
        self._database = database
        self._end = 0
        self._unreadable = 0
        self._suspicious = self._check_tables()
        self._check_triggers()

    def rows(self) -> Iterator[Row]:
        start = 0
        while (end := self._size()) > start:
            for first in range(start, end, _BATCH):
                yield from self._batch(first, min(first + _BATCH, end))
            start = end
        self._end = start
        yield from self._strays(start)

    def erasures(self) -> Iterator[tuple[int, str, int]]:
        # An erasure by an entry that came after the rows were read explains nothing of them and is left out.
        query = (
            "SELECT seq, name, by_seq FROM erasure WHERE by_seq < :end"
            " OR by_seq NOT IN (SELECT seq FROM record WHERE type = 'payload.erased') ORDER BY seq, name"
        )
        for seq, name, by in self._all("erasure", query, end=self._end):
            yield _number(seq), _text(name), _number(by)

    def nodes(self, size: int) -> Iterator[tuple[int, int, bytes]]:
        level, index = 0, -1
        query = (
            'SELECT level, "index", hash FROM node WHERE (level, "index") > (:level, :index)'
            ' ORDER BY level, "index" LIMIT :limit'
        )
        limit = 10**12 if "node" in self._suspicious else 10 * _BATCH
        while found := self._all("node", query, level=level, index=index, limit=limit):
            now = self._now(size)
            for level, index, value in found:
                level, index = _number(level), _number(index)
                # Those completed by what came meanwhile are left out.
                if now == size or not size < (index + 1) << min(max(level, 0), 64) <= now:
                    yield level, index, value if type(value) is bytes else _bytes(value)
            if "node" in self._suspicious:
                return

    def checkpoints(self) -> Iterator[tuple[int, int, str]]:
        query = "SELECT number, size, note FROM checkpoint ORDER BY number"
        rows = self._all("checkpoint", query)
        now = self._now(self._end)
        for number, size, note in rows:
            if not self._end < _number(size) <= now:
                yield _number(number), _number(size), _text(note)

    def anchors(self) -> Iterator[tuple[int, int, str, str, bytes, str]]:
        rows = self._all("anchor", "SELECT number, size, kind, key, data, time FROM anchor ORDER BY number")
        for number, size, kind, key, data, time in rows:
            yield _number(number), _number(size), _text(kind), _text(key), _bytes(data), _text(time)

    def notes(self) -> dict[int, str]:
        query = "SELECT size, note FROM checkpoint WHERE size IN (SELECT size FROM anchor)"
        return {_number(size): _text(note) for size, note in self._all("checkpoint", query)}

    def has_arrived(self, finding: Finding) -> bool:
        if finding.kind != "checkpoint.lost":
            return False
        query = "SELECT 1 FROM checkpoint WHERE size = :size"
        return bool(self._all("checkpoint", query, size=finding.params["size"]))

    def _size(self) -> int:
        # The largest number may itself be damage; the count bounds it.
        (found,) = self._all("record", "SELECT max(seq), count(*) FROM record") or [(None, 0)]
        return min(_number(found[0]) + 1, _number(found[1]) + _FAR)

    def _now(self, size: int) -> int:
        # Cheap, and bounded so that a damaged number can't excuse everything.
        (largest,) = self._all("record", "SELECT max(seq) FROM record") or [(None,)]
        return min(_number(largest[0]) + 1, size + _FAR)

    def _batch(self, first: int, end: int) -> Iterator[Row]:
        wanted = range(first, end)
        found = self._read(wanted)
        if [row[0] for row in found[0]] == [row[0] for row in found[1]] == list(wanted):
            yield from _whole_rows(*found)
            return
        records, payloads, parts, subjects = map(_by_seq, found)
        for seq in wanted:
            if seq in records or seq in payloads or seq in parts or seq in subjects:
                yield _row(seq, records.get(seq, ()), payloads.get(seq, ()), parts.get(seq, ()), subjects.get(seq, ()))

    def _read(self, wanted: range) -> list[Sequence[Any]]:
        if self._suspicious.isdisjoint(_COLUMNS):
            values = {"first": wanted[0], "end": wanted[-1] + 1}
            try:
                with self._connected() as connection:
                    return [connection.execute(text(_select(table)), values).all() for table in _COLUMNS]
            except (DatabaseError, UnicodeDecodeError):  # told by what is read one by one
                if not self._database.is_sqlite:
                    raise
        return [self._singly(table, wanted) for table in _COLUMNS]

    def _singly(self, table: str, wanted: range) -> list[Any]:
        # A damaged number hides its neighbours from a range read, but not from a search for each one.
        rows: list[Any] = []
        query = text(_select(table))
        with self._connected(lenient=self._database.is_sqlite) as connection:
            for seq in wanted:
                try:
                    rows += connection.execute(query, {"first": seq, "end": seq + 1}).all()
                except (DBAPIError, UnicodeDecodeError):
                    self._unreadable += 1
                    if self._unreadable <= _UNREADABLE:
                        self.findings.append(Finding("database.unreadable", params={"table": table, "row": seq}))
        return rows

    def _strays(self, end: int) -> Iterator[Row]:
        strays: dict[int, dict[str, list[Any]]] = {}
        for table, columns in _COLUMNS.items():
            query = f"SELECT {columns} FROM {table} WHERE seq < 0 OR seq >= :end"  # noqa: S608  our own names
            for row in self._all(table, query, end=end):
                strays.setdefault(_number(row[0]), {}).setdefault(table, []).append(row)
        for seq, rows in sorted(strays.items()):
            yield _row(seq, *(rows.get(table, ()) for table in _COLUMNS))

    def _all(self, table: str, query: str, **values: Any) -> Sequence[Any]:
        try:
            return self._query(query, **values)
        except DatabaseError:
            finding = Finding("database.unreadable", params={"table": table, "row": 0})
            if finding not in self.findings:
                self.findings.append(finding)
            return []

    def _query(self, query: str, **values: Any) -> Sequence[Any]:
        try:
            with self._connected() as connection:
                return connection.execute(text(query), values).all()
        except (DatabaseError, UnicodeDecodeError):  # text that is not UTF-8, among other things
            if not self._database.is_sqlite:
                raise
        try:
            with self._connected(lenient=True) as connection:
                return connection.execute(text(query), values).all()
        except UnicodeDecodeError as error:  # sqlite3 quotes a damaged schema in its complaint
            raise DatabaseError(f"The database is damaged: {error}") from error

    @contextmanager
    def _connected(self, *, lenient: bool = False) -> Iterator[Connection]:
        with self._database.read() as session:
            connection = session.connection()
            if lenient:  # this connection is ours alone; damaged text must not stop the reading
                raw: Any = connection.connection.driver_connection
                raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            yield connection

    def _check_tables(self) -> set[str]:
        suspicious: set[str] = set()
        if not self._database.is_sqlite:
            return suspicious
        for table, faults in self._integrity().items():
            suspicious.add(table)
            for fault in faults[:10]:
                self.findings.append(Finding("database.integrity", params={"table": table, "reason": fault}))
        return suspicious

    def _integrity(self) -> dict[str, list[str]]:
        faults: dict[str, list[str]] = {}
        with self._connected(lenient=True) as connection:
            for table in tables.metadata.tables:
                try:
                    reports = connection.scalars(text(f"PRAGMA integrity_check({table})")).all()
                except (DBAPIError, UnicodeDecodeError) as error:
                    reports = [str(error).splitlines()[0]]
                if list(reports) != ["ok"]:
                    faults[table] = list(map(_text, reports))
        return faults

    def _check_triggers(self) -> None:
        dialect = "sqlite" if self._database.is_sqlite else "postgresql"
        try:
            with self._connected() as connection:
                installed = tables.installed_triggers(connection)
        except (DatabaseError, UnicodeDecodeError):
            installed = {}
        for name, statements in tables.expected_triggers(dialect).items():
            source = installed.get(name)
            if source is None or source not in statements[0]:
                self.findings.append(Finding("schema.trigger", params={"trigger": name}))


def _whole_rows(
    records: Sequence[Any], payloads: Sequence[Any], parts: Sequence[Any], subjects: Sequence[Any]
) -> Iterator[Row]:
    """Yield rows where every number has its record and payload, as it is in all but a damaged log."""
    parts_of: defaultdict[Any, dict[str, bytes]] = defaultdict(dict)
    for seq, name, part in parts:
        parts_of[seq][_text(name)] = part if type(part) is bytes else _bytes(part)
    subjects_of: defaultdict[Any, list[str]] = defaultdict(list)
    for seq, name in subjects:
        subjects_of[seq].append(name if type(name) is str else _text(name))
    for (seq, record, leaf, kind, time), (_, payload) in zip(records, payloads, strict=True):
        yield Row(
            seq,
            record if type(record) is bytes else _bytes(record),
            leaf if type(leaf) is bytes else _bytes(leaf),
            kind if type(kind) is str else _text(kind),
            time if type(time) is str else _text(time),
            payload if type(payload) is bytes else _bytes(payload),
            parts_of[seq],
            subjects_of[seq],
        )


def _by_seq(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(_number(row[0]), []).append(row)
    return found


def _select(table: str) -> str:
    columns = _COLUMNS[table]
    return f"SELECT {columns} FROM {table} WHERE seq >= :first AND seq < :end ORDER BY seq"  # noqa: S608  our own names


def _row(
    seq: int, records: Sequence[Any], payloads: Sequence[Any], parts: Sequence[Any], subjects: Sequence[Any]
) -> Row:
    _, record, leaf, kind, time = records[0] if records else (seq, None, b"", "", "")
    return Row(
        seq=seq,
        record=_bytes(record) if records else None,
        leaf=_bytes(leaf),
        type=_text(kind),
        time=_text(time),
        payload=_bytes(payloads[0][1]) if payloads else None,
        parts={_text(name): _bytes(part) for _, name, part in parts},
        subjects=[_text(name) for _, name in subjects],
    )


def _bytes(value: Any) -> bytes:
    # A damaged row may hold any type; as bytes it simply fails to match.
    if type(value) is bytes:
        return value
    return (
        bytes(value) if isinstance(value, memoryview | bytearray) else _text(value).encode("utf-8", "surrogateescape")
    )


def _text(value: Any) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else -1
