"""Continuing a log in a new one after a restore (FORMAT.md, Continuation).

Guarantees: record 0 pins the old log's last known checkpoint; records 1 to n are the old log's records 0 to n - 1 with
their payloads and parts byte for byte, their types, times and subjects; only log, number, links and key are new.
Nothing is signed here, and nothing commits: the caller's transaction holds the whole or nothing of it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from station import durable
from station.errors import DamagedError, LedgerError
from station.ledger import log, tables
from station.ledger.entry import (
    CONTINUES,
    FACT,
    StoredEntry,
    carried_count,
    leaf_of,
    make_record,
    parse_part,
)
from station.ledger.entry import parse_record as parse
from station.ledger.keys import load_verifier
from station.ledger.merkle import EMPTY_ROOT, CompactRange
from station.ledger.note import encode, parse_keys, verify_checkpoint
from station.records.draft import Json

_BATCH = 1000
_RECORDS = "records.jsonl"


def root_of(source: Session, size: int) -> bytes:
    """Return the root over the first `size` records as they are stored: what the new log pins."""
    return log.root_at(source, size) if size else EMPTY_ROOT


def carry(source: Session, target: Session, *, origin: str, end: int) -> int:
    """Append the records of `source` before `end` to the log in `target`; returns how many. Caller commits.

    The target must hold record 0 (`log.continues`) and nothing else. Raises LedgerError, DamagedError.
    """
    if log.size(target) != 1:
        raise LedgerError("A log that continues another begins with `log.continues` alone")
    head = log.head(target)
    if head.leaf is None:
        raise LedgerError("The new log has no first record")
    tree = CompactRange()
    tree.append(head.leaf)
    prev, latest = head.leaf.hex(), dict[str, str]()
    for first in range(0, end, _BATCH):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("record", "payload", "part", "subject", "node")}
        for stored in log.entries(source, first, min(end, first + _BATCH)):
            seq, old = stored.seq + 1, parse(stored.record)
            links = {subject: latest.get(subject) for subject in old.subjects}
            record = make_record(
                log=origin, seq=seq, prev=prev, type=old.type, time=old.time, payload=old.payload, subjects=links
            )
            leaf = leaf_of(record)
            prev = leaf.hex()
            latest |= dict.fromkeys(links, prev)
            rows["record"].append({"seq": seq, "record": record, "leaf": leaf, "type": old.type, "time": old.time})
            rows["payload"].append({"seq": seq, "payload": stored.payload})
            rows["part"] += ({"seq": seq, "name": name, "part": part} for name, part in stored.parts.items())
            rows["subject"] += ({"seq": seq, "subject": subject} for subject in links)
            rows["node"] += ({"level": n.level, "index": n.index, "hash": n.hash} for n in tree.append(leaf))
        for name, content in rows.items():
            if content:
                target.connection().execute(insert(tables.metadata.tables[name]), content)
    _carry_erasures(source, target, end)
    return end


def _carry_erasures(source: Session, target: Session, end: int) -> None:
    """Carry the permissions to be gone: each needs a row that goes, as the triggers of the tables demand."""
    query = select(tables.erasure).where(tables.erasure.c.by_seq < end).order_by(tables.erasure.c.by_seq)
    connection = target.connection()
    for seq, name, by in source.connection().execute(query):
        at = {"seq": seq + 1, "name": name}
        part = tables.part
        here = (part.c.seq == seq + 1, part.c.name == name)
        if connection.scalar(select(part.c.seq).where(*here)) is None:
            connection.execute(insert(part), [at | {"part": b""}])
        connection.execute(insert(tables.erasure), [at | {"by_seq": by + 1}])
        connection.execute(delete(part).where(*here))


def export_continued(source: Session, out: Path, vkey: str, end: int) -> None:
    """Write the old log's records, its last checkpoint, its key and its anchors, readable without a database."""
    durable.make_folder(out)
    lines = (found.record + b"\n" for found in log.entries(source, 0, end))
    _write_lines(out / _RECORDS, lines)
    checkpoint = log.latest_checkpoint(source)
    if checkpoint is None:
        raise LedgerError("Nothing of the old log was ever signed")
    anchors = source.connection().execute(select(tables.anchor).order_by(tables.anchor.c.number)).mappings()
    texts = (json.dumps({**row, "data": encode(row["data"])}, sort_keys=True).encode() + b"\n" for row in anchors)
    _write_lines(out / "anchors.jsonl", texts)
    durable.replace_file(out / "log.vkey", f"{vkey}\n".encode())
    durable.replace_file(out / "checkpoint", checkpoint.note.encode())


def continued_folders(session: Session) -> list[str]:
    """Return the names of the folders of the logs that this one continues, the latest first; raises DamagedError.

    The n-th is told of by record n: a log that was restored twice begins with its own `log.continues`, and then with
    the one that it carried over (FORMAT.md, Continuation).
    """
    names: list[str] = []
    for first in log.entries(session, 0, log.size(session)):
        if first.type != CONTINUES:
            break
        vkey = _pinned(first).get("vkey")
        names.append(parse_keys(str(vkey))[0].name.rpartition("/")[2])
    return names


def _pinned(first: StoredEntry) -> dict[str, Json]:
    """Return the fact of a `log.continues` entry; raises DamagedError for another one, or without its fact."""
    if first.type != CONTINUES:
        raise DamagedError("This log continues no other")
    if FACT not in first.parts:
        raise DamagedError(f"Entry {first.seq} lacks the part that says which log is continued")
    fact = parse_part(first.parts[FACT])
    if not isinstance(fact, dict):
        raise DamagedError(f"Entry {first.seq} does not say which log is continued")
    return fact


def check_continued(session: Session, folder: Path, at: int = 0) -> int:
    """Check a continued log's folder against the log that carries it; returns the number of records.

    `at` is the number of the `log.continues` record that tells of it (see `continued_folders`). Raises DamagedError
    naming the record that is not what was carried, or when the old key's checkpoint does not fit; LedgerError for a
    key, OSError and UnicodeDecodeError for files that can't be read.
    """
    fact = _pinned(log.entry(session, at))
    count, tree = carried_count(fact), CompactRange()
    key = load_verifier(folder / "log.vkey")
    checkpoint = verify_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), key)
    if str(key) != fact.get("vkey"):
        raise DamagedError(f"{folder} holds another log's key than the one that was pinned")
    with (folder / _RECORDS).open("rb") as stream:
        for new in log.entries(session, at + 1, at + count + 1):
            raw = stream.readline().removesuffix(b"\n")
            old, here = parse(raw), parse(new.record)
            if (old.seq + at + 1, old.type, old.time, old.payload, set(old.subjects)) != (
                here.seq, here.type, here.time, here.payload, set(here.subjects),
            ):  # fmt: skip
                raise DamagedError(f"Record {old.seq} of {folder} is not the one that was carried over")
            tree.append(leaf_of(raw))
            if tree.size == checkpoint.size and tree.root() != checkpoint.root:
                raise DamagedError(f"The first {tree.size} records of {folder} are not those that were signed")
    if tree.root().hex() != fact.get("root"):
        raise DamagedError(f"The records of {folder} do not lead to the root that was pinned")
    return count


def _write_lines(path: Path, lines: Iterator[bytes]) -> None:
    with path.open("wb") as stream:
        stream.writelines(lines)
        stream.flush()
        os.fsync(stream.fileno())
    durable.sync_directory(path.parent)
