"""A package as one file for a browser to download: a ZIP64 archive (APPNOTE 6.3.10), uncompressed, made while sent.

Guarantees: nothing is written to a disk and no file is held in memory; the size is known before the first byte; names
and order follow from the package alone, times are those of ZIP's own beginning; a file that is not as large as it was
when the sending began ends the stream short, so that no browser shows a broken archive as complete.
"""

import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Final

from station.digest import CHUNK_BYTES
from station.errors import DamagedError, StorageError

_VERSION: Final = 45  # the first that knows ZIP64 (4.4.3.2)
_UNIX: Final = 3 << 8
_FLAGS: Final = 0x0808  # sizes follow the data; names are UTF-8 (4.4.4)
_STORED: Final = 0
_TIME, _DATE = 0, 0x21  # 1980-01-01
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_EXTRA_LOCAL, _EXTRA_CENTRAL = 20, 28
_LOCAL, _DESCRIPTOR, _CENTRAL, _END = 30, 24, 46, 56 + 20 + 22


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the package: where it lies, what it is called in the archive, its size."""

    place: Path
    name: bytes
    size_bytes: int
    mode: int


def members(folder: Path, name: str) -> tuple[Member, ...]:
    """Return what goes into the archive of a package's folder, below `name/`; raises StorageError."""
    found = []
    try:
        for place in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix().encode()):
            status = place.lstat()
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode):
                raise StorageError(f"{place} is no plain file")
            inner = f"{name}/{place.relative_to(folder).as_posix()}".encode()
            found.append(Member(place, inner, status.st_size, stat.S_IMODE(status.st_mode)))
    except OSError as error:
        raise StorageError(f"{folder} can't be read: {error.strerror}") from error
    return tuple(found)


def archive_size(files: tuple[Member, ...]) -> int:
    """Return the archive's size in bytes."""
    each = _LOCAL + _EXTRA_LOCAL + _DESCRIPTOR + _CENTRAL + _EXTRA_CENTRAL
    return _END + sum(each + 2 * len(file.name) + file.size_bytes for file in files)


def archive(files: tuple[Member, ...]) -> Iterator[bytes]:
    """Yield the archive piece by piece; raises DamagedError, StorageError in the middle of it."""
    offset, directory = 0, []
    for file in files:
        header = pack(
            "<4s5H3I2H", b"PK\3\4", _VERSION, _FLAGS, _STORED, _TIME, _DATE, 0, _FULL32, _FULL32,
            len(file.name), _EXTRA_LOCAL,
        )  # fmt: skip
        yield header + file.name + pack("<2H2Q", 1, 16, 0, 0)
        crc, size = 0, 0
        for piece in _pieces(file):
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            yield piece
        if size != file.size_bytes:
            raise DamagedError(f"{file.place} has {size} bytes, and {file.size_bytes} when the download began")
        yield pack("<4sI2Q", b"PK\7\10", crc, size, size)
        directory.append(_central(file, crc, offset))
        offset += len(header) + len(file.name) + _EXTRA_LOCAL + size + _DESCRIPTOR
    entries = b"".join(directory)
    yield entries
    count, length = len(files), len(entries)
    yield pack("<4sQ2H2I4Q", b"PK\6\6", 44, _VERSION | _UNIX, _VERSION, 0, 0, count, count, length, offset)
    yield pack("<4sIQI", b"PK\6\7", 0, offset + length, 1)
    yield pack("<4s4H2IH", b"PK\5\6", 0, 0, min(count, _FULL16), min(count, _FULL16), _FULL32, _FULL32, 0)


def _central(file: Member, crc: int, offset: int) -> bytes:
    header = pack(
        "<4s6H3I5H2I", b"PK\1\2", _VERSION | _UNIX, _VERSION, _FLAGS, _STORED, _TIME, _DATE, crc, _FULL32, _FULL32,
        len(file.name), _EXTRA_CENTRAL, 0, 0, 0, (stat.S_IFREG | file.mode) << 16, _FULL32,
    )  # fmt: skip
    return header + file.name + pack("<2H3Q", 1, 24, file.size_bytes, file.size_bytes, offset)


def _pieces(file: Member) -> Iterator[bytes]:
    try:
        handle = os.open(file.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while piece := os.read(handle, CHUNK_BYTES):
                yield piece
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageError(f"{file.place} can't be read: {error.strerror}") from error
