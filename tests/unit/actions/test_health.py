"""What the health page says of what runs by the clock; the rest of it is seen through its page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from station import clock
from station.actions.health import examine
from station.config import Home
from station.database import Database
from station.state import scrubs
from station.state.chores import note_run
from station.state.scrubs import Progress
from tests.fakes.stations import FakeStation


def findings(station: FakeStation, home: Home | None = None) -> dict[str, tuple[str, str]]:
    found = examine(home or station.home, station.database, station.custody, station.store)
    return {each.code: (each.state, each.value) for each in found}


def run(database: Database, name: str, problem: str | None = None) -> None:
    with database.write() as session:
        note_run(session, name, problem)


def test_chores_that_run_fail_or_have_stopped_are_told_apart(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(station)["chores"] == ("warn", "never")
    run(station.database, "scrub")
    assert findings(station)["chores"] == ("ok", "running")
    run(station.database, "anchors", "nobody answers")
    run(station.database, "copies", "the disk is gone")
    assert findings(station)["chores"] == ("warn", "anchors copies")
    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert findings(station)["chores"] == ("bad", "stopped")


def test_the_age_of_the_last_whole_reading_is_told_and_what_it_found(station: FakeStation) -> None:
    assert findings(station)["scrub"] == ("ok", "under_way")
    off = replace(station.home, settings=station.home.settings.model_copy(update={"scrub_days": 0}))
    assert findings(station, off)["scrub"] == ("warn", "off")

    def ended(days: float, damaged: int = 0) -> dict[str, tuple[str, str]]:
        last = clock.format_time(clock.now() - timedelta(days=days))
        with station.database.write() as session:
            progress = Progress(begun_at=last, until=1, entered_at=last, last_pass_at=last, last_damaged=damaged)
            scrubs.save(session, progress)
        return findings(station)

    told = ended(1)
    assert told["scrub"][0] == "ok"
    assert int(told["scrub"][1]) == pytest.approx(86400, abs=60)
    assert told["scrub_damaged"] == ("ok", "0")
    assert ended(61)["scrub"][0] == "warn"
    assert ended(1, damaged=2)["scrub_damaged"] == ("bad", "2")
