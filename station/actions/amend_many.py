"""更正 of many clips in one go, seen before it is done.

Guarantees: the preview and the deed are made by the same code, so that what is done is what was shown unless somebody
else came between; a clip that can't be amended (disposed of, or of a submitted case) is named and left alone, the
others are amended in one transaction; what they said before is kept for `undoing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from station import clock
from station.actions.amend import (
    AMENDERS,
    PLACE_CHARACTERS,
    acting_source,
    check_collector,
    check_reason,
    check_time,
    make_place,
)
from station.actions.bind import CLIPS_AT_ONCE
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.clips import visible_clips
from station.catalogue.views import Viewer
from station.catalogue.visibility import as_roles
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import DeniedError, NotFoundError
from station.records.case_entries import ClipAmended
from station.records.entries import Actor, Entry, Place
from station.records.terms import ClipStage, Source, TimeTrust
from station.state import undos
from station.state.undos import Former

Field = Literal["place", "collector", "time"]
MOST_SHIFT = timedelta(days=366 * 30)
_COORDINATES = ("latitude", "longitude", "datum")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is amended: the same place or collector for all clips, or all their times moved by `shift_seconds`."""

    field: Field
    place: str = ""
    collector: str | None = None
    collector_name: str = ""
    shift_seconds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one clip: values of `field` before and after, the same if nothing changes.

    Time as UTC text, place as text, a collector as a person's id or a name. `blocked` is why it stays as it is:
    submitted, clip_disposed, time_missing, or None.
    """

    clip: str
    file_name: str
    before: str | None
    after: str | None
    blocked: str | None = None

    @property
    def changes(self) -> bool:
        """Tell whether anything changes."""
        return self.blocked is None and self.before != self.after


def preview(database: Database, viewer: Viewer, clips: Sequence[str], wanted: Wanted) -> tuple[Change, ...]:
    """Return what `amend_many` would do now, clip by clip; raises what it raises but for nothing_changes."""
    with database.read() as session:
        return _changes(session, viewer, clips, wanted)


def amend_many(custody: Custody, viewer: Viewer, actor: Actor, clips: Sequence[str], wanted: Wanted) -> tuple[str, int]:
    """Amend all clips that can be and need it; returns the action's id and how many there were.

    Raises DeniedError, NotFoundError for a clip that is not there for this viewer, ProblemError (clips_missing,
    too_many, value_missing, name_long, place_wrong, person_unknown, reason_long, time_invalid, nothing_changes).
    """
    action, amended = new_id(), list[str]()

    def compose(session: Session) -> Sequence[Entry]:
        chosen = [change.clip for change in _changes(session, viewer, clips, wanted) if change.changes]
        if not chosen:
            raise ProblemError("nothing_changes", "None of these clips would be another afterwards")
        states = checks.said_of(session, chosen)
        source = acting_source(session, viewer, actor, chosen)
        made = {clip: _made(wanted, states[clip]) for clip in chosen}
        changes = [Former(clip, wanted.field, states[clip].of(wanted.field), made[clip]) for clip in chosen]
        undos.remember(session, action, viewer.person, changes, clock.now())
        amended.extend(chosen)
        return [amendment(clip, wanted.field, made[clip], source, wanted.reason, actor) for clip in chosen]

    custody.append_from(compose)
    return action, len(amended)


def _changes(session: Session, viewer: Viewer, clips: Sequence[str], wanted: Wanted) -> tuple[Change, ...]:
    viewer = as_roles(viewer, AMENDERS)
    if not viewer.roles:
        raise DeniedError("This role does not amend clips")
    asked = tuple(dict.fromkeys(clips))
    _check(session, asked, wanted)
    visible = visible_clips(session, viewer, asked)
    missing = [clip for clip in asked if clip not in visible]
    if missing:
        raise NotFoundError(f"There is no clip {missing[0]}")
    states = checks.said_of(session, asked)
    return tuple(_change(clip, states[clip], wanted) for clip in asked)


def _check(session: Session, clips: Sequence[str], wanted: Wanted) -> None:
    if not clips:
        raise ProblemError("clips_missing", "No clip was chosen")
    if len(clips) > CLIPS_AT_ONCE:
        raise ProblemError("too_many", f"{CLIPS_AT_ONCE} clips at most are amended at once")
    check_reason(wanted.reason)
    if wanted.field == "collector":
        check_collector(session, wanted.collector, wanted.collector_name)
    elif not (wanted.place.strip() if wanted.field == "place" else wanted.shift_seconds):
        raise ProblemError("value_missing", f"No {wanted.field} was given")
    if len(wanted.place) > PLACE_CHARACTERS:
        raise ProblemError("place_wrong", f"A place has {PLACE_CHARACTERS} characters at most")
    if abs(wanted.shift_seconds) > MOST_SHIFT.total_seconds():
        raise ProblemError("time_invalid", "No clock is wrong by more than thirty years")


def _change(clip: str, state: checks.Said, wanted: Wanted) -> Change:
    said = state.of(wanted.field)
    before = _shown(wanted.field, said)
    blocked = None
    if state.stage == ClipStage.DISPOSED:
        blocked = "clip_disposed"
    elif state.submitted:
        blocked = "submitted"
    elif wanted.field == "time" and state.recorded_at is None:
        blocked = "time_missing"
    if blocked is not None:
        return Change(clip, state.file_name, before, before, blocked)
    return Change(clip, state.file_name, before, _shown(wanted.field, _made(wanted, state)))


def _shown(field: Field, said: Mapping[str, Any]) -> str | None:
    if field == "time":
        return _maybe(said["recorded_at"])
    if field == "place":
        if said["place"] is None and said["latitude"] is not None:
            return f"{said['latitude']}, {said['longitude']}"
        return _maybe(said["place"])
    return _maybe(said["collector"] or said["collector_name"])


def _maybe(value: object) -> str | None:
    return None if value is None else str(value)


def _made(wanted: Wanted, state: checks.Said) -> dict[str, Any]:
    """Return what the clip is to say of the field; coordinates that it has stay beside the words for its place."""
    if wanted.field == "place":
        return state.of("place") | {"place": make_place(wanted.place).text}
    if wanted.field == "collector":
        name = None if wanted.collector is not None else " ".join(wanted.collector_name.split())
        return state.of("collector") | {"collector": wanted.collector, "collector_name": name}
    moment = clock.parse_time(str(state.recorded_at)) + timedelta(seconds=wanted.shift_seconds)
    return {"recorded_at": check_time(clock.format_time(moment)), "time_trust": TimeTrust.PLAIN.value}


def amendment(
    clip: str, field: Field, said: Mapping[str, Any], source: Source, reason: str, actor: Actor
) -> ClipAmended:
    """Return the entry by which a clip says this of a field, as `checks.Said` has it."""
    place = people = recorded_at = trust = None
    if field == "place" and (said["place"] is not None or said["latitude"] is not None):
        place = Place.model_validate({"text": said["place"]} | {name: said[name] for name in _COORDINATES})
    if field == "collector" and (said["collector"] is not None or said["collector_name"] is not None):
        people = ClipAmended.People(
            collector=said["collector"],
            collector_name=said["collector_name"],
            companions=tuple(said["companions"]),
        )
    if field == "time":
        recorded_at, trust = said["recorded_at"], TimeTrust(said["time_trust"])
    empty = place is None and people is None and recorded_at is None
    fact = ClipAmended.Fact(
        clip=clip, field=field, source=source, recorded_at=recorded_at, time_trust=trust, cleared=empty
    )
    text = ClipAmended.Text(reason=reason.strip())
    return ClipAmended(fact=fact, place=place, people=people, text=text, actor=actor)
