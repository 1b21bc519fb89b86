"""Projection of entries about dockings and clips taken in."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select, update

from station import clock
from station.catalogue.doubts import settle_collector
from station.catalogue.grams import settle_clip
from station.catalogue.tables import Clip, ClipHolder, Docking, Holding, Person, Recorder, Sighting
from station.records import docking_entries
from station.records.sighting import sighting_key
from station.records.terms import ClipStage, Source, TimeTrust

# Segments of one recording follow each other with a gap no longer than a camera needs to open its next file.
_SEGMENT_GAP = timedelta(seconds=5)


def _docking_started(session: Session, _seq: int, time: str, entry: docking_entries.DockingStarted) -> None:
    fact = entry.fact
    session.add(
        Docking(
            docking=fact.docking,
            recorder=fact.recorder,
            profile=fact.profile,
            slot=fact.slot,
            source_kind=fact.source_kind,
            source=entry.names.source if entry.names else None,
            started_at=time,
        )
    )


def _docking_finished(session: Session, _seq: int, time: str, entry: docking_entries.DockingFinished) -> None:
    docking = session.get(Docking, entry.fact.docking)
    if docking is not None:
        docking.finished_at = time
        docking.whole = entry.fact.whole
        docking.counts = json.dumps(dict(sorted(entry.fact.counts.items())))
        docking.size_bytes = entry.fact.size_bytes
        docking.listing = (entry.fact.listing or {}).get("sha256")
        session.add(docking)


def _clip_ingested(session: Session, seq: int, time: str, entry: docking_entries.ClipIngested) -> None:
    _take_in(session, seq, time, entry.fact, entry.names, ClipStage.SEALED, missing_bytes=0)


def _clip_incomplete(session: Session, seq: int, time: str, entry: docking_entries.ClipIncomplete) -> None:
    missing = sum(gap.length_bytes for gap in entry.gaps.ranges) if entry.gaps else 0
    _take_in(session, seq, time, entry.fact, entry.names, ClipStage.INCOMPLETE, missing_bytes=missing)


def _take_in(
    session: Session,
    seq: int,
    time: str,
    fact: docking_entries.ClipFact,
    names: docking_entries.ClipNames | None,
    stage: ClipStage,
    *,
    missing_bytes: int,
) -> None:
    recorder = session.get(Recorder, fact.recorder)
    clip = session.get(Clip, fact.clip)
    path = [part.text for part in names.path] if names else None
    new = clip is None
    told: dict[str, Any] = {
        "recorder": fact.recorder,
        "docking": fact.docking,
        "sha256": fact.digest["sha256"],
        "size_bytes": fact.size_bytes,
        "media": fact.media,
        "container": fact.container,
        "stage": stage.value,
        "readback": fact.readback,
        "sequence": fact.sequence,
        "important": fact.important,
        "file_name": path[-1] if path else None,
        "path": "/".join(path) if path else None,
        "file_serial": names.serial if names else None,
        "police_number": names.police_number if names else None,
        "device_time": fact.device_time,
        "zone": fact.zone,
        "offset_ms": fact.offset_ms,
        "taken_in_at": time,
        "seq": seq,
        "missing_bytes": missing_bytes,
    }
    if clip is None:
        trusted = fact.time_trust == TimeTrust.PLAIN and fact.recorded_at is not None
        clip = Clip(
            clip=fact.clip,
            recording=fact.clip,
            recorded_at=fact.recorded_at,
            time_source=fact.time_source,
            time_trust=fact.time_trust,
            sort_at=str(fact.recorded_at) if trusted else time,
            unit=recorder.unit if recorder else "",
            **told,
        )
    else:  # an incomplete one read whole at last: what people said of it stays
        clip.sqlmodel_update(told)
    settle_clip(session, clip)
    session.flush()
    if names is not None:
        key = sighting_key(fact.recorder, names.volume, names.path, names.address, fact.size_bytes, names.times)
        session.merge(Sighting(key=key, clip=fact.clip))
    if new:
        _suggest_collector(session, clip)


def _suggest_collector(session: Session, clip: Clip) -> None:
    """Note who held the recorder at the time; name the collector only where that and the file's number agree."""
    moment = clip.recorded_at if clip.time_trust == TimeTrust.PLAIN and clip.recorded_at else clip.taken_in_at
    holders = session.exec(
        select(Holding.person)
        .where(Holding.recorder == clip.recorder, Holding.since <= moment)
        .where(col(Holding.until).is_(None) | (col(Holding.until) > moment))
        .distinct()
    ).all()
    session.add_all(ClipHolder(clip=clip.clip, person=person) for person in sorted(holders))
    if len(holders) == 1 and moment == clip.recorded_at:
        person = session.get(Person, holders[0])
        if person is not None and clip.police_number in (None, person.police_number):
            clip.collector = person.person
            clip.collector_source = Source.HOLDER_REGISTER.value
    session.flush()
    settle_collector(session, clip)
    session.add(clip)


