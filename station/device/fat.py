"""FAT12, FAT16 and FAT32 directories, read slot by slot as they are stored.

Not through The Sleuth Kit, which shows two GBK names alike, guesses a zone for times, hides a start cluster behind a
size of 0, and refuses small cards altogether (see `chains`). Addresses are numbered as it numbers them.
Guarantee: every allocated slot becomes a node or the listing carries `damage`.
Source: Microsoft FAT specification 1.03 (2000), sections 3 to 7.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from station.device.chains import Chain, Layout, Run, Table
from station.device.content import ClusterContent
from station.device.image import SECTOR_BYTES, Image
from station.device.names import make_text, short_name, utf16_name
from station.device.tree import Content, Listing, Node, NodeKind
from station.records.reading import RawName, RawTimes

SLOT_BYTES = 32
FIRST_SLOT_ADDRESS = 3  # The Sleuth Kit numbers the 32-byte slots of the data area from 3; the root is 2
ROOT_ADDRESS = 2
_MAX_DIRECTORY_BYTES = 65536 * SLOT_BYTES
_END, _DELETED = 0x00, 0xE5
_VOLUME_LABEL, _DIRECTORY, _LONG_NAME, _RESERVED = 0x08, 0x10, 0x0F, 0xC0
_FORBIDDEN = frozenset(range(0x20)) - {0x05} | frozenset(b'"*+,./:;<=>?[\\]|')


@dataclass(frozen=True, slots=True)
class Slot:
    """32 stored bytes and the address The Sleuth Kit gives them."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where things lie in the file system, in bytes from its start, and how its table is coded."""

    tables: tuple[int, ...]
    data_bytes: int
    clusters_bytes: int
    cluster_bytes: int
    clusters: int
    entry_bits: int
    root_cluster: int
    serial: str


