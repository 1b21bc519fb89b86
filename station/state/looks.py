"""What each session was shown and opened lately, and refusals still to be entered in the ledger.

Guarantee: rows here are written in the transaction of the ledger entry they stand for; they only spare a second entry
for the same look within `WINDOW`, and let footage be sent for as long as the design allows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, func, select

from station import clock
from station.state.tables import Denial, Scrubbed, Shown, Ticket

WINDOW = timedelta(minutes=15)
_IN = 500  # values in one IN list, below every engine's limit


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A clip opened in a session; `fresh`: within the window, so that bytes may be sent without a new entry."""

    at: str
    purpose: str | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refusals:
    """Refusals of one person, subject (None: none), route and minute waiting for their entry."""

    person: str
    subject: str | None
    route: str
    minute: str
    session: str
    strength: str
    reason: str
    count: int


def shown_since(session: Session, public_id: str, clips: Sequence[str], since: datetime) -> frozenset[str]:
    """Return those of `clips` whose poster was listed for the session after `since`."""
    moment, found = clock.format_time(since), set[str]()
    for start in range(0, len(clips), _IN):
        some = col(Shown.clip).in_(clips[start : start + _IN])
        found.update(session.exec(select(Shown.clip).where(Shown.session == public_id, Shown.at > moment, some)).all())
    return frozenset(found)


def mark_shown(session: Session, public_id: str, clips: Iterable[str], now: datetime) -> None:
    """Note that the posters of `clips` are on a page for the session."""
    moment = clock.format_time(now)
    for clip in clips:
        session.merge(Shown(session=public_id, clip=clip, at=moment))


def scrubbed_since(session: Session, public_id: str, clip: str, since: datetime) -> bool:
    """Tell whether the clip's filmstrip was sent to the session after `since`."""
    row = session.get(Scrubbed, (public_id, clip))
    return row is not None and row.at > clock.format_time(since)


def mark_scrubbed(session: Session, public_id: str, clip: str, now: datetime) -> None:
    """Note that the clip's filmstrip is sent to the session."""
    session.merge(Scrubbed(session=public_id, clip=clip, at=clock.format_time(now)))


def forget_tickets(session: Session) -> None:
    """Forget all tickets, whose purposes are words of people: each clip is opened, and entered, once more."""
    session.execute(delete(Ticket))


def ticket(session: Session, public_id: str, clip: str, now: datetime) -> OpenTicket | None:
    """Return the session's ticket for a clip, also when it is no longer fresh."""
    row = session.get(Ticket, (public_id, clip))
    if row is None:
        return None
    return OpenTicket(row.at, row.purpose, fresh=now - clock.parse_time(row.at) < WINDOW)


def opened(session: Session, public_id: str, clips: Sequence[str]) -> frozenset[str]:
    """Return those of `clips` that were opened in the session, lately or not."""
    found = set[str]()
    for start in range(0, len(clips), _IN):
        some = col(Ticket.clip).in_(clips[start : start + _IN])
        found.update(session.exec(select(Ticket.clip).where(Ticket.session == public_id, some)).all())
    return frozenset(found)


def grant_ticket(session: Session, public_id: str, clip: str, purpose: str | None, now: datetime) -> None:
    """Let the session have a clip's footage for the length of the window."""
    session.merge(Ticket(session=public_id, clip=clip, at=clock.format_time(now), purpose=purpose))


def count_refusal(session: Session, refusal: Refusals) -> bool:
    """Count one refusal; True when it is the minute's first, whose entry is due at once."""
    subject = refusal.subject or ""
    row = session.get(Denial, (refusal.person, subject, refusal.route, refusal.minute))
    if row is None:
        session.add(
            Denial(
                person=refusal.person,
                subject=subject,
                route=refusal.route,
                minute=refusal.minute,
                session=refusal.session,
                strength=refusal.strength,
                reason=refusal.reason,
            )
        )
        return True
    row.waiting += 1
    session.add(row)
    return False


def refusals_kept(session: Session, person: str, minute: str) -> int:
    """Return how many different refusals of a person are counted in this minute."""
    kept = select(func.count()).select_from(Denial).where(Denial.person == person, Denial.minute == minute)
    return session.exec(kept).one()


def refusals_are_due(session: Session, minute: str) -> bool:
    """Tell whether refusals of minutes before `minute` are still kept here."""
    return session.exec(select(Denial.person).where(Denial.minute < minute).limit(1)).first() is not None


def take_refusals(session: Session, minute: str) -> tuple[Refusals, ...]:
    """Remove the refusals of minutes before `minute` and return those not yet in the ledger."""
    rows = session.exec(select(Denial).where(Denial.minute < minute).order_by(Denial.minute, Denial.person)).all()
    for row in rows:
        session.delete(row)
    return tuple(
        Refusals(
            person=row.person,
            subject=row.subject or None,
            route=row.route,
            minute=row.minute,
            session=row.session,
            strength=row.strength,
            reason=row.reason,
            count=row.waiting,
        )
        for row in rows
        if row.waiting
    )
