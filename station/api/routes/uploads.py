"""Recordings from other sources (手机、办案区监控等): the clerk's page, and the server of the uploads themselves.

The protocol is tus 1.0.0 (https://tus.io/protocols/resumable-upload): core, and the extensions Creation, Expiration
and Termination. Guarantee: an upload is its sender's; for anybody else it does not exist.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from station import clock
from station.actions import uploads as actions
from station.actions.problems import ProblemError
from station.actions.uploads import BusyError, OffsetError, Receiving, Wanted
from station.api.context import station_of, visit_of
from station.api.forms import choice, utc_time
from station.api.render import render, translator_of
from station.api.upload_pages import UploadLine, UploadsPage
from station.errors import ConflictError, NoSpaceError, NotFoundError, RequestError
from station.records.terms import Origin
from station.state import uploads
from station.state.uploads import UploadView

_VERSION = "1.0.0"
_PIECE = "application/offset+octet-stream"
_EXTENSIONS = "creation,expiration,termination"
_METADATA_CHARACTERS = 16_000
_ORIGINS = (Origin.PHONE, Origin.ROOM_CAMERA, Origin.OTHER)
# Statuses that the protocol names; all other errors are answered as everywhere.
_STATUSES: Mapping[type[Exception], tuple[int, str]] = {
    OffsetError: (409, "upload_offset"),
    BusyError: (423, "upload_busy"),
    NoSpaceError: (507, "upload_no_space"),
    NotFoundError: (404, "upload_gone"),
    RequestError: (400, "invalid"),
    ConflictError: (409, "conflict"),
}


def uploads_page(request: Request) -> Response:
    """Show the visitor's uploads, how to send more, and the watched folder."""
    return render(request, "uploads.html", _page(request), visit=visit_of(request))


def upload_rows(request: Request) -> Response:
    """Send only the list, for a script that looks how far things are."""
    return render(request, "upload_rows.html", _page(request), visit=visit_of(request))


def _page(request: Request) -> UploadsPage:
    station, visit = station_of(request), visit_of(request)
    settings = station.home.settings
    with station.database.read() as session:
        own = uploads.list_own(session, visit.person.person)
        files = uploads.files(session) if settings.inbox else ()
        officers = station.officers(session, visit.viewer.unit)
    lines = tuple(
        UploadLine(each, actions.received(station.home, each), actions.expires_at(station.home, each)) for each in own
    )
    return UploadsPage(
        lines=lines,
        origins=tuple(each.value for each in _ORIGINS),
        officers=officers,
        most_bytes=settings.upload_bytes,
        days=settings.upload_days,
        # The folder's contents count as the station's unit's.
        inbox=settings.inbox if settings.inbox and visit.viewer.unit == settings.unit else None,
        files=files if visit.viewer.unit == settings.unit else (),
    )


def describe(request: Request) -> Response:
    """Say what of the protocol is spoken here (OPTIONS)."""
    most = str(station_of(request).home.settings.upload_bytes)
    told = {"tus-version": _VERSION, "tus-extension": _EXTENSIONS, "tus-max-size": most}
    return _answer(204, told)


def create(request: Request) -> Response:
    """Make room for an upload (Creation), with what is said of it in the metadata."""
    if request.headers.get("tus-resumable") != _VERSION:
        return _answer(412, {"tus-version": _VERSION})
    station, visit = station_of(request), visit_of(request)
    try:
        wanted = _wanted(request)
        made = actions.begin(station.database, station.home, visit.viewer, visit.actor, wanted)
    except ProblemError as error:
        return _problem(request, 413 if error.code == "upload_large" else 400, error.code)
    except NoSpaceError:
        return _problem(request, 507, "upload_no_space")
    return _answer(201, {"location": f"/uploads/{made.upload}", **_expiry(request, made)})


def _wanted(request: Request) -> Wanted:
    told = _metadata(request.headers.get("upload-metadata", ""))
    size = request.headers.get("upload-length", "")
    origin = choice(told.get("origin", ""), Origin)
    if not (size.isascii() and size.isdigit()) or len(size) > 18:
        raise ProblemError("invalid", "The length of an upload is told beforehand")
    target = told.get("target", "")
    if target:
        origin = Origin.DOCUMENT
    elif origin not in _ORIGINS:
        raise ProblemError("origin_missing", "What it was made with was not chosen")
    return Wanted(
        name=told.get("filename", ""),
        size_bytes=int(size),
        origin=origin,
        modified_at=_modified(told.get("modified", "")),
        sha256=told.get("sha256", ""),
        device=told.get("device", ""),
        from_whom=told.get("from_whom", ""),
        note=told.get("note", ""),
        collector=told.get("collector") or None,
        collector_name=" ".join(told.get("collector_name", "").split()) or None,
        target=target,
        recorded_at=utc_time(told.get("recorded_at", ""), station_of(request).home.zone),
    )


