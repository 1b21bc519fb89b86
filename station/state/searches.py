"""Searches of the list of recordings that a person keeps under a name."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, delete, func, select

from station import clock
from station.state.tables import SavedSearch

MOST = 20


@dataclass(frozen=True, slots=True)
class Search:
    """A kept search: `query` is what follows the `?` of the list's address."""

    search: str
    name: str
    query: str


def list_all(session: Session, person: str) -> tuple[Search, ...]:
    """Return a person's searches, the first kept first."""
    rows = select(SavedSearch).where(SavedSearch.person == person)
    found = session.exec(rows.order_by(col(SavedSearch.kept_at), col(SavedSearch.search))).all()
    return tuple(Search(row.search, row.name, row.query) for row in found)


def keep(session: Session, search: str, person: str, name: str, query: str, now: datetime) -> bool:
    """Keep a search, in the place of one of the same name; False when the person has as many as there may be."""
    session.execute(delete(SavedSearch).where(col(SavedSearch.person) == person, col(SavedSearch.name) == name))
    kept = session.exec(select(func.count()).select_from(SavedSearch).where(SavedSearch.person == person)).one()
    if kept >= MOST:
        return False
    row = SavedSearch(search=search, person=person, name=name, query=query, kept_at=clock.format_time(now))
    session.add(row)
    return True


def forget(session: Session, search: str, person: str) -> bool:
    """Forget one of a person's searches; False when it is not there, or another's."""
    gone = delete(SavedSearch).where(col(SavedSearch.search) == search, col(SavedSearch.person) == person)
    return bool(session.execute(gone).rowcount)  # type: ignore[attr-defined]
