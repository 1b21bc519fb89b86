"""Figures are remembered, but never older than what somebody has just done."""

from itertools import count

import pytest

from station import clock
from station.api.context import Memory, Pulse
from tests.fakes.stations import FakeStation


def test_an_answer_holds_until_the_catalogues_next_entry(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count(0.0, 100.0)
    monkeypatch.setattr(clock, "monotonic", lambda: next(moments))
    memory, answers = Memory[int](Pulse()), count()
    ask = lambda: station.read(lambda session: memory.get(session, "key", lambda: next(answers)))  # noqa: E731
    assert [ask(), ask()] == [0, 0]
    station.clip()
    assert ask() == 1


def test_while_entries_come_all_the_time_an_answer_may_be_some_seconds_old(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, entries, answers = [100.0], count(), count()
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr("station.api.context.applied", lambda _session: next(entries))
    pulse = Pulse()
    memory = Memory[int](pulse)
    ask = lambda: station.read(lambda session: memory.get(session, "key", lambda: next(answers)))  # noqa: E731
    assert [ask(), ask()] == [0, 0]
    now[0] += 6
    assert [ask(), ask()] == [1, 1]
    pulse.beat()
    assert [ask(), ask()] == [2, 3]
