"""docs/API.md names the routes that there are, and all of them."""

import re
from pathlib import Path

from station.state.tokens import Scope
from tests.unit.api.test_policies import EXPECTED

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "API.md").read_text(encoding="utf-8")


def test_every_route_is_named_and_no_other() -> None:
    named = set(re.findall(r"`((?:GET|POST) /api/v1/[^`]*)`", TEXT))
    assert named == {route for route in EXPECTED if " /api/v1/" in route}


def test_every_scope_that_opens_a_route_is_explained() -> None:
    assert {scope for scope in Scope if f"`{scope}`" in TEXT} == set(Scope)
