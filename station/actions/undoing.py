"""撤销: taking back what one did to many clips in one go.

Guarantee: undoing makes entries of its own and takes none away; it puts back what stood before, with its source and
its doubt, and leaves alone what somebody changed since, what was submitted, and the class of sensitivity: a suspected
secret is lifted on purpose only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from station import clock
from station.actions.amend import AMENDERS, acting_source
from station.actions.amend_many import Field, amendment
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.clips import visible_clips
from station.catalogue.views import Viewer
from station.catalogue.visibility import as_roles
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.errors import DeniedError
from station.records.case_entries import ClipAmended, ClipBound, ClipUnbound
from station.records.entries import Actor, Entry, Proof, TimeRange
from station.records.terms import ClipStage, NoneReason, Source, TargetKind
from station.state import undos
from station.state.undos import Former

UNDONE = "undone"  # a reason that pages put into words


def undo(custody: Custody, viewer: Viewer, actor: Actor, action: str) -> int:
    """Take back what one's own action of the last day made and nobody changed since; returns how many clips it was.

    A binding is withdrawn, and what it replaced stands again; an amended field says what it said before.
    Raises DeniedError, ProblemError nothing_to_undo.
    """
    viewer = as_roles(viewer, AMENDERS)
    if not viewer.roles:
        raise DeniedError("This role does not amend clips")
    touched = set[str]()

    def compose(session: Session) -> Sequence[Entry]:
        withdrawn = _withdrawn(session, viewer, actor, action)
        freed = {entry.fact.clip for entry in withdrawn}
        back: list[ClipAmended | ClipBound] = []
        changes = undos.formers(session, action, viewer.person, clock.now())
        states = checks.said_of(session, [each.clip for each in changes])
        visible = visible_clips(session, viewer, [each.clip for each in changes])
        for each in changes:
            state = states.get(each.clip)
            if state is None or each.clip not in visible or state.submitted or state.stage == ClipStage.DISPOSED:
                continue
            entry = _BACK[each.field](session, viewer, actor, each, state, each.clip in freed)
            if entry is not None:
                back.append(entry)
        if not (withdrawn or back):
            raise ProblemError("nothing_to_undo", "Nothing of it is left that could be taken back")
        undos.forget(session, action)
        touched.update(freed, (entry.fact.clip for entry in back))
        return (*withdrawn, *back)

    custody.append_from(compose)
    return len(touched)


def _own_bindings(session: Session, viewer: Viewer, action: str) -> tuple[checks.BindingState, ...]:
    since = clock.format_time(clock.now() - undos.KEPT)
    return checks.bindings_of_action(session, action, viewer.person, since)


def _withdrawn(session: Session, viewer: Viewer, actor: Actor, action: str) -> list[ClipUnbound]:
    bindings = _own_bindings(session, viewer, action)
    visible = visible_clips(session, viewer, [state.clip for state in bindings])
    found: list[ClipUnbound] = []
    for state in bindings:
        if state.clip not in visible:
            continue
        target = checks.target_state(session, viewer, state.target) if state.target is not None else None
        if target is not None and target.status != "open":
            continue
        fact = ClipUnbound.Fact(
            binding=state.binding, clip=state.clip, kind=TargetKind(state.kind), target=state.target
        )
        found.append(ClipUnbound(fact=fact, text=ClipUnbound.Text(reason=UNDONE), actor=actor))
    return found


_Back = Callable[[Session, Viewer, Actor, Former, checks.Said, bool], ClipAmended | ClipBound | None]


def _field_back(field: Field) -> _Back:
    def back(
        session: Session, viewer: Viewer, actor: Actor, former: Former, state: checks.Said, _freed: bool
    ) -> ClipAmended | None:
        if _without_source(state.of(field)) != _without_source(former.made):
            return None  # changed since: what stands now is newer than what would be put back
        before = former.before
        source = (
            Source(before["source"]) if before.get("source") else acting_source(session, viewer, actor, [former.clip])
        )
        return amendment(former.clip, field, before, source, UNDONE, actor)

    return back


def _without_source(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "source"}


def _none_back(
    session: Session, viewer: Viewer, actor: Actor, former: Former, _state: checks.Said, freed: bool
) -> ClipBound | None:
    if not freed or checks.bindings_of(session, [former.clip])[1:]:
        return None
    before = former.before
    fact = ClipBound.Fact(
        binding=new_id(),
        action=new_id(),
        clip=former.clip,
        kind=TargetKind.NONE,
        none_reason=NoneReason(before["none_reason"]),
        stage=before["stage"],
        source=acting_source(session, viewer, actor, [former.clip]),
    )
    proves = tuple(
        Proof(text=text, ranges=tuple(TimeRange(start_ms=start, end_ms=end) for start, end in ranges))
        for text, ranges in before["proves"]
    )
    return ClipBound(fact=fact, text=ClipBound.Text(proves=proves, note=before["note"]), actor=actor)


_BACK: dict[str, _Back] = {
    "time": _field_back("time"),
    "place": _field_back("place"),
    "collector": _field_back("collector"),
    "none": _none_back,
}
