"""A station behind its pages, and browsers of people with one role or several."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from station.catalogue.views import Viewer
from tests.fakes.stations import FakeStation, memory_station

ADDRESS = "http://127.0.0.1:8470"
FROM_OUR_PAGES = {"origin": ADDRESS, "accept": "text/html"}


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """Yield a station with a recorder docked that nobody holds."""
    with memory_station() as made:
        yield made


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Make the application once: its routes are the same for every station."""
    return FakeStation(tmp_path_factory.mktemp("application") / "home").create_app()


@pytest.fixture
def browse(station: FakeStation, application: FastAPI) -> Iterator[Callable[..., TestClient]]:
    """Yield what opens a browser: of a person with a session, or of nobody; from elsewhere unless told otherwise."""
    app = application
    station.attach_to(app)
    with ExitStack() as open_browsers:

        def browse(viewer: Viewer | None = None, address: str = "192.0.2.7") -> TestClient:
            client = TestClient(
                app,
                base_url=ADDRESS,
                headers=FROM_OUR_PAGES,
                follow_redirects=False,
                client=(address, 50000),
                raise_server_exceptions=False,
            )
            if viewer is not None:
                client.cookies.set("station_session", station.session(viewer)[0])
            return client

        # One life of the application for all browsers of the test.
        open_browsers.enter_context(TestClient(app, base_url=ADDRESS))
        yield browse
