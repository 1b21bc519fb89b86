"""The scrub: every original re-read from the disk and compared with the digest the ledger knows it by.

Guarantee: the expectation comes from the caller (the ledger), never from what lies in the vault.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from station.direct import Readback
from station.errors import NotFoundError, StorageError
from station.evidence.store import Store


class Finding(StrEnum):
    """What a scrub found of one original; `unreadable` says nothing about its bytes, only that they don't come."""

    SOUND = "sound"
    DAMAGED = "damaged"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ScrubResult:
    """One original: the digest expected of it, what was found, and how it was read."""

    sha256: str
    finding: Finding
    found_sha256: str | None
    size_bytes: int | None
    readback: Readback | None


def scrub(
    store: Store, expected: Iterable[tuple[str, int]], pause: Callable[[int], None] = lambda size_bytes: None
) -> Iterator[ScrubResult]:
    """Check each (sha256, size in bytes) in turn; `pause` is called with each size read, to slow down as one likes."""
    for sha256, size_bytes in expected:
        result = _check(store, sha256, size_bytes)
        yield result
        pause(result.size_bytes or 0)


def _check(store: Store, sha256: str, size_bytes: int) -> ScrubResult:
    try:
        found = store.read_back(sha256)
    except NotFoundError:
        return ScrubResult(sha256, Finding.MISSING, None, None, None)
    except StorageError:
        return ScrubResult(sha256, Finding.UNREADABLE, None, None, None)
    sound = (found.sha256, found.size_bytes) == (sha256, size_bytes)
    finding = Finding.SOUND if sound else Finding.DAMAGED
    return ScrubResult(sha256, finding, found.sha256, found.size_bytes, found.mode)


def find_unreferenced(store: Store, expected: Iterable[str]) -> Iterator[str]:
    """Yield the digests of originals that nothing refers to: left by a docking that ended before its ledger entry."""
    known = set(expected)
    return (sha256 for sha256 in store.digests() if sha256 not in known)
