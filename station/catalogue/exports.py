"""Exports of court packages as people see them: one's own to decide or to produce, and what became of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, true
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, chunks, fetch
from station.catalogue.reviews import has_reviewed
from station.catalogue.views import Viewer
from station.catalogue.visibility import CLIP, EXPORT, HANDLER, TARGET, visible_export
from station.errors import NotFoundError
from station.records.terms import ClipStage


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export: `clips` are the ids asked for, `bytes_asked` the size of their originals, `words` the reason in words.

    `status` is requested, approved, refused or produced. Names are None where nobody did it yet, or no person did.
    """

    export: str
    target: str
    number: str
    title: str
    unit: str
    clips: tuple[str, ...]
    bytes_asked: int
    videos: int
    reason: str
    words: str
    playable: bool
    disclosure: bool
    status: str
    requested_at: str
    requested_by: str | None
    requested_by_name: str | None
    decided_at: str | None
    decided_by_name: str | None
    decision: str
    produced_at: str | None
    produced_by_name: str | None
    log_size: int | None
    tagmanifest: str | None
    size_bytes: int | None
    files: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """What a person was and is in a case: its handler, its reviewer, or somebody who decided in it."""

    handles: bool
    decided: bool
    reviewed: bool = False


def list_exports(
    session: Session, viewer: Viewer, *, target: str | None = None, limit: int = 200
) -> tuple[ExportRow, ...]:
    """Return the exports the viewer may know of, of one case or of all, the newest first."""
    of_target = EXPORT.c.target == target if target is not None else true()
    return _rows(session, visible_export(viewer), of_target, limit=limit)


def export_row(session: Session, viewer: Viewer, export: str) -> ExportRow:
    """Return an export; raises NotFoundError when there is none or the viewer may not know of it."""
    found = _rows(session, visible_export(viewer), EXPORT.c.export == export, limit=1)
    if not found:
        raise NotFoundError(f"There is no export {export}")
    return found[0]


def export_exists(session: Session, export: str) -> bool:
    """Tell whether there is an export of that id, whoever may know of it."""
    return bool(fetch(session, select(EXPORT.c.export).where(EXPORT.c.export == export)))


def part_in_case(session: Session, target: str, person: str) -> Part:
    """Return what a person is in a case; what they decided as long ago as the case exists counts."""
    handles = select(HANDLER.c.person).where(HANDLER.c.target == target, HANDLER.c.person == person)
    decided = select(EXPORT.c.export).where(EXPORT.c.target == target, EXPORT.c.decided_by == person)
    reviewed = has_reviewed(session, target, person)
    return Part(bool(fetch(session, handles)), bool(fetch(session, decided)), reviewed)


def _rows(session: Session, *conditions: ColumnElement[bool], limit: int) -> tuple[ExportRow, ...]:
    query = (
        select(EXPORT, TARGET.c.number, TARGET.c.title, TARGET.c.unit)
        .outerjoin(TARGET, TARGET.c.target == EXPORT.c.target)
        .where(*conditions)
        .order_by(EXPORT.c.seq.desc())
        .limit(limit)
    )
    rows = fetch(session, query)
    people = _names(session, [each for row in rows for each in (row.requested_by, row.decided_by, row.produced_by)])
    return tuple(_row(session, row, people) for row in rows)


def _row(session: Session, row: Row[Any], people: dict[str, str]) -> ExportRow:
    clips = tuple(json.loads(row.clips))
    size_bytes, videos = _size(session, clips)
    return ExportRow(
        export=row.export,
        target=row.target,
        number=row.number or "",
        title=row.title or "",
        unit=row.unit or "",
        clips=clips,
        bytes_asked=size_bytes,
        videos=videos,
        reason=row.reason,
        words=row.words,
        playable=bool(row.playable),
        disclosure=bool(row.disclosure),
        status=row.status,
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        requested_by_name=people.get(row.requested_by or ""),
        decided_at=row.decided_at,
        decided_by_name=people.get(row.decided_by or ""),
        decision=row.decision,
        produced_at=row.produced_at,
        produced_by_name=people.get(row.produced_by or ""),
        log_size=row.log_size,
        tagmanifest=row.tagmanifest,
        size_bytes=row.size_bytes,
        files=row.files,
    )


def _size(session: Session, clips: Sequence[str]) -> tuple[int, int]:
    """Return the bytes of these clips' originals, and how many of them are whole videos."""
    size_bytes = videos = 0
    for part in chunks(clips):
        totals = (func.sum(CLIP.c.size_bytes).label("total"), func.count().label("clips"))
        kept = select(CLIP.c.media, CLIP.c.stage, *totals)
        for row in fetch(session, kept.where(CLIP.c.clip.in_(part)).group_by(CLIP.c.media, CLIP.c.stage)):
            whole = row.stage in (ClipStage.SEALED, ClipStage.PROBED)
            size_bytes += int(row.total) if row.stage != ClipStage.DISPOSED else 0
            videos += row.clips if whole and row.media == "video" else 0
    return size_bytes, videos


def _names(session: Session, persons: Sequence[str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(sorted({each for each in persons if each})):
        query = select(PERSON.c.person, PERSON.c.name).where(PERSON.c.person.in_(part))
        found |= {row.person: row.name or row.person for row in fetch(session, query)}
    return found
