"""A station without its signer, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.stations import FakeStation


@pytest.fixture
def station(tmp_path: Path) -> Iterator[FakeStation]:
    """Yield a station with a recorder docked that nobody holds."""
    made = FakeStation(tmp_path / "home")
    made.take_in_recorder()
    yield made
    made.database.dispose()
