"""Lists of clips as one viewer sees them, and short answers about single clips.

Guarantee: a page never tells of a clip outside the viewer's sight, nor counts one. Pages are cut by key (`sort_at`,
clip), so one that is read while clips come in neither repeats nor loses a row.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, true, tuple_
from sqlmodel import Session

from station.catalogue.clip_rows import chunks, fetch, load_rows
from station.catalogue.search import text_condition
from station.catalogue.views import ClipFilter, ClipPage, ClipRow, Queue, RecordingGroup, Viewer
from station.catalogue.visibility import (
    BINDING,
    CLIP,
    known_binding,
    sees_by_name,
    visible_clip,
)
from station.clock import parse_time
from station.errors import NotFoundError, RequestError

COUNTED = 10_000
_COUNTED_ON_THE_WAY = 1000
_USUAL_SEGMENTS = 10
_QUEUE_FLAGS = {
    Queue.MISSING_FIELD: "missing_field",
    Queue.COLLECTOR: "in_doubt",
    Queue.CLOCK: "clock_doubt",
    Queue.DAMAGED: "damaged",
    Queue.OVERDUE: "overdue",
}


@dataclass(frozen=True, slots=True)
class ClipBytes:
    """What is needed to hand out a clip's footage; `stage` and `sensitivity` may forbid it.

    `seq` is the ledger entry that took its bytes in.
    """

    clip: str
    sha256: str
    size_bytes: int
    container: str
    playable: str | None
    media: str
    sensitivity: str
    stage: str
    file_name: str
    seq: int


def list_clips(
    session: Session, viewer: Viewer, narrowed: ClipFilter, *, cursor: str | None = None, limit: int = 60
) -> ClipPage:
    """Return one page, newest first, and how many clips match, counted up to COUNTED.

    Raises RequestError for a made-up cursor.
    """
    conditions = list_conditions(session, viewer, narrowed)
    after = None if cursor is None else _read_cursor(cursor)
    look_up = _keys_and_total_at_once if sees_by_name(viewer) else _keys_and_total
    keys, total = look_up(session, conditions, after, limit + 1)
    shown = keys[:limit]
    rows = load_rows(session, viewer, [key.clip for key in shown])
    more = len(keys) > limit
    next_cursor = _write_cursor(shown[-1].sort_at, shown[-1].clip) if more else None
    return ClipPage(rows, min(total, COUNTED), next_cursor, at_least=total > COUNTED)


_Keys = Sequence[Row[Any]]
_Conditions = Sequence[ColumnElement[bool]]


def _keys_and_total(
    session: Session, conditions: _Conditions, after: tuple[str, str] | None, limit: int
) -> tuple[_Keys, int]:
    # A search that finds little has looked at everything by then: what it found is the total, without a second look.
    found = select(CLIP.c.sort_at, CLIP.c.clip).where(*conditions)
    reach = limit if after is not None else max(limit, _COUNTED_ON_THE_WAY)
    keys = fetch(session, _page_of(found, CLIP.c, after, reach))
    whole = after is None and len(keys) < reach
    return keys[:limit], len(keys) if whole else _total(session, conditions)


def _keys_and_total_at_once(
    session: Session, conditions: _Conditions, after: tuple[str, str] | None, limit: int
) -> tuple[_Keys, int]:
    # Gathering the ids of thousands of named clips is what costs, so it is done once for the page and the total.
    found = select(CLIP.c.sort_at, CLIP.c.clip).where(*conditions).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    keys = fetch(session, _page_of(select(found.c.sort_at, found.c.clip, total), found.c, after, limit))
    if keys:
        return keys, keys[0].total
    return keys, 0 if after is None else _total(session, conditions)


def _page_of(query: Select[Any], columns: Any, after: tuple[str, str] | None, limit: int) -> Select[Any]:
    if after is not None:
        query = query.where(tuple_(columns.sort_at, columns.clip) < tuple_(*after))
    return query.order_by(columns.sort_at.desc(), columns.clip.desc()).limit(limit)


def _total(session: Session, conditions: _Conditions) -> int:
    counted = select(CLIP.c.clip).where(*conditions).limit(COUNTED + 1).subquery()
    return session.connection().execute(select(func.count()).select_from(counted)).scalar_one()


def untagged_recordings(session: Session, viewer: Viewer, *, limit: int = 50) -> tuple[RecordingGroup, ...]:
    """Return the newest recordings with an untagged segment, each with all its visible segments in order."""
    query = (
        select(CLIP.c.recording)
        .where(visible_clip(viewer), CLIP.c.tagged.is_(False))
        .order_by(CLIP.c.sort_at.desc(), CLIP.c.recording.desc())
    )
    # Newest first, a recording's first appearance is its newest segment's: few rows are enough unless recordings are
    # long. Only then are all of them looked at.
    clips = fetch(session, query.limit(limit * _USUAL_SEGMENTS))
    recordings = dict.fromkeys(row.recording for row in clips)
    if len(recordings) < limit and len(clips) == limit * _USUAL_SEGMENTS:
        recordings = dict.fromkeys(row.recording for row in fetch(session, query))
    return load_recordings(session, viewer, list(recordings)[:limit])


def recent_places(session: Session, viewer: Viewer, *, limit: int = 6) -> tuple[str, ...]:
    """Return the places that somebody who sees single clips, not a unit, was at lately, the latest first."""
    latest = func.max(CLIP.c.sort_at)
    query = select(CLIP.c.place).where(visible_clip(viewer), CLIP.c.place.is_not(None)).group_by(CLIP.c.place)
    return tuple(row.place for row in fetch(session, query.order_by(latest.desc(), CLIP.c.place).limit(limit)))


def load_recordings(session: Session, viewer: Viewer, recordings: Sequence[str]) -> tuple[RecordingGroup, ...]:
    """Return the visible segments of these recordings, in the order given; one without any is left out."""
    segments = _segments(session, viewer, recordings)
    rows: dict[str, list[ClipRow]] = {recording: [] for recording in recordings}
    for row in load_rows(session, viewer, segments):
        rows[row.recording].append(row)
    return tuple(RecordingGroup(recording, tuple(clips)) for recording, clips in rows.items() if clips)


def expand_recordings(session: Session, viewer: Viewer, clips: Sequence[str]) -> tuple[str, ...]:
    """Return all visible segments of the recordings that the visible ones of `clips` belong to, without repeats."""
    recordings: dict[str, None] = {}
    for part in chunks(clips):
        query = select(CLIP.c.clip, CLIP.c.recording).where(CLIP.c.clip.in_(part), visible_clip(viewer))
        found = {row.clip: row.recording for row in fetch(session, query)}
        recordings |= {found[clip]: None for clip in part if clip in found}
    return tuple(_segments(session, viewer, list(recordings)))


def _segments(session: Session, viewer: Viewer, recordings: Sequence[str]) -> list[str]:
    # Undated clips sort by when they came in; the recorder's own count decides where it has one.
    order = (CLIP.c.recording, CLIP.c.sequence, CLIP.c.sort_at, CLIP.c.clip)
    found: dict[str, list[str]] = {recording: [] for recording in recordings}
    for part in chunks(recordings):
        query = select(CLIP.c.recording, CLIP.c.clip).where(CLIP.c.recording.in_(part), visible_clip(viewer))
        for row in fetch(session, query.order_by(*order)):
            found[row.recording].append(row.clip)
    return [clip for clips in found.values() for clip in clips]


def can_see(session: Session, viewer: Viewer, clip: str) -> bool:
    """Say whether the viewer may know of the clip; False too for one that does not exist."""
    return bool(visible_clips(session, viewer, [clip]))


def visible_clips(session: Session, viewer: Viewer, clips: Sequence[str]) -> frozenset[str]:
    """Return those of `clips` that the viewer may know of."""
    found: set[str] = set()
    for part in chunks(clips):
        query = select(CLIP.c.clip).where(CLIP.c.clip.in_(part), visible_clip(viewer))
        found |= {row.clip for row in fetch(session, query)}
    return frozenset(found)


def clip_digest(session: Session, clip: str) -> ClipBytes:
    """Return what leads to the clip's bytes, for callers that have checked who asks; raises NotFoundError."""
    columns = [CLIP.c[name] for name in ClipBytes.__dataclass_fields__]
    row = session.connection().execute(select(*columns).where(CLIP.c.clip == clip)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no clip {clip}")
    return ClipBytes(**{**row, "file_name": row["file_name"] or ""})


def digests_of(session: Session, clips: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each clip's bytes, for callers that have checked who asks."""
    found: dict[str, str] = {}
    for part in chunks(clips):
        query = select(CLIP.c.clip, CLIP.c.sha256).where(CLIP.c.clip.in_(part))
        found |= {row.clip: row.sha256 for row in fetch(session, query)}
    return found


def clips_of_digest(session: Session, sha256: str) -> tuple[str, ...]:
    """Return the clips whose original has this SHA-256, disposed ones too, first taken in first."""
    query = select(CLIP.c.clip).where(CLIP.c.sha256 == sha256).order_by(CLIP.c.taken_in_at, CLIP.c.clip)
    return tuple(session.connection().scalars(query))


def list_conditions(session: Session, viewer: Viewer, narrowed: ClipFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on `CLIP` that hold for the clips a viewer sees of a list."""
    made: dict[str, Any] = {
        "tagged": lambda value: CLIP.c.tagged.is_(value),
        "collector": lambda value: CLIP.c.collector == value,
        "recorder": lambda value: CLIP.c.recorder == value,
        "important": lambda value: CLIP.c.important.is_(value),
        "time_from": lambda value: CLIP.c.sort_at >= value,
        "time_to": lambda value: CLIP.c.sort_at < value,
        "target": lambda value: CLIP.c.clip.in_(
            select(BINDING.c.clip).where(BINDING.c.target == value, known_binding(viewer))
        ),
        "queue": in_queue,
        "text": lambda value: text_condition(session, viewer, value) if value.strip() else true(),
    }
    given = {name: getattr(narrowed, name) for name in made}
    return [visible_clip(viewer), *(made[name](value) for name, value in given.items() if value is not None)]


def in_queue(queue: Queue) -> ColumnElement[bool]:
    """Return the condition on `CLIP` that it is in a queue."""
    return CLIP.c[_QUEUE_FLAGS[queue]].is_(True)


def _write_cursor(sort_at: str, clip: str) -> str:
    return base64.urlsafe_b64encode(f"{sort_at} {clip}".encode()).decode().rstrip("=")


def cursor_time(cursor: str) -> str:
    """Return the time, as lists are ordered by, of the last clip before a page; raises RequestError."""
    return _read_cursor(cursor)[0]


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        sort_at, _, clip = text.partition(" ")
        parse_time(sort_at)
    except ValueError as error:
        raise RequestError("This page of the list can't be found again", hint="Start from the first page") from error
    return sort_at, clip.replace("\0", "")
