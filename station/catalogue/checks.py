"""What actions look at inside their own transaction before they append: small plain answers, never rows.

Guarantee: read in a write transaction, an answer stays true until its commit, since nobody else can write meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlmodel import Session, col, select

from station.catalogue.clip_rows import Proven, chunks, load_proves
from station.catalogue.folding import fold_number
from station.catalogue.reviews import locked_clips
from station.catalogue.tables import Binding, Clip, Companion, Handler, Holding, Person, Recorder, Target
from station.catalogue.views import Viewer
from station.catalogue.visibility import visible_target
from station.errors import NotFoundError
from station.records.terms import Role, TargetKind


@dataclass(frozen=True, slots=True)
class ClipState:
    """What decides what may be done to a clip; `submitted`: bound to a case under review, not one sent back."""

    clip: str
    stage: str
    sensitivity: str
    submitted: bool
    place: str | None
    latitude: str | None
    longitude: str | None
    datum: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a clip says of itself and may be amended, with what decides whether it may."""

    clip: str
    file_name: str
    stage: str
    submitted: bool
    recorded_at: str | None
    time: dict[str, Any]
    place: dict[str, Any]
    collector: dict[str, Any]

    def of(self, field: Literal["time", "place", "collector"]) -> dict[str, Any]:
        """Return a field's values, as JSON has them, with its `source`."""
        return {"time": self.time, "place": self.place, "collector": self.collector}[field]


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target as it is; `visible` to the viewer who asks, `into` the case a resolved matter went into."""

    target: str
    kind: str
    number: str
    unit: str
    status: str
    handlers: frozenset[str]
    visible: bool
    title: str = ""
    act: str | None = None
    into: str | None = None


@dataclass(frozen=True, slots=True)
class BindingState:
    """A binding in force; `proves` are texts, each with its ranges (start_ms, end_ms), the end exclusive."""

    binding: str
    action: str
    clip: str
    kind: str
    target: str | None
    none_reason: str | None
    stage: str | None
    proves: tuple[Proven, ...]
    note: str


@dataclass(frozen=True, slots=True)
class PersonState:
    """A person's rights as they are."""

    person: str
    login: str
    roles: frozenset[Role]
    disabled: bool


def clip_states(session: Session, clips: Sequence[str]) -> dict[str, ClipState]:
    """Return the state of each of `clips` that exists."""
    found = {}
    locked = locked_clips(session, clips)
    for part in chunks(clips):
        for row in session.exec(select(Clip).where(col(Clip.clip).in_(part))):
            found[row.clip] = ClipState(
                row.clip,
                row.stage,
                row.sensitivity,
                row.clip in locked,
                row.place,
                row.latitude,
                row.longitude,
                row.datum,
                row.duration_ms,
            )
    return found


def said_of(session: Session, clips: Sequence[str]) -> dict[str, Said]:
    """Return what those of `clips` that exist say of themselves."""
    found: dict[str, Said] = {}
    locked = locked_clips(session, clips)
    for part in chunks(clips):
        companions: dict[str, list[str]] = {clip: [] for clip in part}
        rows = select(Companion).where(col(Companion.clip).in_(part)).order_by(col(Companion.person))
        for row in session.exec(rows):
            companions[row.clip].append(row.person)
        for clip in session.exec(select(Clip).where(col(Clip.clip).in_(part))):
            found[clip.clip] = _said(clip, companions[clip.clip], clip.clip in locked)
    return found


def _said(clip: Clip, companions: list[str], submitted: bool) -> Said:
    return Said(
        clip=clip.clip,
        file_name=clip.file_name or "",
        stage=clip.stage,
        submitted=submitted,
        recorded_at=clip.recorded_at,
        time={"recorded_at": clip.recorded_at, "time_trust": clip.time_trust, "source": clip.time_source},
        place={
            "place": clip.place,
            "latitude": clip.latitude,
            "longitude": clip.longitude,
            "datum": clip.datum,
            "source": clip.place_source,
        },
        collector={
            "collector": clip.collector,
            "collector_name": clip.collector_name,
            "companions": companions,
            "source": clip.collector_source,
        },
    )


def bindings_of_action(session: Session, action: str, person: str, since: str) -> tuple[BindingState, ...]:
    """Return the bindings in force that a person's action made since then (UTC text)."""
    query = select(Binding).where(Binding.bound_by == person, Binding.bound_at >= since, Binding.action == action)
    return tuple(_bindings(session, list(session.exec(query).all())))


def bindings_of(session: Session, clips: Sequence[str]) -> tuple[BindingState, ...]:
    """Return the bindings in force of these clips."""
    found: list[BindingState] = []
    for part in chunks(clips):
        found += _bindings(session, list(session.exec(select(Binding).where(col(Binding.clip).in_(part))).all()))
    return tuple(found)


def binding_state(session: Session, binding: str) -> BindingState | None:
    """Return a binding in force, None when it is unknown or withdrawn."""
    row = session.get(Binding, binding)
    return _bindings(session, [row])[0] if row else None


