"""Changing single bits of a card, block by block, past the page cache, and seeing that it took them.

Guarantees: a block is read from the card right before it is changed and only the bits asked for differ; blocks are
written one at a time, in the order asked for; `settle` returns only after the card was told to keep them and gave
every one of them back as written. Each block is the smallest piece that the card writes at once, so that a yank
leaves it old or new.
"""

import errno
import fcntl
import os
import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from station.direct import aligned_buffer, is_direct, read_into

Kind = Literal["summary", "directory", "table"]
Write = Callable[[int, memoryview, int], int]
Sync = Callable[[int], None]

_BLKSSZGET = 0x1268  # linux/fs.h: the smallest block that the disk reads and writes
_IMAGE_BLOCK_BYTES = (512, 4096)  # whichever the file system below an image file lets pass


@dataclass(frozen=True, slots=True)
class Edit:
    """At `offset`, keep the bits set in `keep`, clear the others, set those of `put`; equally many bytes each."""

    offset: int
    keep: bytes
    put: bytes


def clear(offset: int, keep: bytes) -> Edit:
    """Clear all bits but those set in `keep`."""
    return Edit(offset, keep, bytes(len(keep)))


def replace(offset: int, put: bytes) -> Edit:
    """Put these bytes there, whatever was there."""
    return Edit(offset, bytes(len(put)), put)


class Blocks:
    """The blocks of a card behind a descriptor opened for reading and writing with O_DIRECT."""

    def __init__(self, handle: int, *, write: Write = os.pwrite, sync: Sync = os.fsync) -> None:
        """Find the block size; raises OSError, EINVAL when the descriptor does not pass the page cache by."""
        if not is_direct(handle):
            raise OSError(errno.EINVAL, "the card can't be read past the page cache")
        self.written: Counter[Kind] = Counter()
        self.block_bytes = _find_block_bytes(handle)
        self._handle = handle
        self._write_block = write
        self._sync = sync
        self._unsettled: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Read from the card itself; raises OSError where a byte is missing."""
        with aligned_buffer(max(length, 1)) as buffer, buffer[:length] as target:
            if read_into(self._handle, offset, target) != length:
                raise OSError(errno.EIO, f"{length} bytes at {offset} can't be read")
            return bytes(target)

    def change(self, kind: Kind, edits: Iterable[Edit]) -> None:
        """Carry out the edits in their order, neighbours in one block at once; raises OSError."""
        for number, group in groupby(self._split(edits), key=lambda piece: piece[0] // self.block_bytes):
            before = content = self._load(number)
            for at, keep, put in group:
                start = at % self.block_bytes
                end = start + len(keep)
                changed = int.from_bytes(content[start:end]) & int.from_bytes(keep) | int.from_bytes(put)
                content = content[:start] + changed.to_bytes(len(keep)) + content[end:]
            if content != before:
                self._write(kind, number, content)

    def settle(self) -> None:
        """Have the card keep all that was written since the last time, and read it again; raises OSError."""
        self._sync(self._handle)
        unsettled, self._unsettled = self._unsettled, {}
        for number, content in unsettled.items():
            if self._load(number) != content:
                raise OSError(errno.EIO, f"block {number} does not hold what was written to it")

    def _split(self, edits: Iterable[Edit]) -> Iterator[tuple[int, bytes, bytes]]:
        size = self.block_bytes
        for edit in edits:
            done = 0
            while done < len(edit.keep):
                at = edit.offset + done
                end = min(done + size - at % size, len(edit.keep))
                yield at, edit.keep[done:end], edit.put[done:end]
                done = end

    def _load(self, number: int) -> bytes:
        return self.read(number * self.block_bytes, self.block_bytes)

    def _write(self, kind: Kind, number: int, content: bytes) -> None:
        with aligned_buffer(self.block_bytes) as buffer:
            buffer[:] = content
            count = self._write_block(self._handle, buffer, number * self.block_bytes)
        if count != self.block_bytes:
            raise OSError(errno.EIO, f"block {number} was written in part")
        self.written[kind] += 1
        self._unsettled[number] = content


def _find_block_bytes(handle: int) -> int:
    if stat.S_ISBLK(os.fstat(handle).st_mode):
        return int(struct.unpack("i", fcntl.ioctl(handle, _BLKSSZGET, struct.pack("i", 0)))[0])
    for size in _IMAGE_BLOCK_BYTES:
        with aligned_buffer(size) as buffer:
            try:
                os.preadv(handle, [buffer], 0)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                continue
        return size
    raise OSError(errno.EINVAL, "the card can't be read past the page cache")
