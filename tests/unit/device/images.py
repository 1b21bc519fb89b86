"""Card images written byte by byte, so that a test can store exactly the flaw it is about."""

import struct
from dataclasses import dataclass, field

SECTOR = 512
_RESERVED = 32
_TABLE_SECTORS = 16
_EOC = 0x0FFFFFFF


def short_entry(name: bytes, *, cluster: int = 0, size: int = 0, attributes: int = 0x20, case: int = 0) -> bytes:
    """Return a FAT directory entry, last written on 2026-08-04 at 10:00:02, created 10 ms before 10:00:02."""
    date, time = (2026 - 1980) << 9 | 8 << 5 | 4, 10 << 11 | 1
    return struct.pack(
        "<11sBBBHHHHHHHI",
        name,
        attributes,
        case,
        199,
        10 << 11,
        date,
        date,
        cluster >> 16,
        time,
        date,
        cluster & 0xFFFF,
        size,
    )


def long_entries(name: str, short: bytes) -> bytes:
    """Return the long-name slots that belong before the entry called `short`."""
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
    units = name.encode("utf-16-le")
    if len(units) % 26:
        units += b"\0\0"
    units += b"\xff" * (-len(units) % 26)
    slots = []
    count = len(units) // 26
    for index in range(count):
        part = units[26 * index : 26 * index + 26]
        order = index + 1 | (0x40 if index == count - 1 else 0)
        slots.append(bytes([order]) + part[:10] + b"\x0f\0" + bytes([checksum]) + part[10:22] + b"\0\0" + part[22:])
    return b"".join(reversed(slots))


def dots(own: int, parent: int) -> bytes:
    """Return the two entries a FAT directory begins with."""
    return short_entry(b".          ", cluster=own, attributes=0x10) + short_entry(
        b"..         ", cluster=parent, attributes=0x10
    )


