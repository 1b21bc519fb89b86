"""Deleting from FAT16 and FAT32: which bits change, and in which order.

Order that must hold: the short entry first (E5h, so that the file is gone at once), then its long-name entries, so
that a yank leaves the file whole or deleted; then, on the disk by then, its chain is freed from the tail, the first
table last, so that what is still taken can be found from the deleted entry, which keeps its first cluster. FSInfo
is set to "not known" before all that, so that it never says something wrong.
Source: Microsoft FAT specification 1.03 (fatgen103): section 4 (FAT entries: 0 is free, the upper 4 bits of FAT32's
are kept), section 5 (FSInfo, FFFFFFFFh: not known), section 6 (DIR_Name[0] = E5h: free), section 7 (long names).
"""

import struct
from collections.abc import Iterator
from itertools import pairwise

from station.device.erase.blocks import Blocks, Edit, clear, replace
from station.device.erase.formats import Found, RefusedError, Wanted
from station.device.erase.survey import Survey
from station.device.fat import Fat, Slot
from station.device.image import SECTOR_BYTES
from station.device.tree import Node
from station.records.ticket import Refusal

_DELETED, _LONG_NAME, _DIRECTORY, _VOLUME_LABEL = 0xE5, 0x0F, 0x10, 0x08
_SHORT_BYTES, _PART_BYTES = 11, 26
_LAST = 0x40
_NOT_MIRRORED = 0x80  # BPB_ExtFlags, section 3.3
_UNKNOWN = b"\xff" * 8  # FSI_Free_Count and FSI_Nxt_Free
_KEEP = {16: b"\0\0", 32: b"\0\0\0\xf0"}  # of a table's entry, when it is freed


