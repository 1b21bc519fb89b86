"""The fixture `database`: an open, empty database of its own for each test, on SQLite and on PostgreSQL.

`database_url` (tests/conftest.py) makes and drops the database behind it; tables are the test's own business.
"""

from collections.abc import Iterator

import pytest

from station.database import Database

# For sweeps over every table and column: on SQLite each time, on PostgreSQL among the tests of minutes.
SWEEP = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.trials])],
    indirect=True,
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Yield an open database without tables; closed after the test."""
    opened = Database(database_url)
    yield opened
    opened.dispose()
