"""Backups and drills asked for on the page: what they hold, what they find, and what is left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from station.actions import backing, second_factor
from station.actions.backup_files import read_manifest
from station.actions.backups import KnownBackup, known_backups
from station.actions.people import Description, add_person
from station.actions.problems import ProblemError
from station.actions.rereading import BrokenOffError
from station.database import Database, sqlite_url
from station.ledger.tables import metadata as ledger_tables
from station.records.entries import Actor
from station.state import accounts, backups, factors, secrets
from station.state.backups import Job, Kind
from station.state.copying import KEPT_TABLES
from tests.flow.images import footage
from tests.flow.stations import Station, copy_home, signing

CONSOLE = Actor(via="console", strength="console", os_user="test")
FILES = {"A.MP4": footage(1, 30_000), "B.MP4": footage(2, 20_000)}


class Backups:
    """A docked station with a place for backups, and what the page does with it."""

    def __init__(self, station: Station, folder: Path) -> None:
        self.station, self.folder = station, folder

    def ask(self, kind: Kind) -> None:
        with self.station.database() as database:
            backing.ask(self.station.home, database, CONSOLE, kind, str(self.folder))

    def work(self) -> Job | None:
        """Let the chore have its turn; returns what it left undone."""
        with self.station.database() as database, self.station.custody() as custody:
            backing.run(self.station.home, database, custody, self.station.store)
            with database.read() as session:
                return backups.current(session)

    def last(self, kind: Kind) -> Job | None:
        with self.station.database() as database, database.read() as session:
            return backups.last(session, kind)

    @property
    def known(self) -> KnownBackup:
        with self.station.database() as database, database.read() as session:
            return known_backups(session)[0]

    def drilled(self) -> tuple[bool, int, int, int]:
        self.ask("drill")
        assert self.work() is None
        found = self.known.drilled
        assert found is not None
        return found.ledger, found.originals, found.sound, found.missing


@pytest.fixture(scope="module")
def docked_home(tmp_path_factory: pytest.TempPathFactory, blank_home: Path) -> Path:
    """Take in footage once, for all tests here."""
    folder = tmp_path_factory.mktemp("docked")
    root = copy_home(blank_home, folder / "home")
    card = folder / "card"
    card.mkdir()
    for name, data in FILES.items():
        (card / name).write_bytes(data)
    with signing(root):
        assert Station(root).dock(card).code == 0
    return root


@pytest.fixture
def made(docked_home: Path, tmp_path: Path) -> Iterator[Backups]:
    root, folder = copy_home(docked_home, tmp_path / "home"), tmp_path / "disk" / "backup"
    folder.parent.mkdir()
    (root / "station.toml").write_text(f'backup_folders = ["{folder}"]\n')
    with signing(root):
        yield Backups(Station(root), folder)


@pytest.fixture
def backed(made: Backups) -> Backups:
    made.ask("backup")
    assert made.work() is None
    return made


def originals(folder: Path) -> list[Path]:
    return sorted((folder / "vault" / "originals").glob("*/*"))


def test_a_backup_is_made_as_asked_and_a_drill_finds_it_whole(backed: Backups) -> None:
    assert (backed.known.folder, backed.known.vault) == (backed.folder, True)
    before = {path: path.stat().st_mtime_ns for path in backed.folder.rglob("*") if path.is_file()}
    held = len(originals(backed.folder))
    assert backed.drilled() == (True, held, held, 0)
    assert {path: path.stat().st_mtime_ns for path in backed.folder.rglob("*") if path.is_file()} == before
    assert not (backed.station.home.run / "drill").exists()
    assert (backed.station.audit()["code"], backed.station.verify()["code"]) == (0, 0)


def test_a_drill_counts_what_is_rotten_and_what_is_missing(backed: Backups) -> None:
    rotten, missing, *_ = held = originals(backed.folder)
    rotten.chmod(0o600)
    rotten.write_bytes(b"x" + rotten.read_bytes()[1:])
    missing.unlink()
    assert backed.drilled() == (True, len(held), len(held) - 2, 1)


def test_a_drill_finds_a_damaged_ledger_and_leaves_nothing(backed: Backups) -> None:
    database = backed.folder / read_manifest(backed.folder).database
    database.write_bytes(database.read_bytes()[:-4096])
    assert backed.drilled()[0] is False
    (backed.folder / "manifest.json").write_bytes(b"{")
    assert backed.drilled()[0] is False
    assert not (backed.station.home.run / "drill").exists()


def test_where_no_disk_is_plugged_in_nothing_is_written(backed: Backups) -> None:
    backed.folder.rename(backed.folder.parent / "elsewhere")
    for kind in ("backup", "drill"):
        backed.ask(kind)  # type: ignore[arg-type]
        assert backed.work() is None
        failed = backed.last(kind)  # type: ignore[arg-type]
        assert failed is not None and (failed.state, failed.problem) == ("failed", "backup_not_there")
    assert not backed.folder.exists()


def test_one_at_a_time_and_only_into_places_that_are_set_up(made: Backups) -> None:
    def code(act: Callable[[], None]) -> str:
        with pytest.raises(ProblemError) as told:
            act()
        return told.value.code

    assert code(lambda: made.ask("drill")) == "backup_unknown"
    elsewhere = Backups(made.station, made.folder.parent / "other")
    assert code(lambda: elsewhere.ask("backup")) == "backup_unknown"
    made.ask("backup")
    assert code(lambda: made.ask("backup")) == "backup_running"


def test_a_backup_that_a_stop_interrupts_is_made_after_the_next_start(
    made: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise BrokenOffError("The station stops")

    made.ask("backup")
    with monkeypatch.context() as patched:
        patched.setattr(backing, "make_backup", stop)
        left = made.work()
        assert left is not None
    assert made.work() is None
    assert made.known.completed_at is not None


def test_no_secret_of_a_second_factor_and_no_code_is_in_a_backup(made: Backups) -> None:
    with made.station.database() as database, made.station.custody() as custody:
        person, _ = add_person(custody, database, CONSOLE, Description("staff", "王芳", "wang"))
        with database.write() as session:
            accounts.set_password_hash(session, person, secrets.hash_password("four stones in a creek"))
        secret = second_factor.begin(database, person, "four stones in a creek")
        with database.write() as session:
            session.add(factors.RecoveryCode(code_hash="f" * 64, person=person))
    made.ask("backup")
    assert made.work() is None
    copy = made.folder / read_manifest(made.folder).database
    content = copy.read_bytes()
    live = (made.station.root / "station.db").read_bytes()
    assert (secret.encode() in live, secret.encode() in content, b"f" * 64 in content) == (True, False, False)
    database = Database(sqlite_url(copy))
    with database.read() as session:
        tables = {row[0] for row in session.connection().exec_driver_sql("SELECT name FROM sqlite_master")}
        hashed = accounts.password_hash(session, person)
    database.dispose()
    assert {name for name in tables if name.startswith("state_")} == KEPT_TABLES
    assert {*ledger_tables.tables} <= tables
    assert not [name for name in tables if name.startswith("catalogue_")]
    assert hashed is not None  # the way in by password comes along