class FatFormat:
    """One FAT16 or FAT32 file system to delete from."""

    def __init__(self, file_system: Fat, blocks: Blocks) -> None:
        """Read the boot sector; raises RefusedError for what is not done here, OSError."""
        self._file_system = file_system
        self._layout = file_system.layout
        self._blocks = blocks
        boot = blocks.read(file_system.offset_bytes, SECTOR_BYTES)
        if self._layout.entry_bits not in _KEEP:
            raise RefusedError(Refusal.UNSUPPORTED_FILE_SYSTEM, "Nothing is deleted from FAT12")
        if boot[510:] != b"\x55\xaa":
            raise RefusedError(Refusal.DAMAGED, "Its boot sector is damaged")
        self._summary = 0
        if self._layout.entry_bits == 32:
            sector_bytes, flags = int.from_bytes(boot[11:13], "little"), int.from_bytes(boot[40:42], "little")
            if flags & _NOT_MIRRORED:
                raise RefusedError(Refusal.UNSUPPORTED_FILE_SYSTEM, "Only one of its tables is in use")
            self._summary = file_system.offset_bytes + sector_bytes * int.from_bytes(boot[48:50], "little")

    def live_slots(self, wanted: Wanted, node: Node, slots: list[Slot]) -> tuple[Slot, ...]:
        """Return the short entry and its long-name entries, nearest first; raises RefusedError."""
        found = _find_slots(wanted, slots)
        if found is None or any(slot.data[0] == _DELETED for slot in found) or node.name.raw != wanted.path[-1]:
            raise RefusedError(Refusal.UNSUPPORTED_ENTRY, "Its long-name entries are not as they should be")
        return found

    def remains(self, wanted: Wanted, slots: list[Slot]) -> Found | None:
        """Find the deleted short entry at the address; its long-name entries may be deleted in part."""
        found = _find_slots(wanted, slots)
        if found is None or found[0].data[0] != _DELETED:
            return None
        node = self._file_system.read_short(found[0])
        return Found(False, node, found) if wanted.equals(node) else None

    def leftovers(self, found: Found, survey: Survey) -> Found:
        """Follow the deleted entry's chain: whole it can be proven; freed in part it ends at a free cluster.

        Anything else is a chain that belongs to something unknown, which is left alone.
        """
        chain = self._file_system.chain_of(found.node)
        clusters = survey.clusters_of(chain)
        provable = chain.damage is None
        if clusters and not self._entry(clusters[-1].stop - 1):
            shorter = range(clusters[-1].start, clusters[-1].stop - 1)
            clusters = (*clusters[:-1], *([shorter] if shorter else []))
        elif not provable or sum(map(len, clusters)) * self._layout.cluster_bytes < found.node.size_bytes:
            clusters = ()
        if not survey.owned_by(clusters, 0):
            clusters = ()
        return Found(False, found.node, found.slots, clusters, provable=provable and bool(clusters))

    def mark(self, slots: tuple[Slot, ...]) -> list[Edit]:
        """Put E5h into the first byte of each slot."""
        return [replace(self._file_system.place_of(slot.address), bytes([_DELETED])) for slot in slots]

    def free(self, clusters: tuple[range, ...]) -> tuple[list[Edit], ...]:
        """Clear the entries in the copies, in whatever order writes least, then in the first table from the tail."""
        first, *copies = self._layout.tables
        by_place = sorted(clusters, key=lambda run: run.start)
        return (
            [edit for table in copies for run in reversed(by_place) for edit in self._free_run(table, run)],
            [edit for run in reversed(clusters) for edit in self._free_run(first, run)],
        )

    def begin(self) -> list[Edit]:
        """Make FSInfo say that it does not know; nothing where there is none."""
        if not self._summary:
            return []
        info = self._blocks.read(self._summary, SECTOR_BYTES)
        marks = struct.unpack_from("<I", info, 0) + struct.unpack_from("<I", info, 484)
        if marks != (0x41615252, 0x61417272):
            return []
        return [replace(self._summary + 488, _UNKNOWN)]

    def finish(self) -> list[Edit]:
        """Change nothing more."""
        return []

    def _entry(self, cluster: int) -> int:
        width = self._layout.entry_bits // 8
        raw = self._blocks.read(self._layout.tables[0] + width * cluster, width)
        return int.from_bytes(raw, "little") & (1 << self._layout.significant_bits) - 1

    def _free_run(self, table: int, run: range) -> Iterator[Edit]:
        """Free consecutive clusters block by block from the last."""
        keep = _KEEP[self._layout.entry_bits]
        width, size = len(keep), self._blocks.block_bytes
        start, end = table + width * run.start, table + width * run.stop
        while end > start:
            first = max(start, (end - 1) // size * size)
            yield clear(first, keep * ((end - first) // width))
            end = first


def _find_slots(wanted: Wanted, slots: list[Slot]) -> tuple[Slot, ...] | None:
    """Return the short entry at the wanted address and the long-name entries before it, live or deleted.

    None when what lies there does not bear the wanted name, or is something else than a file.
    """
    at = next((index for index, slot in enumerate(slots) if slot.address == wanted.address), None)
    if at is None or slots[at].data[11] & (_DIRECTORY | _VOLUME_LABEL):
        return None
    name = bytes.fromhex(wanted.path[-1])
    short = slots[at]
    if len(name) == _SHORT_BYTES:  # a long name has an even number of bytes
        return (short,) if short.data[1:_SHORT_BYTES] == name[1:] else None
    count = -(-len(name) // _PART_BYTES)
    parts = slots[max(0, at - count) : at][::-1]
    if len(parts) != count or any(not _belongs(part, index, count, name) for index, part in enumerate(parts)):
        return None
    same_name = all(one.data[13] == other.data[13] for one, other in pairwise(parts))
    return (short, *parts) if same_name else None


def _belongs(slot: Slot, index: int, count: int, name: bytes) -> bool:
    """Tell whether a slot is long-name entry number `index` (from 0, nearest the short one) of that name."""
    data = slot.data
    order = index + 1 | (_LAST if index == count - 1 else 0)
    if data[11] != _LONG_NAME or data[0] not in (_DELETED, order):
        return False
    expected = name[_PART_BYTES * index : _PART_BYTES * (index + 1)]
    if len(expected) < _PART_BYTES:
        expected += b"\0\0"  # the rest is padding
    return (data[1:11] + data[14:26] + data[28:32])[: len(expected)] == expected
