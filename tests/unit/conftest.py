"""Unit tests get databases for the asking."""

from tests.databases import database

__all__ = ["database"]
