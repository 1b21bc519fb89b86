"""How long the server takes for a whole list page of 100,000 clips: session, policy, queries, template, all of it.

Requests go through the application in this process, without a network; the first of each kind is left out, since it
enters the look (`access.listed`) and fills caches as a person's first page does.
"""

import logging
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from fastapi.testclient import TestClient

from bench import listing
from station.actions.tokens import Wanted, issue_token
from station.records.entries import Actor
from station.records.terms import Role
from station.state.tokens import Scope
from tests.fakes.stations import memory_station

BUDGET_MS = 100.0
ROUNDS = 40
ADDRESS = "http://127.0.0.1:8470"
PAGES = (
    "/clips",
    "/clips?tagged=no",
    "/clips?important=yes",
    "/clips?view=table",
    "/clips?q=%E5%B8%82%E5%9C%BA",
    "/cases",
    "/cases?q=777",
    "/reviews",
)
API_PAGES = (
    "/api/v1/clips?limit=50",
    "/api/v1/clips?limit=50&tagged=false",
    "/api/v1/clips?limit=50&q=%E5%B8%82%E5%9C%BA",
    "/api/v1/cases?limit=50",
)
CONSOLE = Actor(via="console", strength="console", os_user="bench")
ROLES = (Role.CLERK, Role.INSPECTOR, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class Timing:
    """One page as one role: milliseconds of wall time on the server."""

    role: str
    page: str
    p50_ms: float
    p95_ms: float


def run(clips: int = listing.CLIPS, rounds: int = ROUNDS) -> Iterator[Timing]:
    """Yield the timings, each page for each role."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with memory_station(unit=listing.UNIT) as station:
        people = {role: station.person(role.value, role, unit=listing.UNIT) for role in ROLES}
        listing.fill(station.database, clips)
        app = station.create_app()
        for role, viewer in people.items():
            token, _ = station.session(viewer)
            with TestClient(app, base_url=ADDRESS, cookies={"station_session": token}) as client:
                for page in PAGES:
                    if page != "/reviews" or role == Role.REVIEWER:
                        yield _time(client, role, page, rounds)
        wanted = Wanted("bench", people[Role.CLERK].person, tuple(scope.value for scope in Scope), 30)
        _, secret = issue_token(station.custody, station.database, CONSOLE, wanted)
        with TestClient(app, base_url=ADDRESS, headers={"Authorization": f"Bearer {secret}"}) as client:
            for page in API_PAGES:
                yield _time(client, "clerk's program", page, rounds)


def _time(client: TestClient, role: str, page: str, rounds: int) -> Timing:
    spent = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        answer = client.get(page)
        spent.append((time.perf_counter() - start) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{page} answered {answer.status_code}")
    measured = spent[1:]
    return Timing(role, page, statistics.median(measured), statistics.quantiles(measured, n=20)[-1])
