"""What other recorders recorded while a clip was recorded, by the corrected times of both."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from station.catalogue.clip_rows import fetch, load_rows
from station.catalogue.views import ClipRow, Viewer
from station.catalogue.visibility import CLIP, visible_clip
from station.clock import format_time, parse_time
from station.records.terms import Sensitivity, TimeTrust

LOOKED_BACK = timedelta(hours=12)  # the longest a clip lasts: a shift
AT_MOST = 12


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Another recorder's clip that overlaps; `offset_ms` is how much later than this one it begins (earlier: < 0).

    `start_ms` and `end_ms` are the moments in it, from its own start, between which both recorded.
    """

    row: ClipRow
    offset_ms: int
    start_ms: int
    end_ms: int


def meanwhile(session: Session, viewer: Viewer, clip: str) -> tuple[tuple[Meanwhile, ...], int]:
    """Return the clips of other recorders that overlap in time, by their begin, and how many more there are.

    Nothing outside the viewer's sight is among them or counted; nor is a suspected secret, nor what has no length or
    a time that can't be relied on.
    """
    reliable = (CLIP.c.time_trust == TimeTrust.PLAIN.value, CLIP.c.recorded_at.is_not(None), CLIP.c.duration_ms > 0)
    spans = select(CLIP.c.clip, CLIP.c.recorder, CLIP.c.recorded_at, CLIP.c.duration_ms).where(
        visible_clip(viewer), CLIP.c.sensitivity != Sensitivity.SUSPECTED_SECRET.value, *reliable
    )
    own = session.connection().execute(spans.where(CLIP.c.clip == clip)).one_or_none()
    if own is None:
        return (), 0
    start = parse_time(own.recorded_at)
    end = start + timedelta(milliseconds=own.duration_ms)
    # sort_at is the time a clip was recorded at where that is known, and has the index.
    query = spans.where(
        CLIP.c.sort_at >= format_time(start - LOOKED_BACK),
        CLIP.c.sort_at < format_time(end),
        CLIP.c.recorder != own.recorder,
    ).order_by(CLIP.c.sort_at, CLIP.c.clip)
    found = {}
    for row in fetch(session, query):
        begin = parse_time(row.recorded_at)
        until = begin + timedelta(milliseconds=row.duration_ms)
        if begin < end and until > start:
            found[row.clip] = (begin, max(begin, start), min(until, end))
    rows = load_rows(session, viewer, list(found)[:AT_MOST])
    return tuple(_neighbour(row, start, *found[row.clip]) for row in rows), len(found) - len(rows)


def _neighbour(row: ClipRow, start: datetime, begin: datetime, since: datetime, until: datetime) -> Meanwhile:
    return Meanwhile(row, _ms(begin - start), _ms(since - begin), _ms(until - begin))


def _ms(length: timedelta) -> int:
    return round(length / timedelta(milliseconds=1))
