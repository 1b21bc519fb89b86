"""The scheduled re-reading of the vault: all of it, in its time, with an alarm for what is not as it was."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from station import clock
from station.actions import scrubbing
from station.actions.rereading import BrokenOffError, Pace
from station.actions.scrubbing import due_bytes, scrub
from station.ledger import log
from station.records.docking_entries import ClipIngested
from station.records.log_entries import AlarmRaised, CheckCompleted
from station.state import scrubs
from station.state.scrubs import Progress
from tests.fakes.stations import FakeStation

DAY = timedelta(days=1)


def is_enough() -> bool:
    """Tell that nothing limits a slice."""
    return False


def original(station: FakeStation, number: int) -> Path:
    """Return where the original of the clip taken in as this one lies."""
    content = f"film {number} of {station.recorder}".encode() * 50
    return station.store.path(hashlib.sha256(content).hexdigest())


def backdate(station: FakeStation, by: timedelta) -> None:
    """Let the running pass have begun earlier, and its last entry too."""
    with station.database.write() as session:
        progress = scrubs.load(session)
        assert progress is not None
        progress.begun_at = clock.format_time(clock.parse_time(progress.begun_at) - by)
        progress.entered_at = clock.format_time(clock.parse_time(progress.entered_at) - by)
        scrubs.save(session, progress)


def go_on(station: FakeStation, pace: Pace | None = None) -> Progress:
    """Read what is due."""
    return scrub(station.home, station.database, station.custody, station.store, pace or Pace(workers=1), is_enough)


def checks(station: FakeStation) -> list[CheckCompleted.Fact]:
    """Return what the ledger says of scrubs."""
    return [entry.fact for entry in station.entries("check.completed") if isinstance(entry, CheckCompleted)]


def alarms(station: FakeStation) -> list[AlarmRaised.Fact]:
    """Return the alarms."""
    return [entry.fact for entry in station.entries("alarm.raised") if isinstance(entry, AlarmRaised)]


def test_a_pass_is_spread_over_its_period() -> None:
    ten_days_ago = clock.format_time(clock.now() - 10 * DAY)
    progress = Progress(begun_at=ten_days_ago, until=1, entered_at=ten_days_ago, total_bytes=3000)
    assert due_bytes(progress, 30) in (999, 1000)
    assert due_bytes(progress, 10) == 3000
    assert due_bytes(progress, 5) == 3000


def test_nothing_but_what_is_due_is_read(station: FakeStation) -> None:
    clips = [station.clip() for _ in range(4)]
    go_on(station)
    backdate(station, 15 * DAY)
    assert go_on(station).originals in (2, 3)
    backdate(station, 15 * DAY)
    progress = go_on(station)
    assert (progress.originals, progress.position) == (len(clips), progress.until)
    assert progress.last_pass_at is not None


def test_a_sound_vault_makes_one_entry_a_pass(station: FakeStation) -> None:
    for _ in range(3):
        station.clip()
    go_on(station)
    backdate(station, 31 * DAY)
    go_on(station)
    (fact,) = checks(station)[-1:]
    assert (fact.scope, fact.outcome, fact.clips) == ("scrub", "sound", ())
    assert sum(each.originals_checked for each in checks(station)) == 3
    assert alarms(station) == []


def test_a_damaged_original_is_an_alarm_that_names_its_clip(station: FakeStation) -> None:
    station.clip()
    damaged = station.clip()
    path = original(station, 2)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    go_on(station)
    backdate(station, 31 * DAY)
    progress = go_on(station)
    assert [(fact.kind, fact.about) for fact in alarms(station)] == [("original_damaged", f"clip:{damaged}")]
    assert [fact.damaged for fact in checks(station) if fact.outcome == "damaged"] == [(damaged,)]
    assert progress.last_damaged == 1


def test_an_sm3_that_does_not_fit_is_an_alarm(station: FakeStation) -> None:
    station.clip()
    (taken,) = station.entries("clip.ingested")
    assert isinstance(taken, ClipIngested)
    data = original(station, 1).read_bytes()
    for clip, sm3 in (("a" * 26, hashlib.new("sm3", data).hexdigest()), ("b" * 26, "0" * 64)):
        fact = taken.fact.model_copy(update={"clip": clip, "digest": {**taken.fact.digest, "sm3": sm3}})
        station.custody.append(ClipIngested(fact=fact), seal=False)
    go_on(station)
    backdate(station, 31 * DAY)
    go_on(station)
    assert [(fact.kind, fact.about) for fact in alarms(station)] == [("original_digests_differ", f"clip:{'b' * 26}")]


def test_a_missing_original_is_an_alarm(station: FakeStation) -> None:
    gone = station.clip()
    original(station, 1).unlink()
    go_on(station)
    backdate(station, 31 * DAY)
    go_on(station)
    assert [(fact.kind, fact.about) for fact in alarms(station)] == [("original_missing", f"clip:{gone}")]


def test_a_pass_that_was_broken_off_goes_on_where_it_stood(station: FakeStation) -> None:
    for _ in range(4):
        station.clip()
    go_on(station)
    backdate(station, 31 * DAY)
    turns = 0

    def break_off() -> None:
        nonlocal turns
        turns += 1
        if turns > 4:
            raise BrokenOffError("the station stops")

    with pytest.raises(BrokenOffError):
        go_on(station, Pace(workers=1, between=break_off))
    with station.database.read() as session:
        kept = scrubs.load(session)
    assert kept is not None
    assert 0 < kept.originals < 4
    assert go_on(station).originals == 4
    assert sum(fact.originals_checked for fact in checks(station)) == 4


def test_a_new_pass_begins_when_the_period_is_over(station: FakeStation) -> None:
    station.clip()
    go_on(station)
    backdate(station, 31 * DAY)
    first = go_on(station)
    station.clip()
    backdate(station, DAY)
    second = go_on(station)
    assert second.begun_at > first.begun_at
    assert second.until > first.until
    assert second.last_pass_at == first.last_pass_at


def test_it_can_be_switched_off(station: FakeStation) -> None:
    station.clip()
    off = type(station.home)(station.home.root, station.home.settings.model_copy(update={"scrub_days": 0}))
    scrubbing.run(off, station.database, station.custody, station.store)
    with station.database.read() as session:
        assert scrubs.load(session) is None
        assert log.size(session) > 0
