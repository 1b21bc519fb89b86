"""Projection of entries about disposals and holds.

`payload.erased` and `blob.erased` have no projector: what an erased part becomes is said by each projector that reads
it as missing, and the catalogue is made anew in the transaction in which the part goes (custody.drop_erased).
"""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.doubts import settle_collector
from station.catalogue.grams import settle_clip
from station.catalogue.project_alarms import end_by_disposal
from station.catalogue.tables import Clip, Disposal, DisposalClip, Hold
from station.records import disposal_entries
from station.records.terms import ClipStage


def _proposed(session: Session, _seq: int, time: str, entry: disposal_entries.DisposalProposed) -> None:
    session.add(
        Disposal(
            disposal=entry.fact.disposal,
            status="proposed",
            reason=entry.text.reason if entry.text else None,
            proposed_at=time,
            proposed_by=entry.actor.person if entry.actor else None,
        )
    )
    for due in entry.fact.clips:
        session.add(DisposalClip(disposal=entry.fact.disposal, clip=due.clip, rule=due.rule, due_at=due.due_at))


def _approved(session: Session, _seq: int, time: str, entry: disposal_entries.DisposalApproved) -> None:
    _decide(session, time, entry, "approved", None)
    for clip, reason in entry.fact.left.items():
        row = session.get(DisposalClip, (entry.fact.disposal, clip))
        if row is not None:
            row.left_for = reason
            session.add(row)


def _refused(session: Session, _seq: int, time: str, entry: disposal_entries.DisposalRefused) -> None:
    _decide(session, time, entry, "refused", entry.text.reason if entry.text else None)


def _decide(
    session: Session,
    time: str,
    entry: disposal_entries.DisposalApproved | disposal_entries.DisposalRefused,
    status: str,
    answer: str | None,
) -> None:
    row = session.get(Disposal, entry.fact.disposal)
    if row is not None:
        row.status, row.answer, row.decided_at = status, answer, time
        row.decided_by = entry.actor.person if entry.actor else None
        session.add(row)


def _clip_disposed(session: Session, _seq: int, time: str, entry: disposal_entries.ClipDisposed) -> None:
    end_by_disposal(session, entry.fact.clip, time)
    clip = session.get(Clip, entry.fact.clip)
    if clip is not None:
        clip.stage = ClipStage.DISPOSED.value
        settle_collector(session, clip)
        settle_clip(session, clip)


def _completed(session: Session, _seq: int, time: str, entry: disposal_entries.DisposalCompleted) -> None:
    row = session.get(Disposal, entry.fact.disposal)
    if row is not None:
        row.status, row.completed_at, row.unreached = "completed", time, len(entry.fact.unreached)
        session.add(row)


def _hold_placed(session: Session, _seq: int, time: str, entry: disposal_entries.HoldPlaced) -> None:
    session.add(
        Hold(
            hold=entry.fact.hold,
            about=entry.fact.about,
            reason=entry.text.reason if entry.text else None,
            placed_at=time,
            placed_by=entry.actor.person if entry.actor else None,
        )
    )


def _hold_lifted(session: Session, _seq: int, time: str, entry: disposal_entries.HoldLifted) -> None:
    row = session.get(Hold, entry.fact.hold)
    if row is not None:
        row.lifted_at = time
        session.add(row)


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    disposal_entries.DisposalProposed.TYPE: _proposed,
    disposal_entries.DisposalApproved.TYPE: _approved,
    disposal_entries.DisposalRefused.TYPE: _refused,
    disposal_entries.ClipDisposed.TYPE: _clip_disposed,
    disposal_entries.DisposalCompleted.TYPE: _completed,
    disposal_entries.HoldPlaced.TYPE: _hold_placed,
    disposal_entries.HoldLifted.TYPE: _hold_lifted,
}
