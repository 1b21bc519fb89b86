"""更正: giving or correcting a clip's time, place and collector, and its class of sensitivity.

Guarantees: the former value stays in the ledger; a clip of a case under review is not amended without a second person
(`review.change`); everybody who sees a clip may mark it as a suspected secret, and only a clerk lifts that, with a
reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import ValidationError

from station import clock
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.clips import can_see, visible_clips
from station.catalogue.views import Viewer
from station.catalogue.visibility import as_roles
from station.custody import Custody
from station.database import Session
from station.errors import DeniedError, NotFoundError
from station.records.case_entries import ClipAmended, ClipClassified
from station.records.entries import Actor, Entry, Place
from station.records.terms import ClipStage, Role, Sensitivity, Source

AMENDERS = frozenset({Role.OFFICER, Role.CLERK})
CLASSIFIERS = frozenset({Role.OFFICER, Role.CLERK, Role.HANDLER, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR})
_EARLIEST = "2000-01-01T00:00:00.000000Z"
REASON_CHARACTERS = 1000
PLACE_CHARACTERS = 200
NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Amendment:
    """A new value of one field: `recorded_at` (UTC text) for time, `place`, or a collector by id or by name."""

    field: Literal["time", "place", "collector"]
    recorded_at: str | None = None
    place: Place | None = None
    collector: str | None = None
    collector_name: str | None = None
    companions: tuple[str, ...] = ()
    reason: str = ""


def acting_source(session: Session, viewer: Viewer, actor: Actor, clips: Sequence[str]) -> Source:
    """Return in what capacity it is spoken of these clips: by a program, the officer of all of them, or a clerk."""
    if actor.via == "api":
        return Source.CASE_SYSTEM
    own = visible_clips(session, as_roles(viewer, frozenset({Role.OFFICER})), clips)
    return Source.OFFICER if len(own) == len(set(clips)) else Source.CLERK


Agreed = Callable[[Session], Sequence[Entry]]


def amend(
    custody: Custody, viewer: Viewer, actor: Actor, clip: str, amendment: Amendment, agreed: Agreed | None = None
) -> None:
    """Give or correct one field of a clip; `agreed` returns what is entered first when its case is under review.

    Raises DeniedError, NotFoundError, ProblemError (value_missing, time_invalid, place_wrong, person_unknown,
    name_long, reason_long, clip_disposed, submitted).
    """
    if not viewer.roles & AMENDERS:
        raise DeniedError("This role does not amend clips")
    check_reason(amendment.reason)

    def compose(session: Session) -> Sequence[Entry]:
        state = _state(session, as_roles(viewer, AMENDERS), clip)
        if state.submitted and agreed is None:
            raise ProblemError("submitted", "The case was submitted: changing it takes two people")
        source = acting_source(session, viewer, actor, [clip])
        fact = ClipAmended.Fact(clip=clip, field=amendment.field, source=source, recorded_at=_time(amendment))
        return (
            *(agreed(session) if agreed is not None and state.submitted else ()),
            ClipAmended(
                fact=fact,
                place=_place(amendment),
                people=_people(session, amendment),
                text=ClipAmended.Text(reason=amendment.reason.strip()),
                actor=actor,
            ),
        )

    custody.append_from(compose)


def _state(session: Session, viewer: Viewer, clip: str) -> checks.ClipState:
    state = checks.clip_states(session, [clip]).get(clip)
    if state is None or not can_see(session, viewer, clip):
        raise NotFoundError(f"There is no clip {clip}")
    if state.stage == ClipStage.DISPOSED:
        raise ProblemError("clip_disposed", "The clip was disposed of")
    return state


def _time(amendment: Amendment) -> str | None:
    if amendment.field != "time":
        return None
    if amendment.recorded_at is None:
        raise ProblemError("value_missing", "No time was given")
    return check_time(amendment.recorded_at)


def check_time(recorded_at: str) -> str:
    """Return a time of recording (UTC text) that can be one; raises ProblemError time_invalid."""
    try:
        moment = clock.parse_time(recorded_at)
    except ValueError as error:
        raise ProblemError("time_invalid", f"{recorded_at!r} is no time") from error
    # A day of grace: the recorder's zone is not ours, but nothing is recorded tomorrow.
    if recorded_at < _EARLIEST or moment > clock.now() + timedelta(days=1):
        raise ProblemError("time_invalid", "A recording was made after 1999 and not in the future")
    return recorded_at


def _place(amendment: Amendment) -> Place | None:
    if amendment.field != "place":
        return None
    place = amendment.place
    if place is None or not (place.text or place.latitude):
        raise ProblemError("value_missing", "No place was given")
    if len(place.text or "") > PLACE_CHARACTERS or (place.latitude is None) != (place.longitude is None):
        raise ProblemError("place_wrong", "A place has 200 characters at most, and coordinates come in pairs")
    return place


def make_place(text: str, latitude: str = "", longitude: str = "", datum: str = "") -> Place:
    """Build a place from what was typed; raises ProblemError place_wrong."""
    try:
        return Place.model_validate(
            {
                "text": " ".join(text.split()) or None,
                "latitude": latitude.strip() or None,
                "longitude": longitude.strip() or None,
                "datum": (datum or "unknown") if latitude.strip() else None,
            }
        )
    except ValidationError as error:
        raise ProblemError("place_wrong", "Coordinates are decimal degrees with a known datum") from error


def _people(session: Session, amendment: Amendment) -> ClipAmended.People | None:
    if amendment.field != "collector":
        return None
    name = check_collector(session, amendment.collector, amendment.collector_name or "")
    for person in amendment.companions:
        _check_person(session, person)
    return ClipAmended.People(
        collector=amendment.collector,
        collector_name=name,
        companions=tuple(dict.fromkeys(amendment.companions)),
    )


def check_collector(session: Session, collector: str | None, typed: str) -> str | None:
    """Return the name of a collector who is nobody of ours, None where it is `collector`.

    Raises ProblemError (value_missing: neither or both, name_long, person_unknown).
    """
    name = " ".join(typed.split()) or None
    if (collector is None) == (name is None):
        raise ProblemError("value_missing", "The collector is one person of ours, or a name")
    if len(name or "") > NAME_CHARACTERS:
        raise ProblemError("name_long", f"A name has {NAME_CHARACTERS} characters at most")
    if collector is not None:
        _check_person(session, collector)
    return name


def _check_person(session: Session, person: str) -> None:
    if checks.person_state(session, person) is None:
        raise ProblemError("person_unknown", f"There is no person {person!r}")


def check_reason(reason: str) -> None:
    """Raise ProblemError reason_long for more than an entry takes."""
    if len(reason) > REASON_CHARACTERS:
        raise ProblemError("reason_long", f"A reason has {REASON_CHARACTERS} characters at most")


def classify(
    custody: Custody, viewer: Viewer, actor: Actor, clip: str, sensitivity: Sensitivity, reason: str = ""
) -> None:
    """Set a clip's class of sensitivity; setting it to what it is appends nothing.

    Raises DeniedError (a role that may only report a suspected secret chose something else, or a suspected secret is
    lifted by anybody but a clerk), NotFoundError, ProblemError (reason_missing, reason_long).
    """
    if not viewer.roles & CLASSIFIERS:
        raise DeniedError("This role does not classify clips")
    reason = reason.strip()
    check_reason(reason)

    def compose(session: Session) -> Sequence[Entry]:
        state = _state(session, viewer, clip)
        if state.sensitivity == sensitivity:
            return ()
        if sensitivity != Sensitivity.SUSPECTED_SECRET:
            _may_set(session, viewer, clip, state, reason)
        fact = ClipClassified.Fact(clip=clip, sensitivity=sensitivity)
        return (ClipClassified(fact=fact, text=ClipClassified.Text(reason=reason), actor=actor),)

    custody.append_from(compose)


def _may_set(session: Session, viewer: Viewer, clip: str, state: checks.ClipState, reason: str) -> None:
    lifting = state.sensitivity == Sensitivity.SUSPECTED_SECRET
    allowed = frozenset({Role.CLERK}) if lifting else AMENDERS
    if not can_see(session, as_roles(viewer, allowed), clip):
        raise DeniedError("This role may only report a suspected secret")
    if lifting and not reason:
        raise ProblemError("reason_missing", "Lifting a suspected secret needs a reason")
