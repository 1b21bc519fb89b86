"""Stations to be hurt: see tests/flow/conftest.py."""

from tests.flow.conftest import blank_home, station

__all__ = ["blank_home", "station"]
