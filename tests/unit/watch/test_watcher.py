"""The watcher: every difference is told once, and nothing ends it but `stop`."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from station.device.watch.changes import Arrived, Change, Changed, Gone
from station.device.watch.errors import BusError
from station.device.watch.watcher import Watcher
from station.records.bus import DeviceSeen
from tests.unit.watch.test_changes import device
from tests.unit.watch.trees import STORAGE, Tree

Look = tuple[DeviceSeen, ...]


class Looks:
    """Shows the prepared sights one by one, raising errors among them, then stops the watcher."""

    def __init__(self, *sights: Look | Exception) -> None:
        self._sights = list(sights)
        self.stop: Callable[[], None] = lambda: None
        self._last: Look = ()

    def __call__(self) -> Look:
        if not self._sights:
            self.stop()
            return self._last
        sight = self._sights.pop(0)
        if isinstance(sight, Exception):
            raise sight
        self._last = sight
        return sight


class NoHints:
    """Hints that come at once, or fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.waited: list[float] = []
        self._error = error

    def wait(self, timeout_seconds: float) -> bool:
        self.waited.append(timeout_seconds)
        if self._error is not None:
            raise self._error
        return False


class Reports:
    """Keeps what the health page would hear, and the pauses that were made."""

    def __init__(self) -> None:
        self.heard: list[Exception | None] = []
        self.pauses: list[float] = []


def watch(*sights: Look | Exception, hints: NoHints | None = None, reports: Reports | None = None) -> list[Change]:
    looks = Looks(*sights)
    reports = reports or Reports()
    watcher = Watcher(
        looks, hints or NoHints(), report=reports.heard.append, pause=reports.pauses.append, monotonic=lambda: 42.0
    )
    looks.stop = watcher.stop
    return list(watcher)


def test_what_is_plugged_in_at_the_start_has_arrived() -> None:
    assert watch((device(),)) == [Arrived(device())]


def test_sixteen_recorders_at_once_all_arrive() -> None:
    sixteen = tuple(device(f"1.{port}", 10 + port) for port in range(1, 17))
    assert watch((), sixteen) == [Arrived(each) for each in sixteen]


def test_yank_and_replug_between_two_looks_is_gone_and_arrived() -> None:
    before, now = device(address=2), device(address=3)
    assert watch((before,), (now,)) == [Arrived(before), Gone(before), Arrived(now)]


def test_a_recorder_moved_to_another_slot_is_gone_and_arrived() -> None:
    here, there = device("1", 2), device("4", 3)
    assert watch((here,), (), (there,)) == [Arrived(here), Gone(here), Arrived(there)]


def test_an_authorisation_is_told_as_a_change() -> None:
    before = replace(device(), authorized=False)
    assert watch((before,), (device(),)) == [Arrived(before), Changed(before, device())]


def test_it_looks_again_after_a_while_without_any_hint() -> None:
    hints = NoHints()
    watch((), (), (), hints=hints)
    assert len(hints.waited) >= 3
    assert set(hints.waited) == {2.0}


@pytest.mark.parametrize("error", [BusError("udev is away"), OSError("?"), RuntimeError("ours"), RecursionError()])
def test_a_look_that_fails_is_reported_and_tried_again(error: Exception) -> None:
    reports = Reports()
    assert watch((device(),), error, error, (device(),), reports=reports) == [Arrived(device())]
    assert reports.heard == [error, error, None]


def test_the_pause_grows_to_half_a_minute_and_starts_anew() -> None:
    reports = Reports()
    failures = [BusError("away")] * 9
    watch(*failures, (), BusError("again"), (), reports=reports)
    assert reports.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0.5]


def test_failing_hints_do_not_end_it() -> None:
    reports = Reports()
    assert watch((), (device(),), hints=NoHints(RuntimeError("?")), reports=reports) == [Arrived(device())]
    assert reports.pauses == [2.0, 2.0]


def test_a_change_is_not_told_again_when_the_one_who_heard_it_failed() -> None:
    looks = Looks((device(),), (device(), device("2", 3)))
    watcher = Watcher(looks, NoHints(), pause=lambda seconds: None)
    looks.stop = watcher.stop
    told = iter(watcher)
    assert next(told) == Arrived(device())
    assert list(told) == [Arrived(device("2", 3))]


def test_a_watchdog_can_tell_when_it_looked() -> None:
    watcher = Watcher(lambda: (device(),), NoHints(), monotonic=lambda: 42.0)
    assert watcher.looked_at is None
    assert len(list(islice(watcher, 1))) == 1
    assert watcher.looked_at == 42.0


def test_a_whole_docking_is_told_from_a_real_tree(tmp_path: Path) -> None:
    tree = Tree(tmp_path)

    folder = tree.plug("1.4", 2, authorized=0)
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: (folder / "authorized").write_text("1\n"),
            lambda: tree.yank(folder),
            lambda: tree.plug("1.4", 3, STORAGE),
            lambda: tree.add_disk(folder, "sda", ro=0, parts=()),
            lambda: (folder / "1-1.4:1.0/host0/target0:0:0/0:0:0:0/block/sda/ro").write_text("1\n"),
            lambda: tree.yank(folder),
        ]
    )
    bus = tree.bus()

    class Acting:
        def wait(self, timeout_seconds: float) -> bool:
            step = next(steps, None)
            if step is None:
                watcher.stop()
            else:
                step()
            return True

    watcher = Watcher(bus.look, Acting())
    told = [(type(change).__name__, change.session.partition("@")[2]) for change in watcher]
    assert told == [
        ("Arrived", "1.2"),
        ("Changed", "1.2"),
        ("Gone", "1.2"),
        ("Arrived", "1.3"),
        ("Changed", "1.3"),
        ("Changed", "1.3"),
        ("Gone", "1.3"),
    ]
