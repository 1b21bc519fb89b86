"""The bytes of a card: one read-only descriptor, seen by The Sleuth Kit and by ourselves.

Guarantees: only preads reach the source. What the parser asks for and can't be read comes back as zeros and is
remembered in `bad`; pytsk3 would else either lose it silently (a short read is taken for a whole one) or fail for
a whole 64 KiB block because of one sector. What we read ourselves (`read_exact`) is right or an OSError.
"""

import errno
import os
import stat
from collections import OrderedDict

import pytsk3

from station.direct import aligned_buffer, read_into

SECTOR_BYTES = 512
_CACHED_BLOCK_BYTES = 64 * 1024
_CACHED_BLOCKS = 64
# Errors that mean the device itself is gone: trying other sectors would only take long.
GONE = {errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN, errno.EBADF}


class Image(pytsk3.Img_Info):  # type: ignore[misc]
    """A block device or image file behind an open descriptor, which stays the caller's to close."""

    def __init__(self, handle: int) -> None:
        """Take `handle`, opened O_RDONLY, with or without O_DIRECT; raises OSError when it has no size."""
        self.handle = handle
        self.size_bytes = _measure(handle)
        self.bad: list[tuple[int, int]] = []
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def get_size(self) -> int:
        """Answer The Sleuth Kit: the size in bytes."""
        return self.size_bytes

    def close(self) -> None:
        """Answer The Sleuth Kit: nothing to close, the descriptor is the caller's."""

    def read(self, offset: int, length: int) -> bytes:
        """Answer The Sleuth Kit: exactly `length` bytes, zeros where unreadable (see `bad`)."""
        length = min(length, self.size_bytes - offset)
        if length <= 0:
            return b""
        first = offset // _CACHED_BLOCK_BYTES
        last = (offset + length - 1) // _CACHED_BLOCK_BYTES
        if last - first > 1:
            return self._read_lenient(offset, length)
        joined = b"".join(self._block(number) for number in range(first, last + 1))
        start = offset - first * _CACHED_BLOCK_BYTES
        return joined[start : start + length]

    def read_exact(self, offset: int, length: int) -> bytes:
        """Read `length` bytes at `offset`; raises OSError where a single one is unreadable or beyond the end."""
        data = self.read(offset, length)
        if len(data) != length or self.overlaps_bad(offset, length):
            raise OSError(errno.EIO, f"{length} bytes at {offset} can't be read")
        return data

    def read_into(self, offset: int, target: memoryview) -> int:
        """Read past all caches of ours into `target`; returns the bytes read, fewer only at the end of the source."""
        return read_into(self.handle, offset, target)

    def overlaps_bad(self, offset: int, length: int) -> bool:
        """Tell whether the range touches bytes that could not be read so far."""
        return any(start < offset + length and offset < end for start, end in self.bad)

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            start = number * _CACHED_BLOCK_BYTES
            block = self._read_lenient(start, min(_CACHED_BLOCK_BYTES, self.size_bytes - start))
            self._blocks[number] = block
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block

    def _read_lenient(self, offset: int, length: int) -> bytes:
        with aligned_buffer(length + -length % 4096) as buffer, buffer[:length] as target:
            try:
                if self.read_into(offset, target) == length:
                    return bytes(target)
            except OSError as error:
                if error.errno in GONE:
                    raise
            target[:] = bytes(length)
            self._read_by_sector(offset, target)
            return bytes(target)

    def _read_by_sector(self, offset: int, target: memoryview) -> None:
        for at in range(0, len(target), SECTOR_BYTES):
            with target[at : at + SECTOR_BYTES] as sector:
                try:
                    whole = self.read_into(offset + at, sector) == len(sector)
                except OSError as error:
                    if error.errno in GONE:
                        raise
                    whole = False
                if not whole:
                    sector[:] = bytes(len(sector))
                    self._remember_bad(offset + at, offset + at + len(sector))

    def _remember_bad(self, start: int, end: int) -> None:
        if self.bad and self.bad[-1][1] == start:
            self.bad[-1] = (self.bad[-1][0], end)
        elif not any(known <= start and end <= stop for known, stop in self.bad):
            self.bad.append((start, end))


def _measure(handle: int) -> int:
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return os.lseek(handle, 0, os.SEEK_END)
