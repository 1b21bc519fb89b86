"""From ledger entries to the catalogue's rows: the only code that writes the projection.

Guarantees: a row depends on the entries in their order and on nothing else (no clock, no settings, no local state),
so that a rebuild comes out identical; an entry is projected in the transaction that appends it. An erased part
becomes None or an empty text in the row, as each projector's code says by reading it so.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from station.catalogue import (
    project_alarms,
    project_cases,
    project_disposals,
    project_dockings,
    project_documents,
    project_exports,
    project_notes,
    project_people,
    project_recorders,
    project_reviews,
)
from station.catalogue.grams import settle_clip
from station.catalogue.history import check_outcomes, history_rows
from station.catalogue.tables import PROJECTION_VERSION, Clip, Look, Meta, metadata
from station.database import Database, forget_tables, integrity_faults
from station.errors import DatabaseError
from station.records import log_entries
from station.records.entries import Entry

Projector = Callable[[Session, int, str, Any], None]


def create_tables(database: Database) -> None:
    """Create the projection's empty tables."""
    metadata.create_all(database.engine)
    with database.write() as session:
        if session.get(Meta, 1) is None:
            session.add(Meta(version=PROJECTION_VERSION, entries=0))


def renew(session: Session, *, damaged: bool = False) -> None:
    """Drop the projection's tables, whatever shape they are in, and make them anew and empty.

    With `damaged` (SQLite) they are struck from the schema unread, since dropping a table needs its pages whole.
    """
    connection = session.connection()
    if damaged:
        forget_tables(session, metadata.tables)
    metadata.drop_all(connection)
    metadata.create_all(connection)
    session.add(Meta(version=PROJECTION_VERSION, entries=0))
    session.flush()


def applied(session: Session) -> int:
    """Return how many entries the projection has taken in; -1 when it is of another version and must be rebuilt."""
    meta = session.get(Meta, 1)
    return meta.entries if meta is not None and meta.version == PROJECTION_VERSION else -1


def project(session: Session, seq: int, time: str, entry: Entry) -> None:
    """Apply one entry; raises DatabaseError when it is not the next one."""
    meta = session.get(Meta, 1)
    if meta is None or meta.entries != seq:
        raise DatabaseError(
            f"The catalogue stands at entry {meta.entries if meta else 'none'}, but entry {seq} is due",
            kept="The ledger is untouched",
            hint="Run `station rebuild`",
        )
    project_alone(session, seq, time, entry, told=entry)
    meta.entries = seq + 1
    session.add(meta)
    session.flush()


def project_alone(session: Session, seq: int, time: str, entry: Entry, told: Entry | None) -> None:
    """Apply one entry without asking whether it is the next: for a catalogue of chosen entries, in their order.

    `told` is what the history may tell of it: the entry itself, the same with parts left out, or None for nothing.
    """
    projector = _PROJECTORS.get(entry.TYPE)
    if projector is not None:
        projector(session, seq, time, entry)
        project_reviews.touch(session, entry)
    if told is not None:
        session.add_all(history_rows(seq, time, told))
    session.flush()


def _check_completed(session: Session, _seq: int, time: str, entry: log_entries.CheckCompleted) -> None:
    for clip_id, outcome in check_outcomes(entry.fact).items():
        if outcome == "sound":
            project_alarms.end_by_check(session, clip_id, time)
        clip = session.get(Clip, clip_id)
        if clip is not None:
            clip.checked_at = time
            clip.check_outcome = outcome
            settle_clip(session, clip)


def _access_opened(session: Session, seq: int, time: str, entry: log_entries.AccessOpened) -> None:
    look, actor = entry.look, entry.actor
    if look is not None:
        session.add(
            Look(
                seq=seq,
                clip=look.clip,
                access=entry.fact.access,
                person=actor.person if actor else None,
                at=time,
                kind=look.kind,
                purpose=look.purpose,
            )
        )


def _access_listed(session: Session, seq: int, time: str, entry: log_entries.AccessListed) -> None:
    person = entry.actor.person if entry.actor else None
    for clip in entry.look.clips if entry.look else ():
        session.add(
            Look(
                seq=seq,
                clip=clip,
                access=entry.fact.access,
                person=person,
                at=time,
                kind="listed",
                purpose=None,
            )
        )


def _access_denied(session: Session, seq: int, time: str, entry: log_entries.AccessDenied) -> None:
    look = entry.look
    if look is None or not (look.about or "").startswith("clip:"):
        return
    session.add(
        Look(
            seq=seq,
            clip=str(look.about).removeprefix("clip:"),
            access=entry.fact.access,
            person=entry.actor.person if entry.actor else None,
            at=time,
            kind="denied",
            purpose=look.reason,
            count=entry.fact.count,
        )
    )


_PROJECTORS: dict[str, Projector] = {
    log_entries.CheckCompleted.TYPE: _check_completed,
    log_entries.AccessOpened.TYPE: _access_opened,
    log_entries.AccessListed.TYPE: _access_listed,
    log_entries.AccessDenied.TYPE: _access_denied,
    **project_alarms.PROJECTORS,
    **project_people.PROJECTORS,
    **project_recorders.PROJECTORS,
    **project_dockings.PROJECTORS,
    **project_cases.PROJECTORS,
    **project_reviews.PROJECTORS,
    **project_documents.PROJECTORS,
    **project_notes.PROJECTORS,
    **project_exports.PROJECTORS,
    **project_disposals.PROJECTORS,
}


@dataclass(frozen=True, slots=True)
class TableContent:
    """What a table holds: its rows as canonical JSON text, each with how often it is there, and what is wrong with it.

    `faults` are sentences: the table can't be read whole, or the engine finds its pages or indexes damaged.
    """

    rows: Counter[str]
    faults: tuple[str, ...] = ()


def read_tables(session: Session) -> dict[str, TableContent]:
    """Return every table's content: what two catalogues are compared by; damage is told, never raised."""
    return {table.name: _read_table(session, table) for table in metadata.sorted_tables}


def is_of_older_version(content: Mapping[str, TableContent]) -> bool:
    """Tell whether the catalogue says that it was made by an older version of this program."""
    versions = [json.loads(row)["version"] for row in content[Meta.__tablename__].rows]
    return any(isinstance(version, int) and 0 < version < PROJECTION_VERSION for version in versions)


def _read_table(session: Session, table: Table) -> TableContent:
    faults = integrity_faults(session, table.name)
    names = [column.name for column in table.columns]
    flags = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    try:
        with session.begin_nested():
            rows = Counter(_row_text(names, row, flags) for row in session.execute(table.select()))
    except DBAPIError as error:
        return TableContent(Counter(), tuple(dict.fromkeys((*faults, str(error.orig)))))
    return TableContent(rows, tuple(faults))


def _row_text(names: Sequence[str], row: Sequence[Any], flags: Collection[str]) -> str:
    # SQLite stores truth as 0 and 1; any other number in such a column is not the same row.
    values = {
        name: bool(value) if name in flags and value in (0, 1) else value
        for name, value in zip(names, row, strict=True)
    }
    return json.dumps(values, sort_keys=True, ensure_ascii=False, default=repr)
