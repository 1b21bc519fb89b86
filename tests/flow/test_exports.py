"""A court package from the handler's wish to the clerk's download; and what a worker that died leaves."""

import io
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from sqlmodel import select

from station import clock
from station.actions import exports, producing
from station.actions.problems import ProblemError
from station.catalogue.tables import Clip
from station.catalogue.views import Viewer
from station.database import Database
from station.evidence.opening import open_store
from station.ledger import log
from station.package.archive import archive, archive_size, members
from station.pipeline import develop
from station.records.case_entries import ClipBound, TargetOpened
from station.records.entries import Actor, Entry
from station.records.export_entries import ClipDerived, ExportReason
from station.records.registry import read_entry
from station.records.terms import Role, Source, TargetKind
from station.state import exports as jobs
from station.state.tables import create_tables
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station, copy_home, signing
from tests.package.judges import shell

PATIENCE_SECONDS = 60

HANDLER = Viewer("han", frozenset({Role.HANDLER, Role.APPROVER}), "一队")
APPROVER = Viewer("app", frozenset({Role.APPROVER}), "一队")
CLERK = Viewer("cle", frozenset({Role.CLERK}), "")


def actor(viewer: Viewer) -> Actor:
    return Actor(person=viewer.person, via="web", session="s1", strength="password")


def entries(database: Database) -> list[Entry]:
    with database.read() as session:
        return [read_entry(each.seq, each.type, each.values()) for each in log.entries(session)]


def case_of(clip: str) -> tuple[Entry, Entry]:
    """Return the opening of a case that is in HANDLER's hands, and the binding of a clip to it."""
    opened = TargetOpened(
        fact=TargetOpened.Fact(target="t1", kind=TargetKind.CASE, number_source=Source.CLERK, handlers=("han",)),
        names=TargetOpened.Names(number="冀石执罚〔2026〕第12号", title="占道", unit=""),
    )
    bound = ClipBound.Fact(binding="b1", action="a1", clip=clip, kind=TargetKind.CASE, target="t1", source=Source.CLERK)
    return opened, ClipBound(fact=bound)


def test_a_package_with_captioned_copies_is_asked_for_decided_made_and_downloaded(
    blank_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_home(blank_home, tmp_path / "home")
    card = tmp_path / "card"
    card.mkdir()
    video = ["-f", "lavfi", "-i", "testsrc2=s=320x180:d=2", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *video, str(card / "a.mp4")], check=True)
    with signing(root):
        station = Station(root)
        station.dock(card)
        with station.custody() as custody:
            database, home, store = custody._database, station.home, open_store(station.home)
            create_tables(database)
            develop(home, database, custody, threading.Event(), once=True)
            with database.read() as session:
                clip = session.exec(select(Clip.clip)).one()
            custody.append(*case_of(clip))
            wanted = exports.Wanted(ExportReason.COURT, "举证", disclosure=True)
            export = exports.ask(custody, HANDLER, actor(HANDLER), "t1", wanted)
            with pytest.raises(ProblemError, match="does not decide"):
                exports.decide(custody, HANDLER, actor(HANDLER), export, approve=True)
            with pytest.raises(ProblemError):
                exports.order(custody, home, CLERK, actor(CLERK), export)
            exports.decide(custody, APPROVER, actor(APPROVER), export, approve=True)
            exports.order(custody, home, CLERK, actor(CLERK), export)

            # A worker that died in the middle: noted as running, and nothing lies under the package's name.
            with database.write() as session:
                assert jobs.start_next(session) is not None
            assert not (home.exports / export).exists()
            with pytest.raises(ProblemError):
                exports.take(custody, database, home, CLERK, actor(CLERK), export)
            producing.work_alone(home, database, custody, store, threading.Event(), once=True)
            with database.read() as session:
                job = jobs.find(session, export, "")
            assert job is not None and (job.state, job.problem) == ("ready", None)

            folder = exports.take(custody, database, home, CLERK, actor(CLERK), export)
            files = members(folder, export)
            sent = b"".join(archive(files))
            assert len(sent) == archive_size(files)
            with zipfile.ZipFile(io.BytesIO(sent)) as held:
                assert held.testzip() is None
                names = set(held.namelist())
            assert f"{export}/data/disclosure/{clip}.mp4" in names
            derived = [each for each in entries(database) if isinstance(each, ClipDerived)]
            assert len(derived) == 1 and derived[0].text is not None
            assert "冀石执罚〔2026〕第12号" in " ".join(derived[0].text.lines)
            assert len([each for each in entries(database) if each.TYPE == "access.exported"]) == 1

            # Gone by hand: it is made again, with the very copy that was entered.
            shutil.rmtree(folder)
            exports.order(custody, home, CLERK, actor(CLERK), export)
            producing.work_alone(home, database, custody, store, threading.Event(), once=True)
            with database.read() as session:
                again = jobs.find(session, export, "")
            assert again is not None and again.state == "ready"
            assert len([each for each in entries(database) if isinstance(each, ClipDerived)]) == 1


