"""Looks and refusals: entered in the ledger before anything is shown (design, Ledger; rules, 调阅监督).

Guarantees: when `open_clip`, `scrub` or `list_posters` returned, the look is committed; within a quarter of an hour
the same look of the same session is not entered twice, by however many requests at once; the first refusal of a person,
subject, route and minute is entered at once, further ones as one entry with their count when the minute is over.
"""

from collections.abc import Sequence
from datetime import timedelta

from station import clock
from station.actions.problems import ProblemError
from station.catalogue.clips import can_see, visible_clips
from station.catalogue.views import Viewer
from station.catalogue.visibility import without_role
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.records.entries import Actor, Entry
from station.records.log_entries import AccessDenied, AccessListed, AccessOpened
from station.records.terms import Role
from station.state import looks

CLIPS_AN_ENTRY = 500  # far below the 64 KiB of a payload
# A page sent just before its window ends still gets the posters it was sent for.
POSTER_LIFE = looks.WINDOW + timedelta(minutes=15)
_REFUSALS_A_MINUTE = 60
PURPOSE_CHARACTERS = 500


def needs_purpose(session: Session, viewer: Viewer, clip: str) -> bool:
    """Tell whether the viewer sees the clip only as an inspector, and so must state a purpose to open it."""
    return Role.INSPECTOR in viewer.roles and not can_see(session, without_role(viewer, Role.INSPECTOR), clip)


def open_clip(
    custody: Custody, database: Database, viewer: Viewer, actor: Actor, clip: str, purpose: str | None = None
) -> bool:
    """Enter that the clip was opened, and let its footage be sent to this session; True when an entry was made.

    An earlier purpose of the same session holds until another is given. The caller has made sure that the viewer sees
    the clip. Raises ProblemError (purpose_missing, purpose_long).
    """
    public_id = _session(actor)
    purpose = " ".join((purpose or "").split()) or None
    if len(purpose or "") > PURPOSE_CHARACTERS:
        raise ProblemError("purpose_long", f"A purpose has {PURPOSE_CHARACTERS} characters at most")
    with database.read() as session:
        held = looks.ticket(session, public_id, clip, clock.now())
        demanded = needs_purpose(session, viewer, clip)
    if held is not None and held.fresh and purpose in (None, held.purpose):
        return False
    entered: list[bool] = []

    def compose(session: Session) -> Sequence[Entry]:
        now = clock.now()
        ticket = looks.ticket(session, public_id, clip, now)
        stated = purpose or (ticket.purpose if ticket else None)
        if demanded and stated is None:
            raise ProblemError("purpose_missing", "An inspector states a purpose before a clip opens")
        if ticket is not None and ticket.fresh and ticket.purpose == stated:
            return ()
        looks.grant_ticket(session, public_id, clip, stated, now)
        entered.append(True)
        look = AccessOpened.Look(clip=clip, kind="play", purpose=stated)
        return (AccessOpened(fact=AccessOpened.Fact(access=new_id()), look=look, actor=actor),)

    custody.append_from(compose, seal=False)
    return bool(entered)


def scrub(custody: Custody, database: Database, viewer: Viewer, actor: Actor, clip: str) -> bool:
    """Enter that the clip's filmstrip was looked at, unless the clip was opened lately; True when an entry was made.

    It opens nothing else. Raises ProblemError: poster_not_listed where the clip is on no page sent to this session,
    purpose_missing.
    """
    public_id = _session(actor)

    def is_known(session: Session) -> bool:
        now = clock.now()
        ticket = looks.ticket(session, public_id, clip, now)
        return (ticket is not None and ticket.fresh) or looks.scrubbed_since(
            session, public_id, clip, now - looks.WINDOW
        )

    with database.read() as session:
        if not may_send_poster(session, actor, clip):
            raise ProblemError("poster_not_listed", "The clip is on no page sent to this session lately")
        if is_known(session):
            return False
        demanded = needs_purpose(session, viewer, clip)

    def compose(session: Session) -> Sequence[Entry]:
        if is_known(session):
            return ()
        now = clock.now()
        ticket = looks.ticket(session, public_id, clip, now)
        if demanded and (ticket is None or ticket.purpose is None):
            raise ProblemError("purpose_missing", "An inspector states a purpose before a clip's pictures are sent")
        looks.mark_scrubbed(session, public_id, clip, now)
        look = AccessOpened.Look(clip=clip, kind="filmstrip", purpose=ticket.purpose if ticket else None)
        return (AccessOpened(fact=AccessOpened.Fact(access=new_id()), look=look, actor=actor),)

    return bool(custody.append_from(compose, seal=False))


