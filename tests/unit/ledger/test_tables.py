"""The tables take rows in their one order and never give one back."""

import pytest
from sqlalchemy import text

from station.database import Database
from station.errors import DatabaseError
from station.ledger import anchors, log, tables
from tests.unit.ledger.samples import ORIGIN, TIME, erasing, fill, make_log

HASH = b"h" * 32


def execute(database: Database, statement: str, **values: object) -> None:
    with database.write() as session:
        session.connection().execute(text(statement), values)


@pytest.mark.parametrize("table", tables.metadata.tables)
def test_no_row_can_be_changed_or_removed(database: Database, table: str) -> None:
    make_log(database)
    with database.write() as session:
        number = log.append(session, [erasing(session, 2)], origin=ORIGIN)[0].seq
        session.connection().execute(tables.checkpoint.insert(), [{"number": 0, "size": number, "note": "x"}])
        anchors.store_anchor(session, number, "cosignature", "x", b"x", TIME)
    column = tables.metadata.tables[table].columns.keys()[-1]
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, f'UPDATE {table} SET "{column}" = "{column}"')  # noqa: S608  our own names
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, f"DELETE FROM {table}")  # noqa: S608  our own names


@pytest.mark.parametrize("table", tables.metadata.tables)
def test_no_table_can_be_emptied_at_once(database: Database, table: str) -> None:
    make_log(database)
    statement = f"DELETE FROM {table}" if database.is_sqlite else f"TRUNCATE {table} CASCADE"  # noqa: S608  our own names
    if database.is_sqlite and table in ("checkpoint", "erasure", "anchor"):
        execute(database, statement)  # nothing in them yet, so nothing to refuse
        return
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, statement)


def test_a_row_cannot_be_replaced_by_inserting_over_it(database: Database) -> None:
    make_log(database)
    verb = "INSERT OR REPLACE" if database.is_sqlite else "INSERT"
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, f'{verb} INTO node (level, "index", hash) VALUES (1, 0, :hash)', hash=HASH)
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, f"{verb} INTO part (seq, name, part) VALUES (1, 'fact', :part)", part=b"x")


@pytest.mark.parametrize("seq", [0, 12, 14, -1])
def test_records_come_without_gaps(database: Database, seq: int) -> None:
    make_log(database)
    statement = "INSERT INTO record (seq, record, leaf, type, time) VALUES (:seq, :record, :leaf, 'a.b', :time)"
    with pytest.raises(DatabaseError):
        execute(database, statement, seq=seq, record=b"x", leaf=HASH, time="2026-08-04T10:00:00.000000Z")


@pytest.mark.parametrize(("number", "size"), [(0, 5), (2, 9), (1, 4), (1, 3)])
def test_checkpoints_come_in_order_and_grow(database: Database, number: int, size: int) -> None:
    tables.create_tables(database)
    statement = "INSERT INTO checkpoint (number, size, note) VALUES (:number, :size, 'x')"
    execute(database, statement, number=0, size=4)
    with pytest.raises(DatabaseError):
        execute(database, statement, number=number, size=size)
    execute(database, statement, number=1, size=5)


def test_an_anchor_needs_its_checkpoint(database: Database) -> None:
    make_log(database)
    with pytest.raises(DatabaseError), database.write() as session:
        anchors.store_anchor(session, 13, "cosignature", "x", b"x", TIME)


@pytest.mark.parametrize("number", [0, 2])
def test_anchors_come_without_gaps(database: Database, number: int) -> None:
    tables.create_tables(database)
    execute(database, "INSERT INTO checkpoint (number, size, note) VALUES (0, 4, 'x')")
    columns = "(number, size, kind, key, data, time)"
    statement = f"INSERT INTO anchor {columns} VALUES (:number, 4, 'timestamp', 'x', :data, :time)"  # noqa: S608
    execute(database, statement, number=0, data=b"x", time=TIME)
    with pytest.raises(DatabaseError):
        execute(database, statement, number=number, data=b"x", time=TIME)
    execute(database, statement, number=1, data=b"x", time=TIME)


def test_a_database_of_an_earlier_version_gets_the_table_it_lacks_but_no_trigger_back(database: Database) -> None:
    make_log(database, 3)
    with database.write() as session:
        session.connection().execute(text("DROP TABLE anchor"))
    tables.add_missing_tables(database)
    with database.write() as session:
        session.connection().execute(text("SELECT * FROM anchor"))
        if database.is_sqlite:
            session.connection().execute(text("DROP TRIGGER ledger_node_insert"))
    tables.add_missing_tables(database)
    with database.read() as session:
        installed = tables.installed_triggers(session.connection())
    assert ("ledger_node_insert" in installed) is not database.is_sqlite
    assert "ledger_anchor_insert" in installed


def test_a_leaf_of_another_length_is_refused(database: Database) -> None:
    tables.create_tables(database)
    statement = "INSERT INTO record (seq, record, leaf, type, time) VALUES (0, :record, :leaf, 'a.b', :time)"
    with pytest.raises(DatabaseError):
        execute(database, statement, record=b"x", leaf=HASH[1:], time="2026-08-04T10:00:00.000000Z")


def test_a_part_can_go_only_after_the_entry_that_erases_it(database: Database) -> None:
    make_log(database)
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, "DELETE FROM part WHERE seq = 3 AND name = 'names'")
    with database.write() as session:
        log.append(session, [erasing(session, 3)], origin=ORIGIN)
    with pytest.raises(DatabaseError, match="append-only"):
        execute(database, "DELETE FROM part WHERE seq = 3 AND name = 'fact'")
    with database.write() as session:
        assert log.drop_erased_parts(session) == 1
    with database.read() as session:
        assert log.entry(session, 3).parts.keys() == {"fact"}
        assert log.entry(session, 4).parts.keys() == {"fact", "names"}


@pytest.mark.parametrize("by", [2, 99])
def test_an_erasure_needs_an_entry_of_that_kind(database: Database, by: int) -> None:
    make_log(database)
    with pytest.raises(DatabaseError):
        execute(database, "INSERT INTO erasure (seq, name, by_seq) VALUES (3, 'names', :by)", by=by)


def test_making_the_tables_again_changes_nothing(database: Database) -> None:
    make_log(database, 3)
    tables.create_tables(database)
    fill(database, 1, first=3)
    with database.read() as session:
        assert log.size(session) == 4
        names = set(tables.installed_triggers(session.connection()))
    assert set(tables.expected_triggers("sqlite" if database.is_sqlite else "postgresql")) <= names