def started(root: Path) -> "subprocess.Popen[bytes]":
    """Start a worker as `station serve` does."""
    return subprocess.Popen([sys.executable, "-m", "station.cli", "develop", "--home", str(root)])


def await_file(worker: "subprocess.Popen[bytes]", folder: Path, pattern: str) -> None:
    """Wait until a file lies in the folder, while the worker lives."""
    end = clock.monotonic() + PATIENCE_SECONDS
    while not list(folder.glob(pattern)):
        assert clock.monotonic() < end, f"there never was {pattern}"
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"the worker ended with {worker.wait(0.005)}")


@pytest.mark.fault
@pytest.mark.parametrize("reached", ["data/originals/*.mp4", "manifest-sha256.txt"])
def test_a_worker_killed_while_it_makes_a_package_leaves_nothing_of_that_name_and_the_next_makes_it(
    reached: str, blank_home: Path, tmp_path: Path
) -> None:
    root = copy_home(blank_home, tmp_path / "home")
    with signing(root):
        station = Station(root)
        station.dock(write_folder(tmp_path / "card", {"a.mp4": footage(1, 60_000_000)}))
        ((clip,),) = station.rows("SELECT clip FROM catalogue_clip")
        home = station.home
        with station.custody() as custody:
            database = custody._database
            create_tables(database)
            custody.append(*case_of(clip))
            export = exports.ask(custody, HANDLER, actor(HANDLER), "t1", exports.Wanted(ExportReason.COURT, "举证"))
            exports.decide(custody, APPROVER, actor(APPROVER), export, approve=True)
            exports.order(custody, home, CLERK, actor(CLERK), export)

            with started(root) as worker:
                try:
                    await_file(worker, home.exports, f".{export}.*.unfinished/{reached}")
                finally:
                    worker.kill()
            assert worker.returncode == -signal.SIGKILL
            (left,) = home.exports.iterdir()
            assert left.name.endswith(".unfinished") and not (home.exports / export).exists()
            with database.read() as session:
                job = jobs.find(session, export, "")
            assert job is not None and job.state == "running", "nobody could note anything"
            with pytest.raises(ProblemError):
                exports.take(custody, database, home, CLERK, actor(CLERK), export)

            subprocess.run([sys.executable, "-m", "station.cli", "develop", "--once", "--home", str(root)], check=True)
            with database.read() as session:
                job = jobs.find(session, export, "")
            assert job is not None and (job.state, job.problem) == ("ready", None)
            folder = exports.take(custody, database, home, CLERK, actor(CLERK), export)
            assert list(home.exports.iterdir()) == [folder], "what the dead worker left is cleared away"
            said = shell(folder, "--key", (root / "log.vkey").read_text().strip())
            assert said.status == 0, said.said
            assert len([each for each in entries(database) if each.TYPE == "export.produced"]) == 1
