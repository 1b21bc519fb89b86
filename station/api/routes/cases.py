"""Cases, pending matters and inspection tasks: the list, one's page, opening, resolving."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import exports, targets
from station.actions.bind import BINDERS
from station.actions.problems import ProblemError
from station.api.context import Visit, station_of, visit_of
from station.api.disposal_pages import holding_of
from station.api.forms import choice
from station.api.pages import CasePage, CasesPage
from station.api.policies import allows, policy_of
from station.api.render import render
from station.api.routes.clips import list_posters
from station.api.routes.exports import view_exports
from station.api.upload_pages import documents_page
from station.catalogue import checks
from station.catalogue.exports import list_exports, part_in_case
from station.catalogue.reviews import SubmissionView, list_submissions
from station.catalogue.targets import list_targets, target_detail
from station.catalogue.views import TargetDetail, TargetRow
from station.database import Session
from station.digest import is_id
from station.records.export_entries import ExportReason
from station.records.terms import Role, TargetKind

_RESOLVERS = frozenset({Role.CLERK, Role.HANDLER})
_NARROWING = ("kind", "status", "q")


def cases_page(request: Request, kind: str = "", status: str = "", q: str = "") -> Response:
    """Show the targets the visitor may open."""
    return _cases(request, {"kind": kind, "status": status, "q": q[:100]}, None)


def _cases(request: Request, form: dict[str, str], problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    may_open = targets.may_open(visit.viewer)
    narrowed = {name: form[name] if problem is None else "" for name in _NARROWING if name in form}
    with station.database.read() as session:
        found = list_targets(
            session,
            visit.viewer,
            kind=narrowed.get("kind") or None,
            status=narrowed.get("status") or None,
            text=narrowed.get("q") or None,
        )
        officers = station.officers(session, visit.viewer.unit) if may_open else ()
    page = CasesPage(found, form, officers, may_open, problem)
    return render(request, "cases.html", page, visit=visit, status=200 if problem is None else 409)


def open_case(
    request: Request,
    kind: Annotated[str, Form()] = "",
    number: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
    handlers: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Open a case, matter or task."""
    station, visit = station_of(request), visit_of(request)
    try:
        chosen = choice(kind, TargetKind)
        if chosen is None or chosen == TargetKind.NONE:
            raise ProblemError("target_missing", "No kind of target was chosen")
        if chosen != TargetKind.CASE and not title.strip():
            raise ProblemError("title_missing", "A matter or task needs a title")
        wanted = targets.NewTarget(chosen, number, title, tuple(handlers or ()))
        target = targets.open_target(station.custody, station.home, visit.viewer, visit.actor, wanted)
    except ProblemError as error:
        return _cases(request, {"kind": kind, "number": number, "title": title}, error.code)
    return RedirectResponse(f"/cases/{target}", 303)


def case_page(request: Request, target: str) -> Response:
    """Show a target with its clips."""
    return show_case(request, target)


