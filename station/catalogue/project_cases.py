"""Projection of entries about cases, matters and tasks, and of what people say of clips."""

import json
from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, delete, select, update

from station.catalogue import project_reviews
from station.catalogue.doubts import settle_collector, settle_doubts
from station.catalogue.folding import fold_number
from station.catalogue.grams import searched_text, settle_clip
from station.catalogue.tables import Binding, Clip, ClipHolder, Companion, Disclaimer, Document, Handler, Proves, Target
from station.records import case_entries
from station.records.terms import TimeTrust


def _target_opened(session: Session, _seq: int, time: str, entry: case_entries.TargetOpened) -> None:
    fact, names = entry.fact, entry.names
    session.add(
        Target(
            target=fact.target,
            kind=fact.kind,
            number=names.number if names else None,
            folded=fold_number(names.number) if names else None,
            title=names.title if names else None,
            searched=searched_text([names.title]) if names else "",
            unit=names.unit if names else "",
            number_source=fact.number_source,
            act=fact.act,
            opened_at=time,
        )
    )
    session.add_all(Handler(target=fact.target, person=person) for person in dict.fromkeys(fact.handlers))


def _target_resolved(session: Session, _seq: int, _time: str, entry: case_entries.TargetResolved) -> None:
    fact = entry.fact
    target = session.get(Target, fact.target)
    if target is None:
        return
    target.status = fact.outcome
    target.into = fact.into
    session.add(target)
    if fact.into is not None:
        session.execute(update(Document).where(col(Document.target) == fact.target).values(target=fact.into))
    for binding in session.exec(select(Binding).where(Binding.target == fact.target)).all():
        if fact.into is None:
            _remove_binding(session, binding)
        else:
            binding.kind, binding.target = "case", fact.into
            session.add(binding)
            _mark_clip(session, binding.clip)


def _target_submitted(session: Session, seq: int, time: str, entry: case_entries.TargetSubmitted) -> None:
    target = session.get(Target, entry.fact.target)
    if target is None:
        return
    target.status = "submitted"
    target.submitted_at = time
    session.add(target)
    project_reviews.add_submission(session, seq, time, entry)
    for clip in sorted(set(session.exec(select(Binding.clip).where(Binding.target == target.target)).all())):
        _mark_clip(session, clip)


def _mark_clip(session: Session, clip_id: str) -> None:
    """Note on a clip what follows from its bindings: whether it has any, one to a submitted case, and to what."""
    clip = session.get(Clip, clip_id)
    if clip is None:
        return
    session.flush()
    found = session.exec(select(Binding).where(Binding.clip == clip_id)).all()
    # Ordered here: text has another order in each database, and the target must not depend on it.
    bindings = sorted(found, key=lambda binding: (binding.bound_at, binding.binding))
    targets = [session.get(Target, binding.target) for binding in bindings if binding.target is not None]
    clip.tagged = bool(bindings)
    clip.submitted = any(target is not None and target.submitted_at is not None for target in targets)
    clip.target = next((binding.target for binding in bindings if binding.target is not None), None)
    clip.several_targets = len({binding.target for binding in bindings} - {None}) > 1
    settle_doubts(session, clip)
    session.add(clip)


def _clip_bound(session: Session, _seq: int, time: str, entry: case_entries.ClipBound) -> None:
    fact, text = entry.fact, entry.text
    session.add(
        Binding(
            binding=fact.binding,
            action=fact.action,
            clip=fact.clip,
            kind=fact.kind,
            target=fact.target,
            none_reason=fact.none_reason,
            stage=fact.stage,
            note=text.note if text else "",
            source=fact.source,
            bound_at=time,
            bound_by=entry.actor.person if entry.actor else None,
        )
    )
    for position, proof in enumerate(text.proves if text else ()):
        ranges = json.dumps([[each.start_ms, each.end_ms] for each in proof.ranges])
        session.add(Proves(binding=fact.binding, position=position, text=proof.text, ranges=ranges))
    _mark_clip(session, fact.clip)


