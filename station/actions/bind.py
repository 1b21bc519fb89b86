"""关联: binding clips to a case, a pending matter, an inspection task, or to nothing with a reason; and taking it back.

Guarantees: one action is one transaction, all of its clips or none; what it rests on (who sees the clips, whether the
target is open, what is bound already) is checked in that transaction; a case is bound to only if it exists or a role
that opens cases gives its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from station import clock
from station.actions.amend import PLACE_CHARACTERS, acting_source, make_place
from station.actions.problems import ProblemError
from station.actions.targets import NewTarget, find_or_open, require_open
from station.catalogue import checks
from station.catalogue.clips import expand_recordings, visible_clips
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import DeniedError, NotFoundError
from station.records.case_entries import ClipAmended, ClipBound, ClipClassified, ClipUnbound
from station.records.entries import Actor, Entry, Place, Proof, TimeRange
from station.records.terms import ClipStage, EnforcementStage, NoneReason, Role, Sensitivity, Source, TargetKind
from station.state import undos
from station.state.undos import Former

CLIPS_AT_ONCE = 500
PROVES_AT_ONCE = 20
RANGES_AT_ONCE = 50  # of one thing proven
BINDERS = frozenset({Role.OFFICER, Role.CLERK})


@dataclass(frozen=True, slots=True)
class BindRequest:
    """What is bound to what. Either `target`, or `new` (a number for a case, a title for the rest), or `none_reason`.

    `untagged_only` leaves out clips that are bound already.

    `whole_recordings` takes all segments of each clip's recording, unless `proves` has ranges: those are of the one
    clip named, so it is bound alone. `sensitivity` None leaves each clip's class, an
    empty `place` each clip's place; coordinates that a clip has stay beside the words.
    """

    clips: tuple[str, ...]
    kind: TargetKind
    target: str | None = None
    new: NewTarget | None = None
    none_reason: NoneReason | None = None
    stage: EnforcementStage | None = None
    proves: tuple[Proof, ...] = ()
    note: str = ""
    sensitivity: Sensitivity | None = None
    place: str = ""
    whole_recordings: bool = True
    untagged_only: bool = False


def bind(
    custody: Custody, database: Database, home: Home, viewer: Viewer, actor: Actor, request: BindRequest
) -> tuple[str, ...]:
    """Bind and return the bindings' ids; every clip gets one entry, all in one transaction.

    Raises DeniedError, NotFoundError when a clip or target is not there for this viewer, ProblemError (clips_missing,
    too_many, proves_too_many, ranges_too_many, ranges_one_clip,
    range_backwards, range_beyond, note_long, target_missing, reason_missing, target_closed, already_bound,
    has_target, clip_disposed, secret_stays and those of `find_or_open`).
    """
    if not viewer.roles & BINDERS:
        raise DeniedError("This role does not bind clips")
    _check_request(request)
    # Reading first spares the writers' lock when the request is hopeless; `compose` checks again, inside it.
    with database.read() as session:
        _chosen_clips(session, viewer, request)
    made: list[str] = []

    def compose(session: Session) -> Sequence[Entry]:
        clips = _chosen_clips(session, viewer, request)
        target, opening = _chosen_target(session, home, viewer, actor, request)
        former = checks.bindings_of(session, clips)
        if request.untagged_only:
            clips, former = _without_bound(clips, former), ()
        fresh = _not_bound_yet(request, target, clips, former)
        source = acting_source(session, viewer, actor, clips)
        action = new_id()
        withdrawn = _superseded(request, fresh, former, actor)
        bound = [_bound(request, action, clip, target, source, actor) for clip in fresh]
        made.extend(entry.fact.binding for entry in bound)
        classified = _classified(session, request, clips, actor)
        placed = _placed(session, request, clips, source, actor)
        _remember(session, viewer, request, action, fresh, former, placed)
        return (*opening, *withdrawn, *bound, *placed, *classified)

    custody.append_from(compose)
    return tuple(made)


def _check_request(request: BindRequest) -> None:
    if not request.clips:
        raise ProblemError("clips_missing", "No clip was chosen")
    if len(request.proves) > PROVES_AT_ONCE:
        raise ProblemError("proves_too_many", f"A binding states {PROVES_AT_ONCE} facts at most")
    _check_ranges(request)
    if len(request.place) > PLACE_CHARACTERS:
        raise ProblemError("place_wrong", f"A place has {PLACE_CHARACTERS} characters at most")
    if len(request.note) > 1000:
        raise ProblemError("note_long", "A note has 1000 characters at most")
    if request.kind == TargetKind.NONE and request.none_reason is None:
        raise ProblemError("reason_missing", "A clip that belongs to nothing needs a reason")
    if request.kind != TargetKind.NONE and request.target is None and request.new is None:
        raise ProblemError("target_missing", "No target was chosen")


def _check_ranges(request: BindRequest) -> None:
    ranges = _ranges(request)
    if any(len(proof.ranges) > RANGES_AT_ONCE for proof in request.proves):
        raise ProblemError("ranges_too_many", f"One thing is proven by {RANGES_AT_ONCE} ranges at most")
    if ranges and len(set(request.clips)) > 1:
        raise ProblemError("ranges_one_clip", "A time range is of one clip: bind the clips one by one")
    if any(each.end_ms <= each.start_ms for each in ranges):
        raise ProblemError("range_backwards", "A time range ends after it starts")


def _ranges(request: BindRequest) -> tuple[TimeRange, ...]:
    return tuple(each for proof in request.proves for each in proof.ranges)


def _chosen_clips(session: Session, viewer: Viewer, request: BindRequest) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(request.clips))
    if len(asked) > CLIPS_AT_ONCE:
        raise ProblemError("too_many", f"{CLIPS_AT_ONCE} clips at most are bound at once")
    visible = visible_clips(session, viewer, asked)
    missing = [clip for clip in asked if clip not in visible]
    if missing:
        raise NotFoundError(f"There is no clip {missing[0]}")
    ranges = _ranges(request)
    whole = request.whole_recordings and not ranges
    clips = expand_recordings(session, viewer, asked) if whole else asked
    if len(clips) > CLIPS_AT_ONCE:
        raise ProblemError("too_many", f"{CLIPS_AT_ONCE} clips at most are bound at once")
    states = checks.clip_states(session, clips).values()
    if any(state.stage == ClipStage.DISPOSED for state in states):
        raise ProblemError("clip_disposed", "A clip that was disposed of can't be bound")
    length_ms = min((state.duration_ms for state in states if state.duration_ms is not None), default=None)
    if length_ms is not None and any(each.end_ms > length_ms for each in ranges):
        raise ProblemError("range_beyond", f"A time range ends within the clip, which lasts {length_ms} ms")
    return clips


def _chosen_target(
    session: Session, home: Home, viewer: Viewer, actor: Actor, request: BindRequest
) -> tuple[str | None, Sequence[Entry]]:
    if request.kind == TargetKind.NONE:
        return None, ()
    if request.target is None:
        assert request.new is not None  # noqa: S101  checked by _check_request
        state, opening = find_or_open(session, home, viewer, actor, request.new)
        return state.target, opening
    existing = checks.target_state(session, viewer, request.target)
    if existing is None or not existing.visible or existing.kind != request.kind:
        raise NotFoundError(f"There is no {request.kind} {request.target}")
    return require_open(existing).target, ()


def _not_bound_yet(
    request: BindRequest, target: str | None, clips: Sequence[str], former: Sequence[checks.BindingState]
) -> list[str]:
    """Leave out clips with the very same binding: a form sent twice binds once; another range is another binding."""
    proves = tuple((proof.text, tuple((r.start_ms, r.end_ms) for r in proof.ranges)) for proof in request.proves)
    wanted = (target, request.none_reason, request.stage, proves, request.note)
    bound = {b.clip for b in former if (b.target, b.none_reason, b.stage, b.proves, b.note) == wanted}
    if request.kind == TargetKind.NONE:
        if any(binding.target is not None for binding in former):
            raise ProblemError("has_target", "A clip bound to a case, matter or task can't belong to nothing")
        # One reason is enough: another one for the same clip is a second answer to the same question.
        bound |= {b.clip for b in former if b.none_reason == request.none_reason}
    fresh = [clip for clip in clips if clip not in bound]
    if not fresh:
        raise ProblemError("already_bound", "All these clips are bound in just this way already")
    return fresh


def _without_bound(clips: Sequence[str], former: Sequence[checks.BindingState]) -> tuple[str, ...]:
    bound = {binding.clip for binding in former}
    left = tuple(clip for clip in clips if clip not in bound)
    if not left:
        raise ProblemError("already_bound", "All these clips are tagged already")
    return left


def _superseded(
    request: BindRequest, clips: Sequence[str], former: Sequence[checks.BindingState], actor: Actor
) -> list[Entry]:
    """Withdraw "belongs to nothing" from clips that now get a target or another reason."""
    chosen = set(clips)
    return [
        ClipUnbound(
            fact=ClipUnbound.Fact(binding=b.binding, clip=b.clip, kind=TargetKind.NONE),
            text=ClipUnbound.Text(reason="superseded"),
            actor=actor,
        )
        for b in former
        if b.kind == TargetKind.NONE and b.clip in chosen
    ]


def _bound(request: BindRequest, action: str, clip: str, target: str | None, source: Source, actor: Actor) -> ClipBound:
    return ClipBound(
        fact=ClipBound.Fact(
            binding=new_id(),
            action=action,
            clip=clip,
            kind=request.kind,
            target=target,
            none_reason=request.none_reason if request.kind == TargetKind.NONE else None,
            stage=request.stage,
            source=source,
        ),
        text=ClipBound.Text(proves=request.proves, note=request.note),
        actor=actor,
    )


def _classified(session: Session, request: BindRequest, clips: Sequence[str], actor: Actor) -> list[Entry]:
    wanted = request.sensitivity
    if wanted is None:
        return []
    states = checks.clip_states(session, clips)
    others = [clip for clip in clips if states[clip].sensitivity != wanted]
    if any(states[clip].sensitivity == Sensitivity.SUSPECTED_SECRET for clip in others):
        raise ProblemError("secret_stays", "A suspected secret is not lifted while binding")
    return [ClipClassified(fact=ClipClassified.Fact(clip=clip, sensitivity=wanted), actor=actor) for clip in others]


def _placed(
    session: Session, request: BindRequest, clips: Sequence[str], source: Source, actor: Actor
) -> list[ClipAmended]:
    text = make_place(request.place).text
    if text is None:
        return []
    others = [state for state in checks.clip_states(session, clips).values() if state.place != text]
    if any(state.submitted for state in others):
        raise ProblemError("submitted", "The case was submitted: changing its clips takes two people")
    return [
        ClipAmended(
            fact=ClipAmended.Fact(clip=state.clip, field="place", source=source),
            place=Place.model_validate(
                {"text": text, "latitude": state.latitude, "longitude": state.longitude, "datum": state.datum}
            ),
            actor=actor,
        )
        for state in others
    ]


def _remember(
    session: Session,
    viewer: Viewer,
    request: BindRequest,
    action: str,
    clips: Sequence[str],
    former: Sequence[checks.BindingState],
    placed: Sequence[ClipAmended],
) -> None:
    """Keep what the action replaces, so that it can be taken back as one."""
    replaced = [b for b in former if b.kind == TargetKind.NONE and b.clip in set(clips)]
    changes = {
        b.clip: Former(
            b.clip,
            "none",
            {"none_reason": b.none_reason, "stage": b.stage, "proves": b.proves, "note": b.note},
            {},
        )
        for b in replaced
    }
    said = checks.said_of(session, [entry.fact.clip for entry in placed])
    text = make_place(request.place).text
    moved = [Former(clip, "place", state.place, state.place | {"place": text}) for clip, state in said.items()]
    undos.remember(session, action, viewer.person, [*changes.values(), *moved], clock.now())


def unbind(custody: Custody, viewer: Viewer, actor: Actor, binding: str, reason: str) -> str:
    """Withdraw a binding; returns its clip. The entry that made it stays.

    Raises DeniedError, NotFoundError, ProblemError (reason_missing, submitted: it then takes two people).
    """
    if not viewer.roles & BINDERS:
        raise DeniedError("This role does not bind clips")
    reason = reason.strip()
    if not reason or len(reason) > 1000:
        raise ProblemError("reason_missing", "Withdrawing a binding needs a reason of 1000 characters at most")
    freed: list[str] = []

    def compose(session: Session) -> Sequence[Entry]:
        state = checks.binding_state(session, binding)
        if state is None or not visible_clips(session, viewer, [state.clip]):
            raise NotFoundError(f"There is no binding {binding}")
        if state.target is not None:
            target = checks.target_state(session, viewer, state.target)
            if target is None or (not target.visible and target.status == "open"):
                raise NotFoundError(f"There is no binding {binding}")
            if target.status == "submitted":
                raise ProblemError("submitted", "The case was submitted: changing it takes two people")
        freed.append(state.clip)
        fact = ClipUnbound.Fact(binding=binding, clip=state.clip, kind=TargetKind(state.kind), target=state.target)
        return (ClipUnbound(fact=fact, text=ClipUnbound.Text(reason=reason), actor=actor),)

    custody.append_from(compose)
    return freed[-1]
