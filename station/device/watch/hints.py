"""Hints from udev that it is time to look at the bus again.

Guarantees: a hint says only "look again", never what happened, so that a lost one costs time and nothing else. When
the socket overflows, errs or dies, it is opened anew and the answer is "look again"; while none can be opened, waiting
goes by time alone. Nothing is raised. (A burst ends pyudev's own MonitorObserver for good: pyudev issue 194.)
"""

from collections.abc import Callable
from typing import Protocol

import pyudev
import structlog

from station import clock

_MOST_DRAINED = 4096
_REOPEN_SECONDS = 5.0
_CALM_SECONDS = 1.0

_logger = structlog.get_logger(__name__)


class Monitor(Protocol):
    """What is used of pyudev.Monitor."""

    def poll(self, timeout: float | None = None) -> object | None:
        """Return the next event or None after `timeout` seconds; raises OSError."""
        ...


def open_monitor() -> Monitor:
    """Listen to udev, after its rules have run, for USB devices and disks; raises OSError."""
    monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
    monitor.filter_by("usb")
    monitor.filter_by("block")
    monitor.start()
    opened: Monitor = monitor
    return opened


class Hints:
    """Waits for hints; belongs to one thread."""

    def __init__(
        self,
        pause: Callable[[float], object],
        open_monitor: Callable[[], Monitor] = open_monitor,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Open the socket; `pause` waits that many seconds when there is none."""
        self._pause = pause
        self._open_monitor = open_monitor
        self._monotonic = monotonic
        self._reopen_at = monotonic()
        self._lost_at: float | None = None
        self._monitor: Monitor | None = None
        self._open()

    @property
    def listening(self) -> bool:
        """Whether there is a socket; without one, waiting goes by time alone."""
        return self._monitor is not None

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a hint; returns True for "look again now", False when the time went by without one."""
        if self._monitor is None and self._monotonic() >= self._reopen_at and self._open():
            return True  # what happened while nobody listened is not known
        if self._monitor is None:
            self._pause(timeout_seconds)
            return False
        try:
            if self._monitor.poll(timeout_seconds) is None:
                return False
            for _ in range(_MOST_DRAINED):
                if self._monitor.poll(0) is None:
                    break
        except OSError as error:
            _logger.warning("hints.lost", error=str(error))
            self._calm()
            self._open()
        return True

    def _calm(self) -> None:
        """Keep a socket that fails as soon as it is opened from keeping a processor busy."""
        now = self._monotonic()
        if self._lost_at is not None and now - self._lost_at < _CALM_SECONDS:
            self._pause(_CALM_SECONDS)
        self._lost_at = now

    def _open(self) -> bool:
        """Replace the socket; returns whether there is one now."""
        self._monitor = None
        try:
            self._monitor = self._open_monitor()
        except (OSError, ImportError) as error:
            self._reopen_at = self._monotonic() + _REOPEN_SECONDS
            _logger.warning("hints.unavailable", error=str(error))
        return self._monitor is not None
