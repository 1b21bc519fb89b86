"""docs/API.md: its examples are sent as they stand, and all of them are answered."""

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from station.actions import targets
from station.actions.targets import NewTarget
from station.records.terms import Role, TargetKind
from station.state.tokens import Scope
from tests.fakes.stations import FakeStation, memory_station

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "API.md"


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """Yield a station whose administrator named the host of the examples."""
    with memory_station(hook_hosts=["cases.example"]) as made:
        yield made


def test_every_example_is_answered(station: FakeStation, connect: Callable[..., TestClient]) -> None:
    chen = station.person("chen", Role.CLERK)
    matter = NewTarget(TargetKind.MATTER, title="pending")
    known = {
        "MATTER": targets.open_target(station.custody, station.home, chen, station.session(chen)[1], matter),
        "CLIP": station.clip(),
    }
    text = DOCUMENT.read_text(encoding="utf-8").replace("\\\n", " ")
    examples = [line.strip() for line in text.splitlines() if line.startswith("    curl ")]
    client = connect(chen)
    answered = [_send(client, example, known) for example in examples]
    assert answered == [200, 200, 201, 200, 200, 206, 201]


def _send(client: TestClient, example: str, known: dict[str, str]) -> int:
    """Send what the command would, with the client's token in the place of its own; returns the status."""
    words = shlex.split(re.sub(r"\$(MATTER|CLIP)", lambda match: known[match[1]], example))
    options = list(pairwise(words))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    assert headers.pop("Authorization") == "Bearer $TOKEN"
    method = next((value for option, value in options if option == "-X"), "GET")
    body = next((value for option, value in options if option == "-d"), None)
    return client.request(method, words[-1].removeprefix("$STATION"), headers=headers, content=body).status_code


def test_every_scope_is_explained() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [scope for scope in Scope if f"| `{scope.value}` |" not in text] == []
