"""Copying the ledger's tables from one database to another, of either engine, row by row as they are.

Guarantee: one consistent read on the one side and one transaction on the other; what an erasure has taken stays gone.
"""

from sqlalchemy import Table, delete, insert, select
from sqlmodel import Session

from station.ledger import tables

_BATCH = 2000


def copy_ledger(source: Session, target: Session) -> None:
    """Copy all ledger tables into empty ones; the caller commits."""
    for table in tables.metadata.sorted_tables:
        if table is not tables.erasure:
            copy_rows(source, target, table)
    connection, part = target.connection(), tables.part
    for row in source.connection().execute(select(tables.erasure)).mappings():
        here = (part.c.seq == row["seq"], part.c.name == row["name"])
        at = {"seq": row["seq"], "name": row["name"]}
        if connection.scalar(select(part.c.seq).where(*here)) is None:
            connection.execute(insert(part), [at | {"part": b""}])  # the triggers want a part that then may go
        connection.execute(insert(tables.erasure), [dict(row)])
        connection.execute(delete(part).where(*here))


def copy_rows(source: Session, target: Session, table: Table) -> None:
    """Copy one table's rows in the order of their keys."""
    result = source.connection().execute(select(table).order_by(*table.primary_key.columns))
    for rows in result.mappings().partitions(_BATCH):
        target.connection().execute(insert(table), [dict(row) for row in rows])
