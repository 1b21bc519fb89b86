"""Lists of clips, a clip's page, its footage, and what is said of it. Every look is entered before it is granted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Form
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from station import clock
from station.actions import access, amend, media, notes
from station.actions.problems import ProblemError
from station.api.auth import RefusedError
from station.api.beside import map_beside, wave_beside
from station.api.context import Station, Visit, station_of, visit_of
from station.api.disposal_pages import HoldingView, holding_of
from station.api.forms import choice, day_bounds, utc_time
from station.api.pages import ClipPageView, ClipsPage, ProxyState
from station.api.register import register_csv, register_head
from station.api.render import is_htmx, render, translator_of
from station.api.timeline import day_strip
from station.catalogue import checks
from station.catalogue.clip_detail import clip_detail
from station.catalogue.clips import ClipBytes, can_see, clip_digest, cursor_time, digests_of, list_clips
from station.catalogue.meanwhile import meanwhile
from station.catalogue.notes import list_notes
from station.catalogue.overview import queue_counts
from station.catalogue.register import register_lines
from station.catalogue.views import ClipDetail, ClipFilter, ClipRow, PersonView, Queue, RecorderView, Viewer
from station.database import Session
from station.ledger import log
from station.records.terms import ClipStage, Role, Sensitivity, TimeTrust
from station.state import searches

_PAGE_CLIPS = 60
_MORE_CLIPS = 30  # what a page grows by while it is scrolled: taken in within one frame or two
_UNIT_WIDE = frozenset({Role.CLERK, Role.INSPECTOR})
_FORM = ("queue", "tagged", "collector", "recorder", "important", "from", "to", "q", "view")
_YES_NO = {"yes": True, "no": False}


def clips_page(request: Request, cursor: str = "", view: str = "grid") -> Response:
    """Show a page of the clips the visitor sees, or for a script one page more."""
    station, visit = station_of(request), visit_of(request)
    narrowed = _narrowed(request, station)
    with station.database.read() as session:
        limit = _MORE_CLIPS if cursor else _PAGE_CLIPS
        found = list_clips(session, visit.viewer, narrowed, cursor=cursor or None, limit=limit)
        officers, recorders = _choices(station, session, visit)
        kept = () if cursor else searches.list_all(session, visit.person.person)
        queues = () if cursor else _queues(session, visit.viewer, narrowed.queue)
        shown = None if cursor else _strip_day(narrowed, found.rows)
        strip = day_strip(session, visit.viewer, narrowed, shown, station.home.zone)
    posters = list_posters(station, visit, found.rows, "GET /clips")
    with station.database.read() as session:
        filmstrips = media.with_filmstrip(station.home, digests_of(session, posters))
    page = ClipsPage(
        list=found,
        filter=narrowed,
        form={name: request.query_params.get(name, "") for name in _FORM},
        officers=officers,
        recorders=recorders,
        view="table" if view == "table" else "grid",
        posters=posters,
        filmstrips=filmstrips,
        queues=queues,
        searches=kept,
        after=cursor_time(cursor) if cursor else "",
        strip=strip,
    )
    more = is_htmx(request) and bool(cursor)
    return render(request, "clips_rows.html" if more else "clips.html", page, visit=visit)


def _strip_day(narrowed: ClipFilter, rows: Sequence[ClipRow]) -> str | None:
    """Return a time of the day to draw, the list's latest that can be relied on; None where none is drawn.

    Words are looked for twice only where a day was chosen: a search over years is not about its latest day.
    """
    if narrowed.text and narrowed.time_from is None:
        return None
    return next((row.recorded_at for row in rows if row.time_trust == TimeTrust.PLAIN), None)


def list_address(query: str) -> str:
    """Return the address of the list for a query, of which only what narrows or lays it out is taken."""
    given = dict(parse_qsl(query))
    kept = {name: given[name] for name in _FORM if given.get(name)}
    return f"/clips?{urlencode(kept)}" if kept else "/clips"


def _narrowed(request: Request, station: Station) -> ClipFilter:
    """Return what the address narrows the list to."""
    given = {name: request.query_params.get(name, "") for name in _FORM}
    time_from, time_to = day_bounds(given["from"], given["to"], station.home.zone)
    return ClipFilter(
        tagged=_YES_NO.get(given["tagged"]),
        collector=given["collector"] or None,
        recorder=given["recorder"] or None,
        important=True if given["important"] else None,
        time_from=time_from,
        time_to=time_to,
        queue=Queue(given["queue"]) if given["queue"] in set(Queue) else None,
        text=given["q"].strip()[:200] or None,
    )


def register(request: Request) -> Response:
    """Send the register (音像记录台账) of what the list shows, as CSV."""
    station, visit = station_of(request), visit_of(request)
    narrowed, t = _narrowed(request, station), translator_of(request)

    def pieces() -> Iterator[bytes]:
        yield register_head(t)
        last = None
        while True:
            with station.database.read() as session:
                lines = list(register_lines(session, visit.viewer, narrowed, last))
            if not lines:
                return
            yield register_csv(t, lines)
            last = lines[-1]

    name = f"register-{clock.format_time(clock.now())[:10]}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(pieces(), media_type="text/csv; charset=utf-8", headers=headers)


def _queues(session: Session, viewer: Viewer, chosen: Queue | None) -> tuple[tuple[Queue, int], ...]:
    """Return the queues with something in them, and the one that is looked at, each with its count."""
    return tuple((queue, count) for queue, count in queue_counts(session, viewer).items() if count or queue == chosen)


def list_posters(station: Station, visit: Visit, rows: Iterable[ClipRow], route: str) -> frozenset[str]:
    """Return the clips whose poster the page may show; the ledger knows of them when this returns.

    A poster is footage: a list shows an inspector none of a clip that they have not yet stated a purpose for.
    """
    clips = [row.clip for row in rows if _has_poster(row)]
    with station.database.read() as session:
        waiting = access.without_purpose(session, visit.viewer, visit.actor, clips)
    clips = [clip for clip in clips if clip not in waiting]
    access.list_posters(station.custody, station.database, visit.actor, clips, route)
    return frozenset(clips)


def _has_poster(row: ClipRow) -> bool:
    seen = row.media != "audio" and row.stage == ClipStage.PROBED
    return seen and row.sensitivity != Sensitivity.SUSPECTED_SECRET


def _choices(
    station: Station, session: Session, visit: Visit
) -> tuple[tuple[PersonView, ...], tuple[RecorderView, ...]]:
    """Return what the list can be narrowed to; whoever sees only their own clips needs no names of others."""
    if not visit.viewer.roles & _UNIT_WIDE:
        own = station.all_recorders(session) if Role.OFFICER in visit.viewer.roles else ()
        held = tuple(each for each in own if any(line.person == visit.person.person for line in each.holders))
        return (), held
    unit = None if Role.INSPECTOR in visit.viewer.roles else visit.viewer.unit
    recorders = station.all_recorders(session)
    return station.officers(session, unit), tuple(each for each in recorders if unit in (None, each.unit))


def clip_page(request: Request, clip: str) -> Response:
    """Show a clip: the look is in the ledger first, unless an inspector still has to state a purpose."""
    return show_clip(request, clip)


def show_clip(request: Request, clip: str, problem: str | None = None) -> Response:
    """Return the clip's page, with what was wrong with the form sent from it."""
    station, visit = station_of(request), visit_of(request)
    with station.database.read() as session:
        held = clip_digest(session, clip)
        waiting = access.needs_purpose(session, visit.viewer, clip) and not access.has_opened(
            session, visit.actor, clip
        )
    blocked = media.blocked(held)
    if blocked != "suspected_secret" and not waiting:
        access.open_clip(station.custody, station.database, visit.viewer, visit.actor, clip)
    with station.database.read() as session:
        others, more = meanwhile(session, visit.viewer, clip) if not waiting and blocked is None else ((), 0)
    posters = list_posters(station, visit, (each.row for each in others), "GET /clips/{clip}")
    with station.database.read() as session:
        detail = clip_detail(session, visit.viewer, clip, leaf_of=lambda seq: log.entry(session, seq).leaf.hex())
        page = _clip_view(station, session, visit, held, detail, waiting, problem)
    page = replace(page, meanwhile=others, meanwhile_more=more, posters=posters)
    return render(request, "clip.html", page, visit=visit, status=200 if problem is None else 409)


