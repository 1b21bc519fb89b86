"""What stands beside the player or in its place: the filmstrip. Every look is entered before it is granted."""

from starlette.requests import Request
from starlette.responses import Response

from station.actions import access, media
from station.api.context import station_of, visit_of
from station.api.routes.clips import footage_of, send


def clip_filmstrip(request: Request, clip: str) -> Response:
    """Send the filmstrip of a clip that is on a page sent to this session, or was opened in it."""
    station, visit = station_of(request), visit_of(request)
    filmstrip = media.filmstrip(station.home, footage_of(station, clip))
    if filmstrip is None:
        return Response(status_code=404)
    access.scrub(station.custody, station.database, visit.viewer, visit.actor, clip)
    return send(filmstrip)


ROUTES = (("GET", "/clips/{clip}/filmstrip", clip_filmstrip),)
