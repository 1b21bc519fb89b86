"""exFAT directories, read entry set by entry set as they are stored.

Not through The Sleuth Kit, which ignores the ValidDataLength (stale clusters come back) and the times' stored UTC
offsets. Addresses are numbered as it numbers them.
Guarantee: every set in use becomes a node or the listing carries `damage`.
Source: Microsoft exFAT file system specification 1.00, sections 3, 6 and 7.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from station.device.chains import Chain, Layout, Table
from station.device.content import ClusterContent
from station.device.fat import FIRST_SLOT_ADDRESS, ROOT_ADDRESS, SLOT_BYTES, Slot, read_slots, read_time
from station.device.image import SECTOR_BYTES, Image
from station.device.names import make_text, utf16_name
from station.device.tree import Content, Listing, Node, NodeKind
from station.records.reading import RawName, RawTimes

_MAX_DIRECTORY_BYTES = 32 * 1024 * 1024  # the specification allows 256 MiB: far more than any recorder writes
_END, _IN_USE = 0x00, 0x80
_FILE, _STREAM, _NAME, _LABEL = 0x05, 0x40, 0x41, 0x03  # types without the in-use bit
_DIRECTORY = 0x10
_NO_CHAIN = 0x02


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

    def __init__(self, image: Image, offset_bytes: int) -> None:
        """Read the boot sector at `offset_bytes`; raises OSError when there is no exFAT file system."""
        self.offset_bytes = offset_bytes
        self._image = image
        boot = _read_boot(image, offset_bytes)
        sector_bytes = 1 << boot[108]
        table, _, heap, clusters, root_cluster, serial = struct.unpack_from("<IIIIII", boot, 80)
        self._heap_bytes = int(heap) * sector_bytes
        self._root_cluster = int(root_cluster)
        layout = Layout(
            tables=(offset_bytes + table * sector_bytes,),
            entry_bits=32,
            significant_bits=32,
            heap=offset_bytes + self._heap_bytes,
            cluster_bytes=sector_bytes << boot[109],
            clusters=clusters,
        )
        self.layout = layout
        self._table = Table(image, layout)
        self.serial: str | None = f"{serial:08x}"
        self.label: str | None = self._find_label()

    def root(self) -> Node:
        """Return the root directory's node."""
        name = RawName(raw="", encoding="none", text="")
        return Node(name, ROOT_ADDRESS, "directory", identity=self._root_cluster)

    def list_directory(self, directory: Node) -> Listing:
        """List one directory; raises OSError when its clusters can't be found."""
        chain = self._find_chain(directory, min(directory.size_bytes, _MAX_DIRECTORY_BYTES))
        if not chain.runs:
            raise OSError(errno.EIO, chain.damage or "it has no clusters")
        damage = chain.damage
        if sum(length for _, length in chain.runs) < directory.size_bytes:
            damage = damage or "its allocation chain breaks off"
        slots = list(read_slots(self._image, chain.runs, self._base, _MAX_DIRECTORY_BYTES))
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
        if node.size_bytes > self._table.capacity_bytes:
            raise OSError(errno.EIO, "it claims more bytes than the file system holds")
        chain = self._find_chain(node, node.size_bytes)
        return ClusterContent(self._image, chain.runs, node.size_bytes, node.valid_bytes)

    def slots_of(self, directory: Node) -> list[Slot | None]:
        """Return a directory's slots in their order, end mark and all; None stands for each unreadable sector."""
        runs = self._find_chain(directory, min(directory.size_bytes, _MAX_DIRECTORY_BYTES)).runs
        return list(read_slots(self._image, runs, self._base, _MAX_DIRECTORY_BYTES))

    def place_of(self, address: int) -> int:
        """Return where in the image the slot of that address lies, in bytes."""
        return self._base + (address - FIRST_SLOT_ADDRESS) * SLOT_BYTES

    def chain_of(self, node: Node) -> Chain:
        """Return all clusters of a node, beyond its size too where a chain says so."""
        if not node.identity:
            return Chain(())
        if node.contiguous:
            return self._table.contiguous(node.identity, max(1, node.size_bytes))
        return self._table.follow(node.identity, self._table.capacity_bytes)

    @property
    def _base(self) -> int:
        return self.offset_bytes + self._heap_bytes

    def _find_chain(self, node: Node, size_bytes: int) -> Chain:
        first = node.identity or 0
        if node.address == ROOT_ADDRESS:
            return self._table.follow(first, _MAX_DIRECTORY_BYTES)
        follow = self._table.contiguous if node.contiguous else self._table.follow
        return follow(first, size_bytes)

    def _find_label(self) -> str | None:
        runs = self._find_chain(self.root(), _MAX_DIRECTORY_BYTES).runs
        for slot in read_slots(self._image, runs, self._base, _MAX_DIRECTORY_BYTES):
            if slot is not None and slot.data[0] == _END:
                break
            if slot is not None and slot.data[0] == _LABEL | _IN_USE:
                raw = slot.data[2 : 2 + 2 * min(slot.data[1], 11)]
                return make_text(raw.decode("utf-16-le", "replace")) or None
        return None


def read_set(slots: list[Slot]) -> Node | None:
    """Return the node of the one whole entry set that `slots` are; None when they are none, or more, or torn."""
    sets = list(_group(slots))
    if len(sets) != 1 or not sets[0].whole or len(slots) != 1 + slots[0].data[1]:
        return None
    return _read_node(sets[0])


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
        contiguous=bool(stream[1] & _NO_CHAIN),
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
