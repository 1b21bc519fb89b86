"""Cluster chains of FAT and exFAT, followed by ourselves in the file allocation table.

The Sleuth Kit refuses FAT32 cards with fewer than 65,525 clusters, which every kernel mounts and recorders write, and
entries that its heuristics dislike; and it can't tell an unreadable sector of the table from the end of a chain.
Guarantees: a chain always ends, by its end mark or by what is wrong with it, which is said; memory is bounded.
Sources: Microsoft FAT specification 1.03, section 4; Microsoft exFAT specification 1.00, section 4.1.
"""

from array import array
from collections import OrderedDict
from dataclasses import dataclass

from station.device.image import SECTOR_BYTES, Image

Run = tuple[int, int]  # offset in the image, length, both in bytes, in the order of the file

_WINDOW_BYTES = 48 * 1024  # whole entries of 12, 16 and 32 bits
_WINDOWS = 32
# Stands in for entries that no copy of the table gives: whatever their width, they lead to no cluster.
_NOWHERE = b"\x01\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a file's clusters lie; `damage` (plain English) when the chain does not end as it should."""

    runs: tuple[Run, ...]
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The table's copies and the clusters, in bytes from the start of the image; entries are 12, 16 or 32 bits wide.

    `significant_bits` of an entry count: 28 of FAT32's 32.
    """

    tables: tuple[int, ...]
    entry_bits: int
    significant_bits: int
    heap: int
    cluster_bytes: int
    clusters: int


class Table:
    """The file allocation table of one file system."""

    def __init__(self, image: Image, layout: Layout) -> None:
        """Read nothing yet."""
        self._image = image
        self._layout = layout
        self._windows: OrderedDict[int, array[int]] = OrderedDict()

    @property
    def capacity_bytes(self) -> int:
        """How much the file system can hold at all."""
        return self._layout.clusters * self._layout.cluster_bytes

    def place(self, cluster: int, count: int = 1) -> Run:
        """Return where `count` consecutive clusters lie."""
        layout = self._layout
        return layout.heap + (cluster - 2) * layout.cluster_bytes, count * layout.cluster_bytes

    def follow(self, first: int, size_bytes: int) -> Chain:
        """Follow a chain from cluster `first` until it ends or holds `size_bytes`."""
        wanted = -(-size_bytes // self._layout.cluster_bytes)
        runs: list[Run] = []
        start, length, held = first, 0, 0
        cluster, landmark, damage = first, 0, None
        while held < wanted:
            if not self._exists(cluster):
                damage = "its allocation chain leads nowhere"
                break
            if cluster == landmark:
                damage = "its allocation chain runs in a circle"
                break
            held += 1
            if held & (held - 1) == 0:  # Brent: the landmark moves at every power of two, so any circle meets it
                landmark = cluster
            if cluster != start + length:
                runs.append(self.place(start, length))
                start, length = cluster, 0
            length += 1
            following = self._next(cluster)
            if following is None:
                break
            cluster = following
        if length:
            runs.append(self.place(start, length))
        return Chain(tuple(runs), damage)

    def contiguous(self, first: int, size_bytes: int) -> Chain:
        """Return the clusters of a file that has no chain (exFAT's NoFatChain)."""
        wanted = -(-size_bytes // self._layout.cluster_bytes)
        if not (self._exists(first) and self._exists(first + wanted - 1)):
            wanted = max(0, min(wanted, self._layout.clusters + 2 - first)) if first >= 2 else 0
            damage = "its clusters lie beyond the end of the file system"
            return Chain((self.place(first, wanted),) if wanted else (), damage)
        return Chain((self.place(first, wanted),))

    def _exists(self, cluster: int) -> bool:
        return 2 <= cluster < self._layout.clusters + 2

    def _next(self, cluster: int) -> int | None:
        """Return what follows `cluster`, None at the end of the chain."""
        value = self._entry(cluster)
        top = (1 << self._layout.significant_bits) - 1
        value &= top
        return None if value >= top - 7 else value

    def _entry(self, cluster: int) -> int:
        bits = self._layout.entry_bits
        per_window = _WINDOW_BYTES * 8 // bits
        number, index = divmod(cluster, per_window)
        window = self._windows.get(number)
        if window is None:
            window = self._load(number)
        return window[index]

    def _load(self, number: int) -> "array[int]":
        layout = self._layout
        start = number * _WINDOW_BYTES
        held = -(-(layout.clusters + 2) * layout.entry_bits // 8)
        window = _unpack(self._read_table(start, min(_WINDOW_BYTES, held - start)), layout.entry_bits)
        self._windows[number] = window
        if len(self._windows) > _WINDOWS:
            self._windows.popitem(last=False)
        return window

    def _read_table(self, start: int, length: int) -> bytes:
        """Read a part of the table, sector by sector from its copies where the first can't be read."""
        tables = self._layout.tables
        try:
            return self._image.read_exact(tables[0] + start, length)
        except OSError:
            sectors = range(start, start + length, SECTOR_BYTES)
            return b"".join(self._read_sector(at, min(SECTOR_BYTES, start + length - at)) for at in sectors)

    def _read_sector(self, at: int, length: int) -> bytes:
        for table in self._layout.tables:
            try:
                return self._image.read_exact(table + at, length)
            except OSError:
                continue
        return _NOWHERE * (length // len(_NOWHERE)) + _NOWHERE[: length % len(_NOWHERE)]


def _unpack(data: bytes, bits: int) -> "array[int]":
    if bits == 12:  # two entries in three bytes
        window = array("H")
        for at in range(0, len(data) - 1, 3):
            low = int.from_bytes(data[at : at + 3], "little")
            window.extend((low & 0xFFF, low >> 12))
        return window
    size = bits // 8
    window = array("H" if bits == 16 else "I")
    window.frombytes(data[: len(data) // size * size])
    return window
