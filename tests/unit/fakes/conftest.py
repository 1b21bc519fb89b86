"""A small card image whose blocks all differ."""

from pathlib import Path

import pytest

BLOCKS = 256


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.img"
    path.write_bytes(b"".join(number.to_bytes(2, "big") * 256 for number in range(BLOCKS)))
    return path
