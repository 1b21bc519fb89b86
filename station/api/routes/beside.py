"""What stands beside the player or in its place: filmstrips and map tiles. A look is entered before it is granted."""

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from station.actions import access, media
from station.api.context import station_of, visit_of
from station.api.maps import tile_path
from station.api.routes.clips import footage_of, send


def clip_filmstrip(request: Request, clip: str) -> Response:
    """Send the filmstrip of a clip that is on a page sent to this session, or was opened in it."""
    station, visit = station_of(request), visit_of(request)
    filmstrip = media.filmstrip(station.home, footage_of(station, clip))
    if filmstrip is None:
        return Response(status_code=404)
    access.scrub(station.custody, station.database, visit.viewer, visit.actor, clip)
    return send(filmstrip)


def map_tile(request: Request, zoom: int, x: int, y: int) -> Response:
    """Send a tile of the unit's own map: it tells nothing of any clip."""
    folder = station_of(request).home.map_tiles
    path = tile_path(folder, zoom, x, y) if folder else None
    if path is None:
        return Response(status_code=404)
    return FileResponse(path, media_type="image/png", headers={"cache-control": "private, max-age=86400"})


ROUTES = (
    ("GET", "/clips/{clip}/filmstrip", clip_filmstrip),
    ("GET", "/map/{zoom}/{x}/{y}", map_tile),
)
