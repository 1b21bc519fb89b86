"""The shape that every file system on a card is brought into, before the walk and the copy look at it.

Guarantee: a node says what was stored, not what was made of it; what can't be known is None, never a default.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from station.records.reading import EntryState, RawName, RawTimes

NodeKind = EntryState | Literal["directory"]


@dataclass(frozen=True, slots=True)
class Node:
    """One directory entry.

    `address` is the metadata address. `identity` tells one directory's content from another's (its first cluster
    where there is one), so that loops are found. `valid_bytes` is how much of the file was ever written, None for
    all. `contiguous` tells that its clusters follow one another without a chain. `stream` is the attribute (type, id)
    to read instead of the default one.
    """

    name: RawName
    address: int
    kind: NodeKind
    size_bytes: int = 0
    times: RawTimes = field(default_factory=RawTimes)
    identity: int | None = None
    valid_bytes: int | None = None
    contiguous: bool = False
    stream: tuple[int, int] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What one directory holds; with `damage` (plain English) something in it may be missing."""

    nodes: tuple[Node, ...]
    damage: str | None = None


class Content(Protocol):
    """The bytes of one file, `size_bytes` of them.

    `missing` are ranges (offset, length) that the card does not hold at all, sorted: reading them is pointless.
    `concurrent` tells that several threads may read at once.
    """

    size_bytes: int
    missing: tuple[tuple[int, int], ...]
    concurrent: bool

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` whole from `offset`; raises OSError when a single byte can't be read."""


class FileSystem(Protocol):
    """One file system of a card."""

    offset_bytes: int
    kind: str
    serial: str | None
    label: str | None

    def root(self) -> Node:
        """Return the root directory's node."""

    def list_directory(self, directory: Node) -> Listing:
        """List one directory; raises OSError when nothing of it can be read."""

    def open_content(self, node: Node) -> Content:
        """Open a file's bytes by metadata address; raises OSError."""
