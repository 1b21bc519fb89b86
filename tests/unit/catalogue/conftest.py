"""A catalogue with tables and nothing in it: one database a module and engine, emptied before each test.

A database of its own for each of these many small tests would take PostgreSQL minutes.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from station.catalogue.project import create_tables
from station.database import Database, sqlite_url
from tests.conftest import POSTGRES_VARIABLE
from tests.unit.catalogue.rows import Catalogue


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def _shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(sqlite_url(tmp_path_factory.mktemp("catalogue") / "station.db"))
        create_tables(database)
        yield database
        database.dispose()
        return
    server = os.environ.get(POSTGRES_VARIABLE)
    if not server:
        pytest.skip(f"no PostgreSQL: {POSTGRES_VARIABLE} is not set (`make test` does it)")
    with _postgres(server) as url:
        database = Database(url)
        create_tables(database)
        yield database
        database.dispose()


@contextmanager
def _postgres(server: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    admin = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def catalogue(_shared: Database) -> Catalogue:
    """Return an empty catalogue that tests fill row by row, on either engine."""
    return Catalogue(_shared)