def _clip_view(
    station: Station,
    session: Session,
    visit: Visit,
    held: ClipBytes,
    detail: ClipDetail,
    waiting: bool,
    problem: str | None,
) -> ClipPageView:
    roles = visit.viewer.roles
    blocked = media.blocked(held)
    played = None if waiting else media.footage(station.home, station.store, held)
    poster = None if waiting else media.poster(station.home, held)
    frames = "none" if waiting else media.frames_state(session, station.home, station.store, held)
    editing = bool(roles & amend.AMENDERS) and held.stage != ClipStage.DISPOSED
    submitted = checks.clip_states(session, [held.clip])[held.clip].submitted
    unit = None if Role.INSPECTOR in roles else visit.viewer.unit
    return ClipPageView(
        detail=detail,
        media_url=f"/clips/{held.clip}/media" if played else None,
        poster_url=f"/clips/{held.clip}/poster" if poster else None,
        proxy=ProxyState(*media.proxy_progress(session, station.home, held)),
        can_bind=editing,
        can_amend=editing and not submitted,
        submitted=submitted,
        can_verify=held.stage != ClipStage.DISPOSED,
        can_classify=bool(roles & amend.CLASSIFIERS) and held.stage != ClipStage.DISPOSED,
        needs_purpose=waiting and blocked != "suspected_secret",  # a purpose opens no suspected secret
        blocked=blocked,
        officers=station.officers(session, unit) if editing else (),
        sensitivities=_sensitivities(roles),
        problem=problem,
        notes=() if waiting or blocked == "suspected_secret" else list_notes(session, held.clip),
        can_note=bool(roles & notes.NOTERS) and held.stage != ClipStage.DISPOSED and not waiting,
        holding=_holding(session, visit, held, detail),
        frames=frames,
        frames_url=f"/clips/{held.clip}/frames" if frames == "ready" else None,
        wave=wave_beside(station, session, held, detail) if played else None,
        map=None if waiting or blocked else map_beside(station, session, held, detail),
        filmstrip_url=f"/clips/{held.clip}/filmstrip" if played and media.filmstrip(station.home, held) else None,
    )


