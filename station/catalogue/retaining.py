"""What the catalogue knows of clips whose time may be over, of holds and of disposals."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session

from station.catalogue.clip_rows import chunks, fetch, recorder_name
from station.catalogue.tables import metadata
from station.catalogue.visibility import BINDING, CLIP, TARGET
from station.records.retention import Bound

HOLD = metadata.tables["catalogue_hold"]
DISPOSAL = metadata.tables["catalogue_disposal"]
DISPOSAL_CLIP = metadata.tables["catalogue_disposal_clip"]
PERSON = metadata.tables["catalogue_person"]
RECORDER = metadata.tables["catalogue_recorder"]
_STAGES = ("incomplete", "sealed", "probed")


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A clip that is still there, with all that decides whether it may go.

    `taken_in_at` is never before that of a clip taken in earlier: the station's own clock may have been reset too.
    `waiting` tells of a case or matter that is not over, `held` of a hold, `proposed` of a disposal not decided yet.
    """

    clip: str
    sha256: str
    size_bytes: int
    unit: str
    file_name: str
    recorder_name: str
    recorded_at: str | None
    taken_in_at: str
    sensitivity: str
    important: bool
    conflicts: int
    bindings: tuple[Bound, ...]
    waiting: bool
    held: bool
    proposed: bool


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold that stands; `name` is the clip's file or the target's number."""

    hold: str
    about: str
    name: str
    reason: str
    placed_at: str
    placed_by: str | None
    unit: str


@dataclass(frozen=True, slots=True)
class DisposalLine:
    """A clip of a disposal."""

    clip: str
    file_name: str
    recorder_name: str
    sha256: str
    size_bytes: int
    recorded_at: str | None
    taken_in_at: str
    rule: str
    due_at: str
    left_for: str | None
    stage: str


@dataclass(frozen=True, slots=True)
class DisposalView:
    """A disposal with its clips; `units` are those of its clips."""

    disposal: str
    status: str
    reason: str
    proposed_at: str
    proposed_by: str | None
    proposer: str | None
    decided_at: str | None
    decider: str | None
    answer: str
    completed_at: str | None
    unreached: int
    units: frozenset[str]
    lines: tuple[DisposalLine, ...]


def kept_clips(session: Session, clips: Sequence[str] | None = None, *, taken_in_before: str = "") -> list[KeptClip]:
    """Return the clips still there, in the order they were taken in: those named, or all taken in before a moment."""
    # Over all clips, and narrowed afterwards: what was taken in before a clip bounds when that clip was.
    true_times = select(
        CLIP.c.clip, func.max(CLIP.c.taken_in_at).over(order_by=CLIP.c.seq).label("not_before")
    ).subquery()
    query = (
        select(CLIP, true_times.c.not_before, RECORDER.c.serial, RECORDER.c.label)
        .join(true_times, true_times.c.clip == CLIP.c.clip)
        .outerjoin(RECORDER, RECORDER.c.recorder == CLIP.c.recorder)
        .where(CLIP.c.stage.in_(_STAGES))
        .order_by(CLIP.c.seq)
    )
    if taken_in_before:
        query = query.where(true_times.c.not_before < taken_in_before)
    rows = fetch(session, query) if clips is None else [
        row for part in chunks(clips) for row in fetch(session, query.where(CLIP.c.clip.in_(part)))
    ]  # fmt: skip
    ids = [row.clip for row in rows]
    bindings, waiting = _bindings(session, ids)
    held, proposed = held_clips(session, ids), _proposed(session, ids)
    return [
        KeptClip(
            clip=row.clip,
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            unit=row.unit,
            file_name=row.file_name or "",
            recorder_name=recorder_name(row.serial, row.label, row.recorder),
            recorded_at=row.recorded_at,
            taken_in_at=row.not_before,
            sensitivity=row.sensitivity,
            important=bool(row.important),
            conflicts=row.conflicts,
            bindings=tuple(bindings.get(row.clip, ())),
            waiting=row.clip in waiting,
            held=row.clip in held,
            proposed=row.clip in proposed,
        )
        for row in rows
    ]


def _bindings(session: Session, clips: Sequence[str]) -> tuple[dict[str, list[Bound]], set[str]]:
    """Return the bindings of each clip, and the clips of a case or matter that is open or under review."""
    found: dict[str, list[Bound]] = {}
    waiting: set[str] = set()
    query = select(BINDING, TARGET.c.status).outerjoin(TARGET, TARGET.c.target == BINDING.c.target)
    for part in chunks(clips):
        for row in fetch(session, query.where(BINDING.c.clip.in_(part))):
            found.setdefault(row.clip, []).append(Bound(row.kind, row.none_reason or "", row.stage or ""))
            if row.kind in ("case", "matter") and row.status in ("open", "submitted"):
                waiting.add(row.clip)
    return found, waiting


def held_clips(session: Session, clips: Sequence[str]) -> set[str]:
    """Return those of `clips` that a hold protects, their own or that of something they are bound to."""
    held: set[str] = set()
    query = select(HOLD.c.about).where(HOLD.c.lifted_at.is_(None))
    abouts = {row.about for row in fetch(session, query)}
    if not abouts:
        return held
    held |= {clip for clip in clips if f"clip:{clip}" in abouts}
    bound = select(BINDING.c.clip, BINDING.c.kind, BINDING.c.target).where(BINDING.c.target.is_not(None))
    for part in chunks(clips):
        for row in fetch(session, bound.where(BINDING.c.clip.in_(part))):
            if f"{row.kind}:{row.target}" in abouts:
                held.add(row.clip)
    return held


def _proposed(session: Session, clips: Sequence[str]) -> set[str]:
    query = (
        select(DISPOSAL_CLIP.c.clip)
        .join(DISPOSAL, DISPOSAL.c.disposal == DISPOSAL_CLIP.c.disposal)
        .where(DISPOSAL.c.status == "proposed")
    )
    return {row.clip for part in chunks(clips) for row in fetch(session, query.where(DISPOSAL_CLIP.c.clip.in_(part)))}


def living_digests(session: Session, digests: Sequence[str]) -> set[str]:
    """Return those of `digests` that a clip has which was not disposed of."""
    query = select(CLIP.c.sha256).where(CLIP.c.stage != "disposed")
    return {row.sha256 for part in chunks(digests) for row in fetch(session, query.where(CLIP.c.sha256.in_(part)))}


def list_holds(session: Session, unit: str) -> tuple[HoldView, ...]:
    """Return the holds that stand about clips and targets of a unit, newest first."""
    return tuple(each for each in _holds(session) if each.unit == unit)


def holds_about(session: Session, abouts: Sequence[str]) -> tuple[HoldView, ...]:
    """Return the holds that stand about exactly these, newest first."""
    return _holds(session, abouts) if abouts else ()


def _holds(session: Session, abouts: Sequence[str] | None = None) -> tuple[HoldView, ...]:
    query = (
        select(HOLD, PERSON.c.name)
        .outerjoin(PERSON, PERSON.c.person == HOLD.c.placed_by)
        .where(HOLD.c.lifted_at.is_(None))
        .order_by(HOLD.c.placed_at.desc(), HOLD.c.hold)
    )
    if abouts is not None:
        query = query.where(HOLD.c.about.in_(abouts))
    rows = fetch(session, query)
    ids = [row.about.partition(":")[2] for row in rows]
    names: dict[str, tuple[str | None, str]] = {}
    for part in chunks(ids):
        names |= {
            each.clip: (each.file_name, each.unit) for each in fetch(session, select(CLIP).where(CLIP.c.clip.in_(part)))
        }
        found = fetch(session, select(TARGET).where(TARGET.c.target.in_(part)))
        names |= {each.target: (each.number, each.unit) for each in found}
    return tuple(
        HoldView(row.hold, row.about, names[own][0] or "", row.reason or "", row.placed_at, row.name, names[own][1])
        for row, own in zip(rows, ids, strict=True)
        if own in names
    )


def hold_about(session: Session, hold: str) -> str | None:
    """Return what a hold that stands is about, None when there is none of that id."""
    query = select(HOLD.c.about).where(HOLD.c.hold == hold, HOLD.c.lifted_at.is_(None))
    return session.connection().scalar(query)


def is_held(session: Session, about: str) -> bool:
    """Tell whether a hold about exactly this stands."""
    query = select(HOLD.c.hold).where(HOLD.c.about == about, HOLD.c.lifted_at.is_(None))
    return session.connection().scalar(query) is not None


def disposals(session: Session, *, disposal: str | None = None, limit: int = 50) -> tuple[DisposalView, ...]:
    """Return disposals, newest first; the one of an id only, if given."""
    proposer, decider = PERSON.alias("proposer"), PERSON.alias("decider")
    query = (
        select(DISPOSAL, proposer.c.name.label("proposer"), decider.c.name.label("decider"))
        .outerjoin(proposer, proposer.c.person == DISPOSAL.c.proposed_by)
        .outerjoin(decider, decider.c.person == DISPOSAL.c.decided_by)
        .order_by(DISPOSAL.c.proposed_at.desc(), DISPOSAL.c.disposal)
        .limit(limit)
    )
    if disposal is not None:
        query = query.where(DISPOSAL.c.disposal == disposal)
    rows = fetch(session, query)
    lines = _lines(session, [row.disposal for row in rows])
    return tuple(
        DisposalView(
            disposal=row.disposal,
            status=row.status,
            reason=row.reason or "",
            proposed_at=row.proposed_at,
            proposed_by=row.proposed_by,
            proposer=row.proposer,
            decided_at=row.decided_at,
            decider=row.decider,
            answer=row.answer or "",
            completed_at=row.completed_at,
            unreached=row.unreached,
            units=frozenset(unit for unit, _ in lines.get(row.disposal, ())),
            lines=tuple(line for _, line in lines.get(row.disposal, ())),
        )
        for row in rows
    )


def _lines(session: Session, ids: Sequence[str]) -> dict[str, list[tuple[str, DisposalLine]]]:
    query = (
        select(DISPOSAL_CLIP, CLIP, RECORDER.c.serial, RECORDER.c.label)
        .join(CLIP, CLIP.c.clip == DISPOSAL_CLIP.c.clip)
        .outerjoin(RECORDER, RECORDER.c.recorder == CLIP.c.recorder)
        .order_by(CLIP.c.seq)
    )
    found: dict[str, list[tuple[str, DisposalLine]]] = {}
    for part in chunks(ids):
        for row in fetch(session, query.where(DISPOSAL_CLIP.c.disposal.in_(part))):
            line = DisposalLine(
                row.clip,
                row.file_name or "",
                recorder_name(row.serial, row.label, row.recorder),
                row.sha256,
                row.size_bytes,
                row.recorded_at,
                row.taken_in_at,
                row.rule,
                row.due_at,
                row.left_for,
                row.stage,
            )
            found.setdefault(row.disposal, []).append((row.unit, line))
    return found