def has_opened(session: Session, actor: Actor, clip: str) -> bool:
    """Tell whether this session opened the clip at all, lately or not: then it may be opened again without asking."""
    return looks.ticket(session, _session(actor), clip, clock.now()) is not None


def without_purpose(session: Session, viewer: Viewer, actor: Actor, clips: Sequence[str]) -> frozenset[str]:
    """Return those of `clips` whose pictures wait until the viewer, an inspector, has stated a purpose."""
    if Role.INSPECTOR not in viewer.roles:
        return frozenset()
    seen_anyway = visible_clips(session, without_role(viewer, Role.INSPECTOR), clips)
    return frozenset(clips) - seen_anyway - looks.opened(session, _session(actor), clips)


def list_posters(custody: Custody, database: Database, actor: Actor, clips: Sequence[str], route: str) -> bool:
    """Enter which posters a page is about to show that this session was not shown lately; True when there were any."""
    public_id = _session(actor)
    with database.read() as session:
        known = looks.shown_since(session, public_id, clips, clock.now() - looks.WINDOW)
    if all(clip in known for clip in clips):
        return False

    def compose(session: Session) -> Sequence[Entry]:
        now = clock.now()
        shown = looks.shown_since(session, public_id, clips, now - looks.WINDOW)
        fresh = tuple(dict.fromkeys(clip for clip in clips if clip not in shown))
        looks.mark_shown(session, public_id, fresh, now)
        return [
            AccessListed(
                fact=AccessListed.Fact(access=new_id()),
                look=AccessListed.Look(clips=fresh[start : start + CLIPS_AN_ENTRY], route=route),
                actor=actor,
            )
            for start in range(0, len(fresh), CLIPS_AN_ENTRY)
        ]

    return bool(custody.append_from(compose, seal=False))


def may_send_poster(session: Session, actor: Actor, clip: str) -> bool:
    """Tell whether the clip's poster was on a page sent to this session, or the clip was opened in it, not long ago."""
    now, public_id = clock.now(), _session(actor)
    if looks.shown_since(session, public_id, [clip], now - POSTER_LIFE):
        return True
    ticket = looks.ticket(session, public_id, clip, now)
    return ticket is not None and now - clock.parse_time(ticket.at) < POSTER_LIFE


def deny(custody: Custody, actor: Actor, about: str | None, route: str, reason: str) -> None:
    """Enter that a logged-in person was refused; `about` is a subject such as `clip:<id>`, `reason` a code.

    Beyond sixty different refusals a minute they are counted together, so that nobody can fill the ledger by asking.
    """
    assert actor.person is not None  # noqa: S101  anonymous refusals go to the service log

    def compose(session: Session) -> Sequence[Entry]:
        minute = _minute()
        entries = [*_due(session, minute)]
        crowded = looks.refusals_kept(session, str(actor.person), minute) >= _REFUSALS_A_MINUTE
        refusal = looks.Refusals(
            person=str(actor.person),
            subject=None if crowded else about,
            route="*" if crowded else route,
            minute=minute,
            session=_session(actor),
            strength=actor.strength,
            reason=reason,
            count=1,
        )
        if looks.count_refusal(session, refusal):
            entries.append(_denied(refusal))
        return entries

    custody.append_from(compose, seal=False)


def flush_refusals(custody: Custody, database: Database) -> int:
    """Enter the refusals counted in minutes that are over; returns the number of entries."""
    with database.read() as session:
        if not looks.refusals_are_due(session, _minute()):
            return 0
    return len(custody.append_from(lambda session: [*_due(session, _minute())], seal=False))


def _due(session: Session, minute: str) -> list[Entry]:
    return [_denied(refusal) for refusal in looks.take_refusals(session, minute)]


def _denied(refusal: looks.Refusals) -> AccessDenied:
    look = AccessDenied.Look(about=refusal.subject, route=refusal.route, minute=refusal.minute, reason=refusal.reason)
    via = "api" if refusal.strength == "token" else "web"
    actor = Actor.model_validate(
        {"person": refusal.person, "via": via, "session": refusal.session, "strength": refusal.strength}
    )
    return AccessDenied(fact=AccessDenied.Fact(access=new_id(), count=refusal.count), look=look, actor=actor)


def _minute() -> str:
    return clock.timestamp()[:16]


def _session(actor: Actor) -> str:
    assert actor.session is not None  # noqa: S101  only sessions look at pages
    return actor.session
