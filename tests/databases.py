"""The fixture `database`: an open, empty database of its own for each test, on SQLite and on PostgreSQL.

`database_url` (tests/conftest.py) makes and drops the database behind it; tables are the test's own business.
"""

from collections.abc import Iterator

import pytest

from station.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Yield an open database without tables; closed after the test."""
    opened = Database(database_url)
    yield opened
    opened.dispose()
