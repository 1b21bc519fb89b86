"""exFAT directories, read entry set by entry set as they are stored.

The Sleuth Kit finds the clusters; names, times with their stored UTC offsets and the ValidDataLength, all of which it
ignores or bends, come from the entry sets themselves.
Guarantee: every set in use becomes a node or the listing carries `damage`.
Source: Microsoft exFAT file system specification 1.00, sections 3, 6 and 7.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from station.device.content import ClusterContent, Run, find_runs
from station.device.fat import ROOT_ADDRESS, Slot, read_slots, read_time
from station.device.image import SECTOR_BYTES, Image
from station.device.names import make_text, utf16_name
from station.device.tree import Content, Listing, Node, NodeKind
from station.records.reading import RawName, RawTimes

_MAX_DIRECTORY_BYTES = 32 * 1024 * 1024  # the specification allows 256 MiB: far more than any recorder writes
_END, _IN_USE = 0x00, 0x80
_FILE, _STREAM, _NAME, _LABEL = 0x05, 0x40, 0x41, 0x03  # types without the in-use bit
_DIRECTORY = 0x10


@dataclass(frozen=True, slots=True)
class EntrySet:
    """A file entry with its stream and name entries; `whole` is False when some are missing or the sum is wrong."""

    address: int
    file: bytes
    stream: bytes
    names: tuple[bytes, ...]
    whole: bool


class Exfat:
    """One exFAT file system of a card."""

    kind = "exfat"

    def __init__(self, image: Image, parsed: Any, offset_bytes: int) -> None:
        """Take The Sleuth Kit's view `parsed` of the file system at `offset_bytes`; raises OSError on nonsense."""
        self.offset_bytes = offset_bytes
        self._image = image
        self._parsed = parsed
        boot = _read_boot(image, offset_bytes)
        self._sector_bytes = 1 << boot[108]
        self._cluster_bytes = self._sector_bytes << boot[109]
        table: int
        heap: int
        table, _, heap = struct.unpack_from("<III", boot, 80)
        self._table_bytes = table * self._sector_bytes
        self._heap_bytes = heap * self._sector_bytes
        self._root_cluster, serial = struct.unpack_from("<II", boot, 96)
        self.serial: str | None = f"{serial:08x}"
        self.label: str | None = self._find_label()

    def root(self) -> Node:
        """Return the root directory's node."""
        name = RawName(raw="", encoding="none", text="")
        return Node(name, ROOT_ADDRESS, "directory", identity=self._root_cluster)

    def list_directory(self, directory: Node) -> Listing:
        """List one directory; raises OSError when its clusters can't be found."""
        runs = self._find_runs(directory.address)
        if not runs:
            raise OSError(errno.EIO, "it has no clusters")
        damage = self._find_damage(directory, runs)
        slots = list(read_slots(self._image, runs, self._base, _MAX_DIRECTORY_BYTES))
        if None in slots:
            damage = "sectors of it can't be read"
        nodes = []
        live, behind = _split_at_end([slot for slot in slots if slot is not None])
        if any(slot.data[0] == _FILE | _IN_USE and slot.data[1] >= 2 for slot in behind):
            damage = damage or "entries lie behind its end mark"
        for entry_set in _group(live):
            if entry_set.file[0] & _IN_USE and not entry_set.whole:
                damage = damage or "an entry set in it is torn"
            if entry_set.stream:
                nodes.append(_read_node(entry_set))
        return Listing(tuple(nodes), damage)

    def open_content(self, node: Node) -> Content:
        """Open a file's bytes by metadata address, zeros beyond its valid data length; raises OSError."""
        return ClusterContent(self._image, self._find_runs(node.address), node.size_bytes, node.valid_bytes)

    @property
    def _base(self) -> int:
        return self.offset_bytes + self._heap_bytes

    def _find_runs(self, address: int) -> list[Run]:
        try:
            file = self._parsed.open_meta(address)
            return find_runs(file, self.offset_bytes, self._parsed.info.block_size)
        except RuntimeError as error:  # what pytsk3 makes of an OSError in our own read
            raise OSError(errno.EIO, str(error)) from error

    def _find_damage(self, directory: Node, runs: list[Run]) -> str | None:
        held = sum(length for _, length in runs)
        if directory.address == ROOT_ADDRESS:
            return None if self._ends_chain(runs[-1]) else "its allocation chain breaks off"
        return "its allocation chain breaks off" if held < directory.size_bytes else None

    def _ends_chain(self, run: Run) -> bool:
        cluster = (run[0] + run[1] - 1 - self._base) // self._cluster_bytes + 2
        place = self.offset_bytes + self._table_bytes + 4 * cluster
        try:
            return self._image.read_exact(place, 4) == b"\xff\xff\xff\xff"
        except OSError:
            return False

    def _find_label(self) -> str | None:
        try:
            runs = self._find_runs(ROOT_ADDRESS)
        except OSError:
            return None
        for slot in read_slots(self._image, runs, self._base, _MAX_DIRECTORY_BYTES):
            if slot is not None and slot.data[0] == _END:
                break
            if slot is not None and slot.data[0] == _LABEL | _IN_USE:
                raw = slot.data[2 : 2 + 2 * min(slot.data[1], 11)]
                return make_text(raw.decode("utf-16-le", "replace")) or None
        return None


