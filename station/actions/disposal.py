"""到期销毁 and 保全: what is due, proposing it, deciding it by a second person, and holding it back.

Guarantees: a clip goes only if the retention table lets it go, nothing it is bound to is open, no hold stands, and two
people have agreed, of whom neither is the other; all of that is checked again in the transaction that decides. With the
decision each clip's `clip.disposed` is in the ledger; what is then removed is `disposal_run`'s work, which any start
finishes. Nothing is ever disposed of by the clock alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from station import clock
from station.actions.problems import ProblemError
from station.catalogue import checks, retaining
from station.catalogue.clips import visible_clips
from station.catalogue.retaining import DisposalView, KeptClip
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import SHA256, new_id
from station.errors import DeniedError, NotFoundError
from station.records.disposal_entries import (
    CLIPS_A_DISPOSAL,
    ClipDisposed,
    DisposalApproved,
    DisposalProposed,
    DisposalRefused,
    DueClip,
    HoldLifted,
    HoldPlaced,
    Reason,
)
from station.records.entries import Actor, Entry
from station.records.retention import SHIPPED, Rule, add_months, keep_until, load_rules
from station.records.terms import Role

HOLDERS = frozenset({Role.CLERK, Role.HANDLER, Role.REVIEWER, Role.APPROVER, Role.INSPECTOR})
_REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """A clip and what the table says: `blocked` is why it stays (group `disposal_blocked`), None when it may go."""

    clip: KeptClip
    rule: str
    due_at: str | None
    blocked: str | None


def rules_of(home: Home) -> tuple[Rule, ...]:
    """Return the station's retention table; raises ConfigError."""
    return load_rules(home.root / Path(home.settings.retention) if home.settings.retention else SHIPPED)


def judge(clip: KeptClip, rules: Sequence[Rule], now: datetime) -> Due:
    """Say whether a clip may go, and if not, why."""
    kept = keep_until(rules, clip.bindings, sensitivity=clip.sensitivity, important=clip.important, start=_start(clip))
    due_at = clock.format_time(kept.due_at) if kept and kept.due_at else None
    # In this order: what a person can change comes after what only time or nothing does.
    blocks: Mapping[str, bool] = {
        "no_rule": kept is None,
        "held": clip.held,
        "permanent": kept is not None and kept.due_at is None,
        "not_due": kept is not None and kept.due_at is not None and kept.due_at > now,
        "in_doubt": clip.conflicts > 0,
        "untagged": not clip.bindings,
        "open": clip.waiting,
        "proposed": clip.proposed,
    }
    blocked = next((reason for reason, holds in blocks.items() if holds), None)
    return Due(clip, kept.rule if kept else "", due_at, blocked)


def _start(clip: KeptClip) -> datetime:
    """The later of recorded and taken in: whichever clock was behind, it makes nothing due."""
    return clock.parse_time(max(clip.recorded_at or "", clip.taken_in_at))


def due_clips(session: Session, home: Home, unit: str | None = None) -> tuple[Due, ...]:
    """Return the clips of a unit (None: all) whose shortest time is over, in the order they were taken in."""
    rules, now = rules_of(home), clock.now()
    shortest = min((rule.months for rule in rules if rule.months), default=None)
    if shortest is None:
        return ()
    before = clock.format_time(add_months(now, -shortest))
    clips = retaining.kept_clips(session, taken_in_before=before)
    return tuple(judge(clip, rules, now) for clip in clips if unit is None or clip.unit == unit)


def propose(custody: Custody, home: Home, viewer: Viewer, actor: Actor, clips: Sequence[str], reason: str) -> str:
    """Propose that clips be disposed of; returns the disposal's id.

    Raises DeniedError, NotFoundError for a clip that is not the viewer's unit's, ProblemError (clips_missing, too_many,
    reason_long, not_disposable: one of them may not go).
    """
    if Role.CLERK not in viewer.roles:
        raise DeniedError("This role does not propose disposals")
    chosen, text = tuple(dict.fromkeys(clips)), _reason(reason, needed=False)
    if not chosen:
        raise ProblemError("clips_missing", "No clip was chosen")
    if len(chosen) > CLIPS_A_DISPOSAL:
        raise ProblemError("too_many", f"{CLIPS_A_DISPOSAL} clips at most are proposed at once")
    disposal = new_id()

    def compose(session: Session) -> Sequence[Entry]:
        judged = _judged(session, home, chosen)
        if {each for each in chosen if each in judged and judged[each].clip.unit == viewer.unit} != set(chosen):
            raise NotFoundError("There is no such clip")
        for each in judged.values():
            if each.blocked is not None:
                raise ProblemError("not_disposable", f"The clip {each.clip.clip} may not go: {each.blocked}")
        due = tuple(
            DueClip(clip=clip, digest={SHA256: each.clip.sha256}, rule=each.rule, due_at=each.due_at or "")
            for clip, each in judged.items()
        )
        return (DisposalProposed(fact=DisposalProposed.Fact(disposal=disposal, clips=due), text=text, actor=actor),)

    custody.append_from(compose)
    return disposal


