"""A card: every file system on a block device or disk image, walked as one tree, read without mounting.

Guarantees: opened by metadata address, never by path; nothing listed is dropped without `whole` becoming False;
loops, absurd depth and absurd counts end the walk of that directory, said so in the listing.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import pytsk3

from station.device.content import sniff_content
from station.device.exfat import Exfat
from station.device.fat import Fat
from station.device.image import Image
from station.device.parsed import Parsed
from station.device.tree import Content, FileSystem, Node
from station.errors import SourceError
from station.records.reading import EntrySeen, Fault, RawName, VolumeSeen

MAX_DEPTH = 64
MAX_ENTRIES = 1_000_000
_COPYABLE = {"file", "stream"}
_OTHER_SECTOR_SIZES = (4096,)
# Partitions that hold no files by definition: by The Sleuth Kit's description in a DOS table, by type in a GPT (UEFI
# specification 2.10, section 5.3.3): Microsoft reserved, BIOS boot, Linux swap.
_NO_FILES = ("Linux Swap", "Extended", "Protective")
_NO_FILES_TYPES = {
    UUID("e3c9e316-0b5c-4db8-817d-f92df00215ae").bytes_le,
    UUID("21686148-6449-6e6f-744e-656564454649").bytes_le,
    UUID("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f").bytes_le,
}
_MAX_GPT_BYTES = 1024 * 1024


class Source(Protocol):
    """Anything files are taken in from: a card, a folder."""

    whole: bool

    def volumes(self) -> Iterator[VolumeSeen]:
        """Name the file systems found; raises SourceError when there is none."""

    def entries(self) -> Iterator[EntrySeen | Fault]:
        """List everything once; `whole` tells afterwards whether something could not be listed."""

    def open_content(self, entry_id: int) -> Content:
        """Open the bytes of a copyable entry; raises OSError."""


@dataclass(frozen=True, slots=True)
class _Place:
    volume: int
    node: Node


class Card:
    """A block device or disk image behind an open read-only descriptor."""

    def __init__(self, handle: int, code_page: str) -> None:
        """Find the file systems; `code_page` decodes FAT's short names for display. Raises SourceError."""
        try:
            self._image = Image(handle)
            self._faults: list[str] = []
            self._file_systems = list(self._find_file_systems(code_page))
        except OSError as error:
            raise SourceError(f"The card can't be read: {error}") from error
        self.whole = not self._faults
        self._places: list[_Place] = []

    def volumes(self) -> Iterator[VolumeSeen]:
        """Name the file systems found; raises SourceError when there is none."""
        if not self._file_systems:
            raise SourceError("; ".join(self._faults) or "There is no file system on it that can be read")
        for number, file_system in enumerate(self._file_systems):
            yield VolumeSeen(
                volume=number,
                offset_bytes=file_system.offset_bytes,
                file_system=file_system.kind,
                serial=file_system.serial,
                label=file_system.label,
            )

    def entries(self) -> Iterator[EntrySeen | Fault]:
        """List every file system's tree once, directories in stored order."""
        for fault in self._faults:
            yield Fault(what=fault)
        for number, file_system in enumerate(self._file_systems):
            yield from self._walk(number, file_system)
        # The others read what they rest on themselves, and say so directory by directory.
        if self._image.bad and any(isinstance(file_system, Parsed) for file_system in self._file_systems):
            self.whole = False
            total = sum(end - start for start, end in self._image.bad)
            yield Fault(what=f"{total} bytes that the listing rests on can't be read")

    def open_content(self, entry_id: int) -> Content:
        """Open the bytes of a copyable entry by its metadata address; raises OSError."""
        place = self._places[entry_id]
        return self._file_systems[place.volume].open_content(place.node)

    def _find_file_systems(self, code_page: str) -> Iterator[FileSystem]:
        bare = self._open_file_system(0, code_page)
        if bare is not None:
            yield bare
            return
        try:
            table = pytsk3.Volume_Info(self._image)
        except (OSError, RuntimeError):
            self._faults.append("There is no file system on it that can be read, and no partition table")
            return
        block_bytes = int(table.info.block_size)
        types = _read_gpt_types(self._image, block_bytes)
        for part in table:
            description = bytes(part.desc).decode("utf-8", "replace")
            allocated = int(part.flags) == int(pytsk3.TSK_VS_PART_FLAG_ALLOC)
            described = any(text in description for text in _NO_FILES)
            if not allocated or described or types.get(part.start) in _NO_FILES_TYPES:
                continue
            found = None
            # A card written through a bridge with other sectors keeps that bridge's numbering.
            for sector in (block_bytes, *_OTHER_SECTOR_SIZES):
                found = found or self._open_file_system(part.start * sector, code_page)
            if found is None:
                self._faults.append(f"Partition {part.addr} ({description}) holds no file system that can be read")
            else:
                yield found

    def _open_file_system(self, offset: int, code_page: str) -> FileSystem | None:
        if offset >= self._image.size_bytes:
            return None
        openers: tuple[Callable[[], FileSystem], ...] = (
            lambda: Exfat(self._image, offset),
            lambda: Fat(self._image, offset, code_page),
            lambda: Parsed(self._image, offset, "ntfs"),
            lambda: Parsed(self._image, offset, "ext"),
        )
        for opener in openers:
            try:
                return opener()
            except (OSError, RuntimeError):
                continue
        return None

    def _walk(self, number: int, file_system: FileSystem) -> Iterator[EntrySeen]:
        seen: set[int | None] = set()
        stack: list[tuple[tuple[RawName, ...], Node]] = [((), file_system.root())]
        while stack:
            path, directory = stack.pop()
            damage = self._refuse(path, directory, seen)
            nodes: tuple[Node, ...] = ()
            if damage is None:
                seen.add(directory.identity)
                try:
                    listing = file_system.list_directory(directory)
                    nodes, damage = listing.nodes, listing.damage
                except OSError as error:
                    damage = error.strerror or str(error)
            if damage is not None:
                self.whole = False
                yield self._add(number, path, directory, note=damage)
            below = []
            for node in nodes:
                if node.kind == "directory":
                    below.append(((*path, node.name), node))
                else:
                    self.whole = self.whole and node.kind != "directory_damaged"
                    yield self._add(number, (*path, node.name), node)
            stack += reversed(below)

    def _refuse(self, path: tuple[RawName, ...], directory: Node, seen: set[int | None]) -> str | None:
        if directory.identity in seen:
            return "its content is that of a directory already listed: a loop or a cross-link"
        if len(path) > MAX_DEPTH:
            return f"it lies more than {MAX_DEPTH} levels deep"
        if len(self._places) > MAX_ENTRIES:
            return f"more than {MAX_ENTRIES} entries were listed already"
        return None

    def _add(self, number: int, path: tuple[RawName, ...], node: Node, note: str | None = None) -> EntrySeen:
        entry_id = len(self._places)
        self._places.append(_Place(number, node))
        state = "directory_damaged" if node.kind == "directory" else node.kind
        media = container = None
        if state in _COPYABLE and node.size_bytes:
            media, container, trouble = sniff_content(node.size_bytes, lambda: self.open_content(entry_id))
            note = note or trouble
        return EntrySeen(
            id=entry_id,
            volume=number,
            path=path,
            address=node.address,
            state=state,
            size_bytes=node.size_bytes,
            times=node.times,
            media=media,
            container=container,
            note=note or node.note,
        )


def _read_gpt_types(image: Image, block_bytes: int) -> dict[int, bytes]:
    """Map each GPT partition's first block to its type; empty where there is no GPT (UEFI 2.10, section 5.3)."""
    try:
        header = image.read_exact(block_bytes, 92)
        if header[:8] != b"EFI PART":
            return {}
        place, count, size = struct.unpack_from("<QII", header, 72)
        table = image.read_exact(place * block_bytes, min(count * size, _MAX_GPT_BYTES))
    except (OSError, OverflowError):
        return {}
    size = max(size, 128)
    return {
        int.from_bytes(table[at + 32 : at + 40], "little"): table[at : at + 16] for at in range(0, len(table), size)
    }
