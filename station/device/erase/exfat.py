"""Deleting from exFAT: which bits change, and in which order.

Order that must hold (section 8.1): VolumeDirty is set; the file entry's InUse bit is cleared, then those of the
entries that follow it, so that a yank leaves the file whole or deleted; then, on the disk by then, its clusters' bits
in the allocation bitmap; VolumeDirty is cleared if it was clear before. Free clusters' entries of the allocation table
mean nothing and are left (8.1, step 3: "if necessary"), so that what a yank left behind can be found and proven from
the deleted set, whose checksum still fits. PercentInUse is set to FFh, "not available". Neither field is part of the
boot checksum (section 3.4), and the backup boot sector's are stale by definition (3.1.13.2).
Source: Microsoft exFAT file system specification 1.00, sections 3.1, 6.2.1.4, 7.1, 7.4 to 7.7, 8.1 and 8.2.
"""

from collections.abc import Iterator

from station.device.chains import Table
from station.device.erase.blocks import Blocks, Edit, clear, replace
from station.device.erase.formats import Found, RefusedError, Wanted
from station.device.erase.survey import Survey
from station.device.exfat import Exfat, read_set
from station.device.fat import Slot
from station.device.image import SECTOR_BYTES, Image
from station.device.tree import Node
from station.records.ticket import Refusal

_END, _IN_USE = 0x00, 0x80
_BITMAP, _UP_CASE, _LABEL, _FILE, _STREAM, _NAME = 0x01, 0x02, 0x03, 0x05, 0x40, 0x41  # without the in-use bit
_BENIGN, _SECONDARY = 0x20, 0x40
_FLAGS_AT, _PERCENT_AT, _FATS_AT = 106, 112, 110
_SECOND_TABLE, _DIRTY, _FAILED = 0x01, 0x02, 0x04  # VolumeFlags, section 3.1.13


