"""The station itself for programs: the token that asks, and the last signed checkpoint of the log."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from station.api import metrics
from station.api.context import station_of, visit_of
from station.api.v1.enforcing import token_of
from station.api.v1.models import Checkpoint, TokenInfo
from station.api.v1.routing import Route
from station.errors import NotFoundError
from station.ledger import log

_TAG = "Station"


def get_token(request: Request) -> TokenInfo:
    """Return what the token that asks may do, in whose name, and until when."""
    token, person = token_of(request), visit_of(request).person
    return TokenInfo(
        token=token.token,
        name=token.name,
        person=person.person,
        person_name=person.name,
        unit=person.unit,
        roles=list(person.roles),
        scopes=list(token.scopes),
        expires_at=token.expires_at,
    )


def get_checkpoint(request: Request) -> Checkpoint:
    """Return the last signed checkpoint: kept outside, it shows later whether the log was rewritten."""
    with station_of(request).database.read() as session:
        found = log.latest_checkpoint(session)
    if found is None:
        raise NotFoundError("There is no signed checkpoint yet")
    return Checkpoint(origin=found.origin, size=found.size, root=found.root.hex(), note=found.note)


def get_metrics(request: Request) -> Response:
    """Return the station's figures for Prometheus (text exposition format 0.0.4); no label names a case or a person."""
    return Response(metrics.exposition(station_of(request)), media_type=metrics.MEDIA_TYPE)


_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The figures", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
ROUTES = (
    Route("GET", "/token", get_token, "The token that asks", _TAG, TokenInfo),
    Route("GET", "/log/checkpoint", get_checkpoint, "The last signed checkpoint", _TAG, Checkpoint),
    Route("GET", "/metrics", get_metrics, "Figures for Prometheus", _TAG, responses=_METRICS),
)
