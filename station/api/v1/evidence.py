"""Footage for programs: originals and playable copies by ranges (RFC 9110 section 14); the look is entered first."""

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from station.actions import fetching, media
from station.actions.problems import ProblemError
from station.api.auth import RefusedError
from station.api.context import station_of, visit_of
from station.api.v1.enforcing import token_of
from station.api.v1.models import Given, Line, Problem
from station.api.v1.routing import Route
from station.catalogue.clips import ClipBytes, clip_digest
from station.errors import StorageError

_TAG = "Evidence"
_BYTES: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole; its digest in `Repr-Digest` and as `ETag`", "content": _BYTES},
    206: {"description": "The range asked for", "content": _BYTES},
    409: {"model": Problem, "description": "There is nothing to fetch; `code` says why"},
    416: {"description": "There is no such range"},
}


class FetchQuery(Given):
    """Why footage is fetched."""

    purpose: Line | None = Field(
        default=None, max_length=500, description="goes into the log; needed where the person is an inspector only"
    )


def get_original(request: Request, clip: str, query: Annotated[FetchQuery, Query()]) -> Response:
    """Send the original, exactly as it was taken in. The look is in the log, with the token's name, before that."""
    station, held = station_of(request), _held(request, clip)
    path = station.store.path(held.sha256)
    if not path.is_file():
        raise StorageError(f"The original of the clip {clip} is not in the vault")
    _enter(request, clip, "original", query)
    digest = b64encode(bytes.fromhex(held.sha256)).decode()
    more = {"repr-digest": f"sha-256=:{digest}:"}  # RFC 9530: of the whole, also beside a range
    return _send(path, media.original_type(held), f'"{held.sha256}"', more)


def get_playable(request: Request, clip: str, query: Annotated[FetchQuery, Query()]) -> Response:
    """Send what browsers play: the original where they can, else the copy made for it (409 until it is made)."""
    station, held = station_of(request), _held(request, clip)
    footage = media.footage(station.home, station.store, held)
    if footage is None:
        raise ProblemError("copy_missing", "There is no playable copy, or not yet")
    _enter(request, clip, "copy", query)
    return _send(footage.path, footage.media_type, footage.etag, {})


def _held(request: Request, clip: str) -> ClipBytes:
    """Return what leads to the bytes; raises RefusedError for a suspected secret, ProblemError when there are none."""
    with station_of(request).database.read() as session:
        held = clip_digest(session, clip)
    blocked = media.blocked(held)
    if blocked == "suspected_secret":
        raise RefusedError(f"clip:{clip}", blocked)
    if blocked is not None:
        raise ProblemError(f"clip_{blocked}", f"The clip is {blocked}")
    return held


def _enter(request: Request, clip: str, kind: Any, query: FetchQuery) -> None:
    station, visit = station_of(request), visit_of(request)
    fetching.enter_fetch(
        station.custody,
        station.database,
        visit.viewer,
        visit.actor,
        clip,
        kind,
        token_name=token_of(request).name,
        purpose=query.purpose or "",
    )


def _send(path: Path, media_type: str, etag: str, more: dict[str, str]) -> Response:
    headers = {"etag": etag, "content-disposition": "attachment", "cache-control": "no-store", **more}
    return FileResponse(path, media_type=media_type, headers=headers)


ROUTES = (
    Route("GET", "/clips/{clip}/original", get_original, "The original", _TAG, responses=_RESPONSES),
    Route("GET", "/clips/{clip}/playable", get_playable, "A playable copy", _TAG, responses=_RESPONSES),
)