def decide(
    custody: Custody, home: Home, viewer: Viewer, actor: Actor, disposal: str, *, approve: bool, reason: str = ""
) -> None:
    """Agree to a disposal or refuse it. Clips that may no longer go stay, and the entry says why.

    Raises DeniedError, NotFoundError, ProblemError (second_person: who proposed does not decide, disposal_decided,
    nothing_left, reason_missing for a refusal).
    """
    if Role.APPROVER not in viewer.roles:
        raise DeniedError("This role does not decide on disposals")
    text = _reason(reason, needed=not approve)

    def compose(session: Session) -> Sequence[Entry]:
        found = find_disposal(session, viewer, disposal)
        if found.status != "proposed":
            raise ProblemError("disposal_decided", "This disposal was decided already")
        if found.proposed_by is None or found.proposed_by == viewer.person:
            raise ProblemError("second_person", "Who proposed a disposal does not decide on it")
        if not approve:
            fact = DisposalRefused.Fact(disposal=disposal)
            return (DisposalRefused(fact=fact, text=text, actor=actor),)
        judged = _judged(session, home, [line.clip for line in found.lines])
        left = {line.clip: _left_for(judged.get(line.clip)) for line in found.lines}
        going = [each for clip, each in judged.items() if not left[clip]]
        if not going:
            raise ProblemError("nothing_left", "None of these clips may be disposed of any more: refuse it")
        return (
            DisposalApproved(
                fact=DisposalApproved.Fact(
                    disposal=disposal, clips=len(going), left={clip: why for clip, why in left.items() if why}
                ),
                actor=actor,
            ),
            *(_disposed(disposal, each, actor) for each in going),
        )

    custody.append_from(compose)


def _disposed(disposal: str, due: Due, actor: Actor) -> ClipDisposed:
    fact = ClipDisposed.Fact(
        clip=due.clip.clip,
        disposal=disposal,
        digest={SHA256: due.clip.sha256},
        rule=due.rule,
        due_at=due.due_at or "",
    )
    return ClipDisposed(fact=fact, actor=actor)


def _left_for(due: Due | None) -> str:
    if due is None:
        return "gone"
    return "" if due.blocked in (None, "proposed") else due.blocked


def _judged(session: Session, home: Home, clips: Sequence[str]) -> dict[str, Due]:
    rules, now = rules_of(home), clock.now()
    return {each.clip: judge(each, rules, now) for each in retaining.kept_clips(session, clips)}


def find_disposal(session: Session, viewer: Viewer, disposal: str) -> DisposalView:
    """Return a disposal of the viewer's unit; raises NotFoundError."""
    for found in retaining.disposals(session, disposal=disposal):
        if found.units <= {viewer.unit}:
            return found
    raise NotFoundError(f"There is no disposal {disposal}")


def hold(custody: Custody, viewer: Viewer, actor: Actor, about: str, reason: str) -> str:
    """保全: keep a clip (`clip:<id>`), or all clips of a target (`case:<id>` …), from disposal; returns its id.

    Raises DeniedError, NotFoundError, ProblemError (reason_missing, reason_long, held_already, clip_disposed).
    """
    if not viewer.roles & HOLDERS:
        raise DeniedError("This role does not place holds")
    text, made = _reason(reason, needed=True), new_id()

    def compose(session: Session) -> Sequence[Entry]:
        _check_about(session, viewer, about)
        if retaining.is_held(session, about):
            raise ProblemError("held_already", "A hold about this stands already")
        return (HoldPlaced(fact=HoldPlaced.Fact(hold=made, about=about), text=text, actor=actor),)

    custody.append_from(compose)
    return made


def lift(custody: Custody, viewer: Viewer, actor: Actor, hold: str, reason: str) -> None:
    """解除保全; raises DeniedError, NotFoundError, ProblemError (reason_missing, reason_long)."""
    if Role.APPROVER not in viewer.roles:
        raise DeniedError("Only who decides lifts a hold")
    text = _reason(reason, needed=True)

    def compose(session: Session) -> Sequence[Entry]:
        about = retaining.hold_about(session, hold)
        if about is None or hold not in {each.hold for each in retaining.list_holds(session, viewer.unit)}:
            raise NotFoundError(f"There is no hold {hold}")
        return (HoldLifted(fact=HoldLifted.Fact(hold=hold, about=about), text=text, actor=actor),)

    custody.append_from(compose)


def _check_about(session: Session, viewer: Viewer, about: str) -> None:
    kind, _, own = about.partition(":")
    if kind == "clip":
        state = checks.clip_states(session, [own]).get(own)
        # An approver sees by role what was submitted; whatever is proposed to them they may hold back as well.
        of_unit = any(each.unit == viewer.unit for each in retaining.kept_clips(session, [own]))
        deciding = of_unit and Role.APPROVER in viewer.roles
        if state is None or not (deciding or visible_clips(session, viewer, [own])):
            raise NotFoundError(f"There is no clip {own}")
        if state.stage == "disposed":
            raise ProblemError("clip_disposed", "The clip was disposed of")
        return
    found = checks.target_state(session, viewer, own)
    if found is None or not found.visible or found.kind != kind:
        raise NotFoundError(f"There is no {about}")


def _reason(reason: str, *, needed: bool) -> Reason:
    reason = reason.strip()
    if needed and not reason:
        raise ProblemError("reason_missing", "This needs a reason")
    if len(reason) > _REASON_CHARACTERS:
        raise ProblemError("reason_long", f"A reason has {_REASON_CHARACTERS} characters at most")
    return Reason(reason=reason)


def count_due(database: Database, home: Home) -> int:
    """Return how many clips may go: for the chore, which only ever lists."""
    with database.read() as session:
        return sum(1 for each in due_clips(session, home) if each.blocked is None)
