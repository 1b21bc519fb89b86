"""Open sessions: looking at them, and ending them from elsewhere: one's own by anybody, all by an admin.

Guarantee: what is ended is gone with the next request of whoever had it. Opening a session is an entry; ending one
takes nothing from the record and is none.
"""

from datetime import timedelta

from station import clock
from station.database import Database
from station.errors import NotFoundError
from station.state import sessions
from station.state.sessions import SessionView


def open_sessions(database: Database, idle: timedelta, person: str | None = None) -> tuple[SessionView, ...]:
    """Return the sessions in force, of one person or of all."""
    with database.read() as session:
        return sessions.list_open(session, idle, clock.now(), person)


def end_session(database: Database, idle: timedelta, public_id: str, *, person: str | None = None) -> None:
    """End one session; raises NotFoundError when there is none in force, or it is not that `person`'s."""
    if public_id not in {each.session for each in open_sessions(database, idle, person)}:
        raise NotFoundError("There is no such session in force")
    with database.write() as session:
        sessions.end(session, public_id)


def end_all(database: Database, person: str, *, but: str | None = None) -> None:
    """End all sessions of a person, except `but`."""
    with database.write() as session:
        sessions.end_all_of(session, person, but=but)
