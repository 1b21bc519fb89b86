"""From errors to answers: a page for browsers, problem+json (RFC 9457) for programs; and refusals to the ledger.

Guarantee: an answer holds a status, a stable code and words from our catalogues, never an error's own text, a path or a
trace; those go to the service log. A refusal is in the ledger before it is told.
"""

from collections.abc import Sequence
from urllib.parse import quote

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from station.actions import access
from station.actions.problems import ProblemError
from station.api.auth import FactorNeededError, NotLoggedInError, RefusedError, address_of, current_visit, is_kiosk
from station.api.context import Visit, station_of
from station.api.guard import add_headers
from station.api.pages import ErrorPage
from station.api.render import is_htmx, path_of, render, translator_of
from station.digest import is_id
from station.errors import (
    ConflictError,
    DeniedError,
    LedgerError,
    NoSpaceError,
    NotFoundError,
    RequestError,
    StationError,
    StorageError,
)

_logger = structlog.get_logger(__name__)

# The first that fits; order matters, since the tree is searched from its leaves.
ANSWERS: Sequence[tuple[type[StationError], int, str]] = (
    (NotFoundError, 404, "not_found"),
    (DeniedError, 403, "denied"),
    (ConflictError, 409, "conflict"),
    (RequestError, 400, "invalid"),
    (NoSpaceError, 507, "no_space"),
    (StorageError, 503, "unavailable"),
    (LedgerError, 503, "unavailable"),
    (StationError, 500, "internal"),
)
HTTP_CODES = {400: "invalid", 404: "not_found", 405: "invalid", 413: "invalid", 422: "invalid", 429: "slow_down"}
# Which part of an address names what; the ledger's kinds of subjects.
_SUBJECTS = ("clip", "target", "binding", "export", "person", "recorder", "holding")
_AT_DOCK = ("/dock/tagging", "/dock/alive", "/dock/done")


class SlowDownError(RequestError):
    """Somebody tries too often."""


def answer_station_error(request: Request, error: Exception) -> Response:
    """Answer an error of our own tree."""
    assert isinstance(error, StationError)  # noqa: S101  registered for that type
    visit = current_visit(request)
    if isinstance(error, NotLoggedInError):
        return _to_log_in(request, error)
    if isinstance(error, FactorNeededError):
        return _redirect(request, "/me")
    if isinstance(error, SlowDownError):
        return _answer(request, visit, 429, "slow_down")
    if isinstance(error, DeniedError) and visit is not None:
        enter_refusal(request, visit, error)
        if isinstance(error, RefusedError) and error.hidden:
            return _answer(request, visit, 404, "not_found")
    status, code = next((status, code) for kind, status, code in ANSWERS if isinstance(error, kind))
    if status >= 500:
        _logger.error("failed", route=route_of(request), error=type(error).__name__, message=error.message)
    problem = error.code if isinstance(error, ProblemError) else ""
    return _answer(request, visit, status, code, problem)


def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of the framework: no such route, method or file."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    return _answer(request, current_visit(request), status, HTTP_CODES.get(status, "invalid"))


def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a form or query that does not fit its route."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for that type
    return _answer(request, current_visit(request), 400, "invalid")


def answer_bug(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw; the trace goes to the service log."""
    _logger.error("bug", route=route_of(request), exc_info=error)
    answer = _answer(request, None, 500, "internal")
    add_headers(answer.headers, request.scope)  # the framework answers bugs outside of the guard
    return answer


def enter_refusal(request: Request, visit: Visit, error: DeniedError) -> None:
    """Put a refusal into the ledger; one that can't be entered is an error of its own, and still a refusal."""
    if isinstance(error, RefusedError):
        about, reason = error.about, error.reason
    else:
        about, reason = _about(request), "role"
    access.deny(station_of(request).custody, visit.actor, about, route_of(request), reason)


def _about(request: Request) -> str | None:
    for kind in _SUBJECTS:
        value = str(request.path_params.get(kind, ""))
        if is_id(value):
            return f"{kind}:{value}"
    return None


def route_of(request: Request) -> str:
    """Return the route's pattern, never the address: a log-in link's address is its secret."""
    return str(getattr(request.state, "route", "(none)"))


def _to_log_in(request: Request, error: NotLoggedInError) -> Response:
    _logger.info("not_logged_in", route=route_of(request), address=address_of(request))
    if route_of(request).endswith(_AT_DOCK) and is_kiosk(request):
        return RedirectResponse("/dock", 303)  # a session at the dock ends soon; the way back in is the board
    target = f"/login?next={quote(path_of(request), safe='')}" if request.method == "GET" else "/login"
    if error.ended:
        target += ("&" if "?" in target else "?") + "ended=1"
    return _redirect(request, target)


def _redirect(request: Request, target: str) -> Response:
    if is_htmx(request):
        return Response(status_code=401, headers={"HX-Redirect": target})
    if _wants_page(request):
        return RedirectResponse(target, 303)
    return _problem_document(401, "not_logged_in", "")


def _answer(request: Request, visit: Visit | None, status: int, code: str, problem: str = "") -> Response:
    if not _wants_page(request):
        return _problem_document(status, code, problem)
    known = problem and translator_of(request).knows("problem", problem)
    message = f"code:problem.{problem}" if known else ""
    return render(request, "error.html", ErrorPage(status, code, message), visit=visit, status=status)


def _wants_page(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "text/html" in accept or is_htmx(request)


def _problem_document(status: int, code: str, problem: str) -> Response:
    document = {"type": "about:blank", "status": status, "title": code}
    if problem:
        document["code"] = problem
    return JSONResponse(document, status, media_type="application/problem+json")
