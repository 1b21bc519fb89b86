"""法制审核: the reviewer's desk, submitting a case, a submission's page, the opinion, changes under review."""

from typing import Annotated

from fastapi import Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import checking, review
from station.actions.amend import AMENDERS, Amendment, make_place
from station.actions.problems import ProblemError
from station.api.context import Station, Visit, station_of, visit_of
from station.api.forms import choice, utc_time
from station.api.render import is_htmx, render
from station.api.review_pages import ChangePage, CheckProgress, DeskPage, SubmissionPage, SubmitPage
from station.api.second import SecondPerson
from station.catalogue import checks, review_lists, reviews
from station.catalogue.clips import visible_clips
from station.catalogue.history_lines import SUPERVISING
from station.catalogue.reviews import SubmissionView
from station.catalogue.targets import target_detail
from station.catalogue.views import TargetDetail
from station.catalogue.visibility import as_roles
from station.database import Session
from station.errors import NotFoundError
from station.records.review_entries import ReviewPoint, Verdict
from station.records.terms import Role, TargetKind
from station.state import checks as asked_checks

_GAP = "gap_"


def desk_page(request: Request) -> Response:
    """Show each case's latest submission, what waits for an opinion first."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        found = reviews.desk(session, visit.viewer)
        waiting = found["waiting"].shown
        mine = frozenset(each.submission for each in waiting if review.may_review(session, visit.viewer, each))
    page = DeskPage(**found, mine=mine)
    return render(request, "reviews.html", page, visit=visit)


def submit_page(request: Request, target: str, act: str = "") -> Response:
    """送审: show the list that is about to be submitted, to be confirmed."""
    return _submit(request, target, act, {}, None)


def _submit(request: Request, target: str, act: str, values: dict[str, str], problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    listed = review.recording_list(station.home)
    with station.database.read() as session:
        detail = target_detail(session, visit.viewer, target)
        if detail.row.kind != TargetKind.CASE:
            raise NotFoundError("Only a case is submitted for review")
        former = reviews.latest_submission(session, target)
        lines = review_lists.present_lists(session, [target]).get(target, {})
        names = reviews.names_of(session, [each for line in lines.values() for each in line.companions])
        lengths = reviews.lengths_of(session, tuple(lines))
        state = checks.target_state(session, visit.viewer, target)
    known = former.act if former else state.act if state else None
    chosen = listed.find(act or known)
    gaps = {name.removeprefix(_GAP): value for name, value in values.items() if name.startswith(_GAP)}
    if former is not None and not values:
        gaps = dict(former.gaps)
    page = SubmitPage(
        row=detail.row,
        lines=tuple(lines.values()),
        names=names,
        missing=detail.missing_fields,
        acts=listed.act,
        act=chosen,
        # Reasons are only filled in again: whether a stage is missing follows from its recordings.
        stages=review.stages_of(listed, chosen.id if chosen else None, lines, lengths, {}),
        former=former,
        shown=review.fingerprint(lines),
        can_submit=state is not None
        and visit.person.person in state.handlers
        and bool(lines)
        and not detail.missing_fields
        and _may_be_submitted(detail, former),
        values={**{f"{_GAP}{stage}": reason for stage, reason in gaps.items()}, **values},
        problem=problem,
    )
    return render(request, "submit.html", page, visit=visit, status=200 if problem is None else 409)


def _may_be_submitted(detail: TargetDetail, former: SubmissionView | None) -> bool:
    return detail.row.status == "open" or (former is not None and former.state == "changed")


async def submit_case(request: Request, target: str) -> Response:
    """Submit a case with the clips it has now, as the list that was confirmed says."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    return await run_in_threadpool(_submit_case, request, target, form)


