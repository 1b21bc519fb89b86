"""音像记录台账: the register, a line a clip, of what a list shows; read piece by piece, whatever its length."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, RECORDER, fetch, load_bindings, recorder_name
from station.catalogue.clips import list_conditions
from station.catalogue.views import BindingView, ClipFilter, Viewer
from station.catalogue.visibility import CLIP

_COLUMNS = (
    "clip",
    "sha256",
    "seq",
    "file_name",
    "media",
    "container",
    "size_bytes",
    "duration_ms",
    "recorded_at",
    "time_source",
    "time_trust",
    "taken_in_at",
    "place",
    "latitude",
    "longitude",
    "datum",
    "stage",
    "sensitivity",
    "important",
    "damaged",
    "missing_field",
    "clock_doubt",
    "overdue",
    "collector_doubt",
    "checked_at",
    "check_outcome",
    "sort_at",
)


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """One clip in the register; columns as in the catalogue's table of clips, `recorder` as people call it."""

    clip: str
    sha256: str
    seq: int
    file_name: str | None
    media: str
    container: str
    size_bytes: int
    duration_ms: int | None
    recorded_at: str | None
    time_source: str | None
    time_trust: str
    taken_in_at: str
    place: str | None
    latitude: str | None
    longitude: str | None
    datum: str | None
    stage: str
    sensitivity: str
    important: bool
    damaged: bool
    missing_field: bool
    clock_doubt: bool
    overdue: bool
    collector_doubt: str | None
    checked_at: str | None
    check_outcome: str | None
    sort_at: str
    collector: str | None
    police_number: str | None
    recorder: str
    bindings: tuple[BindingView, ...]


def register_lines(
    session: Session, viewer: Viewer, narrowed: ClipFilter, after: RegisterLine | None, limit: int = 500
) -> Iterator[RegisterLine]:
    """Yield the lines that follow `after` (None: from the first), newest recording first, `limit` at most."""
    query = (
        select(
            *(CLIP.c[name] for name in _COLUMNS),
            CLIP.c.recorder,
            CLIP.c.collector_name,
            RECORDER.c.serial,
            RECORDER.c.label,
            PERSON.c.name,
            PERSON.c.police_number,
        )
        .select_from(CLIP)
        .outerjoin(RECORDER, RECORDER.c.recorder == CLIP.c.recorder)
        .outerjoin(PERSON, PERSON.c.person == CLIP.c.collector)
        .where(*list_conditions(session, viewer, narrowed))
        .order_by(CLIP.c.sort_at.desc(), CLIP.c.clip.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(CLIP.c.sort_at, CLIP.c.clip) < tuple_(after.sort_at, after.clip))
    rows = fetch(session, query)
    bindings = load_bindings(session, viewer, [row.clip for row in rows])
    for row in rows:
        yield RegisterLine(
            **{name: row._mapping[name] for name in _COLUMNS},
            collector=row.name or row.collector_name,
            police_number=row.police_number,
            recorder=recorder_name(row.serial, row.label, row.recorder),
            bindings=bindings.get(row.clip, ()),
        )
