"""The board of slots: one docking a slot, the line as it is, a dead docking shown as failed."""

import subprocess
from pathlib import Path

import pytest

from station import board, clock
from station.board import SlotBoard, read_slots, slot_meter
from station.errors import ConflictError, DatabaseError, NoSpaceError, SourceError


class Time:
    """A clock that a test winds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def nothing(_line: SlotBoard) -> None:
    pass


def test_a_docking_takes_the_lowest_free_slot(tmp_path: Path) -> None:
    with slot_meter(tmp_path, None, 8, nothing) as first, slot_meter(tmp_path, None, 8, nothing) as second:
        assert (first.line.slot, second.line.slot) == (1, 2)
    with slot_meter(tmp_path, None, 8, nothing) as third:
        assert third.line.slot == 1


def test_a_busy_slot_is_refused_and_so_is_a_full_station(tmp_path: Path) -> None:
    with slot_meter(tmp_path, 2, 2, nothing):
        with pytest.raises(ConflictError, match="Slot 2"), slot_meter(tmp_path, 2, 2, nothing):
            pass
        both = pytest.raises(ConflictError, match="All 2")
        with slot_meter(tmp_path, None, 2, nothing), both, slot_meter(tmp_path, None, 2, nothing):
            pass
    assert {line.state for line in read_slots(tmp_path).values()} == {"reading"}


def test_lines_are_written_at_most_five_times_a_second_but_a_new_state_at_once(tmp_path: Path, time: Time) -> None:
    shown: list[SlotBoard] = []
    with slot_meter(tmp_path, 1, 8, shown.append) as meter:
        for done in range(10):
            meter.update(bytes_done=done)
        assert len(shown) == 1
        meter.update(state="copying")
        assert [line.state for line in shown] == ["reading", "copying"]
        assert read_slots(tmp_path)[1].bytes_done == 9
        time.now += 0.3
        meter.update(bytes_done=10)
        assert len(shown) == 3


def test_rate_and_time_to_go_are_measured_over_the_last_seconds(tmp_path: Path, time: Time) -> None:
    with slot_meter(tmp_path, 1, 8, nothing) as meter:
        meter.update(state="copying", bytes_total=10_000)
        for second in range(1, 6):
            time.now += 1
            meter.update(bytes_done=second * (100 if second < 3 else 1000))
        assert (meter.line.rate, meter.line.eta_seconds) == (1600, 4)
        meter.update(state="finishing")
        assert meter.line.eta_seconds is None


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (SourceError("no contact"), "source_unreadable"),
        (NoSpaceError("full"), "no_space"),
        (DatabaseError("locked"), "station_trouble"),
        (RuntimeError("anything"), "station_trouble"),
        (KeyboardInterrupt(), "station_stopped"),
    ],
)
def test_a_docking_that_fails_is_shown_with_whose_fault_it_was_and_its_slot_is_free(
    tmp_path: Path, error: BaseException, problem: str
) -> None:
    with pytest.raises(type(error)), slot_meter(tmp_path, 1, 8, nothing):
        raise error
    line = read_slots(tmp_path)[1]
    assert (line.state, line.problem) == ("failed", problem)
    with slot_meter(tmp_path, 1, 8, nothing):
        pass


@pytest.mark.parametrize(("state", "shown"), [("copying", "failed"), ("done", "done"), ("partly", "partly")])
def test_a_slot_whose_process_is_gone_while_busy_is_shown_as_failed(tmp_path: Path, state: str, shown: str) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    (tmp_path / "board").mkdir()
    line = SlotBoard.model_validate({"slot": 4, "state": state, "pid": process.pid})
    (tmp_path / "board" / "4.json").write_text(line.model_dump_json())
    assert read_slots(tmp_path)[4].state == shown


def test_a_torn_line_is_an_empty_slot(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "1.json").write_text('{"slot": 1, "sta')
    assert read_slots(tmp_path) == {}
    assert board.read_slots(tmp_path / "nowhere") == {}
