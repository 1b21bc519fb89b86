"""From errors to problem documents (RFC 9457), in the language that the caller asks for.

Guarantee: a problem holds a status, a stable code and words from our catalogues; never an error's own text, a path, a
trace or what was sent. A refusal is in the ledger before it is told.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from station import i18n
from station.actions.problems import ProblemError
from station.api.auth import RefusedError, address_of
from station.api.context import station_of, visit_or_none
from station.api.errors import ANSWERS, HTTP_CODES, SlowDownError, enter_refusal, route_of
from station.api.v1.enforcing import NoTokenError
from station.api.v1.once import KEY_HEADER
from station.errors import DeniedError, StationError
from station.i18n import Translator

MEDIA_TYPE = "application/problem+json"
TYPES = "tag:evidence-station,2026:problem/"  # RFC 4151; names a type, leads nowhere, as RFC 9457 section 4.2.1 allows
_WAIT_SECONDS = "5"
_ERRORS = 20
# What is wrong with the request itself, whatever the state of things: 422 where the rest of their kind is 409.
_UNFIT_CODES = """
invalid time_invalid value_missing number_invalid place_wrong clips_missing target_missing reason_missing title_missing
title_long note_long proves_too_many proves_long too_many name_long reason_long person_unknown handler_unknown
outcome_unknown purpose_long key_reused hook_name hook_events hook_url hook_http range_invalid range_backwards
range_beyond range_unsaid ranges_one_clip ranges_too_many
"""
_UNFIT = frozenset(_UNFIT_CODES.split())
_logger = structlog.get_logger(__name__)


def answer_station_error(request: Request, error: Exception) -> Response:
    """Answer an error of our own tree."""
    assert isinstance(error, StationError)  # noqa: S101  registered for that type
    visit = visit_or_none(request)
    if isinstance(error, NoTokenError):
        return _unknown(request, given=error.given)
    if isinstance(error, SlowDownError):
        return problem(request, 429, "slow_down", headers={"retry-after": _WAIT_SECONDS})
    if isinstance(error, DeniedError) and visit is not None:
        enter_refusal(request, visit, error)
        if isinstance(error, RefusedError):
            return _refused(request, error)
    status, code = next((status, code) for kind, status, code in ANSWERS if isinstance(error, kind))
    if status >= 500:
        _logger.error("failed", route=route_of(request), error=type(error).__name__, message=error.message)
    if isinstance(error, ProblemError):
        return problem(request, 422 if error.code in _UNFIT else status, error.code)
    return problem(request, 422 if status == 400 else status, code)


def _unknown(request: Request, *, given: bool) -> Response:
    _logger.info("no_token", route=route_of(request), address=address_of(request), given=given)
    # RFC 6750 section 3: no error code where there was no token at all.
    challenge = 'Bearer realm="evidence-station"' + (', error="invalid_token"' if given else "")
    code = "token_wrong" if given else "token_missing"
    return problem(request, 401, code, headers={"www-authenticate": challenge})


def _refused(request: Request, error: RefusedError) -> Response:
    if error.hidden:
        return problem(request, 404, "not_found")
    if error.reason == "scope":
        challenge = 'Bearer realm="evidence-station", error="insufficient_scope"'
        return problem(request, 403, "scope_missing", headers={"www-authenticate": challenge})
    return problem(request, 403, "suspected_secret" if error.reason == "suspected_secret" else "denied")


def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of the framework: no such route, or not that method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    headers = error.headers if isinstance(error, HTTPException) else None
    code = "method" if status == 405 else HTTP_CODES.get(status, "invalid")
    return problem(request, status, code, headers=headers or {})


def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a query, header or body that does not fit: `errors` says where and what, not what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for that type
    found = error.errors()[:_ERRORS]
    if any(each["loc"] == ("header", KEY_HEADER) and each["type"] == "missing" for each in found):
        return problem(request, 400, "key_missing")
    errors = [{"at": "/".join(str(step)[:80] for step in each["loc"]), "error": str(each["type"])} for each in found]
    return problem(request, 422, "invalid", errors=errors)


def answer_bug(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw; the trace goes to the service log."""
    _logger.error("bug", route=route_of(request), exc_info=error)
    return problem(request, 500, "internal")


def problem(
    request: Request,
    status: int,
    code: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem document of a code."""
    translate = _translator(request)
    document: dict[str, Any] = {"type": f"{TYPES}{code}", "title": _title(translate, status, code), "status": status}
    document["code"] = code
    if errors:
        document["errors"] = list(errors)
    # Not every text that was typed as a name is one that UTF-8 can carry.
    content = json.dumps(document, ensure_ascii=False).encode("utf-8", errors="replace")
    spoken = {"content-language": translate.language, "vary": "Accept-Language"}
    return Response(content, status, media_type=MEDIA_TYPE, headers={**spoken, **(headers or {})})


def _title(translate: Translator, status: int, code: str) -> str:
    for group in ("api_problem", "problem"):
        if translate.knows(group, code):
            return translate.code(group, code)
    return translate.code("api_problem", "internal" if status >= 500 else "conflict")


def _translator(request: Request) -> Translator:
    home = station_of(request).home
    return i18n.translator(preferred_locale(request, home.settings.locale), home.zone)


def preferred_locale(request: Request, default: str) -> str:
    """Return the language that `Accept-Language` (RFC 9110 section 12.5.4) likes best of ours, else `default`."""
    ranked = []
    for each in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, quality = each.partition(";")
        weight = quality.strip().removeprefix("q=") or "1"
        if tag.strip() and weight.replace(".", "", 1).isdecimal() and float(weight) > 0:
            ranked.append((-float(weight), tag.strip()))
    return i18n.negotiate([tag for _, tag in sorted(ranked, key=lambda pair: pair[0])], default)
