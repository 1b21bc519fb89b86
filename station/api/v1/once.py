"""Requests that append, at most once each (IETF draft-ietf-httpapi-idempotency-key-header-07).

Guarantees: the same key with the same content gets the first answer again, with other content 422, while the first is
under way 409; a request that was refused or failed changed nothing, so its key is free again. If the station stops
between an entry and its answer, the request may be repeated after a minute: what it then finds done already it says.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from station import clock
from station.actions.problems import ProblemError
from station.api.context import station_of
from station.api.v1.enforcing import token_of
from station.digest import sha256_hex
from station.state import answers

KEY_HEADER = "Idempotency-Key"
_JSON = "application/json"

Key = Annotated[
    str,
    Header(
        alias=KEY_HEADER,
        pattern=r'^("[\x21\x23-\x5b\x5d-\x7e]{1,200}"|[\x21\x23-\x5b\x5d-\x7e]{1,200})$',
        description="a name for this request, new for each and the same when it is repeated, as a UUID; kept for a day",
    ),
]


def once(request: Request, key: str, given: BaseModel, run: Callable[[], tuple[int, BaseModel]]) -> Response:
    """Return what `run` answers (status and document), or what it answered to the first request with this key.

    Raises ProblemError (key_reused, key_busy) and what `run` raises.
    """
    database, token, name = station_of(request).database, token_of(request).token, key.strip('"')
    meant = f"{request.method}\n{request.url.path}\n{given.model_dump_json()}"
    fingerprint = sha256_hex(meant.encode())
    with database.write() as session:
        kept = answers.begin(session, token, name, fingerprint, clock.now())
    if kept is not None:
        return _again(kept, fingerprint)
    answered = False
    try:
        status, document = run()
        body = document.model_dump_json()
        with database.write() as session:
            answers.keep(session, token, name, status, body)
        answered = True
    finally:
        if not answered:
            with database.write() as session:
                answers.release(session, token, name)
    return Response(body, status, media_type=_JSON)


def _again(kept: answers.Kept, fingerprint: str) -> Response:
    if kept.fingerprint != fingerprint:
        raise ProblemError("key_reused", "That key was used for another request")
    if kept.status is None:
        raise ProblemError("key_busy", "The first request with that key is under way")
    return Response(kept.body, kept.status, media_type=_JSON, headers={"idempotent-replayed": "true"})