def _clip_unbound(session: Session, _seq: int, _time: str, entry: case_entries.ClipUnbound) -> None:
    binding = session.get(Binding, entry.fact.binding)
    if binding is not None:
        _remove_binding(session, binding)


def _remove_binding(session: Session, binding: Binding) -> None:
    session.execute(delete(Proves).where(col(Proves.binding) == binding.binding))
    session.delete(binding)
    _mark_clip(session, binding.clip)


def _clip_amended(session: Session, _seq: int, _time: str, entry: case_entries.ClipAmended) -> None:
    clip = session.get(Clip, entry.fact.clip)
    if clip is None:
        return
    _AMENDMENTS[entry.fact.field](session, clip, entry)
    settle_clip(session, clip)


def _amend_time(_session: Session, clip: Clip, entry: case_entries.ClipAmended) -> None:
    clip.recorded_at = entry.fact.recorded_at
    clip.time_source = entry.fact.source
    clip.time_trust = entry.fact.time_trust or TimeTrust.PLAIN.value
    trusted = clip.time_trust == TimeTrust.PLAIN and entry.fact.recorded_at is not None
    clip.sort_at = str(entry.fact.recorded_at) if trusted else clip.taken_in_at


def _amend_place(_session: Session, clip: Clip, entry: case_entries.ClipAmended) -> None:
    place = entry.place
    clip.place = place.text if place else None
    clip.latitude = place.latitude if place else None
    clip.longitude = place.longitude if place else None
    clip.datum = place.datum if place else None
    clip.place_source = None if entry.fact.cleared else entry.fact.source


def _amend_collector(session: Session, clip: Clip, entry: case_entries.ClipAmended) -> None:
    people = entry.people
    clip.collector = people.collector if people else None
    clip.collector_name = people.collector_name if people else None
    clip.collector_source = None if entry.fact.cleared else entry.fact.source
    session.execute(delete(Companion).where(col(Companion.clip) == clip.clip))
    for person in dict.fromkeys(people.companions if people else ()):
        session.add(Companion(clip=clip.clip, person=person))
    settle_collector(session, clip)


def _clip_disclaimed(session: Session, _seq: int, time: str, entry: case_entries.ClipDisclaimed) -> None:
    fact = entry.fact
    clip = session.get(Clip, fact.clip)
    if clip is None:
        return
    session.merge(Disclaimer(clip=fact.clip, person=fact.person, at=time))
    held = (col(ClipHolder.clip) == fact.clip, col(ClipHolder.person) == fact.person)
    session.execute(delete(ClipHolder).where(*held))
    if clip.collector == fact.person:
        clip.collector = clip.collector_source = None
    session.flush()
    settle_collector(session, clip)
    settle_clip(session, clip)


def _clip_classified(session: Session, _seq: int, _time: str, entry: case_entries.ClipClassified) -> None:
    clip = session.get(Clip, entry.fact.clip)
    if clip is not None:
        clip.sensitivity = entry.fact.sensitivity
        session.add(clip)


_AMENDMENTS: dict[str, Callable[[Session, Clip, case_entries.ClipAmended], None]] = {
    "time": _amend_time,
    "place": _amend_place,
    "collector": _amend_collector,
}
PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    case_entries.TargetOpened.TYPE: _target_opened,
    case_entries.TargetResolved.TYPE: _target_resolved,
    case_entries.TargetSubmitted.TYPE: _target_submitted,
    case_entries.ClipBound.TYPE: _clip_bound,
    case_entries.ClipUnbound.TYPE: _clip_unbound,
    case_entries.ClipAmended.TYPE: _clip_amended,
    case_entries.ClipDisclaimed.TYPE: _clip_disclaimed,
    case_entries.ClipClassified.TYPE: _clip_classified,
}
