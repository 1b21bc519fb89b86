"""Schemathesis over the description: no 5xx, no ignored authorisation, nothing that the description does not say."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from station.actions import targets
from station.actions.hooks import NewHook, add_hook
from station.actions.targets import NewTarget
from station.records.terms import Role, TargetKind
from tests.fakes.stations import CONSOLE, memory_station
from tests.unit.api.test_policies import EXPECTED
from tests.unit.api.v1.conftest import make_token

CHECKS = [
    not_a_server_error,
    ignored_auth,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
HOST = {"host": "127.0.0.1:8470"}
_there: dict[str, str] = {}


@pytest.fixture(scope="module")
def description() -> Iterator[BaseSchema]:
    """Yield the description of a station with a clip and a matter; their ids are sent as often as made-up ones."""
    with memory_station(hook_hosts=["cases.example"]) as station:
        clerk = station.person("chen", Role.CLERK, Role.HANDLER)
        _, actor = station.session(clerk)
        matter = NewTarget(TargetKind.MATTER, title="pending")
        _there["target"] = targets.open_target(station.custody, station.home, clerk, actor, matter)
        _there["clip"] = station.clip()
        wanted = NewHook("told", "https://cases.example/told", ("clip.sealed",), clerk.person)
        _there["hook"] = add_hook(station.custody, station.home, CONSOLE, wanted).hook
        _there["secret"] = make_token(station, clerk)
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", station.create_app(), headers=HOST)


@pytest.mark.trials
@pytest.mark.parametrize("route", [route for route in EXPECTED if " /api/" in route])
def test_the_interface_is_what_its_description_says(description: BaseSchema, route: str) -> None:
    method, _, path = route.partition(" /api/v1")
    operation = description[path][method]

    # Without shrinking: a failure is told as it came, instead of after minutes of looking for a smaller one.
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Case) -> None:
        if len(str(case.body)) % 2 and "verification" not in path:  # that needs a signer, which this test has not
            case.path_parameters |= {name: _there[name] for name in case.path_parameters if name in _there}
        case.call_and_validate(headers=HOST | {"Authorization": f"Bearer {_there['secret']}"}, checks=CHECKS)

    ask()
