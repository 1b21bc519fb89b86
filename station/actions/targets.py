"""Cases, pending matters and inspection tasks: opening them, resolving a matter.

Guarantees: a number leads to one target of its kind, however it is typed; only clerks and handlers open cases, so
that no officer invents a case number; the station numbers everything else itself and gives no number twice. What is
checked is checked in the transaction that appends.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from station import clock
from station.actions.problems import ProblemError
from station.catalogue import checks, retaining
from station.catalogue.folding import fold_number
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.errors import DeniedError, NotFoundError
from station.records.case_entries import TargetOpened, TargetResolved
from station.records.disposal_entries import HoldPlaced, Reason
from station.records.entries import Actor, Entry
from station.records.terms import Role, Source, TargetKind

_OPEN = "open"
# What the station's own numbers begin with; part of the number, as an agency would stamp it, and so never translated.
_TEMPORARY = {TargetKind.MATTER: "待立案", TargetKind.TASK: "检查任务"}
_OPENERS = {
    TargetKind.CASE: frozenset({Role.CLERK, Role.HANDLER}),
    TargetKind.MATTER: frozenset({Role.OFFICER, Role.CLERK, Role.HANDLER}),
    TargetKind.TASK: frozenset({Role.OFFICER, Role.CLERK, Role.HANDLER}),
}


@dataclass(frozen=True, slots=True)
class NewTarget:
    """A target somebody wants to open; `number` and `act`, of the list of matters to be recorded, are a case's."""

    kind: TargetKind
    number: str = ""
    title: str = ""
    handlers: tuple[str, ...] = ()
    act: str | None = None


def may_open(viewer: Viewer) -> tuple[str, ...]:
    """Return the kinds of target a person may open."""
    return tuple(kind.value for kind, roles in _OPENERS.items() if roles & viewer.roles)


def open_target(custody: Custody, home: Home, viewer: Viewer, actor: Actor, wanted: NewTarget) -> str:
    """Open a target and return its id; raises what `find_or_open` raises."""
    made: list[str] = []

    def compose(session: Session) -> Sequence[Entry]:
        target, entries = find_or_open(session, home, viewer, actor, wanted)
        if not entries:
            raise ProblemError("number_taken", f"There is a {wanted.kind} of the number {wanted.number!r} already")
        made.append(target.target)
        return entries

    custody.append_from(compose)
    return made[-1]


def ensure_target(
    custody: Custody, home: Home, viewer: Viewer, actor: Actor, wanted: NewTarget
) -> tuple[checks.TargetState, bool]:
    """Return the case of that number, whatever has become of it, or the target just opened (True).

    Raises what `find_or_open` raises.
    """
    found: list[tuple[checks.TargetState, bool]] = []

    def compose(session: Session) -> Sequence[Entry]:
        if wanted.kind == TargetKind.CASE:
            known = checks.target_by_number(session, viewer, wanted.kind, fold_number(wanted.number))
            if known is not None and known.visible:
                found.append((known, False))
                return ()
        state, entries = find_or_open(session, home, viewer, actor, wanted)
        found.append((state, True))
        return entries

    custody.append_from(compose)
    return found[-1]


def find_or_open(
    session: Session, home: Home, viewer: Viewer, actor: Actor, wanted: NewTarget
) -> tuple[checks.TargetState, Sequence[Entry]]:
    """Return the open target meant, and the entries that open it when it is new (none when the number is known).

    Raises DeniedError when the role may not open such a target, ProblemError (number_invalid, number_taken,
    case_unknown, handler_unknown, target_closed, title_long).
    """
    allowed = bool(_OPENERS[wanted.kind] & viewer.roles)
    if wanted.kind == TargetKind.CASE:
        known = _known_case(session, home, viewer, wanted.number)
        if known is not None:
            return known, ()
        if not allowed:
            raise ProblemError("case_unknown", "There is no such case, and this role does not open cases")
        number, source = wanted.number.strip(), _source(actor, Source.CLERK)
    else:
        if not allowed:
            raise DeniedError(f"This role does not open a {wanted.kind}")
        number, source = _next_number(session, home, wanted.kind), _source(actor, _own_source(viewer))
    _check_handlers(session, wanted.handlers)
    unit = viewer.unit or home.settings.unit
    entry = TargetOpened(
        fact=TargetOpened.Fact(
            target=new_id(),
            kind=wanted.kind,
            handlers=tuple(dict.fromkeys(wanted.handlers)),
            number_source=source,
            act=wanted.act,
        ),
        names=TargetOpened.Names(number=number, title=_short(wanted.title), unit=unit),
        actor=actor,
    )
    state = checks.TargetState(
        entry.fact.target,
        wanted.kind.value,
        number,
        unit,
        _OPEN,
        frozenset(wanted.handlers),
        visible=True,
        title=entry.names.title if entry.names else "",
        act=wanted.act,
    )
    return state, (entry,)


