"""完整性校验 for people: a clip, a case, everything, “is this file ours?”; every result is an entry (see actions)."""

import json
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import checking, verify
from station.actions.problems import ProblemError
from station.actions.recognise import recognise
from station.actions.shown_proof import ShownProof, proof_archive, shown_proof
from station.actions.verify import CheckResult
from station.api.context import Station, Visit, station_of, visit_of
from station.api.errors import SlowDownError
from station.api.pages import CheckView, FileView, ScrubView, VerifyPage, VerifyView
from station.api.policies import SEEING, SWEEPING
from station.api.render import is_htmx, render
from station.catalogue.clips import can_see, visible_clips
from station.catalogue.targets import list_targets, target_detail
from station.database import Session
from station.errors import LedgerError, NotFoundError, RequestError
from station.ledger.findings import MESSAGES
from station.state import checks, scrubs
from station.state.checks import CheckJob

_LISTED = 10
_NAMED = 50


def verify_page(request: Request) -> Response:
    """Show what can be verified, and the checks that run or ended lately."""
    return _show(request)


def _show(request: Request, problem: str | None = None) -> Response:
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        sweeping = bool(visit.viewer.roles & SWEEPING)
        jobs = {each.check: each for each in checks.latest(session, person=visit.person.person, limit=_LISTED)}
        if sweeping:
            jobs |= {each.check: each for each in checks.latest(session, scope="all", limit=_LISTED)}
        newest = sorted(jobs.values(), key=lambda each: each.asked_at, reverse=True)[:_LISTED]
        page = VerifyPage(
            checks=tuple(_check_view(session, visit, each) for each in newest),
            scrub=_scrub_view(session, station.home.settings.scrub_days) if sweeping else None,
            may_sweep=sweeping,
            may_see=bool(visit.viewer.roles & SEEING),
            problem=problem,
        )
    return render(request, "verify.html", page, visit=visit, status=200 if problem is None else 409)


