"""Recordings for programs: the list with the filters of the page; one with its five fields and its place in the log."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request

from station.actions import verify
from station.actions.verify import CheckResult
from station.api.context import station_of, visit_of
from station.api.errors import SlowDownError
from station.api.v1.models import (
    Binding,
    Chain,
    Clip,
    ClipDetail,
    ClipList,
    Cursor,
    Finding,
    FiveField,
    Given,
    Id,
    Line,
    Links,
    Proof,
    TimeRange,
    Verification,
)
from station.api.v1.routing import Route
from station.api.v1.times import utc
from station.catalogue import views
from station.catalogue.clip_detail import clip_detail
from station.catalogue.clips import list_clips
from station.database import Session
from station.errors import NotFoundError
from station.ledger import log
from station.records.draft import Json

_TAG = "Recordings"
_ROOT = "/api/v1/clips"


class ClipQuery(Given):
    """What a list of recordings is narrowed to; nothing: all that the token's person may see."""

    tagged: bool | None = Field(default=None, description="with or without a binding")
    case: Id | None = Field(default=None, description="bound to this case, matter or task, by id")
    collector: Id | None = Field(default=None, description="who recorded it, by id")
    recorder: Id | None = Field(default=None, description="by id")
    important: bool | None = Field(default=None, description="marked on the recorder itself")
    queue: views.Queue | None = Field(default=None, description="what somebody has to look into, and why")
    time_from: str | None = Field(default=None, alias="from", description="recorded or taken in at or after, RFC 3339")
    time_to: str | None = Field(default=None, alias="to", description="recorded or taken in before, RFC 3339")
    q: Line | None = Field(default=None, max_length=200, description="words in names, places, cases, recorders, people")
    cursor: Cursor | None = Field(default=None, description="`next` of the page before")
    limit: int = Field(default=60, ge=1, le=200)


def list_recordings(request: Request, query: Annotated[ClipQuery, Query()]) -> ClipList:
    """Return a page of the recordings the token's person may see, the newest first. No footage is shown by it."""
    station, visit = station_of(request), visit_of(request)
    narrowed = views.ClipFilter(
        tagged=query.tagged,
        collector=query.collector,
        recorder=query.recorder,
        important=query.important,
        time_from=utc(query.time_from),
        time_to=utc(query.time_to),
        target=query.case,
        queue=query.queue,
        text=(query.q or "").strip() or None,
    )
    with station.database.read() as session:
        found = list_clips(session, visit.viewer, narrowed, cursor=query.cursor or None, limit=query.limit)
    items = [Clip.model_validate(_common(row)) for row in found.rows]
    return ClipList(items=items, total=found.total, at_least=found.at_least, next=found.next_cursor)


def _common(row: views.ClipRow) -> dict[str, object]:
    links = Links(
        self=f"{_ROOT}/{row.clip}", original=f"{_ROOT}/{row.clip}/original", playable=f"{_ROOT}/{row.clip}/playable"
    )
    return {
        "clip": row.clip,
        "recording": row.recording,
        "file_name": row.file_name,
        "media": row.media,
        "size_bytes": row.size_bytes,
        "duration_ms": row.duration_ms,
        "recorded_at": row.recorded_at,
        "time_trust": row.time_trust,
        "taken_in_at": row.taken_in_at,
        "stage": row.stage,
        "recorder": row.recorder,
        "recorder_name": row.recorder_name,
        "collector": row.collector_name,
        "place": row.place,
        "important": row.important,
        "sensitivity": row.sensitivity,
        "tagged": row.tagged,
        "check_outcome": row.check_outcome,
        "bindings": [_binding(each) for each in row.bindings],
        "links": links,
    }


def _binding(view: views.BindingView) -> Binding:
    return Binding(
        binding=view.binding,
        kind=view.kind,
        case=view.target,
        number=view.number,
        none_reason=view.none_reason,
        stage=view.stage,
        proves=[
            Proof(text=text, ranges=[TimeRange(start_ms=start, end_ms=end) for start, end in ranges])
            for text, ranges in view.proves
        ],
        note=view.note,
        source=view.source,
        bound_at=view.bound_at,
    )


def get_recording(request: Request, clip: str) -> ClipDetail:
    """Return a recording with its five fields, where each value comes from, its digests and its place in the log."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        return read_recording(session, visit.viewer, clip)


def read_recording(session: Session, viewer: views.Viewer, clip: str) -> ClipDetail:
    """Return a recording as this viewer may see it; raises NotFoundError."""
    detail = clip_detail(session, viewer, clip, leaf_of=lambda seq: log.entry(session, seq).leaf.hex())
    checkpoint = log.latest_checkpoint(session)
    size = checkpoint.size if checkpoint else 0
    chain = Chain(seq=detail.seq, leaf=detail.leaf, sealed=detail.seq < size, log_size=size)
    more = {
        "digests": _digests(log.entry(session, detail.seq).values(), detail.sha256),
        "container": detail.container,
        "device_time": detail.device_time,
        "fields": [
            FiveField(field=each.field, value=each.value, source=each.source, doubt=each.doubt)
            for each in detail.fields
        ],
        "companions": list(detail.companions),
        "readback": detail.readback,
        "checked_at": detail.checked_at,
        "chain": chain,
    }
    return ClipDetail.model_validate(_common(detail.row) | more)


def _digests(parts: Mapping[str, Json], sha256: str) -> dict[str, str]:
    """Return the digests of the entry, and in any case the one by which the original is kept."""
    fact = parts.get("fact")
    digest = fact.get("digest") if isinstance(fact, Mapping) else None
    known = digest if isinstance(digest, Mapping) else {}
    return {**{str(name): str(value) for name, value in known.items()}, "sha256": sha256}


def verify_recording(request: Request, clip: str) -> Verification:
    """Re-read the original now and compare it with its entry under a signed checkpoint; the result is an entry too.

    Two at a time for the whole station: beyond that 429, to be tried again.
    """
    station, visit = station_of(request), visit_of(request)
    if not station.verifying.acquire(blocking=False):
        raise SlowDownError("Two checks are under way already")
    try:
        result = verify.check_clips(station.home, station.database, station.custody, station.store, [clip], visit.actor)
    finally:
        station.verifying.release()
    return _verification(clip, result)


def _verification(clip: str, result: CheckResult) -> Verification:
    if not result.checked_at:
        raise NotFoundError("The check did not come to an end")
    return Verification(
        clip=clip,
        outcome=result.outcome,
        disposed=result.disposed,
        sha256=result.sha256,
        found_sha256=result.found_sha256,
        checked_at=result.checked_at,
        log_size=result.log_size,
        findings=[Finding(code=each.code, about=each.about) for each in (*result.damage, *result.unchecked)],
    )


ROUTES = (
    Route("GET", "/clips", list_recordings, "Recordings, page by page", _TAG, ClipList),
    Route("GET", "/clips/{clip}", get_recording, "One recording", _TAG, ClipDetail),
    Route("POST", "/clips/{clip}/verification", verify_recording, "Verify a recording now", _TAG, Verification),
)
