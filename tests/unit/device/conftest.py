"""Card images, opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.device.reading import OpenCard, open_cards


@pytest.fixture
def open_card(tmp_path: Path) -> Iterator[OpenCard]:
    """Return what turns an image's bytes into an open card."""
    yield from open_cards(tmp_path)
