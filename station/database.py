"""One way to the database, for SQLite and PostgreSQL alike: short reads, and writes that exclude each other.

Guarantees: a write transaction has the right to append alone from its first statement (SQLite BEGIN IMMEDIATE,
PostgreSQL advisory lock), so that the ledger's head read in it can't move; a commit that returned is on the disk
(synchronous FULL/EXTRA, read back after it is set, since a PRAGMA that failed says nothing). WAL is used only with
SQLite 3.51.3 or newer, because older ones have a corruption race; else the DELETE journal.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Text,
    create_engine,
    event,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlmodel import Session
from sqlmodel.sql.sqltypes import AutoString

from station.errors import DatabaseError

__all__ = ["Database", "Session", "forget_tables", "integrity_faults", "sqlite_url", "strict_columns"]

_WAL_SAFE_SINCE = (3, 51, 3)
_BUSY_SECONDS = 120
_APPEND_LOCK = 0x65766964  # "evid"; any constant shared by all writers of one database


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """A database, opened by URL (`sqlite:///…` or `postgresql+psycopg://…`); safe to share between threads.

    Raises DatabaseError on opening when the file can't be opened or a safety setting did not take.
    """

    def __init__(self, url: str) -> None:
        """Open (for SQLite: create) the database at `url`."""
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _open_sqlite(url) if self.is_sqlite else _open_postgres(url)
        # SQLite's writers poll for their turn, so of many some never get it; our own threads stand in line instead.
        self._line = threading.Lock() if self.is_sqlite else nullcontext()
        try:
            with self.read() as session:
                session.connection().execute(text("SELECT 1"))
        except UnicodeDecodeError as error:  # sqlite3 quotes a damaged schema in its complaint
            raise DatabaseError(f"The database {_without_password(url)} is damaged: {error}") from error

    @property
    def engine(self) -> Engine:
        """The engine, for creating tables."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session for a short consistent read; whatever is written in it is rolled back."""
        with _converted(self.url), Session(self._engine, expire_on_commit=False) as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            try:
                yield session
            finally:
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose transaction excludes all other writers; commits at the end, rolls back on error."""
        with self._line, _converted(self.url), Session(self._engine, expire_on_commit=False) as session:
            connection = session.connection(execution_options={"station_write": True})
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def compact(self) -> None:
        """Write a SQLite database anew without what nothing uses; raises DatabaseError, and then it is as it was."""
        with _converted(self.url), self._engine.connect() as connection:
            try:
                connection.connection.cursor().execute("VACUUM")  # past SQLAlchemy, which would begin a transaction
            except sqlite3.Error as error:
                raise DatabaseError(f"The database could not be written anew: {error}") from error

    def free_pages(self, table: str) -> str:
        """Write anew what held deleted rows of `table`, so that no free page, journal or log file keeps them.

        Returns how: `vacuum` (SQLite: the whole file, and its write-ahead log cut to nothing) or `vacuum_full`
        (PostgreSQL: that table; its own write-ahead log is recycled by the server in its time). Raises DatabaseError.
        """
        if self.is_sqlite:
            self.compact()
            with _converted(self.url), self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return "vacuum"
        with _converted(self.url), self._engine.connect() as connection:
            name = self._engine.dialect.identifier_preparer.quote_identifier(table)
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"VACUUM FULL {name}"))
        return "vacuum_full"

    def copy_to(self, path: Path, tables: Collection[str]) -> None:
        """Write a consistent copy of these tables of a SQLite database to a new file, with their indexes and triggers.

        No byte of any other table gets there. Others read meanwhile, writers wait. Raises DatabaseError.
        """
        target = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            target.execute("ATTACH ? AS source", (str(self._engine.url.database),))
            target.execute("BEGIN")
            schema = target.execute(
                "SELECT type, name, tbl_name, sql FROM source.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
            ).fetchall()
            chosen = [row for row in schema if row[2] in tables]
            for kind, name, _, sql in chosen:
                if kind == "table":
                    target.execute(sql)
                    target.execute(f'INSERT INTO main."{name}" SELECT * FROM source."{name}"')  # noqa: S608  our names
            for kind, _, _, sql in chosen:  # after the rows, whose insertion the triggers of a ledger would watch
                if kind != "table":
                    target.execute(sql)
            target.execute("COMMIT")
        except sqlite3.Error as error:
            raise DatabaseError(f"The database could not be copied to {path}: {error}") from error
        finally:
            target.close()

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _converted(url: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        detail = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
        raise DatabaseError(
            f"The database {_without_password(url)} refused: {detail.splitlines()[0] if detail else error!r}",
            kept="Nothing of this step was stored; everything before it is",
            hint="Check the disk's space and health, then try again",
        ) from error


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _open_sqlite(url: str) -> Engine:
    # One connection a session, closed after it: nothing is held between short reads, and threads never share one.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for statement, expected in _pragmas():
            connection.execute(statement)
            name = statement.removeprefix("PRAGMA ").partition("=")[0].strip()
            (value,) = connection.execute(f"PRAGMA {name}").fetchone()
            if value != expected:
                raise DatabaseError(
                    f"SQLite answered {value!r} to {statement!r}; {expected!r} is needed to keep evidence safely",
                    hint="Look for disk errors in the system log before anything else",
                )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("station_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_postgres(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, pool_size=5)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # PostgreSQL guesses high what a search costs and then compiles it for longer than it runs, every time anew.
        connection.execute("SET jit = off")
        connection.commit()  # else the pool's rollback would take the setting back

    return engine


def _pragmas() -> tuple[tuple[str, str | int], ...]:
    wal = sqlite3.sqlite_version_info >= _WAL_SAFE_SINCE
    return (
        (f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}", _BUSY_SECONDS * 1000),
        ("PRAGMA journal_mode = WAL" if wal else "PRAGMA journal_mode = DELETE", "wal" if wal else "delete"),
        ("PRAGMA synchronous = EXTRA", 3),
        ("PRAGMA foreign_keys = ON", 1),
        ("PRAGMA secure_delete = ON", 1),
    )


def integrity_faults(session: Session, table: str) -> list[str]:
    """Return what the engine itself finds wrong with a table and its indexes; PostgreSQL is not asked."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return []
    try:
        reports = connection.execute(text(f"PRAGMA integrity_check({table})")).scalars().all()
    except DBAPIError as error:
        return [str(error.orig)]
    return [str(report) for report in reports if report != "ok"]


