"""The watcher: looks at the bus on every hint and every few seconds, and tells what changed.

Guarantees: what is plugged in at the start is Arrived; every difference between two looks is told once; a look that
fails is logged, reported and tried again with a growing pause, whatever failed, and ends the watcher never. Only
`stop` does.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from station import clock
from station.device.watch.bus import Bus
from station.device.watch.changes import Change, compare
from station.device.watch.hints import Hints
from station.records.bus import DeviceSeen

LOOK_AGAIN_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0

_logger = structlog.get_logger(__name__)


class HintSource(Protocol):
    """Whatever can wait for a hint."""

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as another look is due, False when the time has passed."""
        ...


class Watcher:
    """Iterating over it yields changes until `stop`; belongs to one thread, except `stop` and `looked_at`."""

    def __init__(
        self,
        look: Callable[[], tuple[DeviceSeen, ...]] | None = None,
        hints: HintSource | None = None,
        *,
        report: Callable[[Exception | None], None] = lambda trouble: None,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        pause: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Watch through `look` and `hints`, the real ones by default.

        `report` hears each failure, and None at the first look that succeeds after one: it feeds the health page.
        """
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        self._look = look or Bus().look
        self._hints = hints or Hints(self._pause)
        self._report = report
        self._look_again_seconds = look_again_seconds
        self._monotonic = monotonic
        self.looked_at: float | None = None
        """When a look last succeeded, on the monotonic clock; a watchdog is fed only while this is recent."""

    def stop(self) -> None:
        """End the iteration within `look_again_seconds`; may be called from any thread or a signal handler."""
        self._stopping.set()

    def __iter__(self) -> Iterator[Change]:
        """Yield what changes; what is there at the start is Arrived."""
        before: tuple[DeviceSeen, ...] = ()
        failures = 0
        while not self._stopping.is_set():
            try:
                now = self._look()
            except Exception as error:  # noqa: BLE001 - the outermost loop: it must outlive whatever a look meets
                self._fail(error, failures)
                failures += 1
                continue
            if failures:
                failures = 0
                _logger.info("watch.recovered")
                self._report(None)
            self.looked_at = self._monotonic()
            changes = compare(before, now)
            before = now
            for change in changes:
                _logger.info("watch.change", kind=type(change).__name__.lower(), session=change.session)
                yield change
            self._wait()

    def _wait(self) -> None:
        """Wait until another look is due."""
        if self._stopping.is_set():
            return
        try:
            self._hints.wait(self._look_again_seconds)
        except Exception as error:
            _logger.exception("watch.hints", error=str(error))
            self._pause(self._look_again_seconds)

    def _fail(self, error: Exception, failures: int) -> None:
        """Log and report a failed look, then pause, longer each time."""
        _logger.error("watch.failed", error=str(error), failures=failures + 1, exc_info=error)
        self._report(error)
        self._pause(min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, 10), _LONGEST_PAUSE_SECONDS))
