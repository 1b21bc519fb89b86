"""电子证据包: the list of court packages asked for, one's page, deciding, having it made, downloading it."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import structlog
from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from station.actions import exports
from station.actions.problems import ProblemError
from station.api.context import Station, Visit, station_of, visit_of
from station.api.pages import ExportPage, ExportsPage, ExportView, JobView
from station.api.render import is_htmx, render
from station.catalogue import checks
from station.catalogue.exports import ExportRow, export_row, list_exports, part_in_case
from station.database import Session
from station.errors import StationError
from station.package.archive import Member, archive, archive_size, members
from station.records.terms import Role
from station.state.exports import Job, jobs_of

_logger = structlog.get_logger(__name__)


def exports_page(request: Request) -> Response:
    """Show the exports the visitor may know of, what waits for them first."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = view_exports(station, session, visit, list_exports(session, visit.viewer))
    return render(request, "exports.html", ExportsPage(found), visit=visit)


def view_exports(station: Station, session: Session, visit: Visit, rows: Iterable[ExportRow]) -> tuple[ExportView, ...]:
    """Return exports as the visitor sees them."""
    rows = tuple(rows)
    jobs = jobs_of(session, [row.export for row in rows])
    return tuple(_view(station, session, visit, row, jobs.get(row.export, ())) for row in rows)


def _view(station: Station, session: Session, visit: Visit, row: ExportRow, jobs: Iterable[Job]) -> ExportView:
    clerk = Role.CLERK in visit.viewer.roles
    shown = tuple(_job(station, job) for job in jobs)
    part = part_in_case(session, row.target, visit.person.person)
    return ExportView(
        row=row,
        jobs=shown,
        can_decide=row.status == "requested" and exports.may_decide(visit.viewer, row, part),
        can_produce=clerk and row.status in ("approved", "produced"),
        can_fetch=clerk and any(job.place is None and job.state == "ready" for job in shown),
    )


def _job(station: Station, job: Job) -> JobView:
    state: str = job.state
    if not job.place and state == "ready":
        there = exports.lies_in(station.home.exports / job.export, (job.tagmanifest or "",))
        state = "ready" if there else "gone"
    if job.place and state == "ready":
        state = "written"  # the disk may have been taken away, as it should
    return JobView(job.place or None, state, job.step, job.per_mille, job.problem, job.clip)


def export_page(request: Request, export: str) -> Response:
    """Show an export, or for a script only how far it is."""
    return _export(request, export, None)


def _export(request: Request, export: str, problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        row = export_row(session, visit.viewer, export)
        (view,) = view_exports(station, session, visit, [row])
        part = part_in_case(session, row.target, visit.person.person)
        state = checks.target_state(session, visit.viewer, row.target)
    disks = exports.disks(station.home) if view.can_produce else ()
    page = ExportPage(
        view=view,
        disks=tuple((place, exports.free_bytes(place)) for place in disks),
        two_parts=row.status == "requested"
        and Role.APPROVER in visit.viewer.roles
        and not exports.may_decide(visit.viewer, row, part),
        can_open_case=state is not None and state.visible,
        problem=problem,
    )
    template = "export_state.html" if is_htmx(request) else "export.html"
    return render(request, template, page, visit=visit, status=200 if problem is None else 409)


def approve_export(request: Request, export: str) -> Response:
    """批准: agree to an export."""
    return _decide(request, export, approve=True, words="")


def refuse_export(request: Request, export: str, words: Annotated[str, Form()] = "") -> Response:
    """不予批准: refuse an export, and say why."""
    return _decide(request, export, approve=False, words=words)


def _decide(request: Request, export: str, *, approve: bool, words: str) -> Response:
    station, visit = station_of(request), visit_of(request)
    try:
        exports.decide(station.custody, visit.viewer, visit.actor, export, approve=approve, words=words)
    except ProblemError as error:
        return _export(request, export, error.code)
    return RedirectResponse(f"/exports/{export}", 303)


def produce_export(request: Request, export: str, place: Annotated[str, Form()] = "") -> Response:
    """Have the package made, here or on a disk; it is made in the background."""
    station, visit = station_of(request), visit_of(request)
    try:
        exports.order(station.custody, station.home, visit.viewer, visit.actor, export, place)
    except ProblemError as error:
        return _export(request, export, error.code)
    return RedirectResponse(f"/exports/{export}", 303)


def download_package(request: Request, export: str) -> Response:
    """Send the package as one uncompressed archive; that it is taken is entered before the first byte."""
    station, visit = station_of(request), visit_of(request)
    try:
        folder = exports.take(station.custody, station.database, station.home, visit.viewer, visit.actor, export)
    except ProblemError as error:
        return _export(request, export, error.code)
    files = members(folder, export)
    headers = {
        "content-disposition": f'attachment; filename="{export}.zip"',
        "content-length": str(archive_size(files)),
        "accept-ranges": "none",
        "cache-control": "no-store",
    }
    return StreamingResponse(_sent(export, files), media_type="application/zip", headers=headers)


def _sent(export: str, files: tuple[Member, ...]) -> Iterator[bytes]:
    try:
        yield from archive(files)
    except StationError as error:  # the answer ends short of its length: the browser calls the download failed
        _logger.error("download_broken", export=export, message=error.message)
        raise


ROUTES = (
    ("GET", "/exports", exports_page),
    ("GET", "/exports/{export}", export_page),
    ("POST", "/exports/{export}/approve", approve_export),
    ("POST", "/exports/{export}/refuse", refuse_export),
    ("POST", "/exports/{export}/produce", produce_export),
    ("GET", "/exports/{export}/package", download_package),
)