def _submit_case(request: Request, target: str, form: dict[str, str]) -> Response:
    station, visit = station_of(request), visit_of(request)
    act = form.get("act", "")
    declaration = review.Declaration(
        act=act or None,
        note=form.get("note", ""),
        gaps={name.removeprefix(_GAP): value for name, value in form.items() if name.startswith(_GAP)},
        shown=form.get("shown") or None,
    )
    try:
        if form.get("confirmed") != "yes" or declaration.shown is None:
            raise ProblemError("not_confirmed", "The handler did not confirm the list")
        if declaration.act is None:
            raise ProblemError("act_missing", "The kind of act was not chosen")
        submission = review.submit_case(
            station.custody, visit.viewer, visit.actor, target, declaration, review.recording_list(station.home)
        )
    except ProblemError as error:
        return _submit(request, target, act, form, error.code)
    return RedirectResponse(f"/cases/{target}/submissions/{submission}", 303)


def submission_page(request: Request, target: str, submission: str) -> Response:
    """Show a submission, or for a script only how its check stands."""
    return _show(request, target, submission)


def _show(
    request: Request, target: str, submission: str, problem: str | None = None, values: dict[str, str] | None = None
) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        page = _page(station, session, visit, target, submission, problem, values or {})
    template = "submission_check.html" if is_htmx(request) and problem is None else "submission.html"
    return render(request, template, page, visit=visit, status=200 if problem is None else 409)


def _page(
    station: Station,
    session: Session,
    visit: Visit,
    target: str,
    submission: str,
    problem: str | None,
    values: dict[str, str],
) -> SubmissionPage:
    view = reviews.submission_view(session, visit.viewer, target, submission)
    lines = review_lists.sealed_lists(session, [submission]).get(submission, {})
    clips = tuple(lines)
    listed = review.recording_list(station.home)
    lengths = reviews.lengths_of(session, clips)
    supervised = visible_clips(session, as_roles(visit.viewer, SUPERVISING), clips)
    apart = review.may_review(session, visit.viewer, view)
    named = [each for line in lines.values() for each in line.companions]
    named += [
        each for change in view.changes if change.field == "companions" for each in _texts(change.before, change.after)
    ]
    own = Role.HANDLER in visit.viewer.roles and visit.person.person in view.handlers
    return SubmissionPage(
        view=view,
        lines=tuple(lines.values()),
        lengths=lengths,
        names=reviews.names_of(session, named),
        seen=visible_clips(session, visit.viewer, clips),
        outcomes=reviews.check_outcomes(session, clips, view.submitted_at),
        checked=review.checked_since(session, view, clips),
        check=_progress(session, visit, target),
        act=listed.find(view.act),
        stages=review.stages_of(listed, view.act, lines, lengths, dict(view.gaps)),
        versions=reviews.list_submissions(session, visit.viewer, target),
        after=reviews.happened_since(session, visit.viewer, view, clips),
        looks=reviews.looks_at(session, tuple(supervised)),
        can_see_looks=bool(supervised),
        can_review=apart and view.latest and view.opinion is None and not view.changes,
        apart=apart,
        can_resubmit=own and view.latest and view.state in ("changed", "returned"),
        can_change=Role.CLERK in visit.viewer.roles and view.latest and view.state in ("waiting", "changed", "agreed"),
        points=tuple(each.value for each in ReviewPoint),
        values=values,
        problem=problem,
    )


def _texts(*values: object) -> list[str]:
    return [each for value in values if isinstance(value, tuple) for each in value if isinstance(each, str)]


