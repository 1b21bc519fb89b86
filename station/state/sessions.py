"""Open sessions: found by the digest of their secret, ended when idle too long or too old (OWASP ASVS 3.3).

Guarantee: a session that `find` returns is neither idle for longer than allowed nor older than twelve hours; one
opened at the dock (`DOCK`) is idle for sixty seconds at most. The time a session was last seen is written once a minute
at most, so that looking at pages costs no disk write; at the dock at every request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select

from station import clock
from station.state import secrets
from station.state.tables import Login, Scrubbed, Shown, Ticket

LONGEST = timedelta(hours=12)
DOCK = "badge_pin"
DOCK_IDLE = timedelta(seconds=60)
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session in force; `stale` says that its last-seen time is due for writing (`touch`)."""

    session: str
    person: str
    created_at: str
    strength: str
    address: str
    stale: bool


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session in force, for a list: who, since when, from where, when last seen (to the minute)."""

    session: str
    person: str
    created_at: str
    last_seen_at: str
    strength: str
    address: str


def add(
    session: Session, *, public_id: str, token: str, person: str, strength: str, address: str, now: datetime
) -> None:
    """Keep a new session; `strength` is how it was opened: password, link, console or badge_pin."""
    moment = clock.format_time(now)
    session.add(
        Login(
            session=public_id,
            token_hash=secrets.token_digest(token),
            person=person,
            created_at=moment,
            last_seen_at=moment,
            strength=strength,
            address=address,
        )
    )


def find(session: Session, token: str, idle: timedelta, now: datetime) -> OpenSession | None:
    """Return the session of a secret, None when there is none in force."""
    row = session.exec(select(Login).where(Login.token_hash == secrets.token_digest(token))).first()
    if row is None:
        return None
    seen, created = clock.parse_time(row.last_seen_at), clock.parse_time(row.created_at)
    at_dock = row.strength == DOCK
    if now - seen > (DOCK_IDLE if at_dock else idle) or now - created > LONGEST:
        return None
    return OpenSession(
        row.session,
        row.person,
        row.created_at,
        row.strength,
        row.address,
        stale=at_dock or now - seen >= _TOUCH_EVERY,
    )


def list_open(session: Session, idle: timedelta, now: datetime, person: str | None = None) -> tuple[SessionView, ...]:
    """Return the sessions in force, of one person or of all, the one seen last first."""
    rows = select(Login).where(~_over(idle, now)).order_by(col(Login.last_seen_at).desc(), Login.session)
    if person is not None:
        rows = rows.where(Login.person == person)
    return tuple(
        SessionView(row.session, row.person, row.created_at, row.last_seen_at, row.strength, row.address)
        for row in session.exec(rows).all()
    )


def touch(session: Session, public_id: str, now: datetime) -> None:
    """Note that a session is in use; one that ended meanwhile stays ended."""
    row = session.get(Login, public_id)
    if row is not None:
        row.last_seen_at = clock.format_time(now)
        session.add(row)


def end(session: Session, public_id: str) -> None:
    """End a session and what it was shown."""
    _forget(session, [public_id])


def end_all_of(session: Session, person: str, *, but: str | None = None) -> None:
    """End all sessions of a person, except `but`."""
    ids = session.exec(select(Login.session).where(Login.person == person)).all()
    _forget(session, [each for each in ids if each != but])


def drop_expired(session: Session, idle: timedelta, now: datetime) -> int:
    """Forget sessions no longer in force, with what they were shown; returns how many."""
    ids = list(session.exec(select(Login.session).where(_over(idle, now))).all())
    _forget(session, ids)
    return len(ids)


def _over(idle: timedelta, now: datetime) -> ColumnElement[bool]:
    oldest, idlest = clock.format_time(now - LONGEST), clock.format_time(now - idle)
    left = (col(Login.strength) == DOCK) & (col(Login.last_seen_at) < clock.format_time(now - DOCK_IDLE))
    return (col(Login.created_at) < oldest) | (col(Login.last_seen_at) < idlest) | left


def _forget(session: Session, ids: list[str]) -> None:
    for table in (Shown, Scrubbed, Ticket):
        session.execute(delete(table).where(col(table.session).in_(ids)))
    session.execute(delete(Login).where(col(Login.session).in_(ids)))
