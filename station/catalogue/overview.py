"""Figures for the badges of the navigation, and alarms."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, distinct, func, select
from sqlmodel import Session

from station.catalogue.clip_rows import fetch
from station.catalogue.clips import damaged_clip
from station.catalogue.tables import metadata
from station.catalogue.views import AlarmView, Viewer
from station.catalogue.visibility import BINDING, CLIP, as_roles, visible_clip
from station.records.terms import Role

ALARM = metadata.tables["catalogue_alarm"]
_WATCHING = frozenset({Role.CLERK, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the clips a viewer sees: all, those taken in today, those damaged; and alarms, if theirs.

    `untagged` counts an officer's own recordings, as 今日标记 lists them, however many segments each has.
    """

    total: int
    untagged: int
    today: int
    damaged: int
    alarms: int


def counts(session: Session, viewer: Viewer, *, today: str) -> Counts:
    """Return the figures; `today` is when the station's day began, in UTC text."""
    query = select(
        func.count().label("total"),
        _how_many(CLIP.c.taken_in_at >= today).label("today"),
        _how_many(damaged_clip()).label("damaged"),
    ).where(visible_clip(viewer))
    row = session.connection().execute(query.select_from(CLIP)).one()
    alarms = _count_alarms(session) if viewer.roles & _WATCHING else 0
    return Counts(row.total, _count_untagged(session, viewer), row.today, row.damaged, alarms)


def _count_untagged(session: Session, viewer: Viewer) -> int:
    own = as_roles(viewer, frozenset({Role.OFFICER}))
    if not own.roles:
        return 0
    query = select(func.count(distinct(CLIP.c.recording))).where(visible_clip(own), CLIP.c.tagged.is_(False))
    return session.connection().execute(query).scalar_one()


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _count_alarms(session: Session) -> int:
    return session.connection().execute(select(func.count()).select_from(ALARM)).scalar_one()


def tagged_since(session: Session, viewer: Viewer, since: str) -> int:
    """Return how many clips the viewer has bound since then (UTC text), by bindings still in force."""
    query = select(func.count(distinct(BINDING.c.clip)))
    mine = query.where(BINDING.c.bound_by == viewer.person, BINDING.c.bound_at >= since)
    return session.connection().execute(mine).scalar_one()


def list_alarms(session: Session, limit: int = 200) -> tuple[AlarmView, ...]:
    """Return the latest alarms, newest first."""
    query = select(ALARM).order_by(ALARM.c.raised_at.desc(), ALARM.c.alarm.desc()).limit(limit)
    return tuple(
        AlarmView(row.alarm, row.kind, row.about, row.text or "", row.raised_at) for row in fetch(session, query)
    )
