"""Deleting from an image in the test's own process, with a card that can be yanked."""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from station.device.erase.blocks import Blocks
from station.device.erase.formats import Wanted
from station.device.erase.volume import Volume
from station.device.volume import Card
from tests.unit.erase.cards import open_direct


class YankedError(OSError):
    """The card was pulled out."""

    def __init__(self) -> None:
        super().__init__(errno.ENODEV, "yanked")


class Slipping:
    """A card that goes away at its write number `last` (from 0), which does not reach it any more.

    `lose` says which of the writes since the last sync are lost as well, by their order.
    """

    def __init__(self, last: int | None = None, lose: Callable[[int], bool] = lambda _: False) -> None:
        self.count = 0
        self.sizes: set[int] = set()
        self._last = last
        self._lose = lose
        self._unsynced: list[tuple[int, bytes]] = []

    def write(self, handle: int, block: memoryview, offset: int) -> int:
        if self.count == self._last:
            for index, (at, before) in reversed(list(enumerate(self._unsynced))):
                if self._lose(index):
                    _put(handle, at, before)
            raise YankedError
        self.count += 1
        self.sizes.add(len(block))
        self._unsynced.append((offset, _get(handle, offset, len(block))))
        return os.pwrite(handle, block, offset)

    def sync(self, _handle: int) -> None:
        self._unsynced.clear()


def _get(handle: int, offset: int, length: int) -> bytes:
    other = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY)
    try:
        return os.pread(other, length, offset)
    finally:
        os.close(other)


def _put(handle: int, offset: int, content: bytes) -> None:
    other = os.open(f"/proc/self/fd/{handle}", os.O_WRONLY)
    try:
        os.pwrite(other, content, offset)
    finally:
        os.close(other)


def delete(image: Path, files: Iterable[Wanted], card: Slipping | None = None) -> list[tuple[bool, int]]:
    """Find all files, then delete them; returns for each whether it was live, and how many clusters were freed."""
    card = card or Slipping()
    handle = open_direct(image)
    try:
        blocks = Blocks(handle, write=card.write, sync=card.sync)
        volume = Volume(handle, next(iter(Card(handle, "ascii").volumes())), blocks)
        found = [volume.find(each) for each in files]
        done = [(each.live, volume.delete(each)) for each in found]
        volume.finish()
        return done
    finally:
        os.close(handle)
