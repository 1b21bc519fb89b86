"""Alarms as people read them: those nobody saw to, those whose cause still stands, those that are over."""

from sqlalchemy import func, select
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, fetch
from station.catalogue.tables import metadata
from station.catalogue.views import AlarmView

ALARM = metadata.tables["catalogue_alarm"]


def count_unseen(session: Session) -> int:
    """Return how many alarms wait for somebody to see to them."""
    query = select(func.count()).where(ALARM.c.seen_at.is_(None), ALARM.c.gone_at.is_(None))
    return session.connection().execute(query).scalar_one()


def count_standing(session: Session) -> int:
    """Return how many alarms have a cause that is not gone, seen to or not."""
    return session.connection().execute(select(func.count()).where(ALARM.c.gone_at.is_(None))).scalar_one()


def list_alarms(session: Session, limit: int = 200) -> tuple[AlarmView, ...]:
    """Return the alarms whose cause stands, newest first, then those that are over, up to `limit` in all."""
    return _views(session, limit=limit)


def find_alarm(session: Session, alarm: str) -> AlarmView | None:
    """Return one alarm, None when there is no such one."""
    return next(iter(_views(session, alarm)), None)


def _views(session: Session, alarm: str | None = None, limit: int = 1) -> tuple[AlarmView, ...]:
    seen, gone = PERSON.alias(), PERSON.alias()
    query = (
        select(ALARM, seen.c.name.label("seen_name"), gone.c.name.label("gone_name"))
        .outerjoin(seen, seen.c.person == ALARM.c.seen_by)
        .outerjoin(gone, gone.c.person == ALARM.c.gone_by)
        .order_by(ALARM.c.gone_at.is_not(None), ALARM.c.raised_at.desc(), ALARM.c.alarm.desc())
        .limit(limit)
    )
    if alarm is not None:
        query = query.where(ALARM.c.alarm == alarm)
    return tuple(
        AlarmView(
            alarm=row.alarm,
            kind=row.kind,
            about=row.about,
            text=row.text or "",
            raised_at=row.raised_at,
            seen_at=row.seen_at,
            seen_by=row.seen_name or "",
            seen_note=row.seen_note or "",
            gone_at=row.gone_at,
            gone_by=row.gone_name or "",
            gone_note=row.gone_note or "",
        )
        for row in fetch(session, query)
    )
