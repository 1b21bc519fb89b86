"""What is watched: the ledger for the auditor, alarms, the station's health."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import alarms
from station.actions.health import examine
from station.actions.problems import ProblemError
from station.api import metrics
from station.api.context import station_of, visit_of
from station.api.pages import AlarmsPage, HealthCheck, HealthPage, LedgerLine, LedgerPage
from station.api.render import render
from station.catalogue.alarms import list_alarms
from station.database import Session
from station.ledger import log
from station.ledger.entry import StoredEntry, parse_record

_ENTRIES = 100


def ledger_page(request: Request, before: int | None = None) -> Response:
    """Show the ledger's head, its last signed checkpoint and a hundred entries, without what they say."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        page = _ledger(session, before)
    return render(request, "ledger.html", page, visit=visit)


def _ledger(session: Session, before: int | None) -> LedgerPage:
    head = log.head(session)
    end = head.size if before is None else max(0, min(before, head.size))
    begin = max(0, end - _ENTRIES)
    lines = [_line(entry) for entry in log.entries(session, begin, end)]
    checkpoint = log.latest_checkpoint(session)
    sealed = checkpoint is not None and checkpoint.size > 0
    return LedgerPage(
        size=head.size,
        root=head.root.hex(),
        note=checkpoint.note if checkpoint else None,
        checkpoint_time=log.entry(session, checkpoint.size - 1).time if checkpoint and sealed else None,
        entries=tuple(reversed(lines)),
        next=begin or None,
    )


def _line(entry: StoredEntry) -> LedgerLine:
    record = parse_record(entry.record)
    return LedgerLine(entry.seq, entry.time, entry.type, tuple(record.subjects), entry.leaf.hex())


def alarms_page(request: Request) -> Response:
    """Show the alarms."""
    return _alarms(request)


def _alarms(request: Request, problem: str | None = None, alarm: str = "", note: str = "") -> Response:
    with station_of(request).database.read() as session:
        page = AlarmsPage(list_alarms(session), problem, alarm, note)
    return render(request, "alarms.html", page, visit=visit_of(request), status=200 if problem is None else 409)


def acknowledge_alarm(
    request: Request, alarm: str, note: Annotated[str, Form()] = "", gone: Annotated[str, Form()] = ""
) -> Response:
    """Enter that somebody saw to an alarm, and whether its cause is gone."""
    station, visit = station_of(request), visit_of(request)
    try:
        alarms.acknowledge(station.custody, visit.actor, alarm, note, gone=bool(gone))
    except ProblemError as error:
        return _alarms(request, error.code, alarm, note[: alarms.NOTE_CHARACTERS])
    return RedirectResponse("/alarms", 303)


def health_page(request: Request) -> Response:
    """Show how the station is."""
    station = station_of(request)
    findings = examine(station.home, station.database, station.custody, station.store)
    page = HealthPage(tuple(HealthCheck(each.code, each.state, each.value) for each in findings))
    return render(request, "health.html", page, visit=visit_of(request))


def metrics_page(request: Request) -> Response:
    """Send the station's figures to a Prometheus on this machine."""
    return Response(metrics.exposition(station_of(request)), media_type=metrics.MEDIA_TYPE)


ROUTES = (
    ("GET", "/ledger", ledger_page),
    ("GET", "/alarms", alarms_page),
    ("POST", "/alarms/{alarm}", acknowledge_alarm),
    ("GET", "/health", health_page),
    ("GET", "/metrics", metrics_page),
)
