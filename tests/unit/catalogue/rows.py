"""Rows put straight into the catalogue, each with what a test does not care about filled in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, SQLModel

from station.catalogue import tables
from station.catalogue.doubts import clip_damaged
from station.catalogue.folding import fold_number
from station.catalogue.grams import clip_text, gram_rows, grams_of, searched_text
from station.catalogue.views import Viewer
from station.database import Database

UNIT = "第一大队"
NOON = "2026-08-04T04:00:00.000000Z"


def at(minute: int) -> str:
    """Return a time on the test's day, `minute` minutes after its midnight."""
    return f"2026-08-04T{minute // 60:02}:{minute % 60:02}:00.000000Z"


def viewer(*roles: str, person: str = "me", unit: str = UNIT) -> Viewer:
    """Return whose eyes to look with."""
    return Viewer(person, frozenset(roles), unit)


class Catalogue:
    """A catalogue under test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._pending: list[SQLModel] = []
        self._clips: dict[str, tables.Clip] = {}
        self._submitted: set[str | None] = set()
        self._stale = True  # what the test before left there

    def store(self) -> None:
        """Write what was added, in one transaction: a sync a row would make these tests slow."""
        with self.database.write() as session:
            if self._stale:
                for table in tables.metadata.tables.values():
                    session.connection().execute(table.delete())
            session.add_all(self._pending)
        self._pending, self._stale = [], False

    @contextmanager
    def read(self) -> Iterator[Session]:
        if self._pending or self._stale:
            self.store()
        with self.database.read() as session:
            yield session

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect the SELECTs executed inside."""
        seen: list[str] = []

        def collect(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.lstrip().startswith(("SELECT", "WITH")):
                seen.append(statement)

        event.listen(self.database.engine, "before_cursor_execute", collect)
        try:
            yield seen
        finally:
            event.remove(self.database.engine, "before_cursor_execute", collect)

    def add(self, *rows: SQLModel) -> None:
        self._pending += rows

    def person(self, person: str, name: str | None = None, **other: Any) -> None:
        values: dict[str, Any] = {
            "kind": "officer",
            "login": person,
            "unit": UNIT,
            "certificate_number": None,
            "police_number": None,
            "roles": "officer",
            "searched": searched_text([name or person]),
        }
        self.add(tables.Person(person=person, name=name or person, **(values | other)))

    def recorder(self, recorder: str, serial: str | None = None, label: str | None = None) -> None:
        self.add(
            tables.Recorder(
                recorder=recorder,
                profile="generic-storage",
                identified_by="serial",
                identity=recorder,
                serial=serial,
                label=label,
                unit=UNIT,
                searched=searched_text((serial, label)),
            )
        )

    def clip(self, clip: str, minute: int = 0, *, holders: tuple[str, ...] = (), **other: Any) -> None:
        values: dict[str, Any] = {
            "recorder": "r1",
            "docking": "d1",
            "sha256": "0" * 64,
            "size_bytes": 1,
            "media": "video",
            "container": "mp4",
            "stage": "sealed",
            "readback": "direct",
            "important": False,
            "sequence": None,
            "recording": clip,
            "file_name": f"{clip}.MP4",
            "path": f"DCIM/{clip}.MP4",
            "file_serial": None,
            "police_number": None,
            "device_time": None,
            "zone": None,
            "recorded_at": at(minute),
            "time_source": "recorder",
            "time_trust": "plain",
            "taken_in_at": NOON,
            "seq": 0,
            "sort_at": at(minute),
            "unit": UNIT,
        }
        row = tables.Clip(clip=clip, **(values | other))
        row.searched, row.damaged = clip_text(row), clip_damaged(row)
        self._clips[clip] = row
        self.add(row, *(tables.Gram(**gram) for gram in gram_rows(clip, grams_of(row.searched))))
        self.add(*(tables.ClipHolder(clip=clip, person=person) for person in holders))

    def target(self, target: str, number: str | None = None, *, handlers: tuple[str, ...] = (), **other: Any) -> None:
        values: dict[str, Any] = {
            "kind": "case",
            "title": "",
            "unit": UNIT,
            "number_source": "clerk",
            "opened_at": at(0),
        }
        values["searched"] = searched_text([other.get("title")])
        number = number or target
        self.add(tables.Target(target=target, number=number, folded=fold_number(number), **(values | other)))
        self.add(*(tables.Handler(target=target, person=person) for person in handlers))

    def submitted(self, target: str, **other: Any) -> None:
        self._submitted.add(target)
        self.target(target, status="submitted", submitted_at=NOON, **other)

    def bind(
        self, clip: str, target: str | None, *, by: str = "clerk", proves: tuple[str, ...] = (), **other: Any
    ) -> str:
        binding = f"{clip}-{target}"
        values: dict[str, Any] = {
            "action": "a",
            "kind": "case" if target else "none",
            "none_reason": None if target else "patrol",
            "stage": None,
            "note": "",
            "source": "clerk",
            "bound_at": NOON,
        }
        self.add(tables.Binding(binding=binding, clip=clip, target=target, bound_by=by, **(values | other)))
        self.add(
            *(
                tables.Proves(binding=binding, position=position, text=text, ranges="[[1000, 2000]]")
                for position, text in enumerate(proves)
            )
        )
        row = self._clips[clip]
        row.tagged = True
        row.submitted |= target in self._submitted
        row.several_targets |= target is not None and row.target not in (None, target)
        row.target = row.target or target
        self.add(row)
        return binding
