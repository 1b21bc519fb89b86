"""Reading what is really on the disk, and buffers fit for it.

Guarantees: a read through `DirectFile` never comes from the page cache when its `mode` is `direct`; `dropped` means
the cached pages were given back first, which the kernel may decline in part; `none` that neither was possible.
Buffers are page-aligned, as O_DIRECT demands (open(2), NOTES), and reused, so memory does not grow with the file.
They ask for huge pages: out of scattered small pages the kernel makes several requests to the disk instead of one.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from station.digest import SHA256, Hasher, new_hasher

Readback = Literal["direct", "dropped", "none"]
BLOCK_BYTES = 4096
BUFFER_BYTES = 2 * 1024 * 1024  # one huge page


@dataclass(frozen=True, slots=True)
class Reread:
    """What came back from the disk: `sha256` hex of `size_bytes` bytes, and how far the cache was avoided.

    `further` maps other algorithms, where they were asked for, to the hex of the same bytes.
    """

    sha256: str
    size_bytes: int
    mode: Readback
    further: dict[str, str] = field(default_factory=dict)


@contextmanager
def aligned_buffer(size_bytes: int = BUFFER_BYTES) -> Iterator[memoryview]:
    """Give a page-aligned buffer of `size_bytes`, unmapped at the end."""
    mapping = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without huge pages; the buffer serves all the same
        mapping.madvise(mmap.MADV_HUGEPAGE)
    view = memoryview(mapping)
    try:
        yield view
    finally:
        # A traceback still alive may hold a slice; the mapping then goes when that does.
        with suppress(BufferError):
            view.release()
            mapping.close()


def is_direct(handle: int) -> bool:
    """Tell whether the open file bypasses the page cache."""
    return bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT)


def set_direct(handle: int, wanted: bool) -> bool:
    """Switch O_DIRECT on or off for the open file; returns whether it now is as wanted."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT if wanted else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return is_direct(handle) == wanted


def read_into(handle: int, offset: int, target: memoryview) -> int:
    """Fill `target` from `offset` as far as the file goes; returns the bytes read; raises OSError.

    Works on direct and ordinary descriptors, whatever the alignment: what O_DIRECT can't do goes through a buffer.
    """
    done = 0
    while done < len(target):
        count = _read_once(handle, offset + done, target[done:])
        if count == 0:
            break
        done += count
    return done


def _read_once(handle: int, offset: int, target: memoryview) -> int:
    try:
        return os.preadv(handle, [target], offset)
    except OSError as error:
        if error.errno != errno.EINVAL or not is_direct(handle):
            raise
    # Unaligned offset, length or address: read the aligned blocks around it.
    start = offset - offset % BLOCK_BYTES
    wanted = min(offset + len(target) - start, BUFFER_BYTES)
    length = wanted + -wanted % BLOCK_BYTES
    with aligned_buffer(length) as bounce:
        count = os.preadv(handle, [bounce], start)
        piece = bounce[offset - start : min(count, wanted)]
        target[: len(piece)] = piece
        taken = len(piece)
        piece.release()
        return taken


def reread(handle: int, between: Callable[[], None] = lambda: None, further: Sequence[str] = ()) -> Reread:
    """Hash the whole of an open regular file, as it is on the disk; raises OSError, and what `between` raises.

    The file must have been synced. The descriptor's O_DIRECT flag is as before at the end. Reading and hashing overlap.
    `further` names digests beside SHA-256, computed of the same reading; ConfigError if this machine can't.
    `between` is called after every buffer of a megabyte: to wait while others need the disk, or to break off.
    """
    was_direct = is_direct(handle)
    mode: Readback = "direct"
    if not was_direct and not set_direct(handle, True):
        mode = _drop_cache(handle)
    try:
        try:
            return _hash_all(handle, mode, between, further)
        except OSError as error:
            if error.errno != errno.EINVAL or mode != "direct":
                raise
        # The file system took the flag but not the read.
        set_direct(handle, False)
        return _hash_all(handle, _drop_cache(handle), between, further)
    finally:
        set_direct(handle, was_direct)


def _drop_cache(handle: int) -> Readback:
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return "none"
    return "dropped"


def _hash_all(handle: int, mode: Readback, between: Callable[[], None], further: Sequence[str]) -> Reread:
    hashers = {algorithm: new_hasher(algorithm) for algorithm in (SHA256, *further)}
    size = 0
    half = BUFFER_BYTES // 2
    with (
        aligned_buffer() as page,
        page[:half] as first,
        page[half:] as second,
        ThreadPoolExecutor(len(hashers)) as workers,
    ):
        buffers = (first, second)
        turn = 0
        under_way: list[Future[None]] = []
        while count := _read_whole(handle, size, buffers[turn]):
            for hashed in under_way:
                hashed.result()
            under_way = [workers.submit(_update, hasher, buffers[turn], count) for hasher in hashers.values()]
            size += count
            turn = 1 - turn
            between()
            if count % BLOCK_BYTES:
                break
        for hashed in under_way:
            hashed.result()
    found = {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}
    return Reread(found.pop(SHA256), size, mode, found)


def _read_whole(handle: int, offset: int, target: memoryview) -> int:
    """Read until `target` is full or the file ends; a direct read ends unaligned only at the end of the file."""
    done = 0
    while done < len(target):
        count = os.preadv(handle, [target[done:]], offset + done)
        done += count
        if count == 0 or count % BLOCK_BYTES:
            break
    return done


def _update(hasher: Hasher, buffer: memoryview, count: int) -> None:
    with buffer[:count] as piece:
        hasher.update(piece)
