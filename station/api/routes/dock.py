"""The dock board: what goes on at each slot. It shows no case, party, place or footage."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import Form
from fastapi.sse import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from station.actions import holders
from station.actions.problems import ProblemError
from station.api.auth import address_of, is_kiosk
from station.api.context import station_of, visit_or_none
from station.api.errors import SlowDownError
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
    return render(request, "dock.html", DockPage(_slots(request), dockings, kiosk=is_kiosk(request)), visit=visit)


def dock_slots(request: Request) -> Response:
    """Show the slots alone, to be put in place by the page's script."""
    return render(request, "dock_slots.html", DockPage(_slots(request)), visit=visit_or_none(request))


async def dock_events(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Tell what changes at the slots, as it does."""
    async for event in slot_events(station_of(request), feed_of(request)):
        yield event


def hand_over(
    request: Request,
    badge: Annotated[str, Form()] = "",
    slot: Annotated[int, Form()] = 0,
    change: Annotated[Literal["issue", "return"], Form()] = "issue",
) -> Response:
    """领用、归还: enter who takes the recorder in a slot, or brings it back, by badge."""
    station, problem = station_of(request), None
    if not station.limits.try_secret(address_of(request)):
        raise SlowDownError("Too many badges were tried")
    line = feed_of(request).slots().get(slot)
    try:
        if line is None or line.recorder is None:
            raise ProblemError("slot_empty", "There is no recorder known by name in that slot")
        holders.hand_over_by_badge(station.custody, station.database, badge[:100], line.recorder, change)
    except ProblemError as error:
        problem = error.code
    page = DockPage(_slots(request), problem=problem, entered=None if problem else change, kiosk=is_kiosk(request))
    return render(request, "dock.html", page, visit=visit_or_none(request), status=409 if problem else 200)


def _slots(request: Request) -> tuple[SlotBoard | None, ...]:
    lines = feed_of(request).slots()
    return tuple(lines.get(number) for number in range(1, station_of(request).home.settings.slots + 1))


ROUTES = (
    ("GET", "/dock", dock_page),
    ("GET", "/dock/slots", dock_slots),
    ("GET", "/dock/events", dock_events),
    ("POST", "/dock/holder", hand_over),
)
