"""What the ledger says is gone for good: clips disposed of, and listings erased with what they repeated.

Guarantee: from entries alone, whose parts are checked, never from the catalogue; so an original that is missing is
explained by a sealed entry or is an alarm.
"""

from collections.abc import Set
from dataclasses import dataclass

from station.custody import check_parts
from station.database import Session
from station.digest import SHA256
from station.ledger import log
from station.ledger.erasures import numbers_of
from station.records.disposal_entries import BlobErased, ClipDisposed
from station.records.docking_entries import ClipIncomplete, ClipIngested
from station.records.registry import read_entry


@dataclass(frozen=True, slots=True)
class Gone:
    """`clips` were disposed of; `digests` are no longer in the vault because of that, or of an erasure."""

    clips: Set[str]
    digests: Set[str]

    def explains(self, clip: str | None, sha256: str) -> bool:
        """Tell whether a blob that an entry names may be missing; a blob that another clip still has may not."""
        return clip in self.clips if clip is not None else sha256 in self.digests


def gone_from(session: Session) -> Gone:
    """Return what is gone; raises DamagedError for an entry that can't be believed."""
    clips: set[str] = set()
    digests: set[str] = set()
    for stored in log.chosen(session, numbers_of(session, (ClipDisposed.TYPE, BlobErased.TYPE))):
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        if isinstance(entry, ClipDisposed):
            clips.add(entry.fact.clip)
            digests.add(entry.fact.digest[SHA256])
        elif isinstance(entry, BlobErased):
            digests.add(entry.fact.digest[SHA256])
    return Gone(clips, digests - _living(session, clips, digests) if clips else digests)


def _living(session: Session, disposed: Set[str], digests: Set[str]) -> set[str]:
    """Return those of `digests` that a clip has which was not disposed of."""
    living: set[str] = set()
    for stored in log.chosen(session, numbers_of(session, (ClipIngested.TYPE, ClipIncomplete.TYPE))):
        entry = read_entry(stored.seq, stored.type, stored.values())
        if isinstance(entry, ClipIngested | ClipIncomplete) and entry.fact.clip not in disposed:
            living |= {entry.fact.digest[SHA256]} & digests
    return living
