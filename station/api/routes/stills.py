"""One frame of a clip as a picture to take along."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import Response

from station.actions.problems import ProblemError
from station.actions.stills import Stills
from station.api.context import station_of, visit_of
from station.api.forms import position_ms
from station.api.routes.clips import footage_of, show_clip


def export_frame(
    request: Request, clip: str, at: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = ""
) -> Response:
    """Send the frame shown at a moment of the clip as PNG; that it leaves, and why, is entered first."""
    station, visit = station_of(request), visit_of(request)
    footage_of(station, clip)
    stills = Stills(station.custody, station.database, station.home, station.store)
    try:
        still = stills.take(visit.viewer, visit.person, visit.actor, clip, position_ms(at), reason)
    except ProblemError as error:
        return show_clip(request, clip, error.code)
    headers = {"content-disposition": f'attachment; filename="{still.name}"', "cache-control": "no-store"}
    return Response(still.png, media_type="image/png", headers=headers)


ROUTES = (("POST", "/clips/{clip}/frame", export_frame),)
