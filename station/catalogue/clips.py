"""Lists of clips as one viewer sees them, and short answers about single clips.

Guarantee: a page never tells of a clip outside the viewer's sight, nor counts one. Pages are cut by key (`sort_at`,
clip), so one that is read while clips come in neither repeats nor loses a row.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, not_, or_, select, tuple_
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, RECORDER, chunks, fetch, load_rows
from station.catalogue.folding import fold_number
from station.catalogue.views import ClipFilter, ClipPage, ClipRow, RecordingGroup, Viewer
from station.catalogue.visibility import BINDING, CLIP, TARGET, known_binding, visible_clip
from station.errors import NotFoundError, RequestError
from station.records.terms import ClipStage


@dataclass(frozen=True, slots=True)
class ClipBytes:
    """What is needed to hand out a clip's footage; `stage` and `sensitivity` may forbid it."""

    clip: str
    sha256: str
    size_bytes: int
    container: str
    playable: str | None
    media: str
    sensitivity: str
    stage: str
    file_name: str


def damaged_clip() -> ColumnElement[bool]:
    """Return the condition on `CLIP` that its bytes are in doubt: missing, contradicted, or altered."""
    return or_(
        CLIP.c.stage == ClipStage.INCOMPLETE.value,
        CLIP.c.missing_bytes > 0,
        CLIP.c.conflicts > 0,
        CLIP.c.check_outcome == "damaged",
    )


def list_clips(
    session: Session, viewer: Viewer, narrowed: ClipFilter, *, cursor: str | None = None, limit: int = 60
) -> ClipPage:
    """Return one page, newest first, and how many clips match in all; raises RequestError for a made-up cursor."""
    conditions = [visible_clip(viewer), *_conditions(viewer, narrowed)]
    order = (CLIP.c.sort_at.desc(), CLIP.c.clip.desc())
    page = select(CLIP.c.sort_at, CLIP.c.clip).where(*conditions).order_by(*order).limit(limit + 1)
    if cursor is not None:
        page = page.where(tuple_(CLIP.c.sort_at, CLIP.c.clip) < tuple_(*_read_cursor(cursor)))
    keys = fetch(session, page)
    total = session.connection().execute(select(func.count()).select_from(CLIP).where(*conditions)).scalar_one()
    shown = keys[:limit]
    rows = load_rows(session, viewer, [key.clip for key in shown])
    more = len(keys) > limit
    return ClipPage(rows, total, _write_cursor(shown[-1].sort_at, shown[-1].clip) if more else None)


def untagged_recordings(session: Session, viewer: Viewer, *, limit: int = 50) -> tuple[RecordingGroup, ...]:
    """Return the newest recordings with an untagged segment, each with all its visible segments in order."""
    visible = visible_clip(viewer)
    newest = func.max(CLIP.c.sort_at).label("newest")
    query = (
        select(CLIP.c.recording, newest)
        .where(visible, CLIP.c.tagged == False)  # noqa: E712
        .group_by(CLIP.c.recording)
        .order_by(newest.desc(), CLIP.c.recording.desc())
        .limit(limit)
    )
    return load_recordings(session, viewer, [row.recording for row in fetch(session, query)])


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


def _conditions(viewer: Viewer, narrowed: ClipFilter) -> list[ColumnElement[bool]]:
    made: dict[str, Any] = {
        "tagged": lambda value: CLIP.c.tagged == value,
        "collector": lambda value: CLIP.c.collector == value,
        "recorder": lambda value: CLIP.c.recorder == value,
        "important": lambda value: CLIP.c.important == value,
        "time_from": lambda value: CLIP.c.sort_at >= value,
        "time_to": lambda value: CLIP.c.sort_at < value,
        "target": lambda value: CLIP.c.clip.in_(_bound_to(viewer, BINDING.c.target == value)),
        "damaged": lambda value: damaged_clip() if value else not_(func.coalesce(damaged_clip(), False)),
        "text": lambda value: _text_condition(viewer, value),
    }
    given = {name: getattr(narrowed, name) for name in made}
    return [made[name](value) for name, value in given.items() if value is not None]


def _bound_to(viewer: Viewer, condition: ColumnElement[bool]) -> Any:
    return select(BINDING.c.clip).where(condition, known_binding(viewer))


def _text_condition(viewer: Viewer, text: str) -> ColumnElement[bool]:
    wanted = text.strip().lower()
    people = select(PERSON.c.person).where(func.lower(PERSON.c.name).contains(wanted, autoescape=True))
    named = [func.lower(TARGET.c.title).contains(wanted, autoescape=True)]
    if folded := fold_number(text):
        named.append(TARGET.c.folded.contains(folded, autoescape=True))
    targets = select(TARGET.c.target).where(or_(*named))
    recorders = select(RECORDER.c.recorder).where(
        or_(*(func.lower(RECORDER.c[name]).contains(wanted, autoescape=True) for name in ("serial", "label")))
    )
    return or_(
        func.lower(CLIP.c.file_name).contains(wanted, autoescape=True),
        func.lower(CLIP.c.place).contains(wanted, autoescape=True),
        func.lower(CLIP.c.collector_name).contains(wanted, autoescape=True),
        CLIP.c.collector.in_(people),
        CLIP.c.recorder.in_(recorders),
        CLIP.c.clip.in_(_bound_to(viewer, BINDING.c.target.in_(targets))),
    )


def _write_cursor(sort_at: str, clip: str) -> str:
    return base64.urlsafe_b64encode(f"{sort_at} {clip}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeError) as error:
        raise RequestError("This page of the list can't be found again", hint="Start from the first page") from error
    sort_at, parted, clip = text.partition(" ")
    if not parted:
        raise RequestError("This page of the list can't be found again", hint="Start from the first page")
    return sort_at, clip