def _holding(session: Session, visit: Visit, held: ClipBytes, detail: ClipDetail) -> HoldingView:
    if held.stage == ClipStage.DISPOSED:
        return HoldingView()
    through = [f"{each.kind}:{each.target}" for each in detail.bindings if each.target is not None]
    return holding_of(session, visit.viewer, f"clip:{held.clip}", through=through)


def _sensitivities(roles: frozenset[str]) -> tuple[str, ...]:
    if roles & amend.AMENDERS:
        return tuple(each.value for each in Sensitivity)
    return (Sensitivity.SUSPECTED_SECRET.value,)


def clip_poster(request: Request, clip: str) -> Response:
    """Send a poster that is on a page sent to this session, or of a clip opened in it."""
    station, visit = station_of(request), visit_of(request)
    held = footage_of(station, clip)
    poster = media.poster(station.home, held)
    if poster is None:
        return Response(status_code=404)
    with station.database.read() as session:
        if not access.may_send_poster(session, visit.actor, clip):
            raise ProblemError("poster_not_listed", "The poster is on no page sent to this session lately")
    return send(poster)


def clip_media(request: Request, clip: str) -> Response:
    """Send footage by ranges (RFC 9110 section 14); a look that is older than its window is entered anew first."""
    station, visit = station_of(request), visit_of(request)
    held = footage_of(station, clip)
    footage = media.footage(station.home, station.store, held)
    if footage is None:
        return Response(status_code=404)
    access.open_clip(station.custody, station.database, visit.viewer, visit.actor, clip)
    return send(footage)


def clip_frames(request: Request, clip: str) -> Response:
    """Send the times of the pictures that are played; it is footage like the movie, and a look like it."""
    station, visit = station_of(request), visit_of(request)
    frames = media.frames(station.home, station.store, footage_of(station, clip))
    if frames is None:
        return Response(status_code=404)
    access.open_clip(station.custody, station.database, visit.viewer, visit.actor, clip)
    return send(frames)