def _scrub_view(session: Session, days: float) -> ScrubView:
    progress = scrubs.load(session)
    if progress is None:
        return ScrubView(days=days)
    share = 1000 * progress.position // max(progress.until, 1)
    if progress.total_bytes:
        share = min(1000, 1000 * progress.size_bytes // progress.total_bytes)
    return ScrubView(
        days=days,
        begun_at=progress.begun_at,
        per_mille=1000 if progress.position >= progress.until else min(share, 999),
        last_pass_at=progress.last_pass_at,
        last_originals=progress.last_originals,
        last_damaged=progress.last_damaged,
        last_unchecked=progress.last_unchecked,
    )


def _check_view(session: Session, visit: Visit, job: CheckJob) -> CheckView:
    """Return a check as this visitor may see it: clips they may not know are counted, not named."""
    result = CheckResult.restore(job.result) if job.result != "{}" else CheckResult(job.scope)
    ended = job.state == "done"
    damaged = sorted(result.damaged_clips)
    seen = visible_clips(session, visit.viewer, damaged) if damaged else frozenset()
    number = None
    if job.target is not None:
        try:
            number = target_detail(session, visit.viewer, job.target).row.number
        except NotFoundError:
            number = None
    return CheckView(
        check=job.check,
        scope=job.scope,
        state=job.state,
        target=job.target if number else None,
        number=number,
        clips=len(json.loads(job.clips)),
        asked_at=job.asked_at,
        ended_at=job.ended_at,
        per_mille=1000 if ended else min(999, 1000 * job.size_bytes // job.total_bytes) if job.total_bytes else 0,
        size_bytes=result.size_bytes,
        total_bytes=job.total_bytes,
        originals=result.originals,
        outcome=result.outcome if ended else None,
        log_size=result.log_size,
        findings=_findings(result),
        damaged=tuple(clip for clip in damaged if clip in seen)[:_NAMED],
        damaged_hidden=len(damaged) - len(seen),
        mine=job.person == visit.person.person,
        readback=result.readback,
    )


def check_page(request: Request, check: str) -> Response:
    """Show one check, or for a script the part of the page that tells how far it is."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        page = _check_view(session, visit, _find(session, visit, check))
    return render(request, "check_state.html" if is_htmx(request) else "check.html", page, visit=visit)


def _find(session: Session, visit: Visit, check: str) -> CheckJob:
    job = checks.find(session, check)
    own = job is not None and job.person == visit.person.person
    if job is None or not (own or (job.scope == "all" and visit.viewer.roles & SWEEPING)):
        raise NotFoundError(f"There is no check {check}")
    return job


def check_all(request: Request) -> Response:
    """Ask for a check of everything, in the background."""
    station, visit = station_of(request), visit_of(request)
    try:
        check = checking.ask_all(station.database, visit.actor)
    except ProblemError as error:
        return _show(request, error.code)
    return RedirectResponse(f"/verify/checks/{check}", 303)


def check_case(request: Request, number: Annotated[str, Form()] = "", target: Annotated[str, Form()] = "") -> Response:
    """Ask for a check of the clips of a case, by number or id, in the background: of those that the visitor sees."""
    station, visit = station_of(request), visit_of(request)
    try:
        with station.database.read() as session:
            chosen = target or _target_of(session, visit, number)
            clips = tuple(row.clip for row in target_detail(session, visit.viewer, chosen).clips)
        check = checking.ask_case(station.database, visit.actor, chosen, clips)
    except ProblemError as error:
        return _show(request, error.code)
    except NotFoundError:
        return _show(request, "case_unknown")
    return RedirectResponse(f"/verify/checks/{check}", 303)


def _target_of(session: Session, visit: Visit, number: str) -> str:
    wanted = number.strip()
    for row in list_targets(session, visit.viewer, text=wanted or None):
        if wanted and row.number == wanted:
            return row.target
    raise NotFoundError("There is no such case")


def cancel_check(request: Request, check: str) -> Response:
    """Cancel one's own check."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        _find(session, visit, check)
    checking.cancel(station.database, check, visit.person.person)
    return RedirectResponse(f"/verify/checks/{check}", 303)


def check_clip(request: Request, clip: Annotated[str, Form()] = "") -> Response:
    """Check a clip by its number."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        seen = can_see(session, visit.viewer, clip.strip())
    if not seen:
        return _show(request, "clip_unknown")
    return verify_clip(request, clip.strip())


def verify_clip(request: Request, clip: str) -> Response:
    """Check the original against the ledger now, two clips at a time for the whole station."""
    station, visit = station_of(request), visit_of(request)
    if not station.verifying.acquire(blocking=False):
        raise SlowDownError("Two checks are under way already")
    try:
        result = verify.check_clips(station.home, station.database, station.custody, station.store, [clip], visit.actor)
    finally:
        station.verifying.release()
    page = VerifyView(
        outcome="disposed" if result.disposed and result.outcome == "sound" else result.outcome,
        taken_in_at=result.taken_in_at,
        checked_at=result.checked_at,
        sha256=result.sha256 or "",
        found_sha256=result.found_sha256,
        log_size=result.log_size,
        findings=_findings(result),
        clip=clip,
        readback=result.readback,
        proof=_proof(station, result),
    )
    return render(request, "verify_result.html" if is_htmx(request) else "verify_page.html", page, visit=visit)


def _findings(result: CheckResult) -> tuple[str, ...]:
    """Return codes of group `finding`, each once; what an audit found by the part of the ledger that it is about."""
    codes = [each.code for each in (*result.damage, *result.unchecked)]
    return tuple(dict.fromkeys(code.partition(".")[0] if code in MESSAGES else code for code in codes))


def _proof(station: Station, result: CheckResult) -> ShownProof | None:
    if result.seq is None:
        return None
    try:
        with station.database.read() as session:
            return shown_proof(session, result.seq)
    except (LedgerError, NotFoundError):
        return None  # that it can't be proven is among the findings


def clip_proof(request: Request, clip: str) -> Response:
    """Send the proof files about a clip as a zip."""
    station = station_of(request)
    headers = {"content-disposition": f'attachment; filename="proof-{clip}.zip"', "cache-control": "no-store"}
    return Response(proof_archive(station.home, station.database, clip), media_type="application/zip", headers=headers)


def compare_file(request: Request, sha256: Annotated[str, Form()] = "") -> Response:
    """Tell whether a file is ours by its digest, which the browser computed; the file itself never comes here."""
    station, visit = station_of(request), visit_of(request)
    if not sha256.strip():
        return _show(request, "digest_missing")
    try:
        found = recognise(station.custody, station.database, sha256, visit.actor, visit.viewer)
    except RequestError:
        return _show(request, "digest_wrong")
    page = FileView(
        answer=found.answer,
        sha256=found.sha256,
        compared_at=found.compared_at,
        clip=found.clip,
        file_name=found.file_name,
        taken_in_at=found.taken_in_at,
        hidden=found.hidden,
    )
    return render(request, "file_result.html" if is_htmx(request) else "file_page.html", page, visit=visit)


ROUTES = (
    ("GET", "/verify", verify_page),
    ("POST", "/verify/all", check_all),
    ("POST", "/verify/case", check_case),
    ("POST", "/verify/clip", check_clip),
    ("POST", "/verify/file", compare_file),
    ("GET", "/verify/checks/{check}", check_page),
    ("POST", "/verify/checks/{check}/cancel", cancel_check),
    ("POST", "/clips/{clip}/verify", verify_clip),
    ("GET", "/clips/{clip}/proof", clip_proof),
)