def _progress(session: Session, visit: Visit, target: str) -> CheckProgress | None:
    job = asked_checks.any_open(session, "case", target)
    if job is None:
        return None
    share = min(999, 1000 * job.size_bytes // job.total_bytes) if job.total_bytes else 0
    mine = job.person == visit.person.person
    return CheckProgress(job.check, job.state, share, job.size_bytes, job.total_bytes, mine)


def verify_submission(request: Request, target: str, submission: str) -> Response:
    """Have all clips of the list checked in the background."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        reviews.submission_view(session, visit.viewer, target, submission)
        clips = tuple(review_lists.sealed_lists(session, [submission]).get(submission, {}))
        seen = visible_clips(session, visit.viewer, clips)
    try:
        checking.ask_case(station.database, visit.actor, target, [clip for clip in clips if clip in seen])
    except ProblemError as error:
        return _show(request, target, submission, error.code)
    return RedirectResponse(f"/cases/{target}/submissions/{submission}#check", 303)


def give_opinion(
    request: Request,
    target: str,
    submission: str,
    verdict: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
    point: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """审核意见: answer the submission in writing."""
    station, visit = station_of(request), visit_of(request)
    try:
        chosen = choice(verdict, Verdict)
        if chosen is None:
            raise ProblemError("verdict_missing", "No verdict was chosen")
        points = [found for each in point or () if (found := choice(each, ReviewPoint)) is not None]
        review.give_opinion(
            station.custody, visit.viewer, visit.actor, target, submission, verdict=chosen, words=words, points=points
        )
    except ProblemError as error:
        return _show(request, target, submission, error.code, {"words": words, "verdict": verdict})
    return RedirectResponse(f"/cases/{target}/submissions/{submission}#opinion", 303)


def change_page(request: Request, target: str, clip: str) -> Response:
    """Show the form by which two people change a clip under review."""
    return _change(request, target, clip, {}, None)


def _change(request: Request, target: str, clip: str, values: dict[str, str], problem: str | None) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        row = target_detail(session, visit.viewer, target).row
        line = review_lists.present_lists(session, [target]).get(target, {}).get(clip)
        seen = visible_clips(session, as_roles(visit.viewer, AMENDERS), [clip])
        if line is None or not seen or target not in reviews.locked_clips(session, [clip]).get(clip, ()):
            raise NotFoundError("There is no such clip of a case under review")
        officers = station.officers(session, visit.viewer.unit)
    page = ChangePage(row, clip, line, officers, values, problem)
    return render(request, "change.html", page, visit=visit, status=200 if problem is None else 409)


def change_clip(
    request: Request,
    target: str,
    clip: str,
    second: SecondPerson,
    field: Annotated[str, Form()] = "",
    time: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    collector: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Change a clip under review, the second person agreeing by their password and second factor."""
    station, visit = station_of(request), visit_of(request)
    values = {"field": field, "time": time, "place": place, "collector": collector, "reason": reason}
    try:
        given = _amendment(station, values)
        review.change(station.custody, station.database, visit.viewer, visit.actor, target, clip, given, second)
    except ProblemError as error:
        return _change(request, target, clip, values | {"second_login": second.login}, error.code)
    with station.database.read() as session:
        latest = reviews.latest_submission(session, target)
    return RedirectResponse(f"/cases/{target}/submissions/{latest.submission}#changes" if latest else "/reviews", 303)


def _amendment(station: Station, values: dict[str, str]) -> Amendment:
    reason = values["reason"]
    if values["field"] == "time":
        return Amendment("time", recorded_at=utc_time(values["time"], station.home.zone), reason=reason)
    if values["field"] == "place":
        return Amendment("place", place=make_place(values["place"]), reason=reason)
    if values["field"] == "collector":
        return Amendment("collector", collector=values["collector"] or None, reason=reason)
    raise ProblemError("invalid", f"{values['field']!r} is not a field that is changed")


ROUTES = (
    ("GET", "/reviews", desk_page),
    ("GET", "/cases/{target}/submit", submit_page),
    ("POST", "/cases/{target}/submit", submit_case),
    ("GET", "/cases/{target}/submissions/{submission}", submission_page),
    ("POST", "/cases/{target}/submissions/{submission}/verify", verify_submission),
    ("POST", "/cases/{target}/submissions/{submission}/opinion", give_opinion),
    ("GET", "/cases/{target}/change/{clip}", change_page),
    ("POST", "/cases/{target}/change/{clip}", change_clip),
)
