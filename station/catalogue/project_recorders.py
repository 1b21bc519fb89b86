"""Projection of entries about recorders: what they are, who holds them, whether the dock reads them, their clocks."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.grams import searched_text
from station.catalogue.tables import Holding, Quarantine, Recorder
from station.records import docking_entries, recorder_entries


def _recorder_known(session: Session, _seq: int, _time: str, entry: docking_entries.RecorderKnown) -> None:
    _describe(session, entry)


def _recorder_enrolled(session: Session, _seq: int, _time: str, entry: recorder_entries.RecorderEnrolled) -> None:
    _describe(session, entry).enrolled = True


def _describe(session: Session, entry: docking_entries.RecorderKnown | recorder_entries.RecorderEnrolled) -> Recorder:
    fact, names = entry.fact, entry.names
    told: dict[str, Any] = {
        "profile": fact.profile,
        "identified_by": fact.identified_by,
        "identity": names.identity if names else None,
        "serial": names.serial if names else None,
        "label": names.label if names else None,
        "unit": (names.unit if names else None) or "",
        "searched": searched_text((names.serial, names.label)) if names else "",
    }
    recorder = session.get(Recorder, fact.recorder)
    if recorder is None:
        recorder = Recorder(recorder=fact.recorder, **told)
    else:
        recorder.sqlmodel_update(told)
    session.add(recorder)
    return recorder


def _recorder_withdrawn(session: Session, _seq: int, _time: str, entry: recorder_entries.RecorderWithdrawn) -> None:
    recorder = session.get(Recorder, entry.fact.recorder)
    if recorder is not None:
        recorder.enrolled = False
        session.add(recorder)


def _recorder_quarantined(session: Session, _seq: int, time: str, entry: recorder_entries.RecorderQuarantined) -> None:
    fact, names = entry.fact, entry.names
    session.add(
        Quarantine(
            quarantine=fact.quarantine,
            reason=fact.reason,
            slot=fact.slot,
            recorder=fact.recorder,
            profile=fact.profile,
            identity=names.identity if names else None,
            serial=names.serial if names else None,
            label=names.label if names else None,
            product=names.product if names else None,
            device=f"{fact.vendor_id}:{fact.product_id}",
            at=time,
        )
    )


def _clock_measured(session: Session, _seq: int, _time: str, entry: recorder_entries.ClockMeasured) -> None:
    recorder = session.get(Recorder, entry.fact.recorder)
    if recorder is not None:
        recorder.offset_ms = entry.fact.offset_ms
        recorder.clock_read_at = entry.fact.host_time
        session.add(recorder)


def _clock_set(session: Session, _seq: int, time: str, entry: recorder_entries.ClockSet) -> None:
    recorder = session.get(Recorder, entry.fact.recorder)
    if recorder is not None:
        recorder.clock_set_at = time
        session.add(recorder)


def _holder_issued(session: Session, _seq: int, _time: str, entry: docking_entries.HolderIssued) -> None:
    fact = entry.fact
    session.add(Holding(holding=fact.holding, recorder=fact.recorder, person=fact.person, since=fact.since))


def _holder_returned(session: Session, _seq: int, _time: str, entry: docking_entries.HolderReturned) -> None:
    holding = session.get(Holding, entry.fact.holding)
    if holding is not None:
        holding.until = entry.fact.until
        session.add(holding)


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    docking_entries.RecorderKnown.TYPE: _recorder_known,
    recorder_entries.RecorderEnrolled.TYPE: _recorder_enrolled,
    recorder_entries.RecorderWithdrawn.TYPE: _recorder_withdrawn,
    recorder_entries.RecorderQuarantined.TYPE: _recorder_quarantined,
    recorder_entries.ClockMeasured.TYPE: _clock_measured,
    recorder_entries.ClockSet.TYPE: _clock_set,
    docking_entries.HolderIssued.TYPE: _holder_issued,
    docking_entries.HolderReturned.TYPE: _holder_returned,
}
