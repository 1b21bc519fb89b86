"""What is watched: the ledger for the auditor, alarms, the station's health."""

from starlette.requests import Request
from starlette.responses import Response

from station.actions.health import Finding, examine
from station.api.context import Station, station_of, visit_of
from station.api.pages import AlarmsPage, HealthCheck, HealthPage, LedgerLine, LedgerPage
from station.api.render import render, translator_of
from station.catalogue.overview import list_alarms
from station.database import Session
from station.i18n import Translator
from station.ledger import log
from station.ledger.entry import StoredEntry, parse_record

_ENTRIES = 100
_SIZES = frozenset({"free_space"})
_MOMENTS = frozenset({"checked_at"})


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
    with station_of(request).database.read() as session:
        page = AlarmsPage(list_alarms(session))
    return render(request, "alarms.html", page, visit=visit_of(request))


def health_page(request: Request) -> Response:
    """Show how the station is."""
    station, visit, translate = station_of(request), visit_of(request), translator_of(request)
    page = HealthPage(tuple(_check(finding, translate) for finding in _examine(station)))
    return render(request, "health.html", page, visit=visit)


def _examine(station: Station) -> tuple[Finding, ...]:
    return examine(station.home, station.database, station.custody, station.store)


def _check(finding: Finding, translate: Translator) -> HealthCheck:
    value = finding.value
    if finding.code in _SIZES and value:
        value = translate.size(int(value))
    if finding.code in _MOMENTS:
        value = translate.moment(value)
    return HealthCheck(finding.code, finding.state, value)


ROUTES = (
    ("GET", "/ledger", ledger_page),
    ("GET", "/alarms", alarms_page),
    ("GET", "/health", health_page),
)