def _read_boot(image: Image, offset: int) -> bytes:
    for sector in (0, 12):  # main and backup boot region, section 3
        boot = image.read_exact(offset + sector * SECTOR_BYTES, SECTOR_BYTES)
        if boot[3:11] == b"EXFAT   " and 9 <= boot[108] <= 12 and boot[109] <= 25 - boot[108]:
            return boot
    raise OSError(errno.EIO, "its boot sector makes no sense")


def _split_at_end(slots: list[Slot]) -> tuple[list[Slot], list[Slot]]:
    for index, slot in enumerate(slots):
        if slot.data[0] == _END:
            return slots[:index], slots[index:]
    return slots, []


def _group(slots: list[Slot]) -> Iterator[EntrySet]:
    """Gather file entries with what follows them; a deleted set keeps its shape, only the in-use bits are gone."""
    index = 0
    while index < len(slots):
        slot = slots[index]
        index += 1
        if slot.data[0] & ~_IN_USE != _FILE:
            continue
        in_use = slot.data[0] & _IN_USE
        wanted = slot.data[1]
        members: list[bytes] = []
        while len(members) < wanted and index < len(slots):
            data = slots[index].data
            if data[0] & _IN_USE != in_use or data[0] & ~_IN_USE == _FILE:
                break
            members.append(data)
            index += 1
        stream = members[0] if members and members[0][0] & ~_IN_USE == _STREAM else b""
        names = tuple(data for data in members if data[0] & ~_IN_USE == _NAME)
        whole = bool(stream) and len(members) == wanted and _sum_set(slot.data, members) == slot.data[2:4]
        yield EntrySet(slot.address, slot.data, stream, names, whole)


def _sum_set(file: bytes, members: list[bytes]) -> bytes:
    """Compute the SetChecksum of section 6.3.3."""
    total = 0
    for index, byte in enumerate(b"".join((file, *members))):
        if index not in (2, 3):
            total = ((total & 1) << 15) + (total >> 1) + byte & 0xFFFF
    return total.to_bytes(2, "little")


def _read_node(entry_set: EntrySet) -> Node:
    file, stream = entry_set.file, entry_set.stream
    attributes = int.from_bytes(file[4:6], "little")
    valid, cluster, size = struct.unpack_from("<Q4xIQ", stream, 8)
    raw = b"".join(part[2:32] for part in entry_set.names)[: 2 * stream[3]]
    kind: NodeKind
    notes = []
    if not file[0] & _IN_USE:
        kind = "deleted"
        notes += ["a directory"] if attributes & _DIRECTORY else []
    elif attributes & _DIRECTORY:
        kind = "directory"
    elif size:
        kind = "file"
        if valid < size:
            notes.append(f"only the first {valid} bytes were ever written; the rest reads as zeros")
    else:
        kind = "unclosed" if cluster else "empty"
        notes += [f"size 0, but its allocation begins at cluster {cluster}"] if cluster else []
    if not entry_set.whole and kind != "deleted":
        notes.append("its entry set is torn")
    return Node(
        name=utf16_name(raw),
        address=entry_set.address,
        kind=kind,
        size_bytes=size,
        times=_read_times(file),
        identity=cluster,
        valid_bytes=valid,
        note="; ".join(notes) or None,
    )


def _read_times(file: bytes) -> RawTimes:
    created, modified, accessed = struct.unpack_from("<III", file, 8)
    zone = file[23]
    offset_minutes = None
    if zone & 0x80:  # OffsetValid; the rest is a signed number of quarter hours (section 7.4.10)
        quarters = zone & 0x7F
        offset_minutes = 15 * (quarters - 128 if quarters & 0x40 else quarters)
    return RawTimes(
        modified=read_time(modified >> 16, modified & 0xFFFF, file[21]),
        created=read_time(created >> 16, created & 0xFFFF, file[20]),
        accessed=read_time(accessed >> 16, accessed & 0xFFFF),
        zone_offset_minutes=offset_minutes,
    )
