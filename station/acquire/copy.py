"""The copy: one pass over the source, read → digests → write, then fsync, each overlapped with the others.

Guarantees: the digests are of exactly the bytes written; a file is reported only after its fsync succeeded (a failed
one is never retried); a read error costs only the sectors that can't be read, which become zeros and are listed;
memory is a few buffers, whatever the file's size.
"""

import errno
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol, Self

from station import clock
from station.digest import SHA256, Hasher, new_hasher
from station.direct import BLOCK_BYTES, BUFFER_BYTES, aligned_buffer, set_direct
from station.records.reading import BadRange, Copied, CopyProgress

BUFFERS = 6
_BUFFER_BYTES = 2 * 1024 * 1024  # one huge page: one request to the disk
_READS_AT_ONCE = 3  # one read at a time leaves a disk idle between them
_SYNCERS = 4
_MAX_UNSYNCED = 16
_PROGRESS_SECONDS = 0.1
# After a read error the same bytes are asked for in smaller and smaller pieces.
_RETRY_BYTES = (64 * 1024, 4096, 512)
# Failed sector reads in one file after which only whole pieces of the first size are tried: a card that answers
# each of them after seconds must not hold the dock for days.
_PATIENCE = 2048
_GONE = {errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN, errno.EBADF}
_DIRECT_FROM_BYTES = 1024 * 1024
_MAX_FILE_BYTES = 1 << 62

Report = Callable[[Copied | CopyProgress], None]


