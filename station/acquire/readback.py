"""Reading back what was copied, beside the copying: which file when, so that neither holds up the other.

A card slower than the vault's disk leaves that disk time to read back each file while the next one is copied. A fast
source would share the disk with it, and the recorder would have to stay longer: then reading back steps aside, until
so much lies unproven or the copying is over. Guarantee: files come out in the order in which they were copied, each
once, and none is called proven before its own reading back said so.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from station import clock
from station.acquire.settle import Settled
from station.records.reading import Copied

_FAST_BYTES_PER_SECOND = 200_000_000
_UNPROVEN_BYTES = 4 * 1024**3  # read back in a few seconds, where the source is that fast
_AT_ONCE = 2


class ReadBacks:
    """The files copied and not yet proven; a context manager, at whose end nothing is being read any more."""

    def __init__(self, settle: Callable[[Copied], Settled]) -> None:
        """Take what settles one file; it is called in threads of our own."""
        self._settle = settle
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read-back")
        self._waiting: deque[Copied] = deque()
        self._running: deque[tuple[Copied, Future[Settled]]] = deque()
        self._copied_at = clock.monotonic()
        self._fast = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of what waits, and wait for what is being read."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def add(self, copied: Copied) -> None:
        """Take a file that the reader has just copied."""
        now = clock.monotonic()
        self._fast = copied.size_bytes > _FAST_BYTES_PER_SECOND * (now - self._copied_at)
        self._copied_at = now
        self._waiting.append(copied)
        self._begin()

    def proven(self) -> Iterator[tuple[Copied, Future[Settled]]]:
        """Yield, without waiting, the files whose reading back is over."""
        while self._running and self._running[0][1].done():
            yield self._running.popleft()
            self._begin()

    def rest(self) -> Iterator[tuple[Copied, Future[Settled]]]:
        """Yield all that are left, each when its reading back is over; the copying has ended."""
        while self._waiting:
            self._start()
        while self._running:
            copied, future = self._running.popleft()
            future.exception()  # waits
            yield copied, future

    def _begin(self) -> None:
        while self._waiting and not self._running:
            if self._fast and sum(each.size_bytes for each in self._waiting) <= _UNPROVEN_BYTES:
                return
            self._start()

    def _start(self) -> None:
        copied = self._waiting.popleft()
        self._running.append((copied, self._threads.submit(self._settle, copied)))