def read_slots(image: Image, runs: tuple[Run, ...], base: int, limit_bytes: int) -> Iterator[Slot | None]:
    """Yield the slots of a directory's runs; None stands for a sector that can't be read.

    `base` is the offset in the image at which slot addresses begin.
    """
    left = limit_bytes
    for start, length in runs:
        length = min(length, left)
        left -= length
        for at in range(start, start + length, SECTOR_BYTES):
            try:
                sector = image.read_exact(at, SECTOR_BYTES)
            except OSError:
                yield None
                continue
            first = FIRST_SLOT_ADDRESS + (at - base) // SLOT_BYTES
            for index in range(SECTOR_BYTES // SLOT_BYTES):
                yield Slot(first + index, sector[index * SLOT_BYTES : (index + 1) * SLOT_BYTES])


def read_time(date: int, time: int, hundredths: int = 0) -> str | None:
    """Write FAT's packed local date and time as text, None when no such moment exists (zero means never set)."""
    month, day = date >> 5 & 15, date & 31
    hour, minute, second = time >> 11, time >> 5 & 63, (time & 31) * 2 + hundredths // 100
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    fraction = f".{hundredths % 100 * 10000:06d}" if hundredths % 100 else ""
    return f"{1980 + (date >> 9):04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{fraction}"


class Fat:
    """One FAT file system of a card."""

    def __init__(self, image: Image, offset_bytes: int, code_page: str) -> None:
        """Read the boot sector at `offset_bytes`; raises OSError when there is no FAT file system."""
        self.offset_bytes = offset_bytes
        self._image = image
        self._code_page = code_page
        geometry = _read_geometry(image, offset_bytes)
        self._geometry = geometry
        layout = Layout(
            tables=tuple(offset_bytes + place for place in geometry.tables),
            entry_bits=geometry.entry_bits,
            significant_bits=min(geometry.entry_bits, 28),
            heap=offset_bytes + geometry.clusters_bytes,
            cluster_bytes=geometry.cluster_bytes,
            clusters=geometry.clusters,
        )
        self.layout = layout
        self._table = Table(image, layout)
        self.kind = f"fat{geometry.entry_bits}"
        self.serial: str | None = geometry.serial
        self.label: str | None = self._find_label()

    def root(self) -> Node:
        """Return the root directory's node."""
        return Node(
            RawName(raw="", encoding="none", text=""), ROOT_ADDRESS, "directory", identity=self._geometry.root_cluster
        )

    def list_directory(self, directory: Node) -> Listing:
        """List one directory; raises OSError when its clusters can't be found."""
        chain = self._find_directory(directory)
        if not chain.runs:
            raise OSError(errno.EIO, chain.damage or "it has no clusters")
        damage = chain.damage
        slots = list(read_slots(self._image, chain.runs, self._base, _MAX_DIRECTORY_BYTES))
        if None in slots:
            damage = "sectors of it can't be read"
        live: list[Slot] = []
        rest: list[Slot] = []
        for slot in slots:
            if slot is None:
                continue
            (rest if rest or slot.data[0] == _END else live).append(slot)
        if any(_is_plausible(slot.data) for slot in rest):
            damage = damage or "entries lie behind its end mark"
        if directory.address != ROOT_ADDRESS and not _starts_with_dots(live):
            damage = damage or "it does not begin with the entries . and .."
            if not all(_is_plausible(slot.data) for slot in live if slot.data[0] != _DELETED):
                return Listing((), "its clusters hold something else")
        return Listing(tuple(self._read_nodes(live)), damage)

    def open_content(self, node: Node) -> Content:
        """Open a file's bytes by metadata address; raises OSError."""
        if node.size_bytes > self._table.capacity_bytes:
            raise OSError(errno.EIO, "it claims more bytes than the file system holds")
        chain = self._table.follow(node.identity or 0, node.size_bytes)
        return ClusterContent(self._image, chain.runs, node.size_bytes)

    def slots_of(self, directory: Node) -> list[Slot | None]:
        """Return a directory's slots in their order, end mark and all; None stands for each unreadable sector."""
        return list(read_slots(self._image, self._find_directory(directory).runs, self._base, _MAX_DIRECTORY_BYTES))

    def place_of(self, address: int) -> int:
        """Return where in the image the slot of that address lies, in bytes."""
        return self._base + (address - FIRST_SLOT_ADDRESS) * SLOT_BYTES

    def read_short(self, slot: Slot) -> Node:
        """Return the node of a short entry alone, in use or deleted, by its 8.3 name."""
        return self._read_node(slot, [])

    def chain_of(self, node: Node) -> Chain:
        """Return all clusters of a node, beyond its size too; none for a root directory that is not in clusters."""
        if not node.identity:
            return Chain(())
        return self._table.follow(node.identity, self._table.capacity_bytes)

    @property
    def _base(self) -> int:
        return self.offset_bytes + self._geometry.data_bytes

    def _find_directory(self, directory: Node) -> Chain:
        geometry = self._geometry
        if directory.address == ROOT_ADDRESS and not geometry.root_cluster:
            start = self._base
            return Chain(((start, self.offset_bytes + geometry.clusters_bytes - start),))
        return self._table.follow(directory.identity or 0, _MAX_DIRECTORY_BYTES)

    def _find_label(self) -> str | None:
        runs = self._find_directory(self.root()).runs
        for slot in read_slots(self._image, runs, self._base, _MAX_DIRECTORY_BYTES):
            if slot is None:
                continue
            if slot.data[0] == _END:
                break
            if slot.data[0] != _DELETED and slot.data[11] != _LONG_NAME and slot.data[11] & _VOLUME_LABEL:
                return make_text(slot.data[:11].decode(self._code_page, "replace")).rstrip() or None
        return None

    def _read_nodes(self, slots: list[Slot]) -> Iterator[Node]:
        long_parts: list[bytes] = []
        for slot in slots:
            data = slot.data
            if data[11] == _LONG_NAME:
                long_parts.append(data)
                continue
            parts, long_parts = long_parts, []
            if data[11] & _VOLUME_LABEL or data[:11] in (b".          ", b"..         "):
                continue
            yield self._read_node(slot, parts)

    def _read_node(self, slot: Slot, long_parts: list[bytes]) -> Node:
        data = slot.data
        high, low, size = (*struct.unpack_from("<H", data, 20), *struct.unpack_from("<HI", data, 26))
        cluster = (high << 16 if self._geometry.entry_bits == 32 else 0) | low
        long_name = _join_long_name(long_parts, data[:11])
        name = utf16_name(long_name) if long_name else short_name(data[:11], data[12], self._code_page)
        note = None
        kind: NodeKind
        if data[0] == _DELETED:
            kind, note = "deleted", "a directory" if data[11] & _DIRECTORY else None
        elif data[11] & _DIRECTORY:
            kind = "directory"
        elif size:
            kind = "file"
        else:
            kind = "unclosed" if cluster else "empty"
        created_hundredths, created_time, created_date, accessed_date = struct.unpack_from("<BHHH", data, 13)
        modified_time, modified_date = struct.unpack_from("<HH", data, 22)
        times = RawTimes(
            modified=read_time(modified_date, modified_time),
            created=read_time(created_date, created_time, created_hundredths),
            accessed=read_time(accessed_date, 0),
        )
        if kind == "unclosed":
            note = f"size 0, but its allocation chain begins at cluster {cluster}"
        return Node(name, slot.address, kind, 0 if kind == "directory" else size, times, identity=cluster, note=note)


def _read_geometry(image: Image, offset: int) -> Geometry:
    # The second copy is where the specification puts FAT32's backup (section 3.1, BPB_BkBootSec).
    for sector in (0, 6):
        boot = image.read_exact(offset + sector * SECTOR_BYTES, SECTOR_BYTES)
        geometry = _parse_boot(boot)
        if geometry is not None:
            return geometry
    raise OSError(errno.EIO, "its boot sector makes no sense")


def _parse_boot(boot: bytes) -> Geometry | None:
    sector, per_cluster, reserved, tables, root_slots, total16 = struct.unpack_from("<HBHBHH", boot, 11)
    table16, total32, table32, root_cluster = struct.unpack_from("<H8xIIxxxxI", boot, 22)
    media = boot[21]
    sane = boot[510:] == b"\x55\xaa" and boot[0] in (0xE9, 0xEB) and (media == 0xF0 or media >= 0xF8)
    sane = sane and sector in (512, 1024, 2048, 4096) and bool(reserved) and 0 < tables < 9
    if not sane or not per_cluster or per_cluster & (per_cluster - 1) or not (table16 or table32):
        return None
    table = (table16 or table32) * sector
    data = reserved * sector + tables * table
    root_bytes = -(-root_slots * SLOT_BYTES // sector) * sector
    clusters = ((total16 or total32) * sector - data - root_bytes) // (per_cluster * sector)
    bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
    if not table16:  # a FAT32 layout, whatever the count says: small cards are formatted so
        bits = 32
    if clusters <= 0 or (bits == 32 and root_cluster < 2):
        return None
    serial = int.from_bytes(boot[67:71] if bits == 32 else boot[39:43], "little")
    return Geometry(
        tables=tuple(reserved * sector + copy * table for copy in range(tables)),
        data_bytes=data,
        clusters_bytes=data + root_bytes,
        cluster_bytes=per_cluster * sector,
        clusters=min(clusters, table * 8 // bits - 2),
        entry_bits=bits,
        root_cluster=root_cluster if bits == 32 else 0,
        serial=f"{serial:08x}",
    )


def _join_long_name(parts: list[bytes], short: bytes) -> bytes | None:
    """Put a long name together, None unless all its slots belong to this short name."""
    if not parts:
        return None
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    deleted = short[0] == _DELETED
    count = len(parts)
    for index, part in enumerate(parts):
        if deleted:
            belongs = part[0] == _DELETED and part[13] == parts[0][13]
        else:
            order = count - index | (0x40 if index == 0 else 0)
            belongs = part[0] == order and part[13] == checksum
        if not belongs:
            return None
    units = b"".join(part[1:11] + part[14:26] + part[28:32] for part in reversed(parts))
    for at in range(0, len(units), 2):
        if units[at : at + 2] == b"\0\0":
            return units[:at]
    return units


def _starts_with_dots(slots: list[Slot]) -> bool:
    return [slot.data[:11] for slot in slots[:2]] == [b".          ", b"..         "]


def _is_plausible(data: bytes) -> bool:
    """Tell whether a slot looks like an entry and not like stray data."""
    if data[0] in (_END, _DELETED):
        return False
    if data[11] == _LONG_NAME:
        return data[12] == 0 and data[26:28] == b"\0\0" and 1 <= data[0] & 0x3F <= 20
    if data[11] & _RESERVED or data[:2] in (b". ", b".."):
        return not data[11] & _RESERVED
    return not _FORBIDDEN & set(data[:11])
