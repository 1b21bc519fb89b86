"""One disk (LUN) of a fake recorder: a card image, what was read and written, and what goes wrong with it.

Guarantee: writes really change the image, and each is counted; faults change what the host gets, never the image.
"""

import os
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.recorder.errors import GoneError

BLOCK_BYTES = 512


@dataclass
class Faults:
    """What is wrong with a disk; may be changed at any time.

    `bad_blocks` can't be read; `yank_after_read_bytes` and `yank_after_written_bytes` let the recorder vanish once,
    at the first command that would go beyond; `hang_reads` never answers a read, `hang_after_read_bytes` only from
    there on; `bytes_per_second` bounds reading; `corrupt` maps offsets of the disk to bytes always returned there;
    blocks in `lying_blocks` come back otherwise from the second read on. Bytes are counted since the disk was made, so
    the n-th byte from now is `disk.read_bytes + n`.
    """

    bad_blocks: Container[int] = frozenset()
    yank_after_read_bytes: int | None = None
    yank_after_written_bytes: int | None = None
    hang_reads: bool = False
    hang_after_read_bytes: int | None = None
    bytes_per_second: int | None = None
    corrupt: dict[int, int] = field(default_factory=dict)
    lying_blocks: Container[int] = frozenset()


class Disk:
    """A card in the recorder; `image` None is an empty card slot."""

    def __init__(
        self,
        image: Path | None,
        *,
        write_protected: bool = False,
        faults: Faults | None = None,
        vendor: str = "Acme",
        product: str = "AC-200",
        serial: str = "BWC000001",
    ) -> None:
        self.image = image
        self.write_protected = write_protected
        self.faults = faults or Faults()
        self.vendor, self.product, self.serial = vendor, product, serial
        self.reads: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []
        """(first block, blocks) of each command that was obeyed."""
        self.read_bytes = 0
        self.written_bytes = 0
        self.ejected = False
        self._times_read: Counter[int] = Counter()
        self._descriptor: int | None = None
        self.blocks = 0
        if image is not None:
            self._descriptor = os.open(image, os.O_RDWR if os.access(image, os.W_OK) else os.O_RDONLY)
            self.blocks = os.fstat(self._descriptor).st_size // BLOCK_BYTES

    def close(self) -> None:
        """Let go of the image."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            raise GoneError("the recorder was put away")
        return self._descriptor

    def read(self, block: int, count: int) -> bytes:
        """Return `count` blocks as the host is to see them; raises GoneError once it is closed."""
        data = os.pread(self._opened(), count * BLOCK_BYTES, block * BLOCK_BYTES)
        self.reads.append((block, count))
        self.read_bytes += len(data)
        start = block * BLOCK_BYTES
        changed = {offset - start: byte for offset, byte in self.faults.corrupt.items()}
        if self.faults.lying_blocks != frozenset():
            changed |= self._lies(block, data)
        changed = {offset: byte for offset, byte in changed.items() if 0 <= offset < len(data)}
        if not changed:
            return data
        told = bytearray(data)
        for offset, byte in changed.items():
            told[offset] = byte
        return bytes(told)

    def _lies(self, block: int, data: bytes) -> dict[int, int]:
        """Return by which bytes the blocks that were read before differ now."""
        lies = {}
        for offset in range(0, len(data), BLOCK_BYTES):
            number = block + offset // BLOCK_BYTES
            if number in self.faults.lying_blocks:
                if self._times_read[number]:
                    lies[offset] = data[offset] ^ 0xFF
                self._times_read[number] += 1
        return lies

    def write(self, block: int, data: bytes) -> None:
        """Change the image; raises GoneError once it is closed."""
        os.pwrite(self._opened(), data, block * BLOCK_BYTES)
        self.writes.append((block, len(data) // BLOCK_BYTES))
        self.written_bytes += len(data)

    def would_yank(self, *, reading: int = 0, writing: int = 0) -> bool:
        """Tell, once, that the recorder is to vanish before so many more bytes are read or written."""
        bounds = (
            ("yank_after_read_bytes", self.read_bytes, reading),
            ("yank_after_written_bytes", self.written_bytes, writing),
        )
        for name, done, more in bounds:
            bound = getattr(self.faults, name)
            if more and bound is not None and done + more > bound:
                setattr(self.faults, name, None)
                return True
        return False

    def hangs(self, reading: int) -> bool:
        """Tell whether the next read of so many bytes is never answered."""
        bound = self.faults.hang_after_read_bytes
        return self.faults.hang_reads or (bound is not None and self.read_bytes + reading > bound)
