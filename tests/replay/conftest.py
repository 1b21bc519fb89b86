"""Unmodified pyudev and pyusb against fake recorders: processes of their own in a umockdev test bed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.recorder.testbed import Testbed
from tests.fakes.recorder.umockdev import UnavailableError


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    """Yield a bus with nothing plugged in; see tests.fakes.recorder.testbed."""
    try:
        bed = Testbed()
    except UnavailableError as error:
        pytest.skip(f"{error}; `make test` installs it")
    with bed:
        yield bed


@pytest.fixture
def python() -> str:
    """Return the interpreter that has the station and its libraries."""
    return sys.executable


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a small card image that begins with the word CARD."""
    path = tmp_path / "card.img"
    path.write_bytes(b"CARD".ljust(512, b"\0") * 64)
    return path
