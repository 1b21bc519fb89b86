"""What the ledger says is in the vault: one place for whoever re-reads it, by hand, by schedule or for a case.

Guarantee: an expectation comes from a ledger entry whose parts are those its record promises, never from the catalogue
or from what lies in the vault.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from station.custody import check_parts
from station.database import Database, Session
from station.digest import SHA256, further_of
from station.errors import StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.records.disposal_entries import BlobErased, ClipDisposed
from station.records.docking_entries import ClipConflicted, ClipIncomplete, ClipIngested, DockingFinished
from station.records.document_entries import DocumentAdded
from station.records.entries import Entry
from station.records.registry import read_entry

BATCH_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """One blob the ledger names: where it must lie, and of which clip (None: a docking's listing, or a document).

    `about` is the subject whose entries can say that it is gone for good; `further` are pairs of (algorithm, hex): the
    digests that the entry gives beside the SHA-256.
    """

    sha256: str
    size_bytes: int | None
    partial: bool
    clip: str | None
    about: str
    further: tuple[tuple[str, str], ...] = ()

    def path(self, store: LocalStore) -> Path:
        """Return where it lies."""
        return store.partial_path(self.sha256) if self.partial else store.path(self.sha256)


def held_by(entry: object) -> list[Held]:
    """Return the blobs that an entry names."""
    match entry:
        case ClipIngested(fact=fact):
            return [_of_clip(fact.digest, fact.size_bytes, fact.clip)]
        case ClipIncomplete(fact=fact):
            return [_of_clip(fact.digest, fact.size_bytes, fact.clip, partial=True)]
        case ClipConflicted(fact=conflict) if conflict.kept:
            return [_of_clip(conflict.digest, None, conflict.clip)]
        case DockingFinished(fact=finished) if finished.listing:
            return [Held(finished.listing[SHA256], None, False, None, f"docking:{finished.docking}")]
        case DocumentAdded(fact=document):
            further = tuple(further_of(document.digest).items())
            about = f"document:{document.document}"
            return [Held(document.digest[SHA256], document.size_bytes, False, None, about, further)]
        case _:
            return []


def _of_clip(digest: Mapping[str, str], size_bytes: int | None, clip: str, *, partial: bool = False) -> Held:
    return Held(digest[SHA256], size_bytes, partial, clip, f"clip:{clip}", tuple(further_of(digest).items()))


def held_between(
    database: Database,
    start: int,
    end: int,
    trouble: Callable[[int | None, StationError], None],
    gone: Callable[[Entry], None] = lambda entry: None,
) -> Generator[tuple[int, list[Held]], None, None]:
    """Yield (number of the entry, its blobs) for all entries that name any.

    What can't be read or believed goes to `trouble` (with the entry's number, if it is one), and entries saying that
    something is gone by law to `gone`.
    """
    for first in range(start, end, BATCH_ENTRIES):
        try:
            with database.read() as session:
                batch = list(log.entries(session, first, min(end, first + BATCH_ENTRIES)))
        except StationError as error:
            trouble(None, error)
            continue
        for stored in batch:
            try:
                check_parts(stored)
                entry = read_entry(stored.seq, stored.type, stored.values())
            except StationError as error:
                trouble(stored.seq, error)
                continue
            if isinstance(entry, ClipDisposed | BlobErased):
                gone(entry)
            named = held_by(entry)
            if named:
                yield stored.seq, named


def all_held(database: Database, size: int, trouble: Callable[[int | None, StationError], None]) -> list[Held]:
    """Return the blobs that entries before number `size` name and that must be there; see `held_between`."""
    going: list[Entry] = []
    named = [each for _, some in held_between(database, 0, size, trouble, going.append) for each in some]
    clips = {entry.fact.clip for entry in going if isinstance(entry, ClipDisposed)}
    erased = {(each.fact.about, each.fact.digest.get(SHA256)) for each in going if isinstance(each, BlobErased)}
    return [each for each in named if each.clip not in clips and (each.about, each.sha256) not in erased]


def total_bytes(held: Iterable[Held]) -> int:
    """Return how many bytes there are to read, each blob once, as far as the ledger knows their sizes."""
    return sum({(each.sha256, each.partial): each.size_bytes or 0 for each in held}.values())


def is_gone(session: Session, held: Held) -> bool:
    """Tell whether the ledger says that a blob went by law, so that its absence is as it should be."""
    for stored in log.subject_entries(session, held.about, types=GOING):
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        # A disposed clip takes all its bytes along; of a docking only the listing named goes.
        if isinstance(entry, ClipDisposed) or (
            isinstance(entry, BlobErased) and entry.fact.digest.get(SHA256) == held.sha256
        ):
            return True
    return False


GOING = (ClipDisposed.TYPE, BlobErased.TYPE)
