"""Appending to the ledger and reading it, always inside a transaction that the caller began.

Guarantees: an append reads the head in the caller's own write transaction, which excludes all other writers
(station.database), chains each entry to the one before it and to the last about each of its subjects, and stores
record, payload, parts, index rows and completed tree nodes together or not at all. Nothing here commits.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, TextClause, and_, delete, exists, func, insert, select, text
from sqlmodel import Session

from station import clock, durable
from station.digest import sha256_hex
from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError
from station.ledger import tables
from station.ledger.anchors import cosigned_note as cosigned_note
from station.ledger.entry import (
    ERASED,
    FACT,
    FIRST_PREV,
    StoredEntry,
    erased_part,
    leaf_of,
    make_part,
    make_payload,
    make_record,
    parse_record,
)
from station.ledger.merkle import EMPTY_ROOT, CompactRange, Node, NodeReader, perfect_positions, read_range
from station.ledger.note import Checkpoint, VerifierKey, parse_checkpoint
from station.ledger.rotation import counting
from station.records.draft import Draft

BATCH_ENTRIES = 1000
_PARAMETERS = 500  # values in one IN list, below every engine's limit
_POSITIONS = 200  # tree nodes in one query

_AUDIT = "`station ledger audit` names all that is wrong"

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a draft has come to lie: its number, its leaf (32 bytes) and the time it was given."""

    seq: int
    leaf: bytes
    time: str
    draft: Draft


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it is now: `size` entries, its `root`, and the last entry's leaf, None in an empty log."""

    size: int
    root: bytes
    leaf: bytes | None


def append(session: Session, drafts: Sequence[Draft], *, origin: str, time: str | None = None) -> list[Appended]:
    """Append drafts in order to the log `origin`; the caller commits.

    `time` (text form of station.clock, now if absent) goes into every record: it is the station's claim, and
    order is by seq, so it may be earlier than the record's before it. Raises LedgerError for a draft that the
    format does not allow or if the log in the database is another one; ConflictError for an erasure of a part that
    is not there; then nothing of the call may be committed.
    """
    if not drafts:
        return []
    time = clock.timestamp() if time is None else time
    size, prev = _last(session, origin)
    tree = read_range(size, stored_nodes(session, list(perfect_positions(size))))
    latest = _latest_leaves(session, {subject for draft in drafts for subject in draft.subjects})
    rows: dict[str, Rows] = {name: [] for name in tables.metadata.tables}
    appended: list[Appended] = []
    for seq, draft in enumerate(drafts, size):
        parts = {name: make_part(value) for name, value in draft.parts.items()}
        payload = make_payload(parts)
        record = make_record(
            log=origin,
            seq=seq,
            prev=prev,
            type=draft.type,
            time=time,
            payload=sha256_hex(payload),
            subjects=_links(draft.subjects, latest),
        )
        leaf = leaf_of(record)
        prev = leaf.hex()
        latest |= dict.fromkeys(draft.subjects, prev)
        rows["record"].append({"seq": seq, "record": record, "leaf": leaf, "type": draft.type, "time": time})
        rows["payload"].append({"seq": seq, "payload": payload})
        rows["part"] += ({"seq": seq, "name": name, "part": part} for name, part in parts.items())
        rows["subject"] += ({"seq": seq, "subject": subject} for subject in draft.subjects)
        rows["node"] += map(_node_row, tree.append(leaf))
        if draft.type == ERASED:
            rows["erasure"].append(_erasure_row(session, draft, seq))
        appended.append(Appended(seq, leaf, time, draft))
    connection = session.connection()
    for name, table in tables.metadata.tables.items():
        if rows[name]:
            connection.execute(insert(table), rows[name])
    return appended


def size(session: Session) -> int:
    """Return the number of entries."""
    last = session.connection().scalar(select(func.max(tables.record.c.seq)))
    return 0 if last is None else int(last) + 1


def head(session: Session) -> Head:
    """Return the head of the log in the database; raises DamagedError if tree nodes are missing."""
    found = (
        session.connection()
        .execute(select(tables.record.c.seq, tables.record.c.leaf).order_by(tables.record.c.seq.desc()).limit(1))
        .first()
    )
    if found is None:
        return Head(0, EMPTY_ROOT, None)
    return Head(found.seq + 1, root_at(session, found.seq + 1), found.leaf)


