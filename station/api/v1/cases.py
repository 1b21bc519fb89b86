"""Cases, pending matters and inspection tasks for programs."""

import base64
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.requests import Request

from station import clock
from station.api.context import station_of, visit_of
from station.api.v1.models import Case, CaseDetail, CaseList, Cursor, Given, Line
from station.api.v1.routing import Route
from station.catalogue import views
from station.catalogue.targets import list_targets, target_detail
from station.database import Session
from station.digest import is_id
from station.errors import RequestError

_TAG = "Cases"


class CaseQuery(Given):
    """What a list of cases is narrowed to; nothing: all that the token's person may open."""

    kind: Literal["case", "matter", "task"] | None = Field(default=None, description="a matter waits for its case")
    status: Literal["open", "submitted", "numbered", "merged", "dropped"] | None = None
    q: Line | None = Field(default=None, max_length=100, description="part of a number or title")
    cursor: Cursor | None = Field(default=None, description="`next` of the page before")
    limit: int = Field(default=60, ge=1, le=200)


def list_cases(request: Request, query: Annotated[CaseQuery, Query()]) -> CaseList:
    """Return a page of the cases, matters and tasks the token's person may open, the newest first."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = list_targets(
            session,
            visit.viewer,
            kind=query.kind,
            status=query.status,
            text=query.q,
            after=_read_cursor(query.cursor) if query.cursor else None,
            limit=query.limit + 1,
        )
    shown = found[: query.limit]
    more = len(found) > query.limit
    items = [Case.model_validate(_common(row)) for row in shown]
    return CaseList(items=items, next=_write_cursor(shown[-1]) if more else None)


def _common(row: views.TargetRow) -> dict[str, object]:
    return {
        "case": row.target,
        "kind": row.kind,
        "number": row.number,
        "title": row.title,
        "status": row.status,
        "clips": row.clips,
        "opened_at": row.opened_at,
        "submitted_at": row.submitted_at,
        "handlers": list(row.handlers),
    }


def _write_cursor(row: views.TargetRow) -> str:
    return base64.urlsafe_b64encode(f"{row.opened_at} {row.target}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        opened_at, _, target = text.partition(" ")
        clock.parse_time(opened_at)
    except ValueError as error:
        raise _lost() from error
    if not is_id(target):
        raise _lost()
    return opened_at, target


def _lost() -> RequestError:
    return RequestError("This page of the list can't be found again", hint="Start from the first page")


def get_case(request: Request, target: str) -> CaseDetail:
    """Return a case, matter or task with its recordings, and which of the five fields they lack."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        return read_case(session, visit.viewer, target)


def read_case(session: Session, viewer: views.Viewer, target: str) -> CaseDetail:
    """Return a case as this viewer may see it; raises NotFoundError."""
    detail = target_detail(session, viewer, target)
    more = {
        "clip_ids": [row.clip for row in detail.clips],
        "missing_fields": {clip: list(fields) for clip, fields in detail.missing_fields.items()},
    }
    return CaseDetail.model_validate(_common(detail.row) | more)


ROUTES = (
    Route("GET", "/cases", list_cases, "Cases, matters and tasks, page by page", _TAG, CaseList),
    Route("GET", "/cases/{target}", get_case, "One case, matter or task", _TAG, CaseDetail),
)