def _bindings(session: Session, rows: list[Binding]) -> list[BindingState]:
    proves = load_proves(session, [row.binding for row in rows])
    return [
        BindingState(
            row.binding,
            row.action,
            row.clip,
            row.kind,
            row.target,
            row.none_reason,
            row.stage,
            tuple(proves.get(row.binding, ())),
            row.note,
        )
        for row in rows
    ]


def target_state(session: Session, viewer: Viewer, target: str) -> TargetState | None:
    """Return a target's state, None when there is none of that id."""
    return _target(session, viewer, session.get(Target, target))


def target_kind(session: Session, target: str) -> TargetKind | None:
    """Return what kind of target that is, None when there is none of that id."""
    row = session.get(Target, target)
    return None if row is None else TargetKind(row.kind)


def target_by_number(session: Session, viewer: Viewer, kind: TargetKind, folded: str) -> TargetState | None:
    """Return the target of a kind with that folded number, whoever may see it."""
    rows = select(Target).where(Target.kind == kind.value, Target.folded == folded).order_by(Target.opened_at)
    return _target(session, viewer, session.exec(rows.limit(1)).first())


def _target(session: Session, viewer: Viewer, row: Target | None) -> TargetState | None:
    if row is None:
        return None
    handlers = session.exec(select(Handler.person).where(Handler.target == row.target)).all()
    visible = select(Target.target).where(Target.target == row.target, visible_target(viewer))
    return TargetState(
        target=row.target,
        kind=row.kind,
        number=row.number or "",
        unit=row.unit,
        status=row.status,
        handlers=frozenset(handlers),
        visible=session.exec(visible).first() is not None,
        title=row.title or "",
        act=row.act,
        into=row.into,
    )


def highest_number(session: Session, prefix: str) -> int:
    """Return the highest figure that follows `prefix` in a target's number, 0 when there is none."""
    numbers = session.exec(select(Target.number).where(col(Target.number).startswith(prefix, autoescape=True))).all()
    figures = [str(number).removeprefix(prefix) for number in numbers]
    return max((int(figure) for figure in figures if figure.isascii() and figure.isdigit()), default=0)


def clips_of_target(session: Session, target: str) -> tuple[str, ...]:
    """Return the clips bound to a target, in the order of their ids."""
    return tuple(sorted(set(session.exec(select(Binding.clip).where(Binding.target == target)).all())))


def clips_of_number(session: Session, number: str) -> tuple[str, ...]:
    """Return the clips bound to the case of that number, however it is typed; raises NotFoundError."""
    return clips_of_target(session, case_of_number(session, number))


def case_of_number(session: Session, number: str) -> str:
    """Return the id of the case of that number, however it is typed; raises NotFoundError."""
    target = session.exec(select(Target).where(Target.kind == "case", Target.folded == fold_number(number))).first()
    if target is None:
        raise NotFoundError(f"There is no case {number!r}")
    return target.target


def any_target(session: Session) -> bool:
    """Tell whether anything that clips can be bound to was ever opened."""
    return session.exec(select(Target.target).limit(1)).first() is not None


def person_state(session: Session, person: str) -> PersonState | None:
    """Return a person's rights, None for an unknown one."""
    return _person(session.get(Person, person))


def person_of_login(session: Session, login: str) -> PersonState | None:
    """Return who logs in by that name, closed accounts included."""
    return _person(session.exec(select(Person).where(Person.login == login)).first())


def _person(row: Person | None) -> PersonState | None:
    if row is None:
        return None
    roles = frozenset(Role(each) for each in row.roles.split(",") if each)
    return PersonState(row.person, row.login or "", roles, row.disabled)


def persons_of_badge(session: Session, badge: str) -> list[str]:
    """Return the persons whose police or certificate number is on the badge, without closed accounts."""
    numbers = (col(Person.police_number) == badge) | (col(Person.certificate_number) == badge)
    return list(session.exec(select(Person.person).where(numbers, col(Person.disabled).is_(False))))


def open_holding_of(session: Session, recorder: str, person: str) -> str | None:
    """Return the line of the register by which the person holds the recorder now."""
    lines = select(Holding.holding).where(
        Holding.recorder == recorder, Holding.person == person, col(Holding.until).is_(None)
    )
    return session.exec(lines.order_by(col(Holding.since)).limit(1)).first()


def active_admins(session: Session) -> frozenset[str]:
    """Return the persons who hold the role of an admin and whose account is open."""
    rows = session.exec(select(Person.person, Person.roles).where(col(Person.disabled).is_(False)))
    return frozenset(person for person, roles in rows if Role.ADMIN in roles.split(","))


def recorder_exists(session: Session, recorder: str) -> bool:
    """Tell whether there is a recorder of that id."""
    return session.get(Recorder, recorder) is not None


def open_holding(session: Session, holding: str) -> tuple[str, str, str] | None:
    """Return (recorder, person, since) of a line of the register that has no end yet."""
    row = session.get(Holding, holding)
    return (row.recorder, row.person, row.since) if row is not None and row.until is None else None


def holds(session: Session, recorder: str, person: str) -> bool:
    """Tell whether the person holds the recorder now."""
    return open_holding_of(session, recorder, person) is not None
