"""Projection of entries about exports; who took a package away becomes a look at each of its clips."""

import json
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.tables import Export, Look
from station.digest import SHA256
from station.records import export_entries
from station.records.entries import Actor


def _requested(session: Session, seq: int, time: str, entry: export_entries.ExportRequested) -> None:
    fact = entry.fact
    session.add(
        Export(
            export=fact.export,
            target=fact.target,
            seq=seq,
            clips=json.dumps(sorted(set(fact.clips))),
            reason=fact.reason,
            words=entry.text.reason if entry.text else "",
            playable=fact.playable,
            disclosure=fact.disclosure,
            requested_at=time,
            requested_by=_person(entry.actor),
        )
    )


def _approved(session: Session, _seq: int, time: str, entry: export_entries.ExportApproved) -> None:
    _decided(session, entry.fact.export, "approved", time, entry.actor)


def _refused(session: Session, _seq: int, time: str, entry: export_entries.ExportRefused) -> None:
    words = entry.text.reason if entry.text else ""
    _decided(session, entry.fact.export, "refused", time, entry.actor, words)


def _decided(session: Session, export: str, status: str, time: str, actor: Actor | None, words: str = "") -> None:
    row = session.get(Export, export)
    if row is not None:
        row.status, row.decided_at, row.decided_by, row.decision = status, time, _person(actor), words
        session.add(row)


def _produced(session: Session, _seq: int, time: str, entry: export_entries.ExportProduced) -> None:
    fact = entry.fact
    row = session.get(Export, fact.export)
    if row is not None:
        row.status, row.produced_at, row.produced_by = "produced", time, _person(entry.actor)
        row.log_size, row.tagmanifest = fact.log_size, fact.tagmanifest[SHA256]
        row.size_bytes, row.files = fact.size_bytes, fact.files
        session.add(row)


def _taken(session: Session, seq: int, time: str, entry: export_entries.ExportTaken) -> None:
    look = entry.look
    row = session.get(Export, look.export) if look is not None else None
    if row is None:
        return
    person, access = _person(entry.actor), entry.fact.access
    for clip in json.loads(row.clips):
        session.add(
            Look(seq=seq, clip=clip, access=access, person=person, at=time, kind="exported", purpose=row.words or None)
        )


def _person(actor: Actor | None) -> str | None:
    return actor.person if actor else None


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    export_entries.ExportRequested.TYPE: _requested,
    export_entries.ExportApproved.TYPE: _approved,
    export_entries.ExportRefused.TYPE: _refused,
    export_entries.ExportProduced.TYPE: _produced,
    export_entries.ExportTaken.TYPE: _taken,
}
