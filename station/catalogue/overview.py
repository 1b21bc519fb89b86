"""Figures for the badges of the navigation."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, distinct, func, select
from sqlmodel import Session

from station.catalogue.alarms import count_unseen
from station.catalogue.clips import in_queue
from station.catalogue.reviews import count_waiting
from station.catalogue.views import Queue, Viewer
from station.catalogue.visibility import BINDING, CLIP, as_roles, sees_by_name, visible_clip
from station.records.terms import Role

_WATCHING = frozenset({Role.CLERK, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the clips a viewer sees: all, those taken in today, those damaged; and alarms nobody saw to, if theirs.

    `untagged` counts an officer's own recordings, as 今日标记 lists them, however many segments each has; `reviews` the
    submissions that wait for a reviewer.
    """

    total: int
    untagged: int
    today: int
    damaged: int
    alarms: int
    reviews: int = 0


def counts(session: Session, viewer: Viewer, *, today: str) -> Counts:
    """Return the figures; `today` is when the station's day began, in UTC text."""
    total, taken_in, damaged = (_at_once if sees_by_name(viewer) else _one_by_one)(session, viewer, today)
    alarms = count_unseen(session) if viewer.roles & _WATCHING else 0
    return Counts(total, _count_untagged(session, viewer), taken_in, damaged, alarms, count_waiting(session, viewer))


def _at_once(session: Session, viewer: Viewer, today: str) -> tuple[int, int, int]:
    # Gathering the named clips is what costs; it is done once for all figures.
    query = select(func.count(), _how_many(CLIP.c.taken_in_at >= today), _how_many(CLIP.c.damaged.is_(True)))
    total, taken_in, damaged = session.connection().execute(query.where(visible_clip(viewer))).one()
    return total, taken_in, damaged


def _one_by_one(session: Session, viewer: Viewer, today: str) -> tuple[int, int, int]:
    # Each figure from the index that is narrowest for it, instead of all from every clip.
    query = select(func.count()).select_from(CLIP).where(visible_clip(viewer))
    narrowed = (query, query.where(CLIP.c.taken_in_at >= today), query.where(CLIP.c.damaged.is_(True)))
    total, taken_in, damaged = (session.connection().execute(each).scalar_one() for each in narrowed)
    return total, taken_in, damaged


def _count_untagged(session: Session, viewer: Viewer) -> int:
    own = as_roles(viewer, frozenset({Role.OFFICER}))
    if not own.roles:
        return 0
    query = select(func.count(distinct(CLIP.c.recording))).where(visible_clip(own), CLIP.c.tagged.is_(False))
    return session.connection().execute(query).scalar_one()


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def queue_counts(session: Session, viewer: Viewer) -> dict[Queue, int]:
    """Return how many of the clips a viewer sees are in each queue."""
    if sees_by_name(viewer):
        at_once = select(*(_how_many(in_queue(queue)) for queue in Queue)).where(visible_clip(viewer))
        return dict(zip(Queue, session.connection().execute(at_once).one(), strict=True))
    query = select(func.count()).select_from(CLIP).where(visible_clip(viewer))
    return {queue: session.connection().execute(query.where(in_queue(queue))).scalar_one() for queue in Queue}


def tagged_since(session: Session, viewer: Viewer, since: str) -> int:
    """Return how many clips the viewer has bound since then (UTC text), by bindings still in force."""
    query = select(func.count(distinct(BINDING.c.clip)))
    mine = query.where(BINDING.c.bound_by == viewer.person, BINDING.c.bound_at >= since)
    return session.connection().execute(mine).scalar_one()
