"""When a recording was made: which source goes first, and when a clock is not believed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.acquire.timing import UNKNOWN, recorded_time
from station.profiles.library import load_profiles
from station.profiles.model import NameFacts
from station.records.reading import RawTimes
from station.records.terms import Source, TimeTrust

PROFILE = load_profiles(Path(__file__).resolve().parents[3] / "firmware_profiles")["ga-t-947-named"]
NOW = datetime(2026, 8, 5, tzinfo=UTC)


def test_the_start_in_the_name_goes_before_the_file_systems_times() -> None:
    name = NameFacts(start=datetime(2026, 8, 4, 18, 0, 1))  # noqa: DTZ001 - what a recorder tells has no zone
    time = recorded_time(PROFILE, name, RawTimes(created="2026-08-01T00:00:00"), NOW)
    assert (time.device_time, time.zone, time.source) == ("2026-08-04T18:00:01", "Asia/Shanghai", Source.FILE_NAME)
    assert (time.recorded_at, time.trust) == ("2026-08-04T10:00:01.000000Z", TimeTrust.PLAIN)


@pytest.mark.parametrize("name", [None, NameFacts(serial="1234567")])
def test_without_one_the_files_creation_counts_in_the_profiles_zone(name: NameFacts | None) -> None:
    times = RawTimes(created="2026-08-04T18:00:00.500000", modified="2026-08-04T18:05:00")
    time = recorded_time(PROFILE, name, times, NOW)
    assert (time.recorded_at, time.source) == ("2026-08-04T10:00:00.500000Z", Source.FILE_SYSTEM)


def test_the_last_change_stands_in_for_a_missing_creation() -> None:
    assert recorded_time(PROFILE, None, RawTimes(modified="2026-08-04T18:05:00"), NOW).recorded_at == (
        "2026-08-04T10:05:00.000000Z"
    )


@pytest.mark.parametrize(("offset", "utc"), [(0, "18:00"), (480, "10:00"), (-90, "19:30")])
def test_a_stored_offset_goes_before_the_profiles_zone(offset: int, utc: str) -> None:
    times = RawTimes(created="2026-08-04T18:00:00", zone_offset_minutes=offset)
    time = recorded_time(PROFILE, None, times, NOW)
    assert time.recorded_at == f"2026-08-04T{utc}:00.000000Z"
    assert time.device_time == "2026-08-04T18:00:00"


@pytest.mark.parametrize("written", ["2000-01-01T00:00:00", "1980-01-01T08:00:00", "2026-08-06T20:00:00"])
def test_a_time_outside_the_believable_years_is_flagged_and_kept(written: str) -> None:
    time = recorded_time(PROFILE, None, RawTimes(created=written), NOW)
    assert time.trust == TimeTrust.SUSPICIOUS
    assert time.device_time == written
    assert time.recorded_at is not None


def test_a_clock_a_little_ahead_is_believed() -> None:
    assert recorded_time(PROFILE, None, RawTimes(created="2026-08-05T20:00:00"), NOW).trust == TimeTrust.PLAIN


@pytest.mark.parametrize("times", [RawTimes(), RawTimes(created="not a time")])
def test_without_any_time_nothing_is_made_up(times: RawTimes) -> None:
    assert recorded_time(PROFILE, None, times, NOW) == UNKNOWN


def test_a_time_at_the_edge_of_the_calendar_is_no_error() -> None:
    time = recorded_time(PROFILE, None, RawTimes(created="0001-01-01T00:00:00"), NOW)
    assert (time.recorded_at, time.trust) == (None, TimeTrust.SUSPICIOUS)
