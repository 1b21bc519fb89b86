"""What a clerk has to look into: the queues of clips in doubt, settled in columns so that lists and counters are quick.

Guarantee: after `settle_doubts` and `settle_collector` the columns follow from the clip's other columns, its bindings,
its holders, who disclaimed it, and the dockings of its recorder, as they stood at that entry; nothing else counts.

    missing_field   bound to a case, matter or task, and without time, place, collector, or what it proves there
    collector       nobody certain recorded it: several held the recorder, the number in the file is another's, or who
                    was taken for it says that it is not theirs
    clock           its time rests on a clock that was wrong or can't be judged
    damaged         bytes missing, contradicted or altered, or unreadable
    overdue         handed in more than 24 hours after it was recorded, by a time that can be relied on; not where the
                    recorder had been at the dock within those 24 hours: then the delay was the station's
"""

from datetime import timedelta

from sqlmodel import Session, col, or_, select

from station import clock
from station.catalogue.tables import Binding, Clip, ClipHolder, Disclaimer, Docking, Person, Proves, Quarantine
from station.records.terms import ClipStage, TimeTrust

HAND_IN_WITHIN = timedelta(hours=24)  # 交存时限, the practice named in the handbook


def clip_damaged(clip: Clip) -> bool:
    """Tell whether the clip is in doubt: bytes missing, contradicted or altered, or unreadable."""
    return (
        clip.playable == "none"
        or clip.stage == ClipStage.INCOMPLETE
        or clip.missing_bytes > 0
        or clip.conflicts > 0
        or clip.check_outcome == "damaged"
    )


def settle_doubts(session: Session, clip: Clip) -> None:
    """Set all doubts about a clip but the one about its collector; the clip is stored by the caller."""
    clip.damaged = clip_damaged(clip)
    gone = clip.stage == ClipStage.DISPOSED
    clip.clock_doubt = not gone and clip.time_trust != TimeTrust.PLAIN
    clip.missing_field = not gone and clip.tagged and _lacks_a_field(session, clip)
    clip.overdue = not gone and _overdue(session, clip)


def settle_collector(session: Session, clip: Clip) -> None:
    """Set the doubt about a clip's collector; its holders must be stored."""
    clip.collector_doubt = None if clip.stage == ClipStage.DISPOSED else _collector_doubt(session, clip)
    clip.in_doubt = clip.collector_doubt is not None


def settle_collectors_of(session: Session, person: str) -> None:
    """Set the doubt anew on every clip that a person recorded or may have recorded: their number has changed."""
    held = select(ClipHolder.clip).where(ClipHolder.person == person)
    theirs = or_(col(Clip.collector) == person, col(Clip.clip).in_(held))
    for clip in session.exec(select(Clip).where(theirs)).all():
        settle_collector(session, clip)
        session.add(clip)


def _collector_doubt(session: Session, clip: Clip) -> str | None:
    if clip.collector is not None:
        number = session.exec(select(Person.police_number).where(Person.person == clip.collector)).first()
        return "number_disagrees" if _disagree(clip.police_number, number) else None
    if clip.collector_name is not None:
        return None
    if session.exec(select(Disclaimer.clip).where(Disclaimer.clip == clip.clip).limit(1)).first() is not None:
        return "disclaimed"
    numbers = session.exec(
        select(Person.police_number)
        .select_from(ClipHolder)
        .join(Person, col(Person.person) == ClipHolder.person, isouter=True)
        .where(ClipHolder.clip == clip.clip)
    ).all()
    if len(numbers) > 1:
        return "holder_ambiguous"
    return "number_disagrees" if numbers and _disagree(clip.police_number, numbers[0]) else None


def _disagree(in_file: str | None, of_person: str | None) -> bool:
    return bool(in_file) and bool(of_person) and in_file != of_person


def _lacks_a_field(session: Session, clip: Clip) -> bool:
    query = select(Binding.target, Binding.binding).where(Binding.clip == clip.clip, col(Binding.target).is_not(None))
    bound = session.exec(query).all()
    targets = {target for target, _binding in bound}
    if not targets:  # it belongs to nothing, with a reason: no field is asked for
        return False
    located = clip.place is not None or (clip.latitude is not None and clip.longitude is not None)
    collected = clip.collector is not None or clip.collector_name is not None
    proofs = select(Proves.binding).where(col(Proves.binding).in_([binding for _target, binding in bound]))
    proving = set(session.exec(proofs).all())
    proven = {target for target, binding in bound if binding in proving}
    return clip.recorded_at is None or not located or not collected or proven != targets


def _overdue(session: Session, clip: Clip) -> bool:
    if clip.recorded_at is None or clip.time_trust != TimeTrust.PLAIN:
        return False
    due = clock.format_time(clock.parse_time(clip.recorded_at) + HAND_IN_WITHIN)
    if clip.taken_in_at <= due:
        return False
    docked = select(Docking.docking).where(
        Docking.recorder == clip.recorder, Docking.started_at >= clip.recorded_at, Docking.started_at <= due
    )
    turned_away = select(Quarantine.quarantine).where(
        Quarantine.recorder == clip.recorder, Quarantine.at >= clip.recorded_at, Quarantine.at <= due
    )
    return session.exec(docked.limit(1)).first() is None and session.exec(turned_away.limit(1)).first() is None