def show_case(
    request: Request, target: str, problem: str | None = None, *, export_problem: str | None = None
) -> Response:
    """Return the case's page, with what was wrong with a form sent from it."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        detail = target_detail(session, visit.viewer, target)
        handlers = _handlers(session, visit, target)
        editing = _may_resolve(visit, detail)
        cases = list_targets(session, visit.viewer, kind="case", status="open") if editing else ()
        packages = view_exports(station, session, visit, list_exports(session, visit.viewer, target=target))
        asking = exports.may_ask(visit.viewer, part_in_case(session, target, visit.person.person))
        holding = holding_of(session, visit.viewer, f"{detail.row.kind}:{target}")
        reading = allows(policy_of("GET /reviews"), visit.viewer.roles, loopback=False)
        submissions = list_submissions(session, visit.viewer, target) if reading else ()
        documents = documents_page(session, station.home, visit.viewer, target, detail.row.status) if reading else None
    page = CasePage(
        detail=detail,
        can_submit=_may_submit(visit, detail, handlers, submissions),
        submissions=submissions,
        documents=documents,
        can_edit=editing,
        can_bind=bool(visit.viewer.roles & BINDERS) and detail.row.status == "open",
        posters=list_posters(station, visit, detail.clips, "GET /cases/{target}"),
        cases=tuple(row for row in cases if row.target != target),
        problem=problem,
        exports=packages,
        can_ask=asking and detail.row.kind == TargetKind.CASE and bool(detail.clips),
        export_reasons=tuple(each.value for each in ExportReason),
        export_problem=export_problem,
        can_verify=bool(detail.clips) and allows(policy_of("POST /verify/case"), visit.viewer.roles, loopback=False),
        holding=holding,
    )
    return render(request, "case.html", page, visit=visit, status=409 if problem or export_problem else 200)


def _handlers(session: Session, visit: Visit, target: str) -> frozenset[str]:
    state = checks.target_state(session, visit.viewer, target)
    return state.handlers if state else frozenset()


def _may_submit(
    visit: Visit, detail: TargetDetail, handlers: frozenset[str], submissions: tuple[SubmissionView, ...]
) -> bool:
    own = Role.HANDLER in visit.viewer.roles and visit.person.person in handlers
    ready = bool(detail.clips) and not detail.missing_fields
    due = _is_open(detail.row) or any(each.state == "changed" for each in submissions)
    return own and ready and due and detail.row.kind == TargetKind.CASE


def _may_resolve(visit: Visit, detail: TargetDetail) -> bool:
    return bool(visit.viewer.roles & _RESOLVERS) and _is_open(detail.row) and detail.row.kind != TargetKind.CASE


def _is_open(row: TargetRow) -> bool:
    return row.status == "open"


def ask_for_export(
    request: Request,
    target: str,
    clip: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
    playable: Annotated[str, Form()] = "",
    disclosure: Annotated[str, Form()] = "",
) -> Response:
    """申请电子证据包: ask for a package of the case."""
    station, visit = station_of(request), visit_of(request)
    try:
        chosen = choice(reason, ExportReason)
        if chosen is None:
            raise ProblemError("reason_missing", "No reason was chosen")
        if not clip:
            raise ProblemError("clips_missing", "No clips were chosen")
        wanted = exports.Wanted(chosen, words, tuple(clip), bool(playable), bool(disclosure))
        export = exports.ask(station.custody, visit.viewer, visit.actor, target, wanted)
    except ProblemError as error:
        return show_case(request, target, export_problem=error.code)
    return RedirectResponse(f"/exports/{export}", 303)


def resolve_matter(
    request: Request,
    target: str,
    outcome: Annotated[str, Form()] = "",
    into: Annotated[str, Form()] = "",
    number: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
) -> Response:
    """Give a matter its case, merge it into one, or drop it."""
    station, visit = station_of(request), visit_of(request)
    try:
        number = number or _number_of(request, into if outcome == "numbered" else "")
        case = targets.resolve_matter(
            station.custody,
            station.home,
            visit.viewer,
            visit.actor,
            target,
            outcome=outcome,
            into=into if is_id(into) else None,
            number=number,
            title=title,
        )
    except ProblemError as error:
        return show_case(request, target, error.code)
    return RedirectResponse(f"/cases/{case or target}", 303)


def _number_of(request: Request, into: str) -> str:
    """Return the number of a case chosen instead of typed."""
    if not is_id(into):
        return ""
    with station_of(request).database.read() as session:
        return target_detail(session, visit_of(request).viewer, into).row.number


ROUTES = (
    ("GET", "/cases", cases_page),
    ("POST", "/cases", open_case),
    ("GET", "/cases/{target}", case_page),
    ("POST", "/cases/{target}/resolve", resolve_matter),
    ("POST", "/cases/{target}/exports", ask_for_export),
)
