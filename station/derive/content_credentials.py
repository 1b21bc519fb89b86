"""C2PA content credentials on disclosure copies: optional, off unless the settings name a certificate and its key."""

from pathlib import Path

from station.config import Home


def add(home: Home, copy: Path, original_sha256: str, tool_version: str) -> bool:
    """Add credentials to a copy where they are wanted; True when they were."""
    if not home.settings.c2pa_certificate:
        return False
    raise NotImplementedError
