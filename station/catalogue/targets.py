"""Cases, pending matters and tasks: lists, the picker, one target's page; only what the viewer may know of them.

An officer gets a target's number and title to bind to, and of its page nothing but their own clips.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, distinct, func, literal, or_, select, tuple_
from sqlmodel import Session

from station.catalogue.clip_rows import CHUNK, PERSON, chunks, fetch, load_rows
from station.catalogue.folding import fold_number
from station.catalogue.history_lines import target_history
from station.catalogue.matching import ends_with, holds
from station.catalogue.pinyin import asks_for_initials, has_initials
from station.catalogue.search import named_target
from station.catalogue.views import ClipRow, TargetDetail, TargetRow, Viewer
from station.catalogue.visibility import (
    BINDING,
    CLIP,
    HANDLER,
    OPEN,
    TARGET,
    visible_clip,
    visible_target,
    without_role,
)
from station.errors import NotFoundError
from station.records.terms import Role, TargetKind

_BY_INITIALS = 3000  # the newest targets, which are looked through one by one for initials


def list_targets(
    session: Session,
    viewer: Viewer,
    *,
    kind: str | None = None,
    status: str | None = None,
    text: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 200,
) -> tuple[TargetRow, ...]:
    """Return the targets the viewer may open, the newest first; `text` narrows to number, title or its initials.

    `after` is (opened_at, target) of the last one of the page before.
    """
    query = select(TARGET).where(visible_target(viewer))
    if kind is not None:
        query = query.where(TARGET.c.kind == kind)
    if status is not None:
        query = query.where(TARGET.c.status == status)
    if text is not None and text.strip():
        query = query.where(_named(session, visible_target(viewer), text))
    if after is not None:
        query = query.where(tuple_(TARGET.c.opened_at, TARGET.c.target) < tuple_(*after))
    rows = fetch(session, query.order_by(TARGET.c.opened_at.desc(), TARGET.c.target.desc()).limit(limit))
    return _rows(session, viewer, rows)


def find_targets(session: Session, viewer: Viewer, text: str, limit: int = 12) -> tuple[TargetRow, ...]:
    """Return open targets for a picker, the best match first; without text the newest.

    A whole number comes before the end of one (`12` finds …第0012号), that before any other part, a title last; two
    letters or more also find a title by the initials of its pinyin.
    """
    bindable = and_(visible_target(viewer), TARGET.c.status == OPEN)
    newest = (TARGET.c.opened_at.desc(), TARGET.c.target.desc())
    query = select(TARGET).where(bindable)
    if text.strip():
        query = query.where(_named(session, bindable, text)).order_by(_closeness(text))
    return _rows(session, viewer, fetch(session, query.order_by(*newest).limit(limit)))


def _named(session: Session, among: ColumnElement[bool], text: str) -> ColumnElement[bool]:
    """Return the condition on `TARGET` that its title or number holds `text`, or its title has such pinyin initials."""
    named = named_target(text)
    if not asks_for_initials(text):
        return named
    newest = select(TARGET.c.target, TARGET.c.title).where(among, TARGET.c.title.is_not(None))
    rows = fetch(session, newest.order_by(TARGET.c.opened_at.desc()).limit(_BY_INITIALS))
    found = [row.target for row in rows if has_initials(row.title, text)]
    return or_(named, TARGET.c.target.in_(found[:CHUNK]))


def recent_targets(session: Session, viewer: Viewer, limit: int = 8) -> tuple[TargetRow, ...]:
    """Return the open targets the viewer bound clips to last, the latest first."""
    latest = (
        select(BINDING.c.target, func.max(BINDING.c.bound_at).label("bound_at"))
        .where(BINDING.c.bound_by == viewer.person, BINDING.c.target.is_not(None))
        .group_by(BINDING.c.target)
        .subquery()
    )
    query = (
        select(TARGET)
        .join(latest, latest.c.target == TARGET.c.target)
        .where(visible_target(viewer), TARGET.c.status == OPEN)
        .order_by(latest.c.bound_at.desc(), TARGET.c.target)
        .limit(limit)
    )
    return _rows(session, viewer, fetch(session, query))


def target_detail(session: Session, viewer: Viewer, target: str) -> TargetDetail:
    """Return a target's page; raises NotFoundError when there is none or the viewer may not open it."""
    stored = fetch(session, select(TARGET).where(TARGET.c.target == target, visible_target(viewer)))
    if not stored:
        raise NotFoundError(f"There is no case or matter {target}, or it is not for you to see")
    (row,) = _rows(session, viewer, stored)
    query = (
        select(CLIP.c.clip)
        .where(CLIP.c.clip.in_(select(BINDING.c.clip).where(BINDING.c.target == target)), visible_clip(viewer))
        .order_by(CLIP.c.sort_at, CLIP.c.clip)
    )
    clips = load_rows(session, viewer, [each.clip for each in fetch(session, query)])
    located = _located(session, [clip.clip for clip in clips])
    missing = {clip.clip: _missing(clip, row, clip.clip in located) for clip in clips}
    return TargetDetail(
        row=row,
        clips=clips,
        history=target_history(session, viewer, row.kind, target, only_clips=not _opens_fully(session, viewer, target)),
        missing_fields={clip: fields for clip, fields in missing.items() if fields},
    )


