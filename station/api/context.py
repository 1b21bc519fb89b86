"""What every request has at hand: the station it runs in, and who asks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
from station.state.sessions import DOCK, OpenSession

_STALE_SECONDS = 5.0
_ANSWERS = 200
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Visit:
    """A logged-in person's request: their session, what they may see with, and how the ledger names them."""

    session: OpenSession
    person: PersonView
    viewer: Viewer
    actor: Actor

    @property
    def at_dock(self) -> bool:
        """Tell whether the session was opened by badge and PIN: it tags, and does nothing else."""
        return self.session.strength == DOCK


class Pulse:
    """When somebody last sent a form: until shortly after it, figures are never older than the catalogue."""

    def __init__(self) -> None:
        self.beat_at = float("-inf")

    def beat(self) -> None:
        """Note a form."""
        self.beat_at = clock.monotonic()


class Memory(Generic[Value]):
    """Remembers answers that depend on the catalogue alone; a few hundred of them at most.

    An answer holds until the catalogue's next entry. While a card is taken in or many people look, entries come all the
    time: then it may be up to some seconds old, unless somebody has just sent a form and looks for what it changed.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._values: dict[object, tuple[int, float, Value]] = {}
        self._lock = Lock()

    def get(self, session: Session, key: object, make: Callable[[], Value]) -> Value:
        """Return the answer for `key`, made now unless a remembered one still holds."""
        entries, now = applied(session), clock.monotonic()
        quiet = now - self._pulse.beat_at > _STALE_SECONDS
        with self._lock:
            held = self._values.get(key)
        if held is not None and (held[0] == entries or (quiet and now - held[1] < _STALE_SECONDS)):
            return held[2]
        value = make()
        with self._lock:
            if len(self._values) >= _ANSWERS:
                self._values.clear()
            self._values[key] = (entries, now, value)
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
    pulse: Pulse = field(default_factory=Pulse)
    figures: Memory[Counts] = field(init=False)
    people: Memory[tuple[PersonView, ...]] = field(init=False)
    recorders: Memory[tuple[RecorderView, ...]] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("figures", "people", "recorders"):
            object.__setattr__(self, name, Memory(self.pulse))

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


def adopt_home(connection: HTTPConnection, home: Home) -> None:
    """Serve by other settings from now on; requests under way end by the former ones."""
    connection.app.state.station = replace(station_of(connection), home=home)


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