def _clip_conflicted(session: Session, _seq: int, _time: str, entry: docking_entries.ClipConflicted) -> None:
    clip = session.get(Clip, entry.fact.clip)
    if clip is not None:
        clip.conflicts += 1
        settle_clip(session, clip)


def _clip_probed(session: Session, _seq: int, _time: str, entry: docking_entries.ClipProbed) -> None:
    fact = entry.fact
    clip = session.get(Clip, fact.clip)
    if clip is None:
        return
    clip.duration_ms = fact.duration_ms
    clip.width, clip.height, clip.frame_rate = fact.width, fact.height, fact.frame_rate
    clip.video_codec, clip.audio_codec = fact.video_codec, fact.audio_codec
    clip.playable = fact.playable
    clip.probe_text = fact.reason
    if clip.stage == ClipStage.SEALED:
        clip.stage = ClipStage.PROBED.value
    if entry.place is not None and clip.place_source is None:
        clip.latitude, clip.longitude = entry.place.latitude, entry.place.longitude
        clip.place, clip.datum = entry.place.text, entry.place.datum
        clip.place_source = Source.GPS.value
    settle_clip(session, clip)
    session.flush()
    _join_recording(session, clip)


def _join_recording(session: Session, clip: Clip) -> None:
    """Join the clip to the segments before and after it, where sequence numbers and times say they follow."""
    if clip.sequence is None:
        return
    # In the order they were taken in: which of two candidates goes first must not depend on the database.
    neighbours = select(Clip).where(Clip.recorder == clip.recorder).order_by(col(Clip.seq))
    for before in session.exec(neighbours.where(Clip.sequence == clip.sequence - 1)).all():
        if _follows(before, clip):
            _rename_recording(session, clip.recording, before.recording)
    session.refresh(clip)
    for after in session.exec(neighbours.where(Clip.sequence == clip.sequence + 1)).all():
        if _follows(clip, after):
            _rename_recording(session, after.recording, clip.recording)


def _follows(before: Clip, after: Clip) -> bool:
    if before.recorded_at is None or after.recorded_at is None or before.duration_ms is None:
        return False
    end = clock.parse_time(before.recorded_at) + timedelta(milliseconds=before.duration_ms)
    return abs(clock.parse_time(after.recorded_at) - end) <= _SEGMENT_GAP


def _rename_recording(session: Session, former: str, recording: str) -> None:
    if former != recording:
        session.execute(update(Clip).where(col(Clip.recording) == former).values(recording=recording))


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    docking_entries.DockingStarted.TYPE: _docking_started,
    docking_entries.DockingFinished.TYPE: _docking_finished,
    docking_entries.ClipIngested.TYPE: _clip_ingested,
    docking_entries.ClipIncomplete.TYPE: _clip_incomplete,
    docking_entries.ClipConflicted.TYPE: _clip_conflicted,
    docking_entries.ClipProbed.TYPE: _clip_probed,
}