def _opens_fully(session: Session, viewer: Viewer, target: str) -> bool:
    full = visible_target(without_role(viewer, Role.OFFICER))
    return bool(fetch(session, select(TARGET.c.target).where(TARGET.c.target == target, full)))


def _located(session: Session, clips: Sequence[str]) -> set[str]:
    """Return the clips whose place is known, as text or by coordinates."""
    known = or_(CLIP.c.place.is_not(None), and_(CLIP.c.latitude.is_not(None), CLIP.c.longitude.is_not(None)))
    found: set[str] = set()
    for part in chunks(clips):
        found |= {row.clip for row in fetch(session, select(CLIP.c.clip).where(CLIP.c.clip.in_(part), known))}
    return found


def _missing(clip: ClipRow, target: TargetRow, located: bool) -> tuple[str, ...]:
    present = {
        "case_number": target.kind == TargetKind.CASE and bool(target.number),
        "time": clip.recorded_at is not None,
        "place": located,
        "collector": clip.collector_name is not None,
        "proves": any(each.proves for each in clip.bindings if each.target == target.target),
    }
    return tuple(name for name, there in present.items() if not there)


def _closeness(text: str) -> ColumnElement[int]:
    folded = fold_number(text)
    if not folded:
        return literal(0)
    return case(
        (TARGET.c.folded == folded, 0),
        (ends_with(TARGET.c.folded, "-" + folded), 1),
        (ends_with(TARGET.c.folded, folded), 2),
        (holds(TARGET.c.folded, folded), 3),
        else_=4,
    )


def _rows(session: Session, viewer: Viewer, rows: Sequence[Row[Any]]) -> tuple[TargetRow, ...]:
    targets = [row.target for row in rows]
    handlers = _handlers(session, viewer, targets)
    clips = _clip_counts(session, viewer, targets)
    return tuple(
        TargetRow(
            target=row.target,
            kind=row.kind,
            number=row.number or "",
            title=row.title or "",
            status=row.status,
            clips=clips.get(row.target, 0),
            opened_at=row.opened_at,
            submitted_at=row.submitted_at,
            handlers=tuple(handlers[row.target]),
        )
        for row in rows
    )


def _handlers(session: Session, viewer: Viewer, targets: Sequence[str]) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    full = visible_target(without_role(viewer, Role.OFFICER))
    for part in chunks(targets):
        query = (
            select(HANDLER.c.target, HANDLER.c.person, PERSON.c.name)
            .join(TARGET, TARGET.c.target == HANDLER.c.target)
            .outerjoin(PERSON, PERSON.c.person == HANDLER.c.person)
            .where(HANDLER.c.target.in_(part), full)
            .order_by(PERSON.c.name, HANDLER.c.person)
        )
        for row in fetch(session, query):
            found[row.target].append(row.name or row.person)
    return found


def _clip_counts(session: Session, viewer: Viewer, targets: Sequence[str]) -> dict[str, int]:
    """Return how many clips the viewer sees of each target."""
    found: dict[str, int] = {}
    for part in chunks(targets):
        query = (
            select(BINDING.c.target, func.count(distinct(BINDING.c.clip)).label("clips"))
            .join(CLIP, CLIP.c.clip == BINDING.c.clip)
            .where(BINDING.c.target.in_(part), visible_clip(viewer))
            .group_by(BINDING.c.target)
        )
        found |= {row.target: row.clips for row in fetch(session, query)}
    return found
