"""Re-reading originals: in order, all of each, and out of the way of dockings."""

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from station.actions.rereading import BrokenOffError, Pace, gentle, is_copying, reread_all, step_back
from station.board import slot_meter
from station.digest import SM3

FILES = 9


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Write files of several sizes, one of them longer than a buffer."""
    made = []
    for number in range(FILES):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(os.urandom(3_000_000 if number == 4 else 1000 * number))
        made.append(path)
    return made


def plainly(paths: Iterable[Path]) -> Iterator[tuple[Path, Sequence[str]]]:
    """Want nothing of each path but its SHA-256."""
    return ((path, ()) for path in paths)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_files_come_in_their_order_with_their_digests(paths: list[Path], workers: int) -> None:
    readings = list(reread_all(plainly(paths), Pace(workers=workers)))
    assert [each.path for each in readings] == paths
    found = [each.found.sha256 for each in readings if each.found]
    assert found == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_a_further_digest_is_of_the_same_reading(paths: list[Path]) -> None:
    wanted = [(path, (SM3,) if number % 2 else ()) for number, path in enumerate(paths)]
    for number, reading in enumerate(reread_all(wanted, Pace(workers=2))):
        assert reading.found is not None
        data = paths[number].read_bytes()
        assert reading.found.sha256 == hashlib.sha256(data).hexdigest()
        assert reading.found.further == ({SM3: hashlib.new(SM3, data).hexdigest()} if number % 2 else {})


def test_what_is_not_there_or_no_file_is_told_and_the_rest_is_read(paths: list[Path], tmp_path: Path) -> None:
    paths[1].unlink()
    paths[2].unlink()
    paths[2].symlink_to(paths[3])
    (tmp_path / "folder").mkdir()
    readings = list(reread_all(plainly([*paths, tmp_path / "folder"]), Pace(workers=2)))
    assert [each.trouble for each in readings[1:3]] == ["missing", "no_file"]
    assert readings[-1].trouble == "no_file"
    assert sum(each.found is not None for each in readings) == FILES - 2


def test_never_more_than_two_files_a_core_are_under_way(paths: list[Path]) -> None:
    asked = 0

    def each_path() -> Iterator[Path]:
        nonlocal asked
        for path in paths:
            asked += 1
            yield path

    readings = reread_all(plainly(each_path()), Pace(workers=2))
    next(readings)
    assert asked <= 4
    readings.close()


def test_breaking_off_ends_it(paths: list[Path]) -> None:
    def break_off() -> None:
        raise BrokenOffError("enough")

    with pytest.raises(BrokenOffError):
        list(reread_all(plainly(paths), Pace(workers=2, between=break_off)))


def test_a_docking_that_copies_is_seen_and_waited_for(tmp_path: Path) -> None:
    cancelled = threading.Event()
    pace = gentle(tmp_path, cancelled.is_set)
    with slot_meter(tmp_path, 1, 1, lambda line: None, "copying") as meter:
        assert is_copying(tmp_path)
        cancelled.set()  # while it waits, only this ends it
        with pytest.raises(BrokenOffError):
            pace.between()
        meter.update(state="done")
    assert not is_copying(tmp_path)


def test_stepping_back_never_fails() -> None:
    nice: list[int] = []

    def work() -> None:
        step_back()
        nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert nice[0] >= os.getpriority(os.PRIO_PROCESS, 0)
