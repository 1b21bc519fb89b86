"""A station for tests: real database, ledger and catalogue, a vault with small originals; the signer is missing."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

from fastapi import FastAPI

from station import clock
from station.actions import login, people
from station.actions.setup import create_tables
from station.api.app import attach, create_app
from station.catalogue.views import Viewer
from station.config import Home, Settings
from station.custody import Custody
from station.database import Database, Session, sqlite_url
from station.derive.layout import poster_path
from station.digest import new_id
from station.errors import SignerUnavailableError
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.note import Checkpoint
from station.records.docking_entries import (
    ClipFact,
    ClipIncomplete,
    ClipIngested,
    ClipNames,
    ClipProbed,
    DockingStarted,
    HolderIssued,
    RecorderKnown,
)
from station.records.entries import Actor, Entry
from station.records.log_entries import CheckCompleted
from station.records.reading import RawName, RawTimes
from station.records.registry import read_entry
from station.records.terms import Role, TimeTrust
from station.state import secrets, sessions

Value = TypeVar("Value")
UNIT = "执法一队"
PASSWORD = "four stones in a creek"
CONSOLE = Actor(via="console", os_user="root")
RECORDED_AT = "2026-11-20T02:00:00.000000Z"


class UnsignedCustody(Custody):
    """The real pen, with no signer at the other end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._origin = "evidence-station/test"

    def seal(self) -> Checkpoint:
        raise SignerUnavailableError("There is no signer in this test")


