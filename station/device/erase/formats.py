"""What the two formats have in common when a file is to be deleted from them."""

from dataclasses import dataclass, field
from typing import Protocol

from station.device.erase.blocks import Edit
from station.device.erase.survey import RawPath, Survey
from station.device.fat import Slot
from station.device.tree import Node
from station.errors import SourceError
from station.records.reading import RawTimes
from station.records.ticket import Refusal


class RefusedError(SourceError):
    """A file, or a whole file system, is left as it is; `reason` is the stable code."""

    def __init__(self, reason: Refusal, message: str) -> None:
        """Build from the code and what is wrong, in plain English."""
        super().__init__(message, kept="Nothing was erased")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as its ticket describes it: the parts of its sighting key."""

    path: RawPath
    address: int
    size_bytes: int
    times: RawTimes

    def equals(self, node: Node) -> bool:
        """Tell whether a node has this address, size and times; the time of last access is no part of the key."""
        mine, stored = self.times, node.times
        return (self.address, self.size_bytes, mine.modified, mine.created, mine.zone_offset_minutes) == (
            node.address,
            node.size_bytes,
            stored.modified,
            stored.created,
            stored.zone_offset_minutes,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a wanted file.

    `live`: its entry is in use. `slots` are all slots of its entry as they are stored, the one with the address among
    them; none when nothing is left of a deleted one. `clusters` are to be freed. `provable`: they hold the whole file,
    so its bytes can be compared first; always so when live.
    """

    live: bool
    node: Node
    slots: tuple[Slot, ...] = ()
    clusters: tuple[range, ...] = field(default=())
    provable: bool = True


class Format(Protocol):
    """How one format stores what has to be changed."""

    def live_slots(self, wanted: Wanted, node: Node, slots: list[Slot]) -> tuple[Slot, ...]:
        """Return the slots of a live file's entry out of its directory's; raises RefusedError."""

    def remains(self, wanted: Wanted, slots: list[Slot]) -> Found | None:
        """Return what is left of a deleted file in its directory; None when that is nothing, or something else."""

    def leftovers(self, found: Found, survey: Survey) -> Found:
        """Return the same with the clusters that nobody freed yet, and nobody else holds."""

    def mark(self, slots: tuple[Slot, ...]) -> list[Edit]:
        """Return the edits that delete an entry, the slot with its address first."""

    def free(self, clusters: tuple[range, ...]) -> tuple[list[Edit], ...]:
        """Return the edits that free clusters, in steps each of which must be on the card before the next begins."""

    def begin(self) -> list[Edit]:
        """Return what is to be changed before the first file."""

    def finish(self) -> list[Edit]:
        """Return what is to be changed after the last file."""
