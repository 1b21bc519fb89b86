"""What every request has at hand: the station it runs in, and who asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Event, Lock
from typing import Generic, TypeVar

import jinja2
from starlette.requests import HTTPConnection

from station import clock
from station.api.limits import Limits
from station.catalogue.overview import Counts, counts
from station.catalogue.people import list_officers
from station.catalogue.project import applied
from station.catalogue.recorders import list_recorders
from station.catalogue.views import PersonView, RecorderView, Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.evidence.store import LocalStore
from station.records.entries import Actor
from station.state.sessions import OpenSession

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Visit:
    """A logged-in person's request: their session, what they may see with, and how the ledger names them."""

    session: OpenSession
    person: PersonView
    viewer: Viewer
    actor: Actor


class Memory(Generic[Value]):
    """Remembers answers that depend on the catalogue alone, until its next entry; a few hundred of them at most."""

    def __init__(self) -> None:
        self._entries = -1
        self._values: dict[object, Value] = {}
        self._lock = Lock()

    def get(self, session: Session, key: object, make: Callable[[], Value]) -> Value:
        """Return the answer for `key`, made now unless nothing was appended since it was."""
        entries = applied(session)
        with self._lock:
            if entries != self._entries or len(self._values) > 200:
                self._entries, self._values = entries, {}
            elif key in self._values:
                return self._values[key]
        value = make()
        with self._lock:
            if entries == self._entries:
                self._values[key] = value
        return value


@dataclass(frozen=True, slots=True)
class Station:
    """The running station as routes see it; one for the life of the application, shared by all threads."""

    home: Home
    database: Database
    custody: Custody
    store: LocalStore
    templates: jinja2.Environment
    assets: dict[str, str]
    limits: Limits = field(default_factory=Limits)
    verifying: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))
    stopping: Event = field(default_factory=Event)
    figures: "Memory[Counts]" = field(default_factory=lambda: Memory[Counts]())
    people: "Memory[tuple[PersonView, ...]]" = field(default_factory=lambda: Memory[tuple[PersonView, ...]]())
    recorders: "Memory[tuple[RecorderView, ...]]" = field(default_factory=lambda: Memory[tuple[RecorderView, ...]]())

    @property
    def idle(self) -> timedelta:
        """How long a session may be idle."""
        return timedelta(minutes=self.home.settings.session_minutes)

    def day_start(self, day: datetime | None = None) -> datetime:
        """Return when the day of `day` (default: now) began in the station's zone."""
        local = (day or clock.now()).astimezone(self.home.zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    def counts(self, session: Session, viewer: Viewer) -> Counts:
        """Return the figures of the navigation."""
        today = clock.format_time(self.day_start())
        key = (viewer.person, viewer.roles, viewer.unit, today)
        return self.figures.get(session, key, lambda: counts(session, viewer, today=today))

    def officers(self, session: Session, unit: str | None) -> tuple[PersonView, ...]:
        """Return who may be a collector."""
        return self.people.get(session, unit, lambda: list_officers(session, unit))

    def all_recorders(self, session: Session) -> tuple[RecorderView, ...]:
        """Return all recorders with their holders."""
        return self.recorders.get(session, None, lambda: list_recorders(session))


def station_of(connection: HTTPConnection) -> Station:
    """Return the station a request came to."""
    station = connection.app.state.station
    assert isinstance(station, Station)  # noqa: S101  create_app sets it
    return station


def visit_or_none(connection: HTTPConnection) -> Visit | None:
    """Return who asks, None for nobody known; the policy's check has found it out."""
    visit = getattr(connection.state, "visit", None)
    return visit if isinstance(visit, Visit) else None


def visit_of(connection: HTTPConnection) -> Visit:
    """Return who asks, on a route whose policy lets only persons through."""
    visit = visit_or_none(connection)
    assert visit is not None  # noqa: S101  see policies
    return visit


def current_counts(station: Station, visit: Visit | None) -> Counts | None:
    """Return the figures of the navigation for whoever asks, None for nobody."""
    if visit is None:
        return None
    with station.database.read() as session:
        return station.counts(session, visit.viewer)
