"""The bytes of one file on a card, by the clusters it occupies.

Guarantees: what lies beyond the valid data length reads as zeros, as a mount would show it, never as stale clusters;
what the allocation chain does not cover is `missing`, never made up; unreadable bytes raise OSError.
"""

import errno
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from station.device.chains import Run
from station.device.image import Image
from station.device.tree import Content
from station.sniff import HEAD_BYTES, Media, sniff

_RUN_FILLER, _RUN_SPARSE = 1, 2


def find_runs(file: Any, offset_bytes: int, block_bytes: int, attribute: tuple[int, int] | None = None) -> list[Run]:
    """List where the file's clusters lie; of its first attribute with clusters, or of the one named.

    Holes end the list: callers that meet holes (NTFS) read through The Sleuth Kit instead.
    """
    for candidate in file:
        if attribute is not None and attribute != (int(candidate.info.type), candidate.info.id):
            continue
        runs: list[Run] = []
        for run in candidate:
            if int(run.flags) & (_RUN_FILLER | _RUN_SPARSE):
                continue
            start, length = offset_bytes + run.addr * block_bytes, run.len * block_bytes
            if runs and sum(runs[-1]) == start:
                runs[-1] = (runs[-1][0], runs[-1][1] + length)
            else:
                runs.append((start, length))
        if runs or attribute is not None:
            return runs
    return []


class ClusterContent:
    """A file read cluster by cluster with our own preads, straight into the caller's buffer (FAT, exFAT)."""

    concurrent = True

    def __init__(self, image: Image, runs: Iterable[Run], size_bytes: int, valid_bytes: int | None = None) -> None:
        """Take the runs in file order; everything from `valid_bytes` on is zeros."""
        self.size_bytes = size_bytes
        self._image = image
        self._valid = size_bytes if valid_bytes is None else min(valid_bytes, size_bytes)
        # Two arrays instead of a list of pairs: a badly fragmented 4 GiB file has a million runs.
        self._starts = array("q")
        self._places = array("q")
        position = 0
        missing: list[tuple[int, int]] = []
        for place, length in runs:
            length = min(length, self._valid - position)
            if length <= 0:
                break
            self._starts.append(position)
            self._places.append(place)
            beyond = min(length, max(0, place + length - image.size_bytes))
            if beyond:
                missing.append((position + length - beyond, beyond))
            position += length
        self._end = position
        if position < self._valid:
            missing.append((position, self._valid - position))
        self.missing = tuple(missing)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` from `offset`; raises OSError."""
        done = 0
        while done < len(target):
            position = offset + done
            if position >= self._valid:
                target[done:] = bytes(len(target) - done)
                return
            if position >= self._end:
                raise OSError(errno.EIO, "the allocation chain ends before the file does")
            done += self._read_run(position, target[done:])

    def _read_run(self, position: int, target: memoryview) -> int:
        index = bisect_right(self._starts, position) - 1
        run_end = self._starts[index + 1] if index + 1 < len(self._starts) else self._end
        length = min(len(target), run_end - position)
        place = self._places[index] + position - self._starts[index]
        with target[:length] as piece:
            count = self._image.read_into(place, piece)
        if count != length:
            raise OSError(errno.EIO, f"the card ends at {self._image.size_bytes}")
        return length


class ParsedContent:
    """A file read through The Sleuth Kit: resident, sparse, compressed or with an initialised size (NTFS, ext)."""

    concurrent = False

    def __init__(
        self, image: Image, file: Any, size_bytes: int, attribute: tuple[int, int] | None, runs: Iterable[Run]
    ) -> None:
        """`runs` are all clusters of the attribute: reads that touch unreadable ones fail."""
        self.size_bytes = size_bytes
        self.missing: tuple[tuple[int, int], ...] = ()
        self._image = image
        self._file = file
        self._attribute = attribute
        self._runs = list(runs)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` from `offset`; raises OSError."""
        arguments = (offset, len(target), *(self._attribute or ()))
        try:
            data = self._file.read_random(*arguments)
        except (OSError, RuntimeError) as error:
            raise OSError(errno.EIO, str(error)) from error
        if len(data) != len(target):
            raise OSError(errno.EIO, f"{len(data)} of {len(target)} bytes came back")
        target[:] = data
        if self._touches_bad():
            raise OSError(errno.EIO, "some of its clusters can't be read")

    def _touches_bad(self) -> bool:
        return bool(self._image.bad) and any(self._image.overlaps_bad(*run) for run in self._runs)


def sniff_content(size_bytes: int, open_content: Callable[[], Content]) -> tuple[Media | None, str | None, str | None]:
    """Look at a file's first bytes: its media kind and container, or None twice and what went wrong."""
    head = bytearray(min(HEAD_BYTES, size_bytes))
    try:
        with memoryview(head) as target:
            open_content().read_into(0, target)
    except OSError as error:
        return None, None, f"its beginning can't be read: {error.strerror or error}"
    found = sniff(bytes(head))
    return (found.media, found.container, None) if found else (None, None, None)