def forget_tables(session: Session, names: Iterable[str]) -> None:
    """Strike tables from SQLite's schema without touching their pages, which may be too damaged for DROP TABLE.

    Their pages stay behind, used by nothing, until `Database.compact`. Source: SQLite, PRAGMA writable_schema.
    """
    connection = session.connection()
    connection.execute(text("PRAGMA writable_schema = ON"))
    for name in names:
        connection.execute(text("DELETE FROM sqlite_master WHERE tbl_name = :name"), {"name": name})
    connection.execute(text("PRAGMA writable_schema = RESET"))


def strict_columns(metadata: MetaData) -> None:
    """Give every table of `metadata` column types that SQLite's STRICT mode enforces and PostgreSQL holds whole.

    STRICT knows only INTEGER, TEXT, BLOB and REAL; PostgreSQL's INTEGER is too short for sizes in bytes.
    """
    for table in metadata.tables.values():
        table.dialect_options["sqlite"]["strict"] = True
        for column in table.columns:
            if isinstance(column.type, String | AutoString):
                column.type = Text()
            elif isinstance(column.type, Boolean):
                column.type = Boolean().with_variant(Integer(), "sqlite")
            elif isinstance(column.type, Integer):
                column.type = BigInteger().with_variant(Integer(), "sqlite")
