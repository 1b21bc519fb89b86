"""A clip beside the list it stands in: what is played of it, and its five fields, without leaving the list."""

from starlette.requests import Request
from starlette.responses import Response

from station.actions import access, amend, media
from station.api.context import station_of, visit_of
from station.api.pages import PreviewPage
from station.api.render import render
from station.api.routes.clips import list_posters
from station.catalogue.clip_detail import clip_fields
from station.catalogue.clips import clip_digest
from station.records.terms import ClipStage


def clip_preview(request: Request, clip: str) -> Response:
    """Show a clip shortly; its poster is entered as one of a list, and playing it as a look."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        held = clip_digest(session, clip)
        row, fields = clip_fields(session, visit.viewer, clip)
        waiting = bool(access.without_purpose(session, visit.viewer, visit.actor, [clip]))
    posters = list_posters(station, visit, [row], "GET /clips/{clip}/preview")
    played = None if waiting else media.footage(station.home, station.store, held)
    page = PreviewPage(
        row=row,
        fields=fields,
        posters=posters,
        media_url=f"/clips/{clip}/media" if played else None,
        can_bind=bool(visit.viewer.roles & amend.AMENDERS) and row.stage != ClipStage.DISPOSED,
    )
    return render(request, "preview.html", page, visit=visit)


ROUTES = (("GET", "/clips/{clip}/preview", clip_preview),)
