"""The dock board: what goes on at each slot. It shows no case, party, place or footage."""

from collections.abc import AsyncIterator

from fastapi.sse import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from station.api.context import station_of, visit_or_none
from station.api.events import BoardFeed, slot_events
from station.api.pages import DockPage
from station.api.render import render
from station.board import SlotBoard
from station.catalogue.recorders import list_dockings
from station.catalogue.views import DockingView

_DOCKINGS = 10


def feed_of(request: Request) -> BoardFeed:
    """Return the boards' shared reading."""
    feed = request.app.state.feed
    assert isinstance(feed, BoardFeed)  # noqa: S101  create_app sets it
    return feed


def dock_page(request: Request) -> Response:
    """Show all slots; the latest dockings too, to somebody logged in."""
    station, visit = station_of(request), visit_or_none(request)
    dockings: tuple[DockingView, ...] = ()
    if visit is not None:
        with station.database.read() as session:
            dockings = list_dockings(session, limit=_DOCKINGS)
    return render(request, "dock.html", DockPage(_slots(request), dockings), visit=visit)


def dock_slots(request: Request) -> Response:
    """Show the slots alone, to be put in place by the page's script."""
    return render(request, "dock_slots.html", DockPage(_slots(request)), visit=visit_or_none(request))


async def dock_events(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Tell what changes at the slots, as it does."""
    async for event in slot_events(station_of(request), feed_of(request)):
        yield event


def _slots(request: Request) -> tuple[SlotBoard | None, ...]:
    lines = feed_of(request).slots()
    return tuple(lines.get(number) for number in range(1, station_of(request).home.settings.slots + 1))


ROUTES = (
    ("GET", "/dock", dock_page),
    ("GET", "/dock/slots", dock_slots),
    ("GET", "/dock/events", dock_events),
)
