"""Chores: each has its turn whatever the others do."""

import threading
from datetime import timedelta

import pytest

from station import clock
from station.actions import chores
from station.actions.chores import Chore
from station.errors import RequestError, StorageError
from station.state.chores import LastRun, last_runs
from tests.fakes.stations import FakeStation


def run_until(station: FakeStation, table: tuple[Chore, ...], done: threading.Event) -> None:
    """Tend the chores until `done`."""
    chores.tend(station.home, station.database, station.custody, station.store, done, chores=table)


def test_a_chore_is_due_at_first_and_again_after_its_period() -> None:
    chore = Chore("nothing", 60.0, lambda *_: None)

    def ended(seconds: float) -> LastRun:
        return LastRun("nothing", clock.format_time(clock.now() - timedelta(seconds=seconds)), None, 0)

    assert chores.due(chore, None)
    assert not chores.due(chore, ended(30))
    assert chores.due(chore, ended(61))


def test_a_clock_that_was_set_back_makes_a_chore_due() -> None:
    tomorrow = clock.format_time(clock.now() + timedelta(days=1))
    assert chores.due(Chore("nothing", 60.0, lambda *_: None), LastRun("nothing", tomorrow, None, 0))


@pytest.mark.parametrize("error", [StorageError("the disk is gone"), ZeroDivisionError("a bug")])
def test_a_chore_that_fails_is_noted_and_the_others_go_on(station: FakeStation, error: Exception) -> None:
    done = threading.Event()
    turns: list[str] = []

    def fail(*_: object) -> None:
        turns.append("bad")
        raise error

    def work(*_: object) -> None:
        turns.append("good")
        if turns.count("good") >= 2 and turns.count("bad") >= 2:
            done.set()

    run_until(station, (Chore("bad", 0.001, fail), Chore("good", 0.001, work)), done)
    with station.database.read() as session:
        runs = last_runs(session)
    assert str(error) in (runs["bad"].problem or "")
    assert runs["good"].problem is None


def test_a_chore_that_hangs_keeps_no_other_from_its_turn(station: FakeStation) -> None:
    done, released = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        released.wait(30)

    def work(*_: object) -> None:
        done.set()
        released.set()

    run_until(station, (Chore("hanging", 60.0, hang), Chore("working", 60.0, work)), done)
    assert done.is_set()


def test_every_chore_has_a_name_of_its_own_for_people() -> None:
    from station.i18n import translator

    names = [chore.name for chore in chores.CHORES]
    assert len(set(names)) == len(names)
    for locale in ("zh_CN", "en"):
        assert all(translator(locale).code("chore", name) != name for name in names)


def test_chores_are_chosen_by_name_and_an_unknown_one_is_refused() -> None:
    assert [chore.name for chore in chores.named(["disposal", "erasure"])] == ["disposal", "erasure"]
    assert chores.named([]) == chores.CHORES
    with pytest.raises(RequestError, match="sweeping"):
        chores.named(["erasure", "sweeping"])


def test_done_once_each_has_its_turn_and_one_that_failed_is_told(station: FakeStation) -> None:
    ran: list[str] = []

    def fail(*_: object) -> None:
        ran.append("failing")
        raise StorageError("the disk is gone")

    table = (Chore("failing", 60.0, fail), Chore("working", 60.0, lambda *_: ran.append("working")))
    given = (station.home, station.database, station.custody, station.store)
    assert not chores.once(*given, table)
    assert ran == ["failing", "working"]
    with station.database.read() as session:
        assert {name: last.problem for name, last in last_runs(session).items()} == {
            "failing": "the disk is gone",
            "working": None,
        }
    assert chores.once(*given, table[1:])
