"""Cards with real file systems: mkfs's own, filled through mtools (FAT) or by the small writer here (exFAT)."""

import os
import random
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from station.device.erase.formats import Wanted
from station.device.volume import Card
from station.records.reading import EntrySeen

KIB = 1024
_ENVIRONMENT = {**os.environ, "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
Files = dict[str, bytes]
_FAT_KIB = {12: KIB, 16: 4 * KIB, 32: 36 * KIB}  # one sector a cluster


def run(*argv: str | Path, ok: tuple[int, ...] = (0,)) -> str:
    """Run a tool and return what it printed."""
    done = subprocess.run([str(each) for each in argv], capture_output=True, text=True, env=_ENVIRONMENT)
    assert done.returncode in ok, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make_fat(image: Path, bits: int, seed: int) -> Files:
    """Format `image` and fill it: long and short names, folders, half of the files in pieces."""
    choose = random.Random(seed)
    run("mkfs.fat", "-F", str(bits), "-s", "1", "-n", "BWC", "-C", image, str(_FAT_KIB[bits]))
    run("mmd", "-i", image, "::/DCIM", "::/DCIM/100MEDIA", "::/DCIM/An album with a long name")
    names = [
        "SHORT1.MP4",
        "DCIM/A.MP4",
        "DCIM/100MEDIA/J800000_00000020170730100947_0016.MP4",
        "DCIM/100MEDIA/执法记录 2026-08-04 东门大街.MP4",
        "DCIM/An album with a long name/CLIP0001.MOV",
        "DCIM/An album with a long name/a name of exactly 26 chars",
        *(f"DCIM/100MEDIA/segment {number:04d} of the night.ts" for number in range(6)),
    ]
    files: Files = {}
    source = image.with_suffix(".part")
    for name in names:
        files[name] = choose.randbytes(choose.randrange(1, (150 if name.endswith("MP4") else 9) * 512))
        source.write_bytes(files[name])
        run("mcopy", "-i", image, source, f"::/{name}")
    source.unlink()
    data = bytearray(image.read_bytes())
    for path, entry in list_card(image).items():
        if bits > 12 and choose.random() < 0.5:
            _scatter(data, entry.address, bits, choose)
        assert path in files
    image.write_bytes(data)
    return files


def fat_layout(data: bytes | bytearray, bits: int) -> tuple[list[int], int, int]:
    """Return where the tables and the data area begin, and the size of a cluster, of a card without partitions."""
    sector, per_cluster, reserved, tables, root_slots = struct.unpack_from("<HBHBH", data, 11)
    table = struct.unpack_from("<I", data, 36)[0] if bits == 32 else struct.unpack_from("<H", data, 22)[0]
    starts = [(reserved + number * table) * sector for number in range(tables)]
    return starts, (reserved + tables * table) * sector + root_slots * 32, per_cluster * sector


def _scatter(data: bytearray, address: int, bits: int, choose: random.Random) -> None:
    """Move all clusters of a file but the first to other, free ones, in no order."""
    tables, heap, cluster_bytes = fat_layout(data, bits)
    width, form = bits // 8, "<I" if bits == 32 else "<H"
    end = (1 << min(bits, 28)) - 8
    base = heap - struct.unpack_from("<H", data, 17)[0] * 32
    slot = base + (address - 3) * 32
    low, high = struct.unpack_from("<H", data, slot + 26)[0], struct.unpack_from("<H", data, slot + 20)[0]
    chain = [low | (high << 16 if bits == 32 else 0)]
    while (following := struct.unpack_from(form, data, tables[0] + width * chain[-1])[0]) < end:
        chain.append(following)
    free = [n for n in range(2, 4000) if not struct.unpack_from(form, data, tables[0] + width * n)[0]]
    moved = [chain[0], *choose.sample(free, len(chain) - 1)]
    starts = [heap + (number - 2) * cluster_bytes for number in chain]
    pieces = [bytes(data[start : start + cluster_bytes]) for start in starts]
    for table in tables:
        for number in chain:
            struct.pack_into(form, data, table + width * number, 0)
        for number, following in zip(moved, [*moved[1:], (1 << min(bits, 28)) - 1], strict=True):
            struct.pack_into(form, data, table + width * number, following)
    for number, piece in zip(moved, pieces, strict=True):
        start = heap + (number - 2) * cluster_bytes
        data[start : start + cluster_bytes] = piece


@dataclass
class ExfatWriter:
    """Writes files into what mkfs.exfat made. Only names of ASCII, only folders of one cluster."""

    image: Path
    data: bytearray = field(default_factory=bytearray)
    folders: dict[str, int] = field(default_factory=dict)  # path → first cluster
    used: dict[str, int] = field(default_factory=dict)  # path → bytes of entries

    def format(self, size_kib: int = 4 * KIB) -> None:
        """Make the empty file system."""
        with self.image.open("wb") as stream:
            stream.truncate(size_kib * KIB)
        run("mkfs.exfat", "-c", "4K", "-b", "4K", "-L", "BWC", self.image)
        self.data = bytearray(self.image.read_bytes())
        table, _, heap, self.count, root, _ = struct.unpack_from("<IIIIII", self.data, 80)
        sector = 1 << self.data[108]
        self.table, self.heap, self.cluster = table * sector, heap * sector, sector << self.data[109]
        self.folders[""] = root
        start = self.place(root)
        slots = [self.data[at : at + 32] for at in range(start, start + self.cluster, 32)]
        self.used[""] = 32 * next(index for index, slot in enumerate(slots) if slot[0] == 0)
        bitmap = next(slot for slot in slots if slot[0] == 0x81)
        self.bitmap = self.place(int.from_bytes(bitmap[20:24], "little"))

    def place(self, cluster: int) -> int:
        """Return where a cluster begins."""
        return self.heap + (cluster - 2) * self.cluster

    def save(self) -> None:
        """Write the image."""
        self.image.write_bytes(self.data)

    def take(self, count: int, step: int = 1) -> list[int]:
        """Allocate clusters, `step` apart where they are free."""
        found: list[int] = []
        number = 2
        while len(found) < count:
            assert number < self.count + 2, "the card is full"
            byte, bit = self.bitmap + (number - 2) // 8, 1 << (number - 2) % 8
            run_free = step > 1 or self.free_run(number, count - len(found))
            if not self.data[byte] & bit and run_free:
                self.data[byte] |= bit
                found.append(number)
                number += step
            else:
                number += 1
        return found

    def free_run(self, first: int, count: int) -> bool:
        """Tell whether `count` clusters from `first` are free."""
        bits = (self.data[self.bitmap + (n - 2) // 8] >> (n - 2) % 8 & 1 for n in range(first, first + count))
        return not any(bits)

    def put(self, path: str, content: bytes, *, folder: bool = False, step: int = 1, valid: int | None = None) -> None:
        """Store a file, contiguous without a chain, or chained with its clusters `step` apart."""
        parent, _, name = path.rpartition("/")
        clusters = self.take(max(1, -(-len(content) // self.cluster)), step)
        for index, cluster in enumerate(clusters):
            piece = content[index * self.cluster : (index + 1) * self.cluster]
            start = self.place(cluster)
            self.data[start : start + len(piece)] = piece
            if step > 1:
                following = clusters[index + 1] if index + 1 < len(clusters) else 0xFFFFFFFF
                struct.pack_into("<I", self.data, self.table + 4 * cluster, following)
        entries = _entry_set(name, clusters[0], len(content), valid, folder=folder, chained=step > 1)
        at = self.place(self.folders[parent]) + self.used[parent]
        assert self.used[parent] + len(entries) <= self.cluster
        self.data[at : at + len(entries)] = entries
        self.used[parent] += len(entries)
        if folder:
            self.folders[path], self.used[path] = clusters[0], 0


def _entry_set(name: str, cluster: int, size: int, valid: int | None, *, folder: bool, chained: bool) -> bytes:
    units = name.encode("utf-16-le")
    digest = 0
    for byte in name.upper().encode("utf-16-le"):
        digest = ((digest & 1) << 15) + (digest >> 1) + byte & 0xFFFF
    parts = [units[at : at + 30].ljust(30, b"\0") for at in range(0, len(units), 30)]
    moment = ((2026 - 1980) << 9 | 8 << 5 | 4) << 16 | 10 << 11 | 1
    zone = 0x80 | 32
    file = struct.pack("<BBHHHIIIBBBBB7x", 0x85, 1 + len(parts), 0, 0x10 if folder else 0x20, 0, moment, moment,
                       moment, 0, 7, zone, zone, zone)  # fmt: skip
    stream = struct.pack("<BBBBHHQIIQ", 0xC0, 1 if chained else 3, 0, len(units) // 2, digest, 0,
                         size if valid is None else valid, 0, cluster, size)  # fmt: skip
    entries = bytearray(b"".join([file, stream, *(b"\xc1\0" + part for part in parts)]))
    total = 0
    for index, byte in enumerate(entries):
        if index not in (2, 3):
            total = ((total & 1) << 15) + (total >> 1) + byte & 0xFFFF
    struct.pack_into("<H", entries, 2, total)
    return bytes(entries)


def make_exfat(image: Path, seed: int) -> Files:
    """Format `image` as exFAT and fill it: folders, long names, files with and without a chain."""
    choose = random.Random(seed)
    card = ExfatWriter(image)
    card.format()
    for folder in ("DCIM", "DCIM/100MEDIA", "DCIM/An album with a long name"):
        card.put(folder, bytes(card.cluster), folder=True)
    names = ["SHORT1.MP4", "DCIM/A.MP4", "DCIM/100MEDIA/J800000_00000020170730100947_0016.MP4"]
    names += [f"DCIM/100MEDIA/segment {number:04d} of a very long night.ts" for number in range(16)]
    names += [f"DCIM/An album with a long name/CLIP{number:04d}.MOV" for number in range(4)]
    files: Files = {}
    for name in names:
        content = choose.randbytes(choose.randrange(1, 20 * card.cluster))
        card.put(name, content, step=choose.choice((1, 1, 2, 3)))
        files[name] = content
    card.save()
    return files


def make_card(image: Path, kind: str, seed: int) -> Files:
    """Make a card of that kind: exfat, fat12, fat16 or fat32."""
    return make_exfat(image, seed) if kind == "exfat" else make_fat(image, int(kind[3:]), seed)


def check(image: Path) -> str:
    """Let the kind's own checker look at a card without changing it; returns what it said, empty when clean."""
    exfat = image.read_bytes()[3:8] == b"EXFAT"
    tool = "fsck.exfat" if exfat else "fsck.fat"
    done = subprocess.run([tool, "-n", image], capture_output=True, text=True, env=_ENVIRONMENT)
    return f"{done.returncode}\n{done.stdout}{done.stderr}" if done.returncode else ""


def open_direct(image: Path) -> int:
    """Open an image as the eraser does."""
    return os.open(image, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)


def list_card(image: Path) -> dict[str, EntrySeen]:
    """List what is in use on a card: path → entry; the whole of it must be readable."""
    handle = os.open(image, os.O_RDONLY)
    try:
        card = Card(handle, "gbk")
        entries = [entry for entry in card.entries() if isinstance(entry, EntrySeen)]
        assert card.whole
        return {"/".join(n.text for n in each.path): each for each in entries if each.state != "deleted"}
    finally:
        os.close(handle)


def read_card(image: Path) -> Files:
    """Read every file in use."""
    handle = os.open(image, os.O_RDONLY)
    try:
        card = Card(handle, "gbk")
        found: Files = {}
        for entry in list(card.entries()):
            assert isinstance(entry, EntrySeen)
            if entry.state == "deleted":
                continue
            content = card.open_content(entry.id)
            data = bytearray(content.size_bytes)
            with memoryview(data) as view:
                content.read_into(0, view)
            found["/".join(name.text for name in entry.path)] = bytes(data)
        assert card.whole
        return found
    finally:
        os.close(handle)


def wanted(entry: EntrySeen) -> Wanted:
    """Return a listed file as a ticket names it."""
    path = tuple(name.raw for name in entry.path)
    return Wanted(path, entry.address, entry.size_bytes, entry.times)
