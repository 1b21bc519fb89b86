"""Searches that a person keeps under a name: chips above the list of recordings."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station import clock
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.routes.clips import list_address
from station.digest import is_id, new_id
from station.errors import NotFoundError
from station.state import searches

_NAME_CHARACTERS = 40
_QUERY_CHARACTERS = 1000


def keep_search(request: Request, name: Annotated[str, Form()] = "", query: Annotated[str, Form()] = "") -> Response:
    """Keep the search under a name and return to it."""
    station, visit = station_of(request), visit_of(request)
    name = " ".join(name.split())
    if not name or len(name) > _NAME_CHARACTERS:
        raise ProblemError("search_name", f"A search has a name of {_NAME_CHARACTERS} characters at most")
    if len(query) > _QUERY_CHARACTERS:
        raise ProblemError("invalid", "That is no search of the list")
    address = list_address(query)
    with station.database.write() as session:
        person = visit.person.person
        if not searches.keep(session, new_id(), person, name, address.partition("?")[2], clock.now()):
            raise ProblemError("searches_many", f"{searches.MOST} searches at most are kept")
    return RedirectResponse(address, 303)


def forget_search(request: Request, search: str) -> Response:
    """Forget a search and return to the whole list."""
    station, visit = station_of(request), visit_of(request)
    with station.database.write() as session:
        if not is_id(search) or not searches.forget(session, search, visit.person.person):
            raise NotFoundError("There is no such search")
    return RedirectResponse("/clips", 303)


ROUTES = (
    ("POST", "/searches", keep_search),
    ("POST", "/searches/{search}/forget", forget_search),
)