class Content(Protocol):
    """What is copied: see `station.device.tree.Content`."""

    size_bytes: int
    missing: tuple[tuple[int, int], ...]
    concurrent: bool

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` whole from `offset`; raises OSError."""


@dataclass
class _Target:
    """One file on its way to the disk; `handle` is None when only its digest is wanted."""

    entry_id: int
    size_bytes: int
    name: str | None
    handle: int | None
    hashers: dict[str, Hasher]
    bad: list[tuple[int, int]] = field(default_factory=list)
    failed_reads: int = 0
    gone: bool = False
    failure: str | None = None
    jobs: deque["Future[None]"] = field(default_factory=deque)


@dataclass
class _Piece:
    """One buffer's worth of a file; `reading` is under way or over, None when it is still to be read."""

    offset: int
    length: int
    buffer: memoryview
    reading: "Future[None] | None" = None


class Copier:
    """Copies one file after another into a folder; `report` is called from several threads, one at a time."""

    def __init__(self, folder: int, report: Report, further: Sequence[str] = ()) -> None:
        """Take the staging folder's descriptor, the receiver of progress and results, and digests beside SHA-256."""
        self._folder = folder
        self._algorithms = (SHA256, *further)
        self._report_to = report
        self._reporting = threading.Lock()
        self._stack = ExitStack()
        self._reported_at = 0.0

    def __enter__(self) -> Self:
        """Start the threads and map the buffers."""
        enter = self._stack.enter_context
        self._free = deque(enter(aligned_buffer(_BUFFER_BYTES)) for _ in range(BUFFERS))
        self._busy: deque[tuple[memoryview, tuple[Future[None], ...]]] = deque()
        self._unsynced = threading.Semaphore(_MAX_UNSYNCED)
        # Left in the opposite order: what syncs waits for what writes.
        self._syncers = enter(ThreadPoolExecutor(_SYNCERS))
        self._writer = enter(ThreadPoolExecutor(1))
        # A thread a digest, so that a slow one holds up no other until the buffers are used up.
        self._hashing = {algorithm: enter(ThreadPoolExecutor(1)) for algorithm in self._algorithms}
        self._readers = enter(ThreadPoolExecutor(_READS_AT_ONCE))
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until every file is reported."""
        self._busy.clear()
        self._stack.close()

    def copy(self, entry_id: int, content: Content) -> None:
        """Copy one file; its `Copied` follows, perhaps after this returns."""
        self._take(entry_id, content, keep=True)

    def rehash(self, entry_id: int, content: Content) -> None:
        """Read one file for its digest alone; its `Copied` follows."""
        self._take(entry_id, content, keep=False)

    def fail(self, entry_id: int, reason: str) -> None:
        """Report a file of which nothing could be kept."""
        self._report(Copied(id=entry_id, staged=None, sha256=None, size_bytes=0, reason=reason))

    def _report(self, message: Copied | CopyProgress) -> None:
        with self._reporting:
            self._report_to(message)

    def _take(self, entry_id: int, content: Content, *, keep: bool) -> None:
        size = content.size_bytes
        if size and sum(length for _, length in content.missing) >= size:
            self.fail(entry_id, "the card holds none of its bytes")
            return
        self._unsynced.acquire()
        try:
            target = self._open(entry_id, size, keep)
        except OSError as error:
            self._unsynced.release()
            self.fail(entry_id, f"no staging file could be made: {error.strerror}")
            return
        offset = self._pass_on(target, content)
        if target.gone:
            _add_bad(target.bad, offset, size - offset)
        self._syncers.submit(self._finish, target, tuple(target.jobs), offset)

    def _pass_on(self, target: _Target, content: Content) -> int:
        """Read the file, a little ahead of what is being hashed and written; returns how far it came."""
        depth = _READS_AT_ONCE if content.concurrent and not content.missing else 1
        ahead: deque[_Piece] = deque()
        asked = done = 0
        while done < target.size_bytes and target.failure is None and not target.gone:
            while asked < target.size_bytes and len(ahead) < depth:
                piece = _Piece(asked, min(_BUFFER_BYTES, target.size_bytes - asked), self._free_buffer())
                if depth > 1:
                    piece.reading = self._readers.submit(_read_piece, content, piece)
                ahead.append(piece)
                asked += piece.length
            piece = ahead.popleft()
            self._hand_on(target, content, piece)
            done += piece.length
            self._report_progress(target.entry_id, done)
        for piece in ahead:
            if piece.reading is not None:
                piece.reading.exception()  # waits: nobody may write into a buffer that others get
            self._free.append(piece.buffer)
        return done

    def _open(self, entry_id: int, size: int, keep: bool) -> _Target:
        hashers = {algorithm: new_hasher(algorithm) for algorithm in self._algorithms}
        if not keep:
            return _Target(entry_id, size, None, None, hashers)
        if size > _MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        name = secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(name, flags, 0o600, dir_fd=self._folder)
        try:
            if size >= _DIRECT_FROM_BYTES:
                set_direct(handle, True)
                _reserve(handle, size)
        except OSError:
            os.close(handle)
            os.unlink(name, dir_fd=self._folder)
            raise
        return _Target(entry_id, size, name, handle, hashers)

    def _hand_on(self, target: _Target, content: Content, piece: _Piece) -> None:
        """Hand a piece to the hashing and the writing thread; what could not be read ahead is read with care first."""
        failure = piece.reading.exception() if piece.reading is not None else None
        if failure is not None and not isinstance(failure, OSError):
            raise failure
        if isinstance(failure, OSError):
            target.gone = failure.errno in _GONE
        if piece.reading is None or failure is not None:
            with piece.buffer[: piece.length] as view:
                self._read(target, content, piece.offset, view)
        jobs = [
            self._hashing[algorithm].submit(_hash, hasher, piece.buffer, piece.length)
            for algorithm, hasher in target.hashers.items()
        ]
        if target.handle is not None:
            jobs.append(self._writer.submit(_write, target, piece.buffer, piece.offset, piece.length))
        target.jobs.extend(jobs)
        while target.jobs and target.jobs[0].done():
            target.jobs.popleft()
        self._busy.append((piece.buffer, tuple(jobs)))

    def _free_buffer(self) -> memoryview:
        if self._free:
            return self._free.popleft()
        buffer, jobs = self._busy.popleft()
        for job in jobs:
            job.result()
        return buffer

    def _read(self, target: _Target, content: Content, offset: int, view: memoryview) -> None:
        """Fill `view`, with zeros where the source gives nothing, noting each such range."""
        position, end = offset, offset + len(view)
        for start, length in content.missing:
            first, last = max(start, position), min(start + length, end)
            if first < last:
                self._read_pieces(target, content, position, view[position - offset : first - offset], 0)
                view[first - offset : last - offset] = bytes(last - first)
                _add_bad(target.bad, first, last - first)
                position = last
        self._read_pieces(target, content, position, view[position - offset :], 0)

    def _read_pieces(self, target: _Target, content: Content, offset: int, view: memoryview, step: int) -> None:
        if not len(view):
            return
        if not target.gone:
            try:
                content.read_into(offset, view)
                return
            except OSError as error:
                target.gone = error.errno in _GONE
        steps = _RETRY_BYTES if target.failed_reads < _PATIENCE else _RETRY_BYTES[:1]
        while step < len(steps) and steps[step] >= len(view):
            step += 1
        if target.gone or step >= len(steps):
            target.failed_reads += 1
            view[:] = bytes(len(view))
            _add_bad(target.bad, offset, len(view))
            self._report_progress(target.entry_id, offset)
            return
        piece = steps[step]
        at = 0
        while at < len(view):
            # Pieces end on multiples of their size, so that one bad sector never costs its neighbour.
            length = min(piece - (offset + at) % piece, len(view) - at)
            self._read_pieces(target, content, offset + at, view[at : at + length], step + 1)
            at += length

    def _report_progress(self, entry_id: int, offset: int) -> None:
        now = clock.monotonic()
        if now - self._reported_at >= _PROGRESS_SECONDS:
            self._reported_at = now
            self._report(CopyProgress(id=entry_id, bytes_done=offset))

    def _finish(self, target: _Target, jobs: "tuple[Future[None], ...]", bytes_read: int) -> None:
        try:
            for job in jobs:
                job.result()
            if target.size_bytes and sum(length for _, length in target.bad) >= target.size_bytes:
                target.failure = target.failure or "none of its bytes can be read"
            if target.handle is not None:
                self._settle(target)
        finally:
            self._unsynced.release()
        if target.failure is not None:
            self._report(Copied(id=target.entry_id, staged=None, sha256=None, size_bytes=0, reason=target.failure))
            return
        whole = target.handle is not None or bytes_read == target.size_bytes
        digests = _finish_digests(target, bytes_read) if whole else {}
        self._report(
            Copied(
                id=target.entry_id,
                staged=target.name,
                sha256=digests.pop(SHA256, None),
                further_digests=digests,
                size_bytes=target.size_bytes,
                bad_ranges=tuple(BadRange(offset_bytes=start, length_bytes=length) for start, length in target.bad),
                reread=target.handle is None,
                reason=None if whole else "the card went away",
            )
        )

    def _settle(self, target: _Target) -> None:
        """Give the file its exact size and wait for the disk; a file that failed is removed."""
        assert target.handle is not None and target.name is not None  # noqa: S101 - narrows types only
        try:
            if target.failure is None:
                os.ftruncate(target.handle, target.size_bytes)
                os.fsync(target.handle)
        except OSError as error:
            target.failure = f"it could not be made durable: {error.strerror}"
        finally:
            os.close(target.handle)
        if target.failure is not None:
            os.unlink(target.name, dir_fd=self._folder)


def _read_piece(content: Content, piece: _Piece) -> None:
    with piece.buffer[: piece.length] as view:
        content.read_into(piece.offset, view)


def _reserve(handle: int, size: int) -> None:
    """Claim the file's space in one piece, where the file system can; raises OSError when there is none."""
    try:
        os.posix_fallocate(handle, 0, size + -size % BLOCK_BYTES)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _hash(hasher: Hasher, buffer: memoryview, length: int) -> None:
    with buffer[:length] as view:
        hasher.update(view)


def _write(target: _Target, buffer: memoryview, offset: int, length: int) -> None:
    if target.failure is not None or target.handle is None:
        return
    # A direct write takes whole blocks; the surplus of the last one is cut off when the file is settled.
    padded = length + -length % BLOCK_BYTES
    buffer[length:padded] = bytes(padded - length)
    try:
        done = 0
        while done < padded:
            with buffer[done:padded] as view:
                done += _write_once(target.handle, view, offset + done)
    except OSError as error:
        target.failure = f"it could not be written: {error.strerror}"


def _write_once(handle: int, view: memoryview, offset: int) -> int:
    try:
        return os.pwrite(handle, view, offset)
    except OSError as error:
        if error.errno != errno.EINVAL or not set_direct(handle, False):
            raise
    return os.pwrite(handle, view, offset)


def _finish_digests(target: _Target, bytes_read: int) -> dict[str, str]:
    """Hash the zeros that ftruncate puts behind what was read before the card went away."""
    left = target.size_bytes - bytes_read
    zeros = bytes(min(left, BUFFER_BYTES))
    while left > 0:
        for hasher in target.hashers.values():
            hasher.update(zeros[:left])
        left -= min(left, len(zeros))
    return {algorithm: hasher.hexdigest() for algorithm, hasher in target.hashers.items()}


def _add_bad(bad: list[tuple[int, int]], offset: int, length: int) -> None:
    if length <= 0:
        return
    if bad and sum(bad[-1]) == offset:
        bad[-1] = (bad[-1][0], bad[-1][1] + length)
    else:
        bad.append((offset, length))
