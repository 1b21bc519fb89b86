"""All of one clip's page except its bytes, and the five fields (音像记录要素) with where each value comes from."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, fetch, load_rows
from station.catalogue.clips import load_recordings
from station.catalogue.history_lines import BETWEEN, DOCKING, clip_history
from station.catalogue.tables import metadata
from station.catalogue.views import BindingView, ClipDetail, ClipRow, FieldView, Viewer
from station.catalogue.visibility import CLIP, TARGET, visible_clip
from station.errors import NotFoundError
from station.records.terms import Source, TargetKind, TimeTrust

COMPANION = metadata.tables["catalogue_companion"]
FIELDS = ("case_number", "time", "place", "collector", "proves")
_CLOCK_DOUBTS = {TimeTrust.SUSPICIOUS.value: "clock_suspicious", TimeTrust.UNKNOWN.value: "clock_unknown"}


def clip_detail(session: Session, viewer: Viewer, clip: str, *, leaf_of: Callable[[int], str]) -> ClipDetail:
    """Return the clip's page; `leaf_of` gives the hex leaf of a ledger entry by its seq.

    Raises NotFoundError when there is no such clip, or this viewer may not know of it: the two look alike.
    """
    stored = _stored(session, viewer, clip)
    (row,) = load_rows(session, viewer, [clip])
    (recording,) = load_recordings(session, viewer, [stored.recording])
    return ClipDetail(
        row=row,
        sha256=stored.sha256,
        container=stored.container,
        width=stored.width,
        height=stored.height,
        frame_rate=stored.frame_rate,
        video_codec=stored.video_codec,
        audio_codec=stored.audio_codec,
        probe_text=stored.probe_text,
        path=stored.path,
        device_time=stored.device_time,
        zone=stored.zone,
        fields=five_fields(session, stored, row),
        bindings=row.bindings,
        companions=_companions(session, clip),
        segments=recording.clips,
        history=clip_history(session, viewer, clip),
        docking=stored.docking,
        docked_at=stored.started_at or stored.taken_in_at,
        readback=stored.readback,
        checked_at=stored.checked_at,
        seq=stored.seq,
        leaf=leaf_of(stored.seq),
        coordinates=_coordinates(stored),
    )


def clip_fields(session: Session, viewer: Viewer, clip: str) -> tuple[ClipRow, tuple[FieldView, ...]]:
    """Return a clip as in a list, and its five fields; raises NotFoundError as `clip_detail` does."""
    stored = _stored(session, viewer, clip)
    (row,) = load_rows(session, viewer, [clip])
    return row, five_fields(session, stored, row)


def _stored(session: Session, viewer: Viewer, clip: str) -> Row[Any]:
    query = (
        select(CLIP, DOCKING.c.started_at)
        .outerjoin(DOCKING, DOCKING.c.docking == CLIP.c.docking)
        .where(CLIP.c.clip == clip, visible_clip(viewer))
    )
    row = session.connection().execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no clip {clip}, or it is not for you to see")
    return row


def _companions(session: Session, clip: str) -> tuple[str, ...]:
    query = (
        select(COMPANION.c.person, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.person == COMPANION.c.person)
        .where(COMPANION.c.clip == clip)
        .order_by(PERSON.c.name, COMPANION.c.person)
    )
    return tuple(row.name or row.person for row in fetch(session, query))


def five_fields(session: Session, stored: Row[Any], row: ClipRow) -> tuple[FieldView, ...]:
    """Return the five fields in the order of the rules; case number and proofs only from bindings the viewer knows."""
    return (
        _case_number(session, row.bindings),
        FieldView("time", stored.recorded_at, stored.time_source, _CLOCK_DOUBTS.get(stored.time_trust)),
        _place(stored),
        FieldView("collector", row.collector_name, stored.collector_source, stored.collector_doubt),
        _proves(row.bindings),
    )


def _case_number(session: Session, bindings: tuple[BindingView, ...]) -> FieldView:
    # A pending matter or a task counts as tagged, but only a case has a case number (design, The five fields).
    cases = {each.target: each.number for each in bindings if each.kind == TargetKind.CASE and each.number}
    if not cases:
        return FieldView("case_number", None, None)
    query = select(TARGET.c.target, TARGET.c.number_source).where(TARGET.c.target.in_([key for key in cases if key]))
    sources = {row.target: row.number_source for row in fetch(session, query)}
    return FieldView("case_number", BETWEEN.join(number or "" for number in cases.values()), sources[next(iter(cases))])


def _coordinates(stored: Row[Any]) -> tuple[str, str, str] | None:
    if stored.latitude is None or stored.longitude is None:
        return None
    return stored.latitude, stored.longitude, stored.datum or "unknown"


def _place(stored: Row[Any]) -> FieldView:
    value, coordinates = stored.place, _coordinates(stored)
    if value is None and coordinates is not None:
        value = "{}, {} ({})".format(*coordinates)
    return FieldView("place", value, stored.place_source)


def _proves(bindings: tuple[BindingView, ...]) -> FieldView:
    texts = dict.fromkeys(text for each in bindings for text, _ranges in each.proves)
    source = next((each.source for each in bindings if each.proves), None)
    return FieldView("proves", BETWEEN.join(texts) or None, Source(source).value if source else None)
