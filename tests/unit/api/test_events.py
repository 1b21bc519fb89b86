"""The board's live stream: at once, then on change only, and never longer than it should."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.sse import ServerSentEvent

from station import board, clock
from station.api import events
from station.api.events import BoardFeed, slot_events
from tests.fakes.stations import FakeStation


def write_slot(run: Path, slot: int, new: int) -> None:
    folder = run / "board"
    folder.mkdir(exist_ok=True)
    line = board.SlotBoard(slot=slot, state="done", new=new, holder_name="王小明")
    (folder / f"{slot}.json").write_text(line.model_dump_json())


def listen(station: FakeStation, steps: list[object], monkeypatch: pytest.MonkeyPatch) -> list[ServerSentEvent]:
    """Listen while `steps` happen, one a pause of the stream; the station stops after the last."""
    stopping = SimpleNamespace(is_set=lambda: not steps)

    async def pause(_seconds: float) -> None:
        step = steps.pop(0)
        if callable(step):
            step()

    monkeypatch.setattr(asyncio, "sleep", pause)
    monkeypatch.setattr(events, "_PERIOD_SECONDS", 0.0)

    async def collect() -> list[ServerSentEvent]:
        context = SimpleNamespace(stopping=stopping)
        return [event async for event in slot_events(context, BoardFeed(station.home.run))]  # type: ignore[arg-type]

    return asyncio.run(collect())


def test_an_event_comes_at_once_and_then_only_on_change(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    run = station.home.run
    steps = [None, None, lambda: write_slot(run, 3, 4), None, lambda: write_slot(run, 3, 5), None, None]
    told = listen(station, steps, monkeypatch)
    assert [event.event for event in told] == ["slots"] * 3
    assert [event.data.get("3", {}).get("new") for event in told] == [None, 4, 5]
    assert "pid" not in told[-1].data["3"]


def test_a_stream_ends_with_the_station(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(listen(station, [None], monkeypatch)) == 1


def test_a_stream_ends_by_itself_after_some_minutes(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 2.0, 301.0, 302.0])
    monkeypatch.setattr(clock, "monotonic", lambda: next(moments, 303.0))
    assert len(listen(station, [None] * 50, monkeypatch)) == 1


def test_the_files_are_read_once_for_all_listeners(station: FakeStation, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Path] = []
    monkeypatch.setattr(board, "read_slots", lambda run: readings.append(run) or {})
    feed = BoardFeed(station.home.run)
    for _ in range(10):
        feed.slots()
    assert len(readings) == 1