def _known_case(session: Session, home: Home, viewer: Viewer, number: str) -> checks.TargetState | None:
    folded = fold_number(number)
    if not folded or len(number.strip()) > 80 or not re.fullmatch(home.settings.case_number_pattern, number.strip()):
        raise ProblemError("number_invalid", f"{number!r} is no case number here")
    known = checks.target_by_number(session, viewer, TargetKind.CASE, folded)
    if known is None:
        return None
    if not known.visible:
        raise ProblemError("number_taken", f"The case {number!r} belongs to others")
    return require_open(known)


def require_open(target: checks.TargetState) -> checks.TargetState:
    """Return the target if clips can be bound to it; raises ProblemError target_closed."""
    if target.status != _OPEN:
        raise ProblemError("target_closed", f"The {target.kind} {target.number!r} is {target.status}")
    return target


def _next_number(session: Session, home: Home, kind: TargetKind) -> str:
    day = clock.now().astimezone(home.zone).strftime("%Y%m%d")
    prefix = f"{_TEMPORARY[kind]}-{day}-"
    return f"{prefix}{checks.highest_number(session, prefix) + 1:03d}"


def _source(actor: Actor, otherwise: Source) -> Source:
    """Return who gave a number: a case system, when a program did it, whoever's name it acts in."""
    return Source.CASE_SYSTEM if actor.via == "api" else otherwise


def _own_source(viewer: Viewer) -> Source:
    return Source.CLERK if viewer.roles & {Role.CLERK, Role.HANDLER} else Source.OFFICER


def _short(title: str) -> str:
    title = " ".join(title.split())
    if len(title) > 200:
        raise ProblemError("title_long", "A title has 200 characters at most")
    return title


def _check_handlers(session: Session, handlers: Sequence[str]) -> None:
    for person in handlers:
        state = checks.person_state(session, person)
        if state is None or state.disabled:
            raise ProblemError("handler_unknown", f"There is no open account of the person {person!r}")


def resolve_matter(
    custody: Custody,
    home: Home,
    viewer: Viewer,
    actor: Actor,
    matter: str,
    *,
    outcome: str,
    into: str | None = None,
    number: str = "",
    title: str = "",
) -> str | None:
    """Give a matter or task its case (numbered, merged) or drop it; all its clips follow. Returns the case's id.

    A hold about it is placed on the case as well, so that its clips stay held; one that is held is not dropped (held).
    `numbered` takes a `number`, whose case is opened if it is new; `merged` takes an existing case `into`. Raises
    NotFoundError, DeniedError, ProblemError (not_a_matter, target_closed, outcome_unknown and those of a number).
    """
    resolved: list[str | None] = []

    def compose(session: Session) -> Sequence[Entry]:
        state = _visible(session, viewer, matter)
        if state.kind == TargetKind.CASE:
            raise ProblemError("not_a_matter", "A case is not resolved into another")
        if not viewer.roles & _OPENERS[TargetKind.CASE]:
            raise DeniedError("This role does not resolve a matter")
        require_open(state)
        case, opening = _resolution(
            session, home, viewer, actor, outcome, into, NewTarget(TargetKind.CASE, number, title)
        )
        resolved.append(case)
        return (*opening, *resolving(session, state, outcome, case, actor))

    custody.append_from(compose)
    return resolved[-1]


def resolving(
    session: Session, matter: checks.TargetState, outcome: str, case: str | None, actor: Actor
) -> Sequence[Entry]:
    """Return the entries by which an open matter goes into a case or is dropped; raises ProblemError held."""
    fact = TargetResolved.Fact.model_validate(
        {"target": matter.target, "kind": matter.kind, "outcome": outcome, "into": case}
    )
    held = _hold_on(session, f"{matter.kind}:{matter.target}", case, actor)
    return (TargetResolved(fact=fact, actor=actor), *held)


def _hold_on(session: Session, matter: str, case: str | None, actor: Actor) -> Sequence[Entry]:
    """Return what keeps the clips of a held matter held in the case that it goes into."""
    held = retaining.holds_about(session, (matter,))
    if held and case is None:
        raise ProblemError("held", "What is held is not dropped: its clips would lose the hold")
    if not held or retaining.is_held(session, f"case:{case}"):
        return ()
    fact = HoldPlaced.Fact(hold=new_id(), about=f"case:{case}")
    return (HoldPlaced(fact=fact, text=Reason(reason=held[0].reason) if held[0].reason else None, actor=actor),)


def _resolution(
    session: Session, home: Home, viewer: Viewer, actor: Actor, outcome: str, into: str | None, wanted: NewTarget
) -> tuple[str | None, Sequence[Entry]]:
    if outcome == "dropped":
        return None, ()
    if outcome == "numbered":
        state, opening = find_or_open(session, home, viewer, actor, wanted)
        return state.target, opening
    if outcome == "merged" and into:
        state = require_open(_visible(session, viewer, into))
        if state.kind != TargetKind.CASE:
            raise ProblemError("not_a_case", "A matter is merged into a case only")
        return state.target, ()
    raise ProblemError("outcome_unknown", f"A matter is numbered, merged into a case, or dropped, not {outcome!r}")


def _visible(session: Session, viewer: Viewer, target: str) -> checks.TargetState:
    state = checks.target_state(session, viewer, target)
    if state is None or not state.visible:
        raise NotFoundError(f"There is no target {target}")
    return state
