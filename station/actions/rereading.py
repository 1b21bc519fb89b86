"""Re-reading originals from the disk, on as many cores as there are, in order and with little memory.

Guarantees: every file is read past the page cache and hashed whole; at most two files a core are under way, a buffer of
two megabytes each, however large they are. What can't be opened or read is told as such and never as sound. Work in the
background (`Gentle`) steps back: idle input and output, low priority, and a full stop while a docking copies.
"""

import errno
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from station import board, clock
from station.direct import Reread, reread
from station.errors import StationError
from station.sandbox import kernel

Trouble = Literal["missing", "no_file", "unreadable"]
_NO_FILE = {errno.ELOOP, errno.ENXIO, errno.ENOTDIR}
_COPYING = frozenset({"reading", "copying", "finishing"})
_LOOK_SECONDS = 0.5
_NICE = 15
# ioprio_set(2): the calling thread, class idle; the number of the call differs by machine.
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IOPRIO_WHO_PROCESS, _IOPRIO_IDLE = 1, 3 << 13


class BrokenOffError(StationError):
    """The reading was broken off on purpose: cancelled, or the station stops. What was read until then stands."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one file: `found` what was read, or `trouble` why nothing was (`reason` in the system's words)."""

    path: Path
    found: Reread | None
    trouble: Trouble | None = None
    reason: str = ""


@dataclass(slots=True)
class Pace:
    """How a reading goes about it: how many at once, and what is asked between buffers (it may wait, or raise)."""

    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    between: Callable[[], None] = lambda: None
    begin: Callable[[], None] = lambda: None


def gentle(run: Path, cancelled: Callable[[], bool] = lambda: False) -> Pace:
    """Return the pace of the background: it waits while a slot's board in `run` shows copying.

    It ends with BrokenOffError soon after `cancelled` says so, or `stopping` is set.
    """
    lock = threading.Lock()
    looked_at, busy = float("-inf"), False

    def between() -> None:
        nonlocal looked_at, busy
        while True:
            with lock:
                if clock.monotonic() - looked_at >= _LOOK_SECONDS:
                    if stopping.is_set() or cancelled():
                        raise BrokenOffError("Broken off")
                    busy = is_copying(run)
                    looked_at = clock.monotonic()
                if not busy:
                    return
            stopping.wait(_LOOK_SECONDS)

    return Pace(workers=1, between=between, begin=step_back)


stopping = threading.Event()
"""Set when the process ends: what is read gently is then broken off."""


def is_copying(run: Path) -> bool:
    """Tell whether a docking is reading or copying right now, by the board."""
    return any(line.state in _COPYING for line in board.read_slots(run).values())


def step_back() -> None:
    """Let the calling thread read only when nobody else does, and compute after others; where that is allowed."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        with suppress(OSError):
            kernel.system_call(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)


def reread_all(wanted: Iterable[tuple[Path, Sequence[str]]], pace: Pace) -> Generator[Reading, None, None]:
    """Yield what came of each (path, digests wanted beside SHA-256), in their order.

    Raises what `pace.between` raises, after which no file is read, and ConfigError where a digest can't be computed.
    """
    ended = threading.Event()

    def between() -> None:
        if ended.is_set():
            raise BrokenOffError("Broken off")
        pace.between()

    waiting: deque[Future[Reading]] = deque()
    with ThreadPoolExecutor(pace.workers, "reread", pace.begin) as pool:
        try:
            for path, further in wanted:
                waiting.append(pool.submit(_read, path, further, between))
                if len(waiting) >= 2 * pace.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            ended.set()
            for each in waiting:
                each.cancel()


def _read(path: Path, further: Sequence[str], between: Callable[[], None]) -> Reading:
    between()
    try:
        return Reading(path, _reread(path, further, between))
    except FileNotFoundError:
        return Reading(path, None, "missing")
    except OSError as error:
        if error.errno in _NO_FILE:
            return Reading(path, None, "no_file")
        return Reading(path, None, "unreadable", error.strerror or str(error))


def _reread(path: Path, further: Sequence[str], between: Callable[[], None]) -> Reread:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENXIO, "it is no plain file")
        return reread(handle, between, further)
    finally:
        os.close(handle)
