"""Reading back beside the copying: order, stepping aside, and nothing left running."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from station import clock
from station.acquire import readback
from station.acquire.readback import ReadBacks
from station.acquire.settle import Settled
from station.errors import ReadbackError
from station.records.reading import Copied

MEGABYTE = 1_000_000


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moved_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(clock, "monotonic", moved)
    return moved


@pytest.fixture
def begun() -> list[int]:
    return []


@pytest.fixture
def readbacks(moved_clock: Clock, begun: list[int]) -> Iterator[ReadBacks]:
    def settle(copied: Copied) -> Settled:
        begun.append(copied.id)
        return Settled(Path(str(copied.id)), "", copied.size_bytes, "direct", True)

    with ReadBacks(settle) as made:
        yield made


def copied(number: int, size_bytes: int) -> Copied:
    return Copied(id=number, staged=f"{number:032x}", sha256="0" * 64, size_bytes=size_bytes)


def ids(results: Iterator[tuple[Copied, "Future[Settled]"]]) -> list[int]:
    return [each.id for each, _ in results]


def test_a_slow_source_is_read_back_at_once(readbacks: ReadBacks, moved_clock: Clock, begun: list[int]) -> None:
    moved_clock.now = 10.0
    readbacks.add(copied(1, 100 * MEGABYTE))
    assert ids(readbacks.rest()) == [1]
    assert begun == [1]


def test_a_fast_source_is_copied_first(readbacks: ReadBacks, moved_clock: Clock, begun: list[int]) -> None:
    for number in range(5):
        moved_clock.now += 0.1
        readbacks.add(copied(number, 100 * MEGABYTE))
    assert ids(readbacks.proven()) == []
    assert begun == []
    assert ids(readbacks.rest()) == [0, 1, 2, 3, 4]


def test_reading_back_no_longer_steps_aside_when_four_gibibytes_are_unproven(
    readbacks: ReadBacks, moved_clock: Clock, begun: list[int]
) -> None:
    for number in range(5):
        moved_clock.now += 1
        readbacks.add(copied(number, 1000 * MEGABYTE))
    readbacks._running[0][1].exception()  # waits
    assert begun[0] == 0
    assert ids(readbacks.rest()) == list(range(5))


def test_a_failed_reading_back_comes_out_in_its_place(moved_clock: Clock) -> None:
    def settle(each: Copied) -> Settled:
        if each.id == 1:
            raise ReadbackError("other bytes came back")
        return Settled(Path(), "", 0, "direct", True)

    with ReadBacks(settle) as made:
        for number in range(3):
            made.add(copied(number, 1))
        results = [(each.id, type(future.exception())) for each, future in made.rest()]
    assert results == [(0, type(None)), (1, ReadbackError), (2, type(None))]


def test_no_more_than_two_files_are_read_back_at_once(moved_clock: Clock) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def settle(_each: Copied) -> Settled:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return Settled(Path(), "", 0, "direct", True)

    with ReadBacks(settle) as made:
        for number in range(20):
            made.add(copied(number, MEGABYTE))
        assert len(list(made.rest())) == 20
    assert 1 <= most <= readback._AT_ONCE
