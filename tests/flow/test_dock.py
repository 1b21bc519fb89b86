"""The dock process's bays: trouble on our own side ends an attempt, not the recorder's stay."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from station import clock, dock
from station.board import read_slots
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.device.watch.changes import Arrived, Gone
from station.dock import Dock
from station.errors import DatabaseError
from station.stages.attending import Attending
from tests.fakes.recorder.kinds import storage_recorder
from tests.fakes.recorder.plain import device_seen
from tests.flow.images import make_fat_card
from tests.flow.stations import Station

WAIT_SECONDS = 10.0


def test_what_is_plugged_in_is_tried_again_when_our_own_side_failed(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dock, "_RETRY_SECONDS", 0.05)
    attempts, recovered = threading.Semaphore(0), threading.Event()

    def attend(attending: Attending, _profiles: object) -> None:
        attempts.release()
        if not recovered.is_set():
            raise DatabaseError("the disk of the database is away")
        attending.meter.update(state="done")

    monkeypatch.setattr(dock, "attend", attend)
    home = station.home
    database = Database(home.database_url)
    bays = Dock(home, database, Custody(home, database))
    with storage_recorder(make_fat_card(tmp_path / "card.img", {"DCIM/A.MP4": b"x"}, partitioned=True)) as recorder:
        recorder.power_on()
        seen = device_seen(recorder)
        bays.take(Arrived(seen))
        assert attempts.acquire(timeout=WAIT_SECONDS) and attempts.acquire(timeout=WAIT_SECONDS)
        assert eventually(lambda: shown(home) == ("failed", "station_trouble"))
        recovered.set()
        assert eventually(lambda: shown(home) == ("done", None))
        bays.take(Gone(seen))
        assert eventually(lambda: shown(home) is None)
        bays.stop()
    database.dispose()


def shown(home: Home) -> tuple[str, str | None] | None:
    """Return state and problem of the first slot; None while it is empty."""
    line = read_slots(home.run).get(1)
    return (line.state, line.problem) if line is not None else None


def eventually(look: Callable[[], bool]) -> bool:
    """Wait until what is looked for is so."""
    ends = clock.monotonic() + WAIT_SECONDS
    while clock.monotonic() < ends:
        if look():
            return True
        threading.Event().wait(0.01)
    return False
