"""PINs and cards, by which people enter at the dock: kept as hash and digest, counted and locked when tried wrong.

Guarantee: after `TRIES` wrong tries in a row a PIN opens nothing for `LOCKED`, across restarts too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from station import clock
from station.state import secrets
from station.state.tables import Card, Pin

TRIES = 5
LOCKED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class StoredPin:
    """What is kept of a PIN; `single_use`: an admin issued it, and it is good for choosing one's own only."""

    stored: str
    single_use: bool
    locked: bool


def find(session: Session, person: str, now: datetime) -> StoredPin | None:
    """Return what is kept of a person's PIN, None when they have none."""
    row = session.get(Pin, person)
    if row is None:
        return None
    locked = row.locked_until is not None and row.locked_until > clock.format_time(now)
    return StoredPin(row.pin_hash, row.single_use, locked)


def keep(session: Session, person: str, stored: str, *, single_use: bool) -> None:
    """Keep a PIN's hash in place of the former one; wrong tries are forgotten."""
    session.merge(
        Pin(
            person=person,
            pin_hash=stored,
            single_use=single_use,
            wrong=0,
            locked_until=None,
            changed_at=clock.timestamp(),
        )
    )


def note_right(session: Session, person: str) -> None:
    """Forget the wrong tries: the right PIN was typed."""
    row = session.get_one(Pin, person)
    row.wrong, row.locked_until = 0, None
    session.add(row)


def note_wrong(session: Session, person: str, now: datetime) -> bool:
    """Count a wrong try; True when it locks the PIN."""
    row = session.get(Pin, person)
    if row is None:
        return False
    row.wrong += 1
    locks = row.wrong >= TRIES
    if locks:
        row.wrong, row.locked_until = 0, clock.format_time(now + LOCKED)
    session.add(row)
    return locks


def card_person(session: Session, number: str) -> str | None:
    """Return whose card has that number."""
    row = session.get(Card, secrets.code_digest(number))
    return row.person if row else None


def keep_card(session: Session, person: str, number: str) -> None:
    """Keep a card in place of the person's former one."""
    drop_card(session, person)
    session.add(Card(card_hash=secrets.code_digest(number), person=person, changed_at=clock.timestamp()))


def drop_card(session: Session, person: str) -> bool:
    """Take the person's card away; False when they had none."""
    had = session.exec(select(Card.person).where(Card.person == person)).first() is not None
    session.execute(delete(Card).where(col(Card.person) == person))
    return had
