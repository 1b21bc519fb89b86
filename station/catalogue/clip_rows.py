"""Clips and their bindings as views, loaded for a whole page at once: a few statements however many clips there are.

The caller has decided that the viewer may see these clips; bindings are narrowed here to what the viewer may know.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, Select, select
from sqlmodel import Session

from station.catalogue.tables import metadata
from station.catalogue.views import BindingView, ClipRow, Viewer
from station.catalogue.visibility import BINDING, CLIP, TARGET, known_binding

PERSON = metadata.tables["catalogue_person"]
RECORDER = metadata.tables["catalogue_recorder"]
PROVES = metadata.tables["catalogue_proves"]
DISCLAIMER = metadata.tables["catalogue_disclaimer"]

CHUNK = 5000  # ids in one statement; SQLite takes 32766 parameters, PostgreSQL 65535
_Item = TypeVar("_Item")

_ROW_QUERY = (
    select(
        CLIP.c.clip,
        CLIP.c.recording,
        CLIP.c.file_name,
        CLIP.c.media,
        CLIP.c.size_bytes,
        CLIP.c.duration_ms,
        CLIP.c.recorded_at,
        CLIP.c.time_trust,
        CLIP.c.taken_in_at,
        CLIP.c.stage,
        CLIP.c.playable,
        CLIP.c.important,
        CLIP.c.sequence,
        CLIP.c.recorder,
        RECORDER.c.serial,
        RECORDER.c.label,
        PERSON.c.name.label("person_name"),
        CLIP.c.collector_name,
        CLIP.c.place,
        CLIP.c.sensitivity,
        CLIP.c.tagged,
        CLIP.c.in_doubt,
        CLIP.c.overdue,
        CLIP.c.sort_at,
        CLIP.c.conflicts,
        CLIP.c.missing_bytes,
        CLIP.c.check_outcome,
    )
    .select_from(CLIP)
    .outerjoin(RECORDER, RECORDER.c.recorder == CLIP.c.recorder)
    .outerjoin(PERSON, PERSON.c.person == CLIP.c.collector)
)


def fetch(session: Session, query: Select[Any]) -> Sequence[Row[Any]]:
    """Return all rows of a query."""
    return session.connection().execute(query).all()


def chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield the items in lists short enough to be the parameters of one statement."""
    whole = list(items)
    for start in range(0, len(whole), CHUNK):
        yield whole[start : start + CHUNK]


def recorder_name(serial: str | None, label: str | None, recorder: str) -> str:
    """Return what people call a recorder: its serial, else its label, else the start of its id."""
    return serial or label or recorder[:8]


def load_rows(session: Session, viewer: Viewer, clips: Sequence[str]) -> tuple[ClipRow, ...]:
    """Return the clips in the order given, each with the bindings the viewer may know; unknown ids are left out."""
    found: dict[str, Row[Any]] = {}
    for part in chunks(clips):
        found |= {row.clip: row for row in fetch(session, _ROW_QUERY.where(CLIP.c.clip.in_(part)))}
    bindings = load_bindings(session, viewer, clips)
    doubted = [clip for clip, row in found.items() if row.in_doubt]
    disclaimers = _load_disclaimers(session, doubted)
    return tuple(
        _clip_row(found[clip], bindings.get(clip, ()), disclaimers.get(clip, ())) for clip in clips if clip in found
    )


_Disclaimers = tuple[tuple[str, str], ...]


def _load_disclaimers(session: Session, clips: Sequence[str]) -> dict[str, _Disclaimers]:
    """Return who said of each clip that it is not theirs, by name, and when, oldest first."""
    query = select(DISCLAIMER.c.clip, DISCLAIMER.c.at, DISCLAIMER.c.person, PERSON.c.name).outerjoin(
        PERSON, PERSON.c.person == DISCLAIMER.c.person
    )
    said: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for part in chunks(clips):
        for row in fetch(
            session, query.where(DISCLAIMER.c.clip.in_(part)).order_by(DISCLAIMER.c.at, DISCLAIMER.c.person)
        ):
            said[row.clip].append((row.name or row.person, row.at))
    return {clip: tuple(lines) for clip, lines in said.items()}


def load_bindings(session: Session, viewer: Viewer, clips: Sequence[str]) -> dict[str, tuple[BindingView, ...]]:
    """Return the known bindings of each clip, oldest first; clips without any are absent."""
    query = (
        select(BINDING, TARGET.c.number, TARGET.c.title, PERSON.c.name.label("maker"))
        .outerjoin(TARGET, TARGET.c.target == BINDING.c.target)
        .outerjoin(PERSON, PERSON.c.person == BINDING.c.bound_by)
        .where(known_binding(viewer))
        .order_by(BINDING.c.bound_at, BINDING.c.binding)
    )
    rows = [row for part in chunks(clips) for row in fetch(session, query.where(BINDING.c.clip.in_(part)))]
    proves = load_proves(session, [row.binding for row in rows])
    grouped: defaultdict[str, list[BindingView]] = defaultdict(list)
    for row in rows:
        grouped[row.clip].append(_binding_view(row, tuple(proves.get(row.binding, ()))))
    return {clip: tuple(views) for clip, views in grouped.items()}


Proven = tuple[str, tuple[tuple[int, int], ...]]


def load_proves(session: Session, bindings: Sequence[str]) -> dict[str, list[Proven]]:
    """Return what each binding proves, in order; bindings that state nothing are absent."""
    grouped: defaultdict[str, list[Proven]] = defaultdict(list)
    for part in chunks(bindings):
        query = select(PROVES).where(PROVES.c.binding.in_(part)).order_by(PROVES.c.binding, PROVES.c.position)
        for row in fetch(session, query):
            ranges = tuple((int(start), int(end)) for start, end in json.loads(row.ranges))
            grouped[row.binding].append((row.text, ranges))
    return grouped


def _binding_view(row: Row[Any], proves: tuple[Proven, ...]) -> BindingView:
    return BindingView(
        binding=row.binding,
        action=row.action,
        clip=row.clip,
        kind=row.kind,
        target=row.target,
        number=row.number,
        title=row.title,
        none_reason=row.none_reason,
        stage=row.stage,
        proves=proves,
        note=row.note,
        source=row.source,
        bound_at=row.bound_at,
        bound_by_name=row.maker,
    )


def _clip_row(row: Row[Any], bindings: tuple[BindingView, ...], disclaimers: _Disclaimers) -> ClipRow:
    return ClipRow(
        clip=row.clip,
        recording=row.recording,
        file_name=row.file_name or "",
        media=row.media,
        size_bytes=row.size_bytes,
        duration_ms=row.duration_ms,
        recorded_at=row.recorded_at,
        time_trust=row.time_trust,
        taken_in_at=row.taken_in_at,
        stage=row.stage,
        playable=row.playable,
        important=bool(row.important),
        sequence=row.sequence,
        recorder=row.recorder,
        recorder_name=recorder_name(row.serial, row.label, row.recorder),
        collector_name=row.person_name or row.collector_name,
        place=row.place,
        sensitivity=row.sensitivity,
        tagged=bool(row.tagged),
        conflicts=row.conflicts,
        missing_bytes=row.missing_bytes,
        check_outcome=row.check_outcome,
        bindings=bindings,
        in_doubt=bool(row.in_doubt),
        disclaimers=disclaimers,
        overdue=bool(row.overdue),
        sort_at=row.sort_at,
    )
