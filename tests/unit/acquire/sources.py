"""Sources that fail where a test says so."""

import errno
from dataclasses import dataclass, field


@dataclass
class Flawed:
    """Bytes of which some ranges can't be read; `reads` tells what was asked for."""

    data: bytes
    bad: tuple[tuple[int, int], ...] = ()
    missing: tuple[tuple[int, int], ...] = ()
    number: int = errno.EIO
    concurrent: bool = False
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return len(self.data)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Give the bytes, or fail when one of them is bad."""
        self.reads.append((offset, len(target)))
        end = offset + len(target)
        if any(start < end and offset < start + length for start, length in self.bad):
            raise OSError(self.number, "bad sector")
        target[:] = self.data[offset:end]


def zeroed(data: bytes, *ranges: tuple[int, int]) -> bytes:
    """Return `data` with zeros in the ranges (offset, length)."""
    out = bytearray(data)
    for start, length in ranges:
        out[start : start + length] = bytes(length)
    return bytes(out)
