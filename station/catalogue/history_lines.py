"""保管流转记录 as a viewer gets to read it: ids become names when it is read, so that an erased name is gone here too.

Guarantee: a line that tells of a clip or case the viewer may not know of is not loaded. Looks at a clip are merged in
for those who supervise it: a clerk of its unit, a reviewer it was submitted to, an inspector.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, RECORDER, chunks, fetch, recorder_name
from station.catalogue.clips import can_see
from station.catalogue.tables import metadata
from station.catalogue.views import HistoryLine, Viewer
from station.catalogue.visibility import CLIP, TARGET, as_roles, known_target, visible_clip
from station.records.terms import Role, TargetKind

HISTORY = metadata.tables["catalogue_history"]
LOOK = metadata.tables["catalogue_look"]
DOCKING = metadata.tables["catalogue_docking"]

SUPERVISING = frozenset({Role.CLERK, Role.REVIEWER, Role.INSPECTOR})
_BINDING = ("clip.bound", "clip.unbound")
_RESOLVED = ("target.numbered", "target.merged", "target.dropped")
BETWEEN = " · "  # between several names in one param; the same in every language


def clip_history(session: Session, viewer: Viewer, clip: str) -> tuple[HistoryLine, ...]:
    """Return the history of a clip the viewer may see, oldest first; what became of its pending matters among it."""
    known = select(TARGET.c.target).where(known_target(viewer))
    told = or_(HISTORY.c.target.is_(None), HISTORY.c.person == viewer.person, HISTORY.c.target.in_(known))
    query = select(HISTORY).where(HISTORY.c.subject == f"clip:{clip}", told).order_by(HISTORY.c.seq)
    rows = [_raw(row) for row in fetch(session, query)]
    matters = {row[3]["target"] for row in rows if row[2] == "clip.bound" and row[3]["kind"] == TargetKind.MATTER}
    for part in chunks(sorted(matters)):
        subjects = [f"{TargetKind.MATTER}:{matter}" for matter in part]
        query = select(HISTORY).where(HISTORY.c.subject.in_(subjects), HISTORY.c.code.in_(_RESOLVED), told)
        rows += [ended for row in fetch(session, query) if _is_bound(rows, (ended := _raw(row))[3]["target"], row.seq)]
    if can_see(session, as_roles(viewer, SUPERVISING), clip):
        rows += [_look(row) for row in fetch(session, select(LOOK).where(LOOK.c.clip == clip))]
    return _named(session, sorted(rows, key=lambda row: row[0]))


def target_history(
    session: Session, viewer: Viewer, kind: str, target: str, *, only_clips: bool
) -> tuple[HistoryLine, ...]:
    """Return the history of a target, oldest first; `only_clips`: nothing but what is about clips the viewer sees."""
    clips = select(CLIP.c.clip).where(visible_clip(viewer))
    targets = select(TARGET.c.target).where(known_target(viewer))
    about_clip = HISTORY.c.clip.in_(clips)
    about_target = or_(HISTORY.c.target.is_(None), HISTORY.c.target.in_(targets))
    told = about_clip if only_clips else or_(about_clip, and_(HISTORY.c.clip.is_(None), about_target))
    query = select(HISTORY).where(HISTORY.c.subject == f"{kind}:{target}", told).order_by(HISTORY.c.seq)
    return _named(session, [_raw(row) for row in fetch(session, query)])


_Raw = tuple[int, str, str, dict[str, str], str | None]


def _raw(row: Row[Any]) -> _Raw:
    return row.seq, row.at, row.code, json.loads(row.params), row.person


def _is_bound(rows: list[_Raw], target: str, seq: int) -> bool:
    """Say whether, by the lines of a clip in order, it was bound to the target when the log had `seq` entries."""
    codes = [row[2] for row in rows if row[0] < seq and row[3].get("target") == target and row[2] in _BINDING]
    return codes[-1:] == ["clip.bound"]


def _look(row: Row[Any]) -> _Raw:
    params = {"access": row.access, "count": str(row.count)}
    if row.purpose:
        params["purpose"] = row.purpose
    return row.seq, row.at, f"look.{row.kind}", params, row.person


def _named(session: Session, rows: list[_Raw]) -> tuple[HistoryLine, ...]:
    """Add names beside ids.

    These are collector_name, companion_names, recorder_name, slot, source_kind, number, title, into_number, file_name.
    """
    people = _people(session, (person for row in rows for person in _persons_of(row)))
    clips = _values(session, rows, "clip", CLIP, "clip", ("file_name",))
    dockings = _values(session, rows, "docking", DOCKING, "docking", ("slot", "source_kind"))
    recorders = _values(session, rows, "recorder", RECORDER, "recorder", ("serial", "label"))
    targets = _values(session, rows, "target", TARGET, "target", ("number", "title"))
    into = _values(session, rows, "into", TARGET, "target", ("number",))
    lines = []
    for seq, at, code, params, person in rows:
        named = dict(params)
        for key, found in (("clip", clips), ("docking", dockings), ("target", targets)):
            named |= found.get(params.get(key, ""), {})
        if number := into.get(params.get("into", ""), {}).get("number"):
            named["into_number"] = number
        if (recorder := params.get("recorder")) is not None:
            names = recorders.get(recorder, {})
            named["recorder_name"] = recorder_name(names.get("serial"), names.get("label"), recorder)
        if (collector := people.get(params.get("collector", ""))) is not None:
            named["collector_name"] = collector
        if companions := [people.get(each) or each for each in _split(params.get("companions"))]:
            named["companion_names"] = BETWEEN.join(companions)
        lines.append(HistoryLine(seq, at, code, named, people.get(person) if person else None))
    return tuple(lines)


def _persons_of(row: _Raw) -> Iterable[str]:
    params, person = row[3], row[4]
    return (each for each in (person, params.get("collector"), *_split(params.get("companions"))) if each)


def _split(text: str | None) -> list[str]:
    return text.split(",") if text else []


def _people(session: Session, persons: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part in chunks(sorted(set(persons))):
        query = select(PERSON.c.person, PERSON.c.name).where(PERSON.c.person.in_(part))
        found |= {row.person: row.name for row in fetch(session, query)}
    return found


def _values(
    session: Session, rows: list[_Raw], param: str, table: Any, key: str, names: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Return, for every id that stands in `param`, what is known of `names` in its row of `table`."""
    ids = sorted({row[3][param] for row in rows if param in row[3]})
    found: dict[str, dict[str, str]] = {}
    for part in chunks(ids):
        query = select(table.c[key].label("id"), *(table.c[name] for name in names)).where(table.c[key].in_(part))
        for row in session.connection().execute(query).mappings():
            found[row["id"]] = {name: str(row[name]) for name in names if row[name] is not None}
    return found
