"""What every cluster of a file system belongs to, found by walking all of it before anything is deleted.

Guarantees: a file is found by its raw path and address, nothing else; a file system in which anything could not be
listed has no survey (the clusters of what is not seen might be freed otherwise). Memory: one byte a cluster.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from station.device.chains import Chain
from station.device.exfat import Exfat
from station.device.fat import Fat
from station.device.tree import Node
from station.device.volume import MAX_DEPTH, MAX_ENTRIES

RawPath = tuple[str, ...]  # raw names in hex, from the root down


@dataclass(frozen=True, slots=True)
class Placed:
    """A listed node and the directory it lies in."""

    node: Node
    parent: Node


class Survey:
    """One file system as it was found."""

    def __init__(self, file_system: Fat | Exfat) -> None:
        """Walk it; raises OSError when a part of it can't be listed."""
        self._file_system = file_system
        self._layout = file_system.layout
        self.owners = bytearray(self._layout.clusters + 2)  # by cluster: 0 nobody, 1 one, 2 several
        self.files: dict[tuple[RawPath, int], Placed] = {}
        self.paths: set[RawPath] = set()
        self.directories: dict[RawPath, list[Node]] = {}
        self._walk()

    def clusters_of(self, chain: Chain) -> tuple[range, ...]:
        """Return a chain's cluster numbers, in the order of the file; what is not in clusters is left out."""
        layout = self._layout
        found = []
        for start, length in chain.runs:
            if start >= layout.heap and length:
                first = 2 + (start - layout.heap) // layout.cluster_bytes
                found.append(range(first, first + length // layout.cluster_bytes))
        return tuple(found)

    def owned_by(self, clusters: tuple[range, ...], count: int) -> bool:
        """Tell whether exactly `count` live entries hold each of these clusters (2 stands for more than one)."""
        return all(not self.owners[run.start : run.stop].strip(bytes([count])) for run in clusters)

    def claim(self, chain: Chain) -> None:
        """Count one more owner of every cluster of a chain."""
        for run in self.clusters_of(chain):
            held = self.owners[run.start : run.stop]
            added = bytes(min(count + 1, 2) for count in held) if any(held) else b"\x01" * len(held)
            self.owners[run.start : run.stop] = added

    def _walk(self) -> None:
        root = self._file_system.root()
        seen: set[int | None] = set()
        stack: list[tuple[RawPath, Node]] = [((), root)]
        while stack:
            path, directory = stack.pop()
            if directory.identity in seen or len(path) > MAX_DEPTH or len(self.files) > MAX_ENTRIES:
                raise OSError(errno.ELOOP, "its directories run in a circle, or too deep, or hold too much")
            seen.add(directory.identity)
            self.directories.setdefault(path, []).append(directory)
            self.claim(self._file_system.chain_of(directory))
            stack += self._enter(path, directory)

    def _enter(self, path: RawPath, directory: Node) -> Iterator[tuple[RawPath, Node]]:
        listing = self._file_system.list_directory(directory)
        if listing.damage is not None:
            raise OSError(errno.EIO, f"a directory of it is damaged: {listing.damage}")
        for node in listing.nodes:
            below = (*path, node.name.raw)
            if node.kind == "directory":
                yield below, node
            elif node.kind != "deleted":
                self.files[below, node.address] = Placed(node, directory)
                self.paths.add(below)
                self.claim(self._file_system.chain_of(node))
