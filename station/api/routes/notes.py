"""Notes on a clip, and transcripts from files of captions."""

from typing import Annotated

from fastapi import File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions.importing import decode
from station.actions.notes import CAPTION_BYTES, WORDS, add_note, read_captions
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.forms import position_ms
from station.api.routes.clips import show_clip
from station.records.note_entries import NoteLine


def note_clip(
    request: Request,
    clip: str,
    words: Annotated[str, Form()] = "",
    at: Annotated[str, Form()] = "",
    replaces: Annotated[str, Form()] = "",
) -> Response:
    """Enter a note, or one in place of another."""
    try:
        if len(words.strip()) > WORDS:
            raise ProblemError("noted_long", f"A note has {WORDS} characters at most")
        at_ms = position_ms(at) if at.strip() else None
        lines = [NoteLine(at_ms=at_ms, words=words.strip())] if words.strip() else []
        return _entered(request, clip, lines, replaces or None)
    except ProblemError as error:
        return show_clip(request, clip, error.code)


def transcript(request: Request, clip: str, file: Annotated[UploadFile, File()]) -> Response:
    """Enter the captions in a file as a note of many lines."""
    try:
        content = file.file.read(CAPTION_BYTES + 1)
        if len(content) > CAPTION_BYTES:
            raise ProblemError("noted_long", f"A file of captions has {CAPTION_BYTES} bytes at most")
        return _entered(request, clip, read_captions(decode(content)), None)
    except ProblemError as error:
        return show_clip(request, clip, error.code)


def _entered(
    request: Request, clip: str, lines: list[NoteLine] | tuple[NoteLine, ...], replaces: str | None
) -> Response:
    station, visit = station_of(request), visit_of(request)
    add_note(station.custody, visit.viewer, visit.actor, clip, lines, replaces)
    return RedirectResponse(f"/clips/{clip}#notes", 303)


ROUTES = (
    ("POST", "/clips/{clip}/notes", note_clip),
    ("POST", "/clips/{clip}/transcript", transcript),
)