@dataclass
class FatCard:
    """A FAT32 card of one sector a cluster; `clusters` maps numbers to contents, `table` to the next cluster.

    Cluster 2 is the root directory.
    """

    clusters: dict[int, bytes] = field(default_factory=dict)
    table: dict[int, int] = field(default_factory=dict)

    def put(self, first: int, content: bytes) -> None:
        """Store `content` in consecutive clusters from `first`, chained."""
        count = max(1, -(-len(content) // SECTOR))
        for index in range(count):
            self.clusters[first + index] = content[SECTOR * index : SECTOR * index + SECTOR]
            self.table[first + index] = first + index + 1 if index < count - 1 else _EOC

    def build(self) -> bytes:
        """Return the image."""
        count = _TABLE_SECTORS * SECTOR // 4 - 2
        total = _RESERVED + 2 * _TABLE_SECTORS + count
        boot = bytearray(SECTOR)
        boot[:11] = b"\xeb\x58\x90mkfs.fat"
        struct.pack_into("<HBHBHHBHHHII", boot, 11, SECTOR, 1, _RESERVED, 2, 0, 0, 0xF8, 0, 32, 8, 0, total)
        struct.pack_into("<IHHIHH", boot, 36, _TABLE_SECTORS, 0, 0, 2, 1, 6)
        struct.pack_into("<BBBI11s8s", boot, 64, 0x80, 0, 0x29, 0x1234ABCD, b"NO NAME    ", b"FAT32   ")
        boot[510:] = b"\x55\xaa"
        image = bytearray(total * SECTOR)
        image[:SECTOR] = boot
        image[6 * SECTOR : 7 * SECTOR] = boot
        entries = {0: 0x0FFFFFF8, 1: _EOC, **self.table}
        for cluster, value in entries.items():
            for copy in range(2):
                struct.pack_into("<I", image, (_RESERVED + copy * _TABLE_SECTORS) * SECTOR + 4 * cluster, value)
        for cluster, content in self.clusters.items():
            start = self.offset(cluster)
            image[start : start + len(content)] = content
        return bytes(image)

    @staticmethod
    def offset(cluster: int) -> int:
        """Return where a cluster begins in the image."""
        return (_RESERVED + 2 * _TABLE_SECTORS + cluster - 2) * SECTOR


def exfat_set(
    name: str,
    *,
    cluster: int,
    size: int,
    valid: int | None = None,
    attributes: int = 0x20,
    contiguous: bool = True,
    zone: int = 0x80 | 32,
    in_use: bool = True,
) -> bytes:
    """Return an exFAT entry set, modified on 2026-08-04 at 10:00:02 with the stored zone byte (default +08:00)."""
    units = name.encode("utf-16-le")
    parts = [units[at : at + 30].ljust(30, b"\0") for at in range(0, len(units), 30)]
    moment = ((2026 - 1980) << 9 | 8 << 5 | 4) << 16 | 10 << 11 | 1
    entries = [
        bytearray(
            struct.pack(
                "<BBHHHIIIBBBBB7x",
                0x85,
                1 + len(parts),
                0,
                attributes,
                0,
                moment,
                moment,
                moment,
                0,
                7,
                zone,
                zone,
                zone,
            )
        ),
        bytearray(
            struct.pack(
                "<BBBBHHQIIQ",
                0xC0,
                3 if contiguous else 1,
                0,
                len(units) // 2,
                0,
                0,
                size if valid is None else valid,
                0,
                cluster,
                size,
            )
        ),
        *(bytearray(b"\xc1\0" + part) for part in parts),
    ]
    total = 0
    for index, byte in enumerate(b"".join(entries)):
        if index not in (2, 3):
            total = ((total & 1) << 15) + (total >> 1) + byte & 0xFFFF
    struct.pack_into("<H", entries[0], 2, total)
    if not in_use:
        for entry in entries:
            entry[0] &= 0x7F
    return b"".join(entries)


@dataclass
class ExfatCard:
    """An exFAT card of 512-byte sectors and 4 KiB clusters; the root directory is cluster 4."""

    clusters: dict[int, bytes] = field(default_factory=dict)
    table: dict[int, int] = field(default_factory=dict)
    root: bytes = b""

    CLUSTER = 4096
    COUNT = 1000
    _TABLE, _HEAP = 24, 64

    def put(self, first: int, content: bytes) -> None:
        """Store `content` in consecutive clusters from `first`, chained in the table too."""
        count = max(1, -(-len(content) // self.CLUSTER))
        for index in range(count):
            self.clusters[first + index] = content[self.CLUSTER * index : self.CLUSTER * (index + 1)]
            self.table[first + index] = first + index + 1 if index < count - 1 else 0xFFFFFFFF

    def build(self) -> bytes:
        """Return the image."""
        total = self._HEAP + self.COUNT * 8
        boot = bytearray(SECTOR)
        boot[:11] = b"\xeb\x76\x90EXFAT   "
        struct.pack_into("<QQIIIIIIHHBBBBB", boot, 64, 0, total, self._TABLE, 16, self._HEAP, self.COUNT, 4, 0xFEEDF00D,
                         0x100, 0, 9, 3, 1, 0x80, 1)  # fmt: skip
        boot[510:] = b"\x55\xaa"
        image = bytearray(total * SECTOR)
        image[:SECTOR] = boot
        image[12 * SECTOR : 13 * SECTOR] = boot
        bitmap = bytearray(-(-self.COUNT // 8))
        clusters = {2: b"", 3: b"\0" * 8, 4: b"", **self.clusters}
        for cluster in clusters:
            bitmap[(cluster - 2) // 8] |= 1 << (cluster - 2) % 8
        clusters[2] = bytes(bitmap)
        label = b"\x83\x04" + "CARD".encode("utf-16-le").ljust(30, b"\0")
        bitmap_entry = struct.pack("<BB18xIQ", 0x81, 0, 2, len(bitmap))
        upcase_entry = struct.pack("<BB2xI12xIQ", 0x82, 0, 0, 3, 8)
        clusters[4] = label + bitmap_entry + upcase_entry + self.root
        table = {0: 0xFFFFFFF8, 1: 0xFFFFFFFF, 2: 0xFFFFFFFF, 3: 0xFFFFFFFF, 4: 0xFFFFFFFF, **self.table}
        for cluster, value in table.items():
            struct.pack_into("<I", image, self._TABLE * SECTOR + 4 * cluster, value)
        for cluster, content in clusters.items():
            start = self.offset(cluster)
            image[start : start + len(content)] = content
        return bytes(image)

    def offset(self, cluster: int) -> int:
        """Return where a cluster begins in the image."""
        return self._HEAP * SECTOR + (cluster - 2) * self.CLUSTER
