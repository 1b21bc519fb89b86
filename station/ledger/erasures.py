"""Which parts the ledger allows to be gone, and entries found by their type.

Guarantee: nothing here deletes; that is `log.drop_erased_parts`, which the tables' triggers hold to this list.
"""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlmodel import Session

from station.ledger import tables


def is_erased(session: Session, seq: int, name: str) -> bool:
    """Tell whether a part's erasure is recorded, done or not."""
    table = tables.erasure
    query = select(table.c.by_seq).where(table.c.seq == seq, table.c.name == name)
    return session.connection().scalar(query) is not None


def count_erasures(session: Session, start: int, end: int) -> int:
    """Return how many parts are erased by entries in [start, end)."""
    by = tables.erasure.c.by_seq
    query = select(func.count()).select_from(tables.erasure).where(by >= start, by < end)
    return int(session.connection().scalar(query) or 0)


def numbers_of(session: Session, types: Collection[str], start: int = 0) -> list[int]:
    """Return the numbers of all entries of these types from `start` on, in order."""
    record = tables.record
    query = select(record.c.seq).where(record.c.seq >= start, record.c.type.in_(sorted(types)))
    return list(session.connection().scalars(query.order_by(record.c.seq)))
