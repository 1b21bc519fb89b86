"""The one way to the database: writes exclude each other, reads are consistent, errors are ours."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text

from station.database import Database, forget_tables, integrity_faults, sqlite_url
from station.errors import DatabaseError

metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True, autoincrement=False))


@pytest.fixture
def filled(database: Database) -> Database:
    metadata.create_all(database.engine)
    return database


def all_numbers(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.connection().execute(text("SELECT n FROM numbers ORDER BY n")).scalars())


def insert(database: Database, number: int) -> None:
    with database.write() as session:
        session.connection().execute(numbers.insert(), {"n": number})


def test_what_a_write_did_is_there_afterwards(filled: Database) -> None:
    insert(filled, 1)
    assert all_numbers(filled) == [1]


def test_an_error_in_a_write_takes_all_of_it_back(filled: Database) -> None:
    with pytest.raises(RuntimeError), filled.write() as session:
        session.connection().execute(numbers.insert(), {"n": 1})
        raise RuntimeError("in the middle")
    assert all_numbers(filled) == []


def test_what_is_written_in_a_read_is_taken_back(filled: Database) -> None:
    with filled.read() as session:
        session.connection().execute(numbers.insert(), {"n": 1})
    assert all_numbers(filled) == []


def test_the_engines_errors_come_as_ours_without_the_password(filled: Database) -> None:
    insert(filled, 1)
    with pytest.raises(DatabaseError) as refused:
        insert(filled, 1)
    assert "Nothing of this step was stored" in refused.value.kept
    assert "@" not in refused.value.message or ":" not in refused.value.message.split("@")[0].split("//")[-1]


def test_writers_that_read_before_they_write_never_see_the_same(filled: Database) -> None:
    def append() -> None:
        for _ in range(10):
            with filled.write() as session:
                found = session.connection().scalar(text("SELECT coalesce(max(n), 0) FROM numbers"))
                session.connection().execute(numbers.insert(), {"n": int(found or 0) + 1})

    writers = [threading.Thread(target=append) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert all_numbers(filled) == list(range(1, 31))


def test_a_writer_waits_for_the_others_of_its_process_however_long_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.database._BUSY_SECONDS", 0)
    database = Database(sqlite_url(tmp_path / "one.db"))
    metadata.create_all(database.engine)
    second = threading.Thread(target=insert, args=(database, 2))
    with database.write() as session:
        second.start()
        session.connection().execute(numbers.insert(), {"n": 1})
        second.join(0.2)
    second.join()
    assert all_numbers(database) == [1, 2]


def test_a_database_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        Database(sqlite_url(tmp_path / "missing" / "x.db"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(DatabaseError):
        Database(sqlite_url(tmp_path / "x.db"))


def test_sqlite_is_set_up_for_evidence(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))
    with database.read() as session:
        connection = session.connection()
        answers = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("synchronous", "journal_mode")}
    assert answers["synchronous"] == 3
    assert answers["journal_mode"] == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete")


def test_a_setting_that_did_not_take_stops_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.database._pragmas", lambda: (("PRAGMA journal_mode = MEMORY", "delete"),))
    with pytest.raises(DatabaseError, match="journal_mode"):
        Database(sqlite_url(tmp_path / "x.db"))


def test_a_sound_table_has_no_faults(filled: Database) -> None:
    insert(filled, 1)
    with filled.read() as session:
        assert integrity_faults(session, "numbers") == []


def test_a_table_too_damaged_to_drop_can_be_forgotten_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = Database(sqlite_url(path))
    metadata.create_all(database.engine)
    with database.write() as session:
        session.connection().execute(text("CREATE TABLE kept (n INTEGER)"))
        session.connection().execute(text("INSERT INTO kept VALUES (7)"))
        session.connection().execute(numbers.insert(), [{"n": n} for n in range(5000)])
        page = session.connection().scalar(text("SELECT rootpage FROM sqlite_master WHERE name = 'numbers'"))
    with path.open("r+b") as file:
        file.seek((int(page or 0) - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(DatabaseError), database.write() as session:
        session.connection().execute(text("DROP TABLE numbers"))
    with database.read() as session:
        assert integrity_faults(session, "numbers") != []
    with database.write() as session:
        forget_tables(session, ["numbers"])
        metadata.create_all(session.connection())
    database.compact()
    insert(database, 1)
    assert all_numbers(database) == [1]
    with database.read() as session:
        assert session.connection().scalar(text("SELECT n FROM kept")) == 7
        assert session.connection().scalar(text("PRAGMA integrity_check")) == "ok"


def test_all_transactions_of_a_disposed_database_are_over(filled: Database) -> None:
    insert(filled, 1)
    filled.dispose()
    insert(filled, 2)
    assert all_numbers(filled) == [1, 2]


@pytest.mark.postgres
def test_postgresql_compiles_no_query_on_any_connection_even_after_a_rollback(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.read() as first, database.read() as second:
        assert [each.connection().scalar(text("SHOW jit")) for each in (first, second)] == ["off", "off"]
    with database.write() as session:
        assert session.connection().scalar(text("SHOW jit")) == "off"
    database.dispose()
