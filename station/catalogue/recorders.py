"""Recorders with the register of holders (领用登记), and dockings with their account."""

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Row, func, select
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, RECORDER, fetch, recorder_name
from station.catalogue.history_lines import DOCKING
from station.catalogue.tables import metadata
from station.catalogue.views import DockingView, HoldingView, QuarantineView, RecorderView
from station.catalogue.visibility import CLIP

HOLDING = metadata.tables["catalogue_holding"]
QUARANTINE = metadata.tables["catalogue_quarantine"]
# What an administrator can end by enrolling the recorder; the rest needs a look at the device itself.
ENROLLABLE = ("unknown_recorder", "withdrawn_recorder")


def list_recorders(session: Session) -> tuple[RecorderView, ...]:
    """Return all recorders by name, with those who hold them now, their clips and their last docking."""
    holders: defaultdict[str, list[HoldingView]] = defaultdict(list)
    for holding in list_holdings(session, present=True):
        holders[holding.recorder].append(holding)
    counts = select(CLIP.c.recorder, func.count().label("clips")).group_by(CLIP.c.recorder)
    clips = {row.recorder: row.clips for row in fetch(session, counts)}
    dockings = select(DOCKING.c.recorder, func.max(DOCKING.c.started_at).label("at")).group_by(DOCKING.c.recorder)
    docked = {row.recorder: row.at for row in fetch(session, dockings)}
    views = [
        RecorderView(
            recorder=row.recorder,
            name=recorder_name(row.serial, row.label, row.recorder),
            profile=row.profile,
            identified_by=row.identified_by,
            serial=row.serial,
            label=row.label,
            unit=row.unit,
            holders=tuple(holders[row.recorder]),
            clips=clips.get(row.recorder, 0),
            last_docked_at=docked.get(row.recorder),
            enrolled=bool(row.enrolled),
            offset_ms=row.offset_ms,
            clock_read_at=row.clock_read_at,
            clock_set_at=row.clock_set_at,
        )
        for row in fetch(session, select(RECORDER))
    ]
    return tuple(sorted(views, key=lambda view: (view.name, view.recorder)))


def list_holdings(session: Session, *, recorder: str | None = None, present: bool = False) -> tuple[HoldingView, ...]:
    """Return lines of the register, oldest first: of one recorder or all, with `present` only those not returned."""
    query = select(HOLDING, PERSON.c.name).outerjoin(PERSON, PERSON.c.person == HOLDING.c.person)
    if recorder is not None:
        query = query.where(HOLDING.c.recorder == recorder)
    if present:
        query = query.where(HOLDING.c.until.is_(None))
    rows = fetch(session, query.order_by(HOLDING.c.since, HOLDING.c.holding))
    return tuple(_holding_view(row) for row in rows)


def list_dockings(session: Session, limit: int = 20) -> tuple[DockingView, ...]:
    """Return the latest dockings, newest first."""
    query = (
        select(DOCKING, RECORDER.c.serial, RECORDER.c.label)
        .outerjoin(RECORDER, RECORDER.c.recorder == DOCKING.c.recorder)
        .order_by(DOCKING.c.started_at.desc(), DOCKING.c.docking.desc())
        .limit(limit)
    )
    return tuple(_docking_view(row) for row in fetch(session, query))


def find_docking(session: Session, docking: str) -> DockingView | None:
    """Return one docking."""
    query = (
        select(DOCKING, RECORDER.c.serial, RECORDER.c.label)
        .outerjoin(RECORDER, RECORDER.c.recorder == DOCKING.c.recorder)
        .where(DOCKING.c.docking == docking)
    )
    return next((_docking_view(row) for row in fetch(session, query)), None)


def holders_at(session: Session, recorder: str, moment: str) -> tuple[HoldingView, ...]:
    """Return who held a recorder at a time (text form of station.clock), by the register."""
    held = list_holdings(session, recorder=recorder)
    return tuple(each for each in held if each.since <= moment and (each.until is None or moment <= each.until))


def quarantine(session: Session, quarantine: str) -> QuarantineView | None:
    """Return one thing turned away at the dock."""
    rows = fetch(session, select(QUARANTINE).where(QUARANTINE.c.quarantine == quarantine))
    return next((_quarantine_view(row) for row in rows), None)


def list_quarantine(session: Session, limit: int = 50) -> tuple[QuarantineView, ...]:
    """Return the latest things turned away, newest first, without those enrolled since."""
    enrolled = select(RECORDER.c.identity).where(RECORDER.c.enrolled, RECORDER.c.identity.is_not(None))
    query = (
        select(QUARANTINE)
        .where(QUARANTINE.c.identity.is_(None) | QUARANTINE.c.identity.not_in(enrolled))
        .order_by(QUARANTINE.c.at.desc(), QUARANTINE.c.quarantine)
        .limit(limit)
    )
    return tuple(_quarantine_view(row) for row in fetch(session, query))


def _quarantine_view(row: Row[Any]) -> QuarantineView:
    return QuarantineView(
        quarantine=row.quarantine,
        reason=row.reason,
        slot=row.slot,
        recorder=row.recorder,
        profile=row.profile,
        identity=row.identity,
        serial=row.serial,
        label=row.label,
        product=row.product,
        device=row.device,
        at=row.at,
        enrollable=row.reason in ENROLLABLE and row.identity is not None and row.profile is not None,
    )


def _holding_view(row: Row[Any]) -> HoldingView:
    return HoldingView(
        holding=row.holding,
        recorder=row.recorder,
        person=row.person,
        person_name=row.name or "",
        since=row.since,
        until=row.until,
    )


def _docking_view(row: Row[Any]) -> DockingView:
    return DockingView(
        docking=row.docking,
        recorder_name=recorder_name(row.serial, row.label, row.recorder),
        profile=row.profile,
        slot=row.slot,
        source=row.source,
        started_at=row.started_at,
        finished_at=row.finished_at,
        whole=None if row.whole is None else bool(row.whole),
        counts={name: int(count) for name, count in json.loads(row.counts).items()},
        size_bytes=row.size_bytes,
    )