def root_at(session: Session, size: int) -> bytes:
    """Return the root of the tree of the first `size` entries, from stored leaves and nodes; raises DamagedError."""
    return read_range(size, stored_nodes(session, list(perfect_positions(size)))).root()


def nodes(session: Session) -> NodeReader:
    """Return a reader of stored nodes, one query each: for proofs. It raises DamagedError for a missing one."""
    return lambda level, index: stored_nodes(session, [(level, index)])(level, index)


def stored_nodes(session: Session, positions: Collection[tuple[int, int]]) -> NodeReader:
    """Read the nodes at `positions` (level, index) at once; return a reader of these. It raises DamagedError."""
    found: dict[tuple[int, int], bytes] = {}
    connection = session.connection()
    leaves = [index for level, index in positions if level == 0]
    inner = [position for position in positions if position[0]]
    for at in range(0, len(leaves), _PARAMETERS):
        some = tables.record.c.seq.in_(leaves[at : at + _PARAMETERS])
        leaf = select(tables.record.c.seq, tables.record.c.leaf).where(some)
        found |= {(0, seq): value for seq, value in connection.execute(leaf)}
    for at in range(0, len(inner), _POSITIONS):
        wanted = inner[at : at + _POSITIONS]
        values: dict[str, int] = {}
        for row, (level, index) in enumerate(wanted):
            values |= {f"l{row}": level, f"i{row}": index}
        for level, index, value in connection.execute(_nodes_query(len(wanted)), values):
            found[level, index] = value

    def read(level: int, index: int) -> bytes:
        try:
            return found[level, index]
        except KeyError as error:
            raise DamagedError(f"Node {index} of level {level} is missing in the ledger's tree") from error

    return read


@cache
def _nodes_query(count: int) -> TextClause:
    # As text, since a proof has to take milliseconds: for `(level, "index") IN (…)` SQLite reads all nodes, and putting
    # together a statement of so many values takes longer than running it.
    rows = ", ".join(f"(:l{row}, :i{row})" for row in range(count))
    return text(
        f'WITH asked(l, i) AS (VALUES {rows}) SELECT node.level, node."index", node.hash FROM asked CROSS JOIN node'  # noqa: S608  numbers
        ' WHERE node.level = asked.l AND node."index" = asked.i'
    )


def entries(
    session: Session, start: int = 0, end: int | None = None, *, batch: int = BATCH_ENTRIES
) -> Iterator[StoredEntry]:
    """Yield entries `start` to before `end` (to the head if None) in order, reading `batch` of them at a time."""
    stop = size(session) if end is None else min(end, size(session))
    for first in range(start, stop, batch):
        upto = min(first + batch, stop)
        found = list(_read(session, between(tables.record, first, upto)))
        if len(found) != upto - first:
            raise DamagedError(f"An entry between {first} and {upto - 1} is missing in the ledger", hint=_AUDIT)
        yield from found


def subject_entries(
    session: Session, subject: str, *, end: int | None = None, types: Sequence[str] = ()
) -> Iterator[StoredEntry]:
    """Yield all entries about `subject` (`kind:id`), oldest first; below `end` and of `types` only, if given."""
    about = select(tables.subject.c.seq).where(tables.subject.c.subject == subject)
    if end is not None:
        about = about.where(tables.subject.c.seq < end)
    if types:
        record = tables.record
        about = about.join(record, record.c.seq == tables.subject.c.seq).where(record.c.type.in_(types))
    numbers = session.connection().scalars(about.order_by(tables.subject.c.seq)).all()
    for at in range(0, len(numbers), _PARAMETERS):
        yield from _read(session, tables.record.c.seq.in_(numbers[at : at + _PARAMETERS]))


def next_typed(session: Session, types: Sequence[str], start: int, end: int, limit: int) -> tuple[StoredEntry, ...]:
    """Return the first `limit` entries of these types from `start` to before `end`, oldest first."""
    record = tables.record
    found = select(record.c.seq).where(between(record, start, end), record.c.type.in_(types)).order_by(record.c.seq)
    return tuple(chosen(session, session.connection().scalars(found.limit(limit)).all()))


