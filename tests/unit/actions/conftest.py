"""A station without its signer, for each test."""

from collections.abc import Iterator

import pytest

from tests.fakes.stations import FakeStation, memory_station


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """Yield a station with a recorder docked that nobody holds."""
    with memory_station() as made:
        yield made
