"""Serving the application: one process, threads for what waits, an orderly end.

Guarantee: on SIGTERM and SIGINT running answers are finished (footage within some seconds), event streams end at once,
and the clock's work is done a last time. Logs are JSON lines on stderr, without secrets: routes, never addresses.
"""

import logging
import socket
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from station import clock, notify
from station.api.app import create_app
from station.api.context import Station
from station.config import Home
from station.custody import Custody, keep_projection
from station.database import Database
from station.errors import ConfigError
from station.evidence.opening import open_store
from station.state.tables import create_tables

_GRACE_SECONDS = 8


def serve(home: Home) -> None:
    """Serve a home's pages until told to stop; raises StationError when it can't start."""
    configure_logging()
    database = Database(home.database_url)
    try:
        create_tables(database)
        keep_projection(database)
        run(create_app(home, database, Custody(home, database), open_store(home)), home)
    finally:
        database.dispose()


def run(app: FastAPI, home: Home) -> None:
    """Serve an application on the address of the settings; raises ConfigError when it can't be listened on."""
    host, _, port = home.settings.listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host.strip("[]"),
        port=int(port),
        log_config=None,
        access_log=False,  # the guard logs routes; uvicorn would log addresses, secrets of links included
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=20,
        h11_max_incomplete_event_size=32 * 1024,
    )
    try:
        listening = config.bind_socket()
    except (OSError, SystemExit) as error:
        raise ConfigError(f"Nobody can listen on {home.settings.listen}", hint="Is a station running there?") from error
    # Not done by asyncio for sockets of such a listener: answers of several writes would wait for delayed
    # acknowledgements, 40 ms each.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _Server(config, app.state.station).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that ends event streams before it waits for answers, and tells the service manager how it fares."""

    def __init__(self, config: uvicorn.Config, station: Station) -> None:
        super().__init__(config)
        self._station = station

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        notify.tell_ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            notify.tell_alive()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify.tell_stopping()
        self._station.stopping.set()
        await super().shutdown(sockets)


def configure_logging() -> None:
    """Write structlog's and the libraries' messages as JSON lines to stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_time,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _add_time(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["time"] = clock.timestamp()
    return event


class _JsonFormatter(logging.Formatter):
    """The libraries' own messages in the same form."""

    def format(self, record: logging.LogRecord) -> str:
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
        event = {"event": record.getMessage(), "logger": record.name, "level": record.levelname.lower()}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return str(render(None, "", event | {"time": clock.timestamp()}))
