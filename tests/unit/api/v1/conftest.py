"""Programs with tokens: each speaks to the station of the test through its own client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from station.actions.tokens import Wanted, issue_token
from station.catalogue.views import Viewer
from station.state.tokens import Scope
from tests.fakes.stations import CONSOLE, FakeStation
from tests.unit.api.conftest import ADDRESS

ALL_SCOPES = tuple(scope.value for scope in Scope)
Connect = Callable[..., TestClient]


def make_token(station: FakeStation, viewer: Viewer, *scopes: str, name: str = "Case system") -> str:
    """Return the secret of a new token; all scopes without any."""
    wanted = Wanted(name, viewer.person, scopes or ALL_SCOPES)
    return issue_token(station.custody, station.database, CONSOLE, wanted)[1]


def client_of(app: FastAPI, secret: str | None, **headers: str) -> TestClient:
    """Return a client as a program would be one: no cookie, no origin."""
    bearer = {"authorization": f"Bearer {secret}"} if secret else {}
    return TestClient(
        app,
        base_url=ADDRESS,
        headers={"accept": "application/json", **bearer, **headers},
        follow_redirects=False,
        client=("192.0.2.9", 50000),
        raise_server_exceptions=False,
    )


@pytest.fixture
def connect(station: FakeStation, application: FastAPI) -> Iterator[Connect]:
    """Yield what makes a program's client: in a person's name with some scopes, or with no token at all."""
    station.attach_to(application)

    def connect(viewer: Viewer | None = None, *scopes: str, **headers: Any) -> TestClient:
        secret = make_token(station, viewer, *scopes) if viewer is not None else None
        return client_of(application, secret, **headers)

    yield connect
