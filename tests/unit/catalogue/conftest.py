"""A catalogue with tables and nothing in it."""

import pytest

from station.catalogue.project import create_tables
from station.database import Database
from tests.unit.catalogue.rows import Catalogue


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    """Return an empty catalogue that tests fill row by row, on either engine."""
    create_tables(database)
    return Catalogue(database)