@contextmanager
def memory_station(**settings: object) -> Iterator["FakeStation"]:
    """Yield a station with a recorder docked that nobody holds, in memory where there is /dev/shm: syncing is slow."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        made = FakeStation(Path(folder) / "home", **settings)
        made.take_in_recorder()
        try:
            yield made
        finally:
            made.database.dispose()


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "station.db"
        database = Database(sqlite_url(path))
        create_tables(database)
        database.dispose()
        return path.read_bytes()


def _open_database(home: Home) -> Database:
    """Open a database with its tables; on SQLite a copy of one made once, which is faster."""
    if not home.settings.database_url:
        (home.root / "station.db").write_bytes(_empty_database())
        return Database(home.database_url)
    database = Database(home.database_url)
    create_tables(database)
    return database


class FakeStation:
    """A home with everything below the API, and short ways to fill it."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.home = Home(root, Settings.model_validate({"unit": UNIT, **settings}))
        root.mkdir(exist_ok=True)
        self.home.run.mkdir()
        self.home.derived.mkdir()
        LocalStore.create(self.home.vault)
        self.store = LocalStore(self.home.vault)
        self.database = _open_database(self.home)
        self.custody = UnsignedCustody(self.database)
        self.recorder = new_id()
        self.docking = new_id()
        self._count = 0

    def create_app(self) -> FastAPI:
        """Return a new application of this station."""
        return create_app(self.home, self.database, self.custody, self.store)

    def attach_to(self, app: FastAPI) -> None:
        """Let an application that was made before work on this station."""
        attach(app, self.home, self.database, self.custody, self.store)

    def person(self, login_name: str, *roles: Role, unit: str = UNIT, police_number: str | None = None) -> Viewer:
        """Add a person and return what they see with."""
        description = people.Description("officer", login_name.title(), login_name, unit, police_number=police_number)
        added, _ = people.add_person(self.custody, self.database, CONSOLE, description, roles)
        return Viewer(added, frozenset(role.value for role in roles), unit)

    def with_password(self, viewer: Viewer, password: str = PASSWORD) -> None:
        """Give a person a password, by the way they would take."""
        token = people.issue_link(self.custody, self.database, CONSOLE, viewer.person)
        login.enter_by_link(self.custody, self.database, token, password, "127.0.0.1")

    def session(self, viewer: Viewer) -> tuple[str, Actor]:
        """Open a session without hashing a password; returns its token and how the ledger names the person."""
        token, public_id = secrets.new_token(), new_id()
        with self.database.write() as session:
            sessions.add(
                session,
                public_id=public_id,
                token=token,
                person=viewer.person,
                strength="password",
                address="127.0.0.1",
                now=clock.now(),
            )
        return token, Actor(person=viewer.person, via="web", session=public_id, strength="password")

    def take_in_recorder(self, holder: Viewer | None = None, *, unit: str = UNIT) -> str:
        """Dock a recorder of a unit, held by somebody since long ago."""
        self.recorder, self.docking = new_id(), new_id()
        entries: list[Entry] = [
            RecorderKnown(
                fact=RecorderKnown.Fact(recorder=self.recorder, profile="test", identified_by="given"),
                names=RecorderKnown.Names(identity=self.recorder, serial="T-1", unit=unit),
            )
        ]
        if holder is not None:
            since = "2026-01-01T00:00:00.000000Z"
            fact = HolderIssued.Fact(holding=new_id(), recorder=self.recorder, person=holder.person, since=since)
            entries.append(HolderIssued(fact=fact))
        started = DockingStarted.Fact(
            docking=self.docking, recorder=self.recorder, profile="test", profile_version="1", source_kind="folder"
        )
        entries.append(DockingStarted(fact=started))
        self.custody.append(*entries, seal=False)
        return self.recorder

    def clip(
        self,
        content: bytes = b"",
        *,
        probed: bool = True,
        whole: bool = True,
        playable: str = "original",
        poster: bool = True,
        recorded_at: str = RECORDED_AT,
        police_number: str | None = None,
    ) -> str:
        """Take in a clip of the recorder docked last and return its id; its name may tell a police number."""
        self._count += 1
        content = content or f"film {self._count} of {self.recorder}".encode() * 50
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.store.path(sha256)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        clip = new_id()
        fact = ClipFact(
            clip=clip,
            docking=self.docking,
            recorder=self.recorder,
            digest={"sha256": sha256},
            size_bytes=len(content),
            media="video",
            container="mov",
            readback="direct",
            recorded_at=recorded_at,
            time_trust=TimeTrust.PLAIN,
        )
        name = f"{self._count:04}.MP4"
        raw = RawName(raw=name.encode().hex(), encoding="ascii", text=name)
        names = ClipNames(path=(raw,), volume=0, address=self._count, times=RawTimes(), police_number=police_number)
        entries: list[Entry] = [
            ClipIngested(fact=fact, names=names) if whole else ClipIncomplete(fact=fact, names=names)
        ]
        if probed and whole:
            probe = ClipProbed.Fact.model_validate(
                {
                    "clip": clip,
                    "tool": "test",
                    "tool_version": "1",
                    "ok": True,
                    "playable": playable,
                    "duration_ms": 9000,
                }
            )
            entries.append(ClipProbed(fact=probe))
        self.custody.append(*entries, seal=False)
        if poster:
            target = poster_path(self.home.derived, sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"RIFF----WEBPVP8 ")
        return clip

    def checked(self, viewer: Viewer, clips: Sequence[str], outcome: Literal["sound", "damaged"] = "sound") -> None:
        """Enter that a check read these clips' originals and found this."""
        fact = CheckCompleted.Fact(
            check=new_id(),
            scope="case",
            clips=tuple(clips),
            originals_checked=len(clips),
            damaged=tuple(clips) if outcome == "damaged" else (),
            outcome=outcome,
            log_size=self.size(),
            readback="direct",
        )
        actor = Actor(person=viewer.person, via="web", strength="password")
        self.custody.append(CheckCompleted(fact=fact, actor=actor), seal=False)

    def entries(self, type_name: str = "") -> list[Entry]:
        """Return the ledger's entries of a type, oldest first; all without one."""
        with self.database.read() as session:
            stored = [each for each in log.entries(session) if each.type == type_name or not type_name]
            return [read_entry(each.seq, each.type, each.values()) for each in stored]

    def size(self) -> int:
        """Return how many entries the ledger has."""
        return self.read(lambda session: log.head(session).size)

    def read(self, question: Callable[[Session], Value]) -> Value:
        """Ask the database."""
        with self.database.read() as session:
            return question(session)
