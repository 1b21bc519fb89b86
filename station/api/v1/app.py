"""The application of /api/v1: its routes behind their policies, its errors as problem+json, its description.

Guarantee: the description (OpenAPI 3.1) is made of the routes themselves: each names its scope and its problems.
"""

from collections.abc import Iterable
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from station import __version__
from station.api import policies
from station.api.policies import Policy, Who
from station.api.v1 import cases, clips, evidence, hooks, numbering, problems, station_routes, writing
from station.api.v1.enforcing import TokenEnforcer
from station.api.v1.models import Problem
from station.api.v1.routing import Route
from station.errors import StationError
from station.state.tokens import Scope

ROOT = "/api/v1"
_AREAS = (cases, clips, evidence, writing, numbering, hooks, station_routes)
_SCHEME = "token"
_ABOUT = """
One station's cases, recordings and evidence for other systems. A program acts in the name of the person its token was
made for, within the token's scopes; what it does and fetches is in the station's ledger with the token's id.

Every error is a problem document (RFC 9457): `code` is stable, `title` and `detail` are in the language that
`Accept-Language` asks for (`zh-CN`, `en`). Lists are read page by page: `next` of one page is the `cursor` of the next.
A `POST` that appends needs an `Idempotency-Key`: the same key with the same content gets the first answer again.
Times are UTC (RFC 3339).
"""


def create_api(state: State) -> FastAPI:
    """Return the application; `state` is that of the application it is mounted in, shared with it."""
    api = FastAPI(
        title="Evidence station",
        version=__version__,
        description=_ABOUT.strip(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    api.state = state
    for area in _AREAS:
        for route in area.ROUTES:
            _add(api, route)
    _add(api, Route("GET", "/openapi.json", description, summary="This description (OpenAPI 3.1)", tag="Station"))
    api.add_exception_handler(StationError, problems.answer_station_error)
    api.add_exception_handler(RequestValidationError, problems.answer_invalid)
    api.add_exception_handler(HTTPException, problems.answer_http_error)
    api.add_exception_handler(Exception, problems.answer_bug)
    return api


def served(api: FastAPI) -> list[str]:
    """Return the names of the routes, as the table of policies writes them."""
    return [f"{method} {ROOT}{path}" for method, path, _ in _routes(api)]


def _routes(api: FastAPI) -> Iterable[tuple[str, str, Any]]:
    for route in api.routes:
        for method in sorted(getattr(route, "methods", None) or ()):
            yield method, getattr(route, "path", ""), route


def _add(api: FastAPI, route: Route) -> None:
    name = f"{route.method} {ROOT}{route.path}"
    policy = policies.policy_of(name)
    api.add_api_route(
        route.path,
        route.function,
        methods=[route.method],
        dependencies=[Depends(TokenEnforcer(name, policy))],
        response_model=route.model,
        status_code=route.status,
        summary=route.summary,
        tags=[route.tag],
        operation_id=route.function.__name__,
        responses={**_problems(policy, route), **dict(route.responses)},
        response_class=JSONResponse if route.model is not None else Response,
    )


def _problems(policy: Policy, route: Route) -> dict[int | str, dict[str, Any]]:
    known: dict[int | str, str] = {422: "What was sent does not fit", "default": "Any other problem"}
    if policy.who != Who.PUBLIC:
        known |= {401: "No token, or none in force", 403: "Not within the token's scopes or its person's rights"}
    if "{" in route.path:
        known |= {404: "There is no such thing, or it is not for this token's person to know of"}
    if route.method != "GET":
        known |= {409: "As things stand it is not possible; `code` says why"}
    return {status: {"model": Problem, "description": text} for status, text in known.items()}


def description(request: Request) -> Response:
    """Return the description of this interface, for reading and for making clients."""
    api = request.app
    if api.openapi_schema is None:
        api.openapi_schema = _describe(api)
    return JSONResponse(api.openapi_schema)


def _describe(api: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=api.title,
        version=api.version,
        description=api.description,
        routes=api.routes,
        servers=[{"url": ROOT}],
        separate_input_output_schemas=False,
    )
    components = document["components"]
    components["securitySchemes"] = {
        _SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made by an administrator. Scopes: " + ", ".join(scope.value for scope in Scope),
        }
    }
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            policy = policies.policy_of(f"{method.upper()} {ROOT}{path}")
            if policy.who != Who.PUBLIC:
                # OpenAPI 3.1: beside a scheme that knows no scopes of its own the list names what is demanded.
                operation["security"] = [{_SCHEME: [policy.scope.value] if policy.scope else []}]
            for status, answer in operation["responses"].items():
                if not status.startswith("2") and "content" in answer:
                    answer["content"] = {problems.MEDIA_TYPE: next(iter(answer["content"].values()))}
    return document
