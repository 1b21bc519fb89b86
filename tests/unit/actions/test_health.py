"""What the health page says of what runs by the clock; the rest of it is seen through its page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from station import clock
from station.actions.health import examine
from station.config import Home
from station.database import Database
from station.digest import new_id
from station.records.disposal_entries import BackupBegun, BackupCompleted
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


def test_the_room_lasts_as_long_as_the_last_fortnight_says(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(station)["days_left"] == ("ok", "nothing_lately")
    station.clip(b"x" * 1400)
    reserve = station.home.settings.reserve_bytes
    for free, told in ((reserve + 100_000, ("ok", "1000")), (reserve + 2000, ("warn", "20")), (10, ("bad", "0"))):
        monkeypatch.setattr(type(station.store), "free_bytes", lambda _store, free=free: free)
        assert findings(station)["days_left"] == told


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (clock.KernelClock(True, 12), ("ok", "12")),
        (clock.KernelClock(True, 4000), ("warn", "4000")),
        (clock.KernelClock(False, 16000), ("warn", "not_synchronised")),
    ],
)
def test_the_clock_is_as_good_as_the_kernel_says(
    station: FakeStation, monkeypatch: pytest.MonkeyPatch, kernel: clock.KernelClock, told: tuple[str, str]
) -> None:
    monkeypatch.setattr(clock, "kernel_clock", lambda: kernel)
    assert findings(station)["clock"] == told


def test_the_last_whole_backup_is_told_and_one_cut_short_is_none(station: FakeStation) -> None:
    def begun() -> str:
        fact = BackupBegun.Fact(backup=new_id(), vault=False)
        station.custody.append(BackupBegun(fact=fact, names=BackupBegun.Names(folder="/mnt/x")), seal=False)
        return fact.backup

    begun()
    assert findings(station)["backup"] == ("warn", "never")
    done = BackupCompleted.Fact(backup=begun(), log_size=1, files=1, size_bytes=1, manifest={"sha256": "0" * 64})
    station.custody.append(BackupCompleted(fact=done), seal=False)
    state, seconds = findings(station)["backup"]
    assert (state, int(seconds) < 60) == ("ok", True)


def test_only_anchors_that_are_set_up_are_missed(station: FakeStation) -> None:
    assert not {"last_witness", "last_timestamp"} & set(findings(station))
    asked = station.home.settings.model_copy(update={"timestamp_authority": "http://tsa.invalid/"})
    assert findings(station, replace(station.home, settings=asked))["last_timestamp"] == ("warn", "never")
