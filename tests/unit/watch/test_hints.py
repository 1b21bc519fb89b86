"""Hints: overflow, errors and death of the socket all mean "look again"."""

import errno
from collections.abc import Callable

from station.device.watch.hints import Hints

EVENT = object()


class FakeMonitor:
    """Gives what was prepared: an event, None for silence, or an error; silence after the end."""

    def __init__(self, *prepared: object | OSError | None) -> None:
        self.prepared = list(prepared)
        self.timeouts: list[float | None] = []

    def poll(self, timeout: float | None = None) -> object | None:
        self.timeouts.append(timeout)
        given = self.prepared.pop(0) if self.prepared else None
        if isinstance(given, OSError):
            raise given
        return given


class Opener:
    """Opens the prepared monitors one by one; an error in the list is raised."""

    def __init__(self, *monitors: FakeMonitor | OSError) -> None:
        self.monitors = list(monitors)
        self.opened = 0

    def __call__(self) -> FakeMonitor:
        self.opened += 1
        monitor = self.monitors.pop(0) if self.monitors else FakeMonitor()
        if isinstance(monitor, OSError):
            raise monitor
        return monitor


class Time:
    """Time that passes by pausing."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def pause(self, seconds: float) -> None:
        self.seconds += seconds

    def __call__(self) -> float:
        return self.seconds


def listen(opener: Callable[[], FakeMonitor], time: Time | None = None) -> Hints:
    time = time or Time()
    return Hints(time.pause, opener, time)


def test_an_event_means_look_again() -> None:
    assert listen(Opener(FakeMonitor(EVENT))).wait(2.0)


def test_silence_means_the_time_went_by() -> None:
    monitor = FakeMonitor()
    assert not listen(Opener(monitor)).wait(2.0)
    assert monitor.timeouts == [2.0]


def test_a_burst_of_events_is_one_hint() -> None:
    hints = listen(Opener(FakeMonitor(*[EVENT] * 500)))
    assert hints.wait(2.0)
    assert not hints.wait(2.0)


def test_an_overflow_means_look_again_and_listening_goes_on() -> None:
    opener = Opener(FakeMonitor(EVENT, EVENT, OSError(errno.ENOBUFS, "No buffer space available")), FakeMonitor(EVENT))
    hints = listen(opener)
    assert hints.wait(2.0)
    assert opener.opened == 2
    assert hints.wait(2.0)
    assert not hints.wait(2.0)


def test_an_error_while_polling_means_look_again() -> None:
    opener = Opener(FakeMonitor(OSError("Error while polling fd: 7")))
    hints = listen(opener)
    assert hints.wait(2.0)
    assert hints.listening


def test_without_a_socket_waiting_goes_by_time_until_one_can_be_opened() -> None:
    refused = OSError("Could not create udev monitor")
    time = Time()
    hints = listen(Opener(FakeMonitor(OSError(errno.EBADF, "dead")), refused, refused, FakeMonitor(EVENT)), time)
    assert hints.wait(2.0)
    assert not hints.listening
    answers = [hints.wait(2.0) for _ in range(8)]
    assert answers.count(True) == 2  # once because it listens again, once for the event
    assert hints.listening
    assert time.seconds >= 10.0


def test_a_socket_that_can_not_be_opened_at_the_start_raises_nothing() -> None:
    hints = listen(Opener(OSError("no netlink here")))
    assert not hints.wait(2.0)


def test_a_socket_that_fails_again_and_again_does_not_keep_the_processor_busy() -> None:
    time = Time()
    opener = Opener(*[FakeMonitor(OSError(errno.ENOBUFS, "full")) for _ in range(100)])
    hints = listen(opener, time)
    for _ in range(50):
        assert hints.wait(2.0)
    assert time.seconds >= 20.0