def typed_entries(session: Session, types: Sequence[str]) -> Iterator[StoredEntry]:
    """Yield all entries of these types, oldest first; it passes over all records, so it is for rare questions."""
    record = tables.record
    found = select(record.c.seq).where(record.c.type.in_(types)).order_by(record.c.seq)
    numbers = session.connection().scalars(found).all()
    for at in range(0, len(numbers), _PARAMETERS):
        yield from _read(session, record.c.seq.in_(numbers[at : at + _PARAMETERS]))


def chosen(session: Session, numbers: Sequence[int]) -> Iterator[StoredEntry]:
    """Yield the entries of these numbers, which ascend; raises NotFoundError for the first that is not there."""
    for at in range(0, len(numbers), _PARAMETERS):
        some = numbers[at : at + _PARAMETERS]
        found = {each.seq: each for each in _read(session, tables.record.c.seq.in_(some))}
        for seq in some:
            if seq not in found:
                raise NotFoundError(f"The ledger has no entry {seq}")
            yield found[seq]


def entry(session: Session, seq: int) -> StoredEntry:
    """Return one entry; raises NotFoundError."""
    for found in _read(session, tables.record.c.seq == seq):
        return found
    raise NotFoundError(f"The ledger has no entry {seq}")


def latest_checkpoint(session: Session) -> Checkpoint | None:
    """Return the newest stored checkpoint, None if there is none yet; raises DamagedError if it isn't one."""
    return _checkpoint(session, tables.checkpoint.c.number >= 0)


def checkpoint_at(session: Session, size: int) -> Checkpoint | None:
    """Return the stored checkpoint of exactly `size` entries, if there is one."""
    return _checkpoint(session, tables.checkpoint.c.size == size)


def store_checkpoint(session: Session, note: str) -> None:
    """Keep a signed checkpoint; the same again is nothing new. Raises LedgerError if it can't follow the last one."""
    checkpoint = parse_checkpoint(note)
    connection = session.connection()
    table = tables.checkpoint
    existing = connection.scalar(select(table.c.note).where(table.c.size == checkpoint.size))
    if existing is not None:
        if existing != note:
            raise LedgerError(f"Another checkpoint of {checkpoint.size} entries is stored already", kept="It stays")
        return
    number, size = connection.execute(
        select(func.coalesce(func.max(table.c.number), -1) + 1, func.coalesce(func.max(table.c.size), -1))
    ).one()
    if size > checkpoint.size:
        return  # a newer one came first and covers it
    connection.execute(insert(table), [{"number": number, "size": checkpoint.size, "note": note}])


def drop_erased_parts(session: Session) -> int:
    """Delete every stored part whose `payload.erased` entry is in the log; return how many there were."""
    named = exists().where(tables.erasure.c.seq == tables.part.c.seq, tables.erasure.c.name == tables.part.c.name)
    return session.connection().execute(delete(tables.part).where(named)).rowcount


def export(session: Session, out: Path, *keys: VerifierKey) -> Head:
    """Write records.jsonl, checkpoint and log.vkey into `out`; return the head of what was written.

    A line is one record's exact bytes. Only entries under the newest checkpoint are written, so that everything
    in the folder is proven; raises LedgerError if there is none yet.
    """
    checkpoint = latest_checkpoint(session)
    if checkpoint is None:
        raise LedgerError("Nothing of this log is signed yet", hint="Take a checkpoint first")
    durable.make_folder(out)
    tree = CompactRange()
    leaf: bytes | None = None
    with (out / "records.jsonl").open("wb") as stream:
        for found in entries(session, end=checkpoint.size):
            stream.write(found.record + b"\n")
            leaf = leaf_of(found.record)
            tree.append(leaf)
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        raise DamagedError(
            f"The records do not lead to the root signed at {checkpoint.size} entries",
            hint=_AUDIT,
        )
    durable.replace_file(out / "checkpoint", checkpoint.note.encode())
    durable.replace_file(out / "log.vkey", "".join(f"{key}\n" for key in counting(keys, checkpoint)).encode())
    return Head(tree.size, tree.root(), leaf)