def footage_of(station: Station, clip: str) -> ClipBytes:
    """Return what leads to the clip's bytes; raises RefusedError for a suspected secret, whoever asks."""
    with station.database.read() as session:
        held = clip_digest(session, clip)
    if held.sensitivity == Sensitivity.SUSPECTED_SECRET:
        raise RefusedError(f"clip:{clip}", "suspected_secret")
    return held


def send(footage: media.Footage) -> Response:
    """Send a file by ranges, for the browser to show and not to keep."""
    # Starlette 1.x answers Range, If-Range (strong validators only), 206, 416 and several ranges as RFC 9110 says.
    headers = {"etag": footage.etag, "content-disposition": "inline", "cache-control": "no-store"}
    return FileResponse(footage.path, media_type=footage.media_type, headers=headers)


def open_clip(request: Request, clip: str, purpose: Annotated[str, Form()] = "") -> Response:
    """Enter an inspector's purpose and open the clip."""
    station, visit = station_of(request), visit_of(request)
    footage_of(station, clip)
    try:
        if not purpose.strip():
            raise ProblemError("purpose_missing", "An inspector states a purpose before a clip opens")
        access.open_clip(station.custody, station.database, visit.viewer, visit.actor, clip, purpose)
    except ProblemError as error:
        return show_clip(request, clip, error.code)
    return RedirectResponse(f"/clips/{clip}", 303)


def amend_clip(
    request: Request,
    clip: str,
    field: Annotated[str, Form()] = "",
    value: Annotated[str, Form()] = "",
    latitude: Annotated[str, Form()] = "",
    longitude: Annotated[str, Form()] = "",
    datum: Annotated[str, Form()] = "",
    collector: Annotated[str, Form()] = "",
    collector_name: Annotated[str, Form()] = "",
    companions: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Give or correct one of time, place and collector."""
    station, visit = station_of(request), visit_of(request)
    try:
        if field == "time":
            given = amend.Amendment("time", recorded_at=utc_time(value, station.home.zone), reason=reason)
        elif field == "place":
            place = amend.make_place(value, latitude, longitude, datum)
            given = amend.Amendment("place", place=place, reason=reason)
        elif field == "collector":
            given = amend.Amendment(
                "collector",
                collector=collector or None,
                collector_name=collector_name if not collector else None,
                companions=tuple(companions or ()),
                reason=reason,
            )
        else:
            raise ProblemError("invalid", f"{field!r} is not a field that is amended")
        amend.amend(station.custody, visit.viewer, visit.actor, clip, given)
    except ProblemError as error:
        return show_clip(request, clip, error.code)
    return back_to_clip(station, visit, clip)


def classify_clip(
    request: Request,
    clip: str,
    sensitivity: Annotated[str, Form()] = "",
    value: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Set a clip's class of sensitivity."""
    station, visit = station_of(request), visit_of(request)
    try:
        chosen = choice(sensitivity or value, Sensitivity)
        if chosen is None:
            raise ProblemError("value_missing", "No class was chosen")
        amend.classify(station.custody, visit.viewer, visit.actor, clip, chosen, reason)
    except ProblemError as error:
        return show_clip(request, clip, error.code)
    return back_to_clip(station, visit, clip)


def back_to_clip(station: Station, visit: Visit, clip: str) -> Response:
    """Return to the clip's page, or to the list when what was changed took it out of the visitor's sight."""
    with station.database.read() as session:
        visible = can_see(session, visit.viewer, clip)
    return RedirectResponse(f"/clips/{clip}" if visible else "/clips", 303)


ROUTES = (
    ("GET", "/clips", clips_page),
    ("GET", "/register.csv", register),
    ("GET", "/clips/{clip}", clip_page),
    ("GET", "/clips/{clip}/poster", clip_poster),
    ("GET", "/clips/{clip}/media", clip_media),
    ("GET", "/clips/{clip}/frames", clip_frames),
    ("POST", "/clips/{clip}/open", open_clip),
    ("POST", "/clips/{clip}/amend", amend_clip),
    ("POST", "/clips/{clip}/sensitivity", classify_clip),
)
