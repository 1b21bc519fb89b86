"""Webhooks by API: made with the scopes of what they tell, the secret told once, one person's own."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from station.records.terms import Role
from tests.fakes.stations import FakeStation, memory_station

Connect = Callable[..., TestClient]
WANTED = {"name": "Case system", "url": "https://cases.example/told", "events": ["clip.sealed"]}
KEY = {"idempotency-key": "a1"}


@pytest.fixture
def station() -> Iterator[FakeStation]:
    with memory_station(hook_hosts=["cases.example"]) as made:
        yield made


def test_a_hook_is_made_listed_without_its_secret_and_removed(station: FakeStation, connect: Connect) -> None:
    client = connect(station.person("chen", Role.CLERK))
    made = client.post("/api/v1/hooks", json=WANTED, headers=KEY)
    assert (made.status_code, made.json()["secret"][:6]) == (201, "whsec_")
    (listed,) = client.get("/api/v1/hooks").json()["items"]
    assert (listed["hook"], listed["state"], "secret" in listed) == (made.json()["hook"], "ok", False)
    removal = f"/api/v1/hooks/{listed['hook']}/removal"
    assert client.post(removal, json={}, headers={"idempotency-key": "a2"}).status_code == 200
    assert client.post(removal, json={}, headers={"idempotency-key": "a3"}).status_code == 404
    assert client.get("/api/v1/hooks").json()["items"] == []


def test_a_token_that_may_not_read_cases_is_not_told_of_them(station: FakeStation, connect: Connect) -> None:
    client = connect(station.person("chen", Role.CLERK), "hooks:write", "clips:read")
    answer = client.post("/api/v1/hooks", json=WANTED | {"events": ["clip.sealed", "case.bound"]}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert client.post("/api/v1/hooks", json=WANTED, headers=KEY).status_code == 201


def test_a_host_that_nobody_named_is_refused_in_words(station: FakeStation, connect: Connect) -> None:
    client = connect(station.person("chen", Role.CLERK))
    answer = client.post("/api/v1/hooks", json=WANTED | {"url": "https://169.254.169.254/"}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "hook_host")
    assert station.entries("hook.added") == []


def test_hooks_of_another_person_are_neither_listed_nor_removed(station: FakeStation, connect: Connect) -> None:
    mine, theirs = connect(station.person("chen", Role.CLERK)), connect(station.person("wang", Role.CLERK))
    made = theirs.post("/api/v1/hooks", json=WANTED, headers=KEY).json()["hook"]
    assert mine.get("/api/v1/hooks").json()["items"] == []
    answer = mine.post(f"/api/v1/hooks/{made}/removal", json={}, headers=KEY)
    assert answer.status_code == 404
