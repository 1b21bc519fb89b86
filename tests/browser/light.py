"""A station in memory, served from this very process: for tests of pages that need no footage."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from tests.fakes.stations import FakeStation, memory_station


@contextmanager
def serving() -> Iterator[tuple[FakeStation, str]]:
    """Yield a station to fill, and the address where it is served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before the server runs waits
        listen = f"127.0.0.1:{listening.getsockname()[1]}"
        with memory_station(listen=listen) as station:
            config = uvicorn.Config(station.create_app(), log_level="error", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = Thread(target=server.run, kwargs={"sockets": [listening]})
            serving.start()
            try:
                yield station, f"http://{listen}"
            finally:
                server.should_exit = True
                serving.join()