def _metadata(header: str) -> dict[str, str]:
    """Read `Upload-Metadata`: keys with values in base64, parted by commas; raises ProblemError invalid."""
    if len(header) > _METADATA_CHARACTERS:
        raise ProblemError("invalid", "There is too much metadata")
    try:
        pairs = [each.strip().partition(" ") for each in header.split(",") if each.strip()]
        return {key: base64.b64decode(value.strip(), validate=True).decode() for key, _, value in pairs}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ProblemError("invalid", "The metadata can't be read") from error


def _modified(text: str) -> str | None:
    """Return the file's own time, milliseconds since 1970 as browsers tell it; nonsense is no time."""
    if not (text.isascii() and text.isdigit()):
        return None
    try:
        return clock.format_time(datetime.fromtimestamp(int(text) / 1000, UTC))
    except (OverflowError, OSError, ValueError):
        return None


def tell_offset(request: Request, upload: str) -> Response:
    """Say how much of an upload is here (HEAD)."""
    station, visit = station_of(request), visit_of(request)
    try:
        found = actions.find_own(station.database, visit.person.person, upload)
    except NotFoundError:
        return _answer(404)
    offset = found.size_bytes if found.state != "receiving" else actions.received(station.home, found)
    if found.state == "receiving" and offset == found.size_bytes:
        # The station stopped after the last byte, before noting it.
        actions.mark_arrived(station.database, station.home, found)
    told = {"upload-offset": str(offset), "upload-length": str(found.size_bytes)}
    return _answer(200, told | _expiry(request, found))


async def add_piece(request: Request, upload: str) -> Response:
    """Add what follows (PATCH); what came before a line broke counts."""
    station, visit = station_of(request), visit_of(request)
    if request.headers.get("content-type") != _PIECE:
        return _problem(request, 415, "invalid")
    try:
        found = await run_in_threadpool(actions.find_own, station.database, visit.person.person, upload)
        receiving = Receiving(station.home, found, _offset(request))
        whole = await _receive(request, receiving)
        if whole:
            await run_in_threadpool(actions.mark_arrived, station.database, station.home, found)
    except ClientDisconnect:
        return _answer(400)
    except tuple(_STATUSES) as error:
        status, code = next(answer for kind, answer in _STATUSES.items() if isinstance(error, kind))
        return _problem(request, status, code)
    return _answer(204, {"upload-offset": str(receiving.offset), **_expiry(request, found)})


async def _receive(request: Request, receiving: Receiving) -> bool:
    await run_in_threadpool(receiving.__enter__)
    try:
        async for data in request.stream():
            await run_in_threadpool(receiving.write, data)
        return await run_in_threadpool(receiving.finish)
    finally:
        receiving.__exit__(None, None, None)


def _offset(request: Request) -> int:
    text = request.headers.get("upload-offset", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise RequestError("The offset of a piece is a number")
    return int(text)


def remove(request: Request, upload: str) -> Response:
    """Give an upload up (Termination), or take an ended one off the list."""
    station, visit = station_of(request), visit_of(request)
    try:
        found = actions.find_own(station.database, visit.person.person, upload)
        actions.give_up(station.database, station.home, found)
    except NotFoundError:
        return _problem(request, 404, "upload_gone")
    except ConflictError:
        return _problem(request, 409, "upload_taken")
    return _answer(204)


def _expiry(request: Request, upload: UploadView) -> dict[str, str]:
    moment = clock.parse_time(actions.expires_at(station_of(request).home, upload))
    return {"upload-expires": format_datetime(moment.replace(microsecond=0), usegmt=True)}


def _answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=status, headers={"tus-resumable": _VERSION, **(headers or {})})


def _problem(request: Request, status: int, code: str) -> Response:
    """Answer with a code, and words for the page that shows them."""
    words = translator_of(request).code("problem", code)
    document = {"type": "about:blank", "status": status, "code": code, "title": words}
    return JSONResponse(document, status, media_type="application/problem+json", headers={"tus-resumable": _VERSION})


ROUTES = (
    ("GET", "/uploads", uploads_page),
    ("GET", "/uploads/rows", upload_rows),
    ("OPTIONS", "/uploads", describe),
    ("POST", "/uploads", create),
    ("HEAD", "/uploads/{upload}", tell_offset),
    ("PATCH", "/uploads/{upload}", add_piece),
    ("DELETE", "/uploads/{upload}", remove),
)