class ExfatFormat:
    """One exFAT file system to delete from."""

    def __init__(self, file_system: Exfat, image: Image, blocks: Blocks, survey: Survey) -> None:
        """Find the bitmap, and claim what the file system holds itself; raises RefusedError, OSError."""
        self._file_system = file_system
        self._layout = file_system.layout
        self._blocks = blocks
        self._boot = file_system.offset_bytes
        boot = blocks.read(self._boot, SECTOR_BYTES)
        flags = boot[_FLAGS_AT]
        if boot[3:11] != b"EXFAT   " or flags & _FAILED:
            raise RefusedError(Refusal.DAMAGED, "Its boot sector is damaged, or tells of failures of the medium")
        if boot[_FATS_AT] != 1 or flags & _SECOND_TABLE:
            raise RefusedError(Refusal.UNSUPPORTED_FILE_SYSTEM, "It has two allocation tables")
        self._was_dirty = bool(flags & _DIRTY)
        self._bitmap: tuple[tuple[int, int], ...] = ()
        table = Table(image, self._layout)
        for slot in _in_use(file_system.slots_of(file_system.root())):
            kind = slot[0] & ~_IN_USE
            if not kind & (_BENIGN | _SECONDARY) and kind not in (_BITMAP, _UP_CASE, _LABEL, _FILE):
                raise RefusedError(Refusal.UNSUPPORTED_FILE_SYSTEM, f"Its root holds an entry of type {slot[0]:02x}")
            if kind in (_BITMAP, _UP_CASE):
                first, size = int.from_bytes(slot[20:24], "little"), int.from_bytes(slot[24:32], "little")
                chain = table.follow(first, min(size, table.capacity_bytes))
                survey.claim(chain)
                if kind == _BITMAP:
                    self._bitmap = chain.runs
        if sum(length for _, length in self._bitmap) * 8 < self._layout.clusters:
            raise RefusedError(Refusal.DAMAGED, "Its allocation bitmap is not whole")

    def live_slots(self, wanted: Wanted, node: Node, slots: list[Slot]) -> tuple[Slot, ...]:
        """Return the file entry and all that belong to it; raises RefusedError for entries of unknown kinds."""
        found = _find_slots(wanted, slots)
        if found is None or any(not slot.data[0] & _IN_USE for slot in found) or read_set(list(found)) != node:
            raise RefusedError(Refusal.UNSUPPORTED_ENTRY, "Its entry set is not as it should be")
        return found

    def remains(self, wanted: Wanted, slots: list[Slot]) -> Found | None:
        """Find the set whose file entry is no longer in use; with all in-use bits its checksum must fit."""
        found = _find_slots(wanted, slots)
        if found is None or found[0].data[0] & _IN_USE:
            return None
        restored = [Slot(slot.address, bytes([slot.data[0] | _IN_USE]) + slot.data[1:]) for slot in found]
        node = read_set(restored)
        if node is None or not wanted.equals(node) or node.name.raw != wanted.path[-1]:
            return None
        return Found(False, node, found)

    def leftovers(self, found: Found, survey: Survey) -> Found:
        """Give the whole file's clusters when some are still taken, and nobody holds any of them."""
        chain = self._file_system.chain_of(found.node)
        clusters = survey.clusters_of(chain)
        whole = chain.damage is None and sum(map(len, clusters)) * self._layout.cluster_bytes >= found.node.size_bytes
        if not (whole and survey.owned_by(clusters, 0) and self._any_taken(clusters)):
            return Found(False, found.node, found.slots, (), provable=False)
        return Found(False, found.node, found.slots, clusters)

    def mark(self, slots: tuple[Slot, ...]) -> list[Edit]:
        """Clear the InUse bit of each entry."""
        return [clear(self._file_system.place_of(slot.address), b"\x7f") for slot in slots]

    def free(self, clusters: tuple[range, ...]) -> tuple[list[Edit], ...]:
        """Clear the clusters' bits in the bitmap."""
        return ([clear(place, keep) for run in clusters for place, keep in self._bits(run)],)

    def begin(self) -> list[Edit]:
        """Set VolumeDirty, and PercentInUse to "not available"."""
        dirty = Edit(self._boot + _FLAGS_AT, b"\xff", bytes([_DIRTY]))
        return [dirty, replace(self._boot + _PERCENT_AT, b"\xff")]

    def finish(self) -> list[Edit]:
        """Clear VolumeDirty, unless it was set before."""
        return [] if self._was_dirty else [clear(self._boot + _FLAGS_AT, bytes([~_DIRTY & 0xFF]))]

    def _any_taken(self, clusters: tuple[range, ...]) -> bool:
        for run in clusters:
            for place, keep in self._bits(run):
                held = int.from_bytes(self._blocks.read(place, len(keep)))
                if held & ~int.from_bytes(keep):
                    return True
        return False

    def _bits(self, run: range) -> Iterator[tuple[int, bytes]]:
        """Yield (place, mask) of the bitmap's bytes that hold these clusters' bits; the mask's bits are to be kept."""
        first, end = run.start - 2, run.stop - 2
        position = 0
        for start, length in self._bitmap:
            low, high = max(first, position * 8), min(end, (position + length) * 8)
            if low < high:
                lowest, last = low // 8, (high - 1) // 8
                keep = bytearray(last - lowest + 1)
                keep[0] |= (1 << low % 8) - 1
                keep[-1] |= 0xFF << (high - 1) % 8 + 1 & 0xFF
                yield start + lowest - position, bytes(keep)
            position += length


def _in_use(slots: list[Slot | None]) -> Iterator[bytes]:
    for slot in slots:
        if slot is None or slot.data[0] == _END:
            return
        if slot.data[0] & _IN_USE:
            yield slot.data


def _find_slots(wanted: Wanted, slots: list[Slot]) -> tuple[Slot, ...] | None:
    """Return the file entry at the wanted address and its secondary entries, each in use or not.

    None when they are not exactly one stream extension and the name entries that its length asks for.
    """
    at = next((index for index, slot in enumerate(slots) if slot.address == wanted.address), None)
    if at is None or slots[at].data[0] & ~_IN_USE != _FILE:
        return None
    found = tuple(slots[at : at + 1 + slots[at].data[1]])
    kinds = [slot.data[0] & ~_IN_USE for slot in found]
    if len(kinds) < 3 or kinds[1] != _STREAM or any(kind != _NAME for kind in kinds[2:]):
        return None
    return found if len(kinds) - 2 == -(-found[1].data[3] // 15) else None