def between(table: Any, start: int, end: int) -> ColumnElement[bool]:
    """Return the condition that a row's `seq` is in [start, end)."""
    return and_(table.c.seq >= start, table.c.seq < end)


def _last(session: Session, origin: str) -> tuple[int, str]:
    found = (
        session.connection()
        .execute(
            select(tables.record.c.seq, tables.record.c.record, tables.record.c.leaf)
            .order_by(tables.record.c.seq.desc())
            .limit(1)
        )
        .first()
    )
    if found is None:
        return 0, FIRST_PREV
    record = parse_record(found.record)
    if (record.seq, leaf_of(found.record)) != (found.seq, found.leaf):
        raise DamagedError(
            f"Entry {found.seq}, the last of the ledger, is damaged",
            kept="Nothing was appended after it",
            hint=_AUDIT,
        )
    if record.log != origin:
        raise LedgerError(f"The database holds the log {record.log}, not {origin}", kept="Nothing was appended")
    return found.seq + 1, found.leaf.hex()


def _latest_leaves(session: Session, subjects: Iterable[str]) -> dict[str, str]:
    wanted = sorted(subjects)
    latest: dict[str, str] = {}
    for at in range(0, len(wanted), _PARAMETERS):
        newest = (
            select(tables.subject.c.subject, func.max(tables.subject.c.seq).label("seq"))
            .where(tables.subject.c.subject.in_(wanted[at : at + _PARAMETERS]))
            .group_by(tables.subject.c.subject)
            .subquery()
        )
        query = select(newest.c.subject, tables.record.c.leaf).join(tables.record, tables.record.c.seq == newest.c.seq)
        latest |= {name: leaf.hex() for name, leaf in session.connection().execute(query)}
    return latest


def _links(subjects: Sequence[str], latest: Mapping[str, str]) -> dict[str, str | None]:
    links = {subject: latest.get(subject) for subject in subjects}
    if len(links) != len(subjects):
        raise LedgerError(f"A draft names a subject twice: {', '.join(subjects)}")
    return links


def _node_row(node: Node) -> dict[str, Any]:
    return {"level": node.level, "index": node.index, "hash": node.hash}


def _erasure_row(session: Session, draft: Draft, by_seq: int) -> dict[str, Any]:
    seq, name, digest = erased_part(draft.parts.get(FACT))
    connection = session.connection()
    part = connection.scalar(select(tables.part.c.part).where(tables.part.c.seq == seq, tables.part.c.name == name))
    erased = select(tables.erasure.c.by_seq).where(tables.erasure.c.seq == seq, tables.erasure.c.name == name)
    if part is None or sha256_hex(part) != digest or connection.scalar(erased) is not None:
        raise ConflictError(f"Entry {seq} has no such part {name} that could be erased", kept="Nothing was appended")
    return {"seq": seq, "name": name, "by_seq": by_seq}


def _checkpoint(session: Session, condition: ColumnElement[bool]) -> Checkpoint | None:
    table = tables.checkpoint
    query = select(table.c.note).where(condition).order_by(table.c.number.desc()).limit(1)
    note = session.connection().scalar(query)
    return None if note is None else parse_checkpoint(note)


def _read(session: Session, condition: ColumnElement[bool]) -> Iterator[StoredEntry]:
    connection = session.connection()
    table = tables.record
    parts: dict[int, dict[str, bytes]] = {}
    query = select(tables.part).join(table, table.c.seq == tables.part.c.seq).where(condition)
    for seq, name, value in connection.execute(query):
        parts.setdefault(seq, {})[name] = value
    joined = (
        select(table.c.seq, table.c.record, table.c.leaf, table.c.type, table.c.time, tables.payload.c.payload)
        .outerjoin(tables.payload, tables.payload.c.seq == table.c.seq)
        .where(condition)
        .order_by(table.c.seq)
    )
    for row in connection.execute(joined).all():
        if row.payload is None:
            raise DamagedError(f"The payload of entry {row.seq} is missing in the ledger", hint=_AUDIT)
        yield StoredEntry(*row, parts=parts.get(row.seq, {}))
