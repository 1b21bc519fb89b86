"""The witness's HTTP server: one route, `POST /add-checkpoint` (c2sp.org/tlog-witness), and its public key at `GET /`.

Guarantees: it shares nothing with the station's pages: no session, no database but for raising alarms, a key and a
folder of its own. A request longer than any that is honest is cut off; whatever fails on our side cosigns nothing.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from station import notify
from station.actions.witness import has_own_log, report_evidence, witness_folder
from station.api.server import configure_logging
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.errors import ConfigError, StationError
from station.ledger.witness import REQUEST_BYTES
from station.ledger.witness_state import Evidence, Witness

_GRACE_SECONDS = 5
_CONNECTIONS = 64
_logger = structlog.get_logger(__name__)


def create_witness_app(witness: Witness, verifier: str) -> FastAPI:
    """Return the application of a witness whose public key's text is `verifier`."""
    app = FastAPI(title="witness", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > REQUEST_BYTES:
                return PlainTextResponse("The request is longer than any that is honest\n", 400)
        try:
            answer = await asyncio.to_thread(witness.add_checkpoint, bytes(body))
        except StationError as error:
            _logger.error("not cosigned", error=type(error).__name__, reason=error.message)
            return PlainTextResponse("This witness is in trouble and cosigns nothing\n", 500)
        return Response(answer.body, answer.status, media_type=answer.content_type)

    async def show_key() -> Response:
        return PlainTextResponse(f"{verifier}\n")

    app.add_api_route("/add-checkpoint", add_checkpoint, methods=["POST"], response_model=None)
    app.add_api_route("/", show_key, methods=["GET"], response_model=None)
    return app


def serve_witness(home: Home, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serve the home's witness until told to stop; `ready` is told the address.

    Raises LedgerError without a key, ConflictError if another process serves it, ConfigError for a taken address.
    """
    configure_logging()
    folder = witness_folder(home)
    with folder.served():
        app = create_witness_app(Witness(folder, lambda found: _report(home, found)), str(folder.verifier()))
        _run(app, home.settings.witness_listen, ready)


def _report(home: Home, found: Evidence) -> None:
    _logger.error("a log does not hold", origin=found.origin, kind=found.kind, evidence=found.alarm)
    if not has_own_log(home):
        return
    try:
        database = Database(home.database_url)
        try:
            report_evidence(Custody(home, database), found)
        finally:
            database.dispose()
    except StationError as error:  # the evidence is kept: `station tend` raises the alarm
        _logger.error("alarm not raised", evidence=found.alarm, reason=error.message)


def _run(app: FastAPI, listen: str, ready: Callable[[str], None]) -> None:
    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host.strip("[]"),
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=75,
    )
    try:
        listening = config.bind_socket()
    except (OSError, SystemExit) as error:
        raise ConfigError(f"Nobody can listen on {listen}", hint="Correct witness_listen in station.toml") from error
    # asyncio sets this only where a socket tells its protocol, and those that such a listener accepts do not: every
    # answer of two writes would wait 40 ms for the other side's delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address = listening.getsockname()
    ready(f"{host}:{address[1]}")
    _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        notify.tell_ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            notify.tell_alive()
        return await super().on_tick(counter)
