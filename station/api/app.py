"""The application: every route with its policy, behind one guard, over one station.

Guarantees: it does not start when a route lacks a policy or a policy names no route; there are no routes but those of
the table (no documentation pages); while it runs, refusals counted in past minutes reach the ledger, what
was appended is sealed, and sessions that ended are forgotten.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from station import clock
from station.actions import access
from station.api import errors, policies, v1
from station.api.auth import enforcer
from station.api.context import Station
from station.api.events import BoardFeed
from station.api.guard import Guard
from station.api.render import WEB_FOLDER, load_assets, load_templates
from station.api.routes import (
    admin,
    amending,
    backups,
    beside,
    binding,
    cases,
    clips,
    disposal,
    dock,
    dock_tagging,
    documents,
    entrances,
    exports,
    first,
    importing,
    notes,
    oversight,
    previews,
    receipts,
    reviewing,
    searches,
    station_pages,
    stills,
    uploads,
    verifying,
    ways_in,
)
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.errors import StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.state import accounts, answers, secrets, sessions

_TICK_SECONDS = 20.0
_ASSETS = "/assets"
_AREAS = (
    ways_in,
    first,
    dock,
    dock_tagging,
    clips,
    beside,
    notes,
    previews,
    searches,
    binding,
    amending,
    importing,  # before `cases`: /cases/import is no case
    cases,
    reviewing,
    oversight,
    admin,
    station_pages,
    stills,
    backups,
    entrances,
    receipts,
    verifying,
    exports,
    disposal,
    uploads,
    documents,
)
_STREAMS = frozenset({"GET /dock/events"})
_logger = structlog.get_logger(__name__)


def create_app(home: Home, database: Database, custody: Custody, store: LocalStore) -> FastAPI:
    """Return the application of a station; raises ConfigError for a route without policy, HomeError without assets."""
    secrets.nobodys_hash()
    app = FastAPI(
        title="evidence station",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        default_response_class=HTMLResponse,
    )
    attach(app, home, database, custody, store)
    served = [_add(app, method, path, function) for area in _AREAS for method, path, function in area.ROUTES]
    app.mount(_ASSETS, _Assets(directory=WEB_FOLDER / "dist"), name="assets")
    programs = v1.create_api(app.state)
    app.mount(v1.ROOT, programs, name="api")
    policies.check_complete([*served, f"GET {_ASSETS}", *v1.served(programs)])
    app.add_exception_handler(StationError, errors.answer_station_error)
    app.add_exception_handler(RequestValidationError, errors.answer_invalid)
    app.add_exception_handler(HTTPException, errors.answer_http_error)
    app.add_exception_handler(Exception, errors.answer_bug)
    app.add_middleware(Guard, listen=home.settings.listen)
    return app


def attach(app: FastAPI, home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Let the application work on this station from now on; raises HomeError when the front end was not built."""
    app.state.station = Station(home, database, custody, store, load_templates(), load_assets())
    app.state.feed = BoardFeed(home.run)


def _add(app: FastAPI, method: str, path: str, function: Callable[..., Any]) -> str:
    """Serve a route behind its policy and return its name."""
    name = f"{method} {path}"
    app.add_api_route(
        path,
        function,
        methods=[method],
        dependencies=[Depends(enforcer(name))],
        response_model=None,
        response_class=EventSourceResponse if name in _STREAMS else HTMLResponse,
    )
    return name


class _Assets(StaticFiles):
    """The built front end: names carry a digest of the content, so browsers may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Any:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    station: Station = app.state.station
    ticking = asyncio.create_task(_tick_on(station))
    try:
        yield
    finally:
        station.stopping.set()
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        await asyncio.to_thread(tick, station)


async def _tick_on(station: Station) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        await asyncio.to_thread(tick, station)


def tick(station: Station) -> None:
    """Do what the clock starts; trouble is logged and tried again at the next tick."""
    try:
        access.flush_refusals(station.custody, station.database)
        now = clock.now()
        with station.database.write() as session:
            sessions.drop_expired(session, station.idle, now)
            accounts.drop_expired(session, now)
            answers.drop_expired(session, now)
        _seal(station)  # last: without a signer it fails, and the rest is done all the same
    except StationError as error:
        _logger.error("tick_failed", error=type(error).__name__, message=error.message)


def _seal(station: Station) -> None:
    """Have looks and refusals, which are not sealed one by one, covered by a checkpoint."""
    with station.database.read() as session:
        checkpoint = log.latest_checkpoint(session)
        open_end = log.head(session).size > (checkpoint.size if checkpoint else 0)
    if open_end:
        station.custody.seal()
