"""A day's recordings in the order of the clock, recorder by recorder: what the strip above a list is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlmodel import Session

from station.catalogue.clip_rows import RECORDER, fetch, recorder_name
from station.catalogue.clips import list_conditions
from station.catalogue.views import ClipFilter, Viewer
from station.catalogue.visibility import CLIP
from station.clock import parse_time
from station.records.terms import TimeTrust

CLIPS_A_DAY = 2000  # more than sixty recorders record in a shift; beyond it the latest are looked at
LANES = 12  # of a busier day, those that recorded last, as the list begins with them


@dataclass(frozen=True, slots=True)
class Span:
    """A recording: `clip` is its first segment of the day, `tagged` tells that no segment is left to be tagged."""

    clip: str
    start: datetime
    end: datetime
    segments: int
    tagged: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """What one recorder recorded that day, the latest first."""

    recorder: str
    name: str
    spans: tuple[Span, ...]


def day_lanes(session: Session, viewer: Viewer, narrowed: ClipFilter) -> tuple[tuple[Lane, ...], int]:
    """Return the recordings of a list, `narrowed` to a day, by recorder, and how many recorders more there are.

    A recording whose time can't be relied on is not among them.
    """
    query = (
        select(
            CLIP.c.clip,
            CLIP.c.recording,
            CLIP.c.recorder,
            CLIP.c.recorded_at,
            CLIP.c.duration_ms,
            CLIP.c.tagged,
            RECORDER.c.serial,
            RECORDER.c.label,
        )
        .outerjoin(RECORDER, RECORDER.c.recorder == CLIP.c.recorder)
        .where(*list_conditions(session, viewer, narrowed), CLIP.c.time_trust == TimeTrust.PLAIN.value)
        .where(CLIP.c.recorded_at.is_not(None))
        .order_by(CLIP.c.sort_at.desc(), CLIP.c.clip.desc())
        .limit(CLIPS_A_DAY)
    )
    lanes: dict[str, dict[str, list[Row[Any]]]] = {}
    names: dict[str, str] = {}
    for row in fetch(session, query):
        lanes.setdefault(row.recorder, {}).setdefault(row.recording, []).append(row)
        names[row.recorder] = recorder_name(row.serial, row.label, row.recorder)
    latest = list(lanes.items())[:LANES]
    made = (Lane(key, names[key], tuple(map(_span, recordings.values()))) for key, recordings in latest)
    return tuple(sorted(made, key=lambda lane: (lane.name, lane.recorder))), len(lanes) - len(latest)


def _span(rows: Sequence[Row[Any]]) -> Span:
    starts = [parse_time(row.recorded_at) for row in rows]
    ends = [start + timedelta(milliseconds=row.duration_ms or 0) for start, row in zip(starts, rows, strict=True)]
    return Span(rows[-1].clip, min(starts), max(ends), len(rows), all(row.tagged for row in rows))
