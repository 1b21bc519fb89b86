"""Erasing, disposing, backing up and restoring, killed with SIGKILL before every step that reaches the disk."""

import os
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from station import clock, durable
from station.actions import disposal_run, erasure
from station.actions.backup import make_backup
from station.actions.restore import restore
from station.custody import Custody, compare
from station.database import Database
from station.evidence import removing
from station.records.disposal_entries import Ground
from tests.flow.images import footage
from tests.flow.stations import Station, copy_home, signing
from tests.flow.test_gone import CONSOLE, NAME, People, clips

pytestmark = [pytest.mark.fault, pytest.mark.trials]
Act = Callable[[Station, Path], object]
_EXIT_DONE = 17


def erase(station: Station, _folder: Path) -> None:
    with station.database() as database, station.custody() as custody:
        with database.read() as session:
            waiting = erasure.pending(session)
        if waiting is None and station.rows("SELECT 1 FROM erasure") == []:
            (row, *_) = station.rows("SELECT seq FROM record WHERE type = 'clip.bound'")
            erasure.record(custody, CONSOLE, [erasure.Part(row.seq, "text")], Ground.COURT_ORDER)
        erasure.finish(station.home, database, custody, station.store)


def dispose(station: Station, _folder: Path) -> None:
    with station.database() as database, station.custody() as custody:
        disposal_run.finish(station.home, database, custody, station.store)


def back_up(station: Station, folder: Path) -> None:
    with station.database() as database, station.custody() as custody:
        make_backup(station.home, database, custody, station.store, CONSOLE, folder / "later", vault="copy")


def bring_back(_station: Station, folder: Path) -> None:
    if not (folder / "new" / "station.toml").exists():
        restore(folder / "backup", folder / "new", CONSOLE)


ACTS: dict[str, Act] = {"erase": erase, "dispose": dispose, "backup": back_up, "restore": bring_back}
# Before each of these the process is killed, at the first, second, third … time it is called.
STEPS = (
    (Custody, "append_from"),
    (Database, "free_pages"),
    (Database, "copy_to"),
    (durable, "replace_file"),
    (removing, "remove_file"),
    (durable, "sync_directory"),
)


def killed(act: Act, station: Station, folder: Path, step: int) -> bool:
    """Run an act in a process that kills itself before its `step`th step; returns whether it came that far."""
    pid = os.fork()
    if pid == 0:
        try:
            _arm(step)
            act(station, folder)
            os._exit(_EXIT_DONE)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == _EXIT_DONE
    return False


def _arm(step: int) -> None:
    left = step

    def before(real: Callable[..., object]) -> Callable[..., object]:
        def stepping(*arguments: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*arguments, **named)

        return stepping

    for owner, name in STEPS:
        setattr(owner, name, before(getattr(owner, name)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, blank_home: Path) -> Path:
    """Make a station with footage, a backup, and a disposal that two people have agreed to."""
    folder = tmp_path_factory.mktemp("prepared")
    root = copy_home(blank_home, folder / "home")
    card = folder / "card"
    card.mkdir()
    for number, name in enumerate(("A.MP4", "B.MP4")):
        (card / name).write_bytes(footage(number, 100_000))
    station = Station(root)
    real = clock.now
    with signing(root), pytest.MonkeyPatch.context() as patch:
        assert station.dock(card).code == 0
        people = People(station)
        found = clips(station)
        people.bind(list(found.values()), note=f"备注{NAME}")
        patch.setattr(clock, "now", lambda: real() + timedelta(days=215))
        people.decide(people.propose([found["A.MP4"]]))
        patch.undo()
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ACTS)
def test_a_kill_before_any_step_is_made_good_by_the_next_run(prepared: Path, tmp_path: Path, name: str) -> None:
    act, step = ACTS[name], 0
    stride = int(os.environ.get("STATION_KILL_STRIDE", "3"))  # 1 by hand: every step
    while True:
        folder = tmp_path / f"{name}{step}"
        root = copy_home(prepared / "home", folder / "home")
        station = Station(root)
        with signing(root):
            with station.database() as database, station.custody() as custody:
                make_backup(station.home, database, custody, station.store, CONSOLE, folder / "backup", vault="copy")
            came = killed(act, station, folder, step)
            if not came:
                break
            assert station.audit()["code"] == 0, f"{name} killed before step {step}"
            act(station, folder)
            _check(name, station, folder, step)
        shutil.rmtree(folder)
        step += stride
    assert step >= 3, "the kills must have hit something"


def _check(name: str, station: Station, folder: Path, step: int) -> None:
    where = f"{name} killed before step {step}"
    with station.database() as database:
        assert compare(database, station.home.run) == [], where
        with database.read() as session:
            assert erasure.pending(session) is None, where
            assert name != "dispose" or disposal_run.pending(session) == (), where
    assert station.audit()["code"] == 0, where
    assert station.verify()["code"] == 0, where
    wanted = {row.sha256 for row in station.rows("SELECT sha256 FROM catalogue_clip WHERE stage <> 'disposed'")}
    assert wanted <= {path.name for path in station.blobs()}, f"{where}: lost what was not disposed of"
    if name == "erase":
        (row, *_) = station.rows("SELECT seq FROM record WHERE type = 'clip.bound'")
        assert station.rows("SELECT 1 FROM part WHERE seq = :seq AND name = 'text'", seq=row.seq) == [], where
    if name == "dispose":
        (row,) = station.rows("SELECT sha256 FROM catalogue_clip WHERE stage = 'disposed'")
        for place in (station.home.vault, folder / "backup"):
            assert row.sha256 not in {path.name for path in place.rglob("*")}, where
    if name == "restore":
        assert Station(folder / "new").audit()["code"] == 0, where
