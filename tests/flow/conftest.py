"""A fresh station for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from station.actions.setup import make_home
from tests.flow.stations import Station, copy_home, signing


@pytest.fixture(scope="session")
def blank_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the one home that all tests of this run begin with a copy of."""
    return make_home(tmp_path_factory.mktemp("blank") / "home", settings="").root


@pytest.fixture
def station(blank_home: Path, tmp_path: Path) -> Iterator[Station]:
    """Yield a station in which nothing has happened yet."""
    root = copy_home(blank_home, tmp_path / "home")
    with signing(root):
        yield Station(root)
