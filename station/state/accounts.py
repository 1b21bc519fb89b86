"""Ways in: passwords, single-use links, console codes. Nothing here decides who may; it only keeps and checks.

Guarantee: a link or code counts once, before it expires; using it and what it was used for are one transaction of the
caller's.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from station import clock
from station.state import secrets
from station.state.tables import Account, ConsoleCode, Link

LINK_LIFE = timedelta(hours=24)
CODE_LIFE = timedelta(minutes=30)


def password_hash(session: Session, person: str) -> str | None:
    """Return what is stored of a person's password, None when they have none."""
    account = session.get(Account, person)
    return account.password_hash if account else None


def set_password_hash(session: Session, person: str, stored: str | None) -> None:
    """Store a person's password hash; None takes the password away."""
    session.merge(Account(person=person, password_hash=stored, changed_at=clock.timestamp()))


def add_link(session: Session, person: str, token: str, now: datetime) -> None:
    """Keep a new single-use link; the person's former ones end, so that there is one way in at most."""
    session.execute(delete(Link).where(col(Link.person) == person))
    session.add(
        Link(
            token_hash=secrets.token_digest(token),
            person=person,
            created_at=clock.format_time(now),
            expires_at=clock.format_time(now + LINK_LIFE),
        )
    )


def link_person(session: Session, token: str, now: datetime) -> str | None:
    """Return whose link `token` is, None when it is unknown, used or expired."""
    link = session.get(Link, secrets.token_digest(token))
    if link is None or link.used_at is not None or link.expires_at <= clock.format_time(now):
        return None
    return link.person


def use_link(session: Session, token: str, now: datetime) -> bool:
    """Use a link up; False when it no longer counts."""
    if link_person(session, token, now) is None:
        return False
    link = session.get_one(Link, secrets.token_digest(token))
    link.used_at = clock.format_time(now)
    session.add(link)
    return True


def drop_links(session: Session, person: str) -> None:
    """End a person's links."""
    session.execute(delete(Link).where(col(Link.person) == person))


def add_code(session: Session, purpose: str, code: str, now: datetime) -> None:
    """Keep a new console code; former ones of the same purpose end."""
    session.execute(delete(ConsoleCode).where(col(ConsoleCode.purpose) == purpose))
    session.add(
        ConsoleCode(
            code_hash=secrets.code_digest(code),
            purpose=purpose,
            created_at=clock.format_time(now),
            expires_at=clock.format_time(now + CODE_LIFE),
        )
    )


def code_counts(session: Session, purpose: str, code: str, now: datetime) -> bool:
    """Tell whether a console code is good for `purpose` now."""
    row = session.get(ConsoleCode, secrets.code_digest(code))
    return (
        row is not None and row.purpose == purpose and row.used_at is None and row.expires_at > clock.format_time(now)
    )


def use_code(session: Session, purpose: str, code: str, now: datetime) -> bool:
    """Use a console code up; False when it does not count."""
    if not code_counts(session, purpose, code, now):
        return False
    row = session.get_one(ConsoleCode, secrets.code_digest(code))
    row.used_at = clock.format_time(now)
    session.add(row)
    return True


def drop_expired(session: Session, now: datetime) -> None:
    """Forget links and codes that can't be used any more."""
    moment = clock.format_time(now)
    session.execute(delete(Link).where((col(Link.expires_at) <= moment) | col(Link.used_at).is_not(None)))
    codes = (col(ConsoleCode.expires_at) <= moment) | col(ConsoleCode.used_at).is_not(None)
    session.execute(delete(ConsoleCode).where(codes))
