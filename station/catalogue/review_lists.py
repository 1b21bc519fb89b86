"""What a case's list for review (送审清单) says, as it was sealed and as it would be now, and how the two differ.

Guarantee: a sealed list is what the ledger holds, never what the catalogue says now; parts erased by law are not
compared. Bindings to other cases are neither listed nor compared.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, true
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, Proven, chunks, fetch, load_proves
from station.catalogue.tables import metadata
from station.catalogue.visibility import BINDING, CLIP, TARGET
from station.records.terms import ClipStage

LINE = metadata.tables["catalogue_submission_line"]
COMPANION = metadata.tables["catalogue_companion"]

_WHOLE = frozenset({ClipStage.SEALED.value, ClipStage.PROBED.value})


@dataclass(frozen=True, slots=True)
class Listed:
    """A binding to the case, in a list."""

    binding: str
    stage: str | None
    source: str
    proves: tuple[Proven, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """A clip of a list, sealed or as it is now; `place` is (text, latitude, longitude, datum), `companions` are ids.

    `erased` names the parts of a sealed line whose words were erased by law: they say nothing any more.
    """

    clip: str
    sha256: str
    size_bytes: int
    taken_in: int
    stage: str
    sensitivity: str
    recorded_at: str | None
    time_source: str | None
    place: tuple[str | None, ...]
    place_source: str | None
    collector: str | None
    collector_name: str | None
    companions: tuple[str, ...]
    collector_source: str | None
    file_name: str
    number: str
    bindings: tuple[Listed, ...]
    erased: frozenset[str] = frozenset()

    @property
    def place_text(self) -> str:
        """The place in words, else its coordinates with their datum."""
        text, latitude, longitude, datum = (*self.place, None, None, None, None)[:4]
        return text or (f"{latitude}, {longitude} ({datum or 'unknown'})" if latitude and longitude else "")

    @property
    def proves(self) -> tuple[Proven, ...]:
        """What all its bindings prove."""
        return tuple(each for binding in self.bindings for each in binding.proves)

    @property
    def stages(self) -> tuple[str, ...]:
        """Its stages of enforcement, each once."""
        return tuple(dict.fromkeys(binding.stage for binding in self.bindings if binding.stage))


@dataclass(frozen=True, slots=True)
class Change:
    """What is not as it was submitted: `before` and `after` are text or code by `field`, None where there is none.

    `field`: added, removed, bytes, held, sensitivity, time, place, collector, companions, stage, proves, note.
    """

    clip: str
    file_name: str
    field: str
    before: str | tuple[str, ...] | tuple[Proven, ...] | None = None
    after: str | tuple[str, ...] | tuple[Proven, ...] | None = None


def sealed_lists(session: Session, submissions: Sequence[str], clip: str | None = None) -> dict[str, dict[str, Line]]:
    """Return the sealed lines of each submission by clip, in the order in which the clips were recorded.

    With `clip`, of that one alone.
    """
    found: defaultdict[str, list[Line]] = defaultdict(list)
    wanted = LINE.c.clip == clip if clip is not None else true()
    for part in chunks(submissions):
        for row in fetch(session, select(LINE).where(LINE.c.submission.in_(part), wanted)):
            found[row.submission].append(_sealed(row.clip, json.loads(row.sealed)))
    return {submission: _ordered(lines) for submission, lines in found.items()}


def _ordered(lines: Iterable[Line]) -> dict[str, Line]:
    return {line.clip: line for line in sorted(lines, key=lambda each: (each.recorded_at or "", each.clip))}


def _sealed(clip: str, value: dict[str, Any]) -> Line:
    bindings = tuple(
        Listed(each["binding"], each["stage"], each["source"], _proven(each["proves"]), each["note"])
        for each in value["bindings"]
    )
    return Line(
        clip=clip,
        sha256=value["sha256"],
        size_bytes=value["size_bytes"],
        taken_in=value["taken_in"],
        stage=value["stage"],
        sensitivity=value["sensitivity"],
        recorded_at=value["recorded_at"],
        time_source=value["time_source"],
        place=tuple(value["place"]),
        place_source=value["place_source"],
        collector=value["collector"],
        collector_name=value["collector_name"],
        companions=tuple(value["companions"]),
        collector_source=value["collector_source"],
        file_name=value["file_name"],
        number=value["number"],
        bindings=bindings,
        erased=frozenset(value["erased"]),
    )


def _proven(value: Iterable[Any]) -> tuple[Proven, ...]:
    return tuple((text, tuple((int(start), int(end)) for start, end in ranges)) for text, ranges in value)


def present_lists(session: Session, targets: Sequence[str], clip: str | None = None) -> dict[str, dict[str, Line]]:
    """Return what each case's list would be now, by clip: whoever asks, since it is compared and not shown as such.

    With `clip`, of that one alone.
    """
    wanted = BINDING.c.clip == clip if clip is not None else true()
    numbers: dict[str, str] = {}
    bound: defaultdict[str, defaultdict[str, list[Row[Any]]]] = defaultdict(lambda: defaultdict(list))
    for part in chunks(targets):
        numbers |= {
            row.target: row.number or "" for row in fetch(session, select(TARGET).where(TARGET.c.target.in_(part)))
        }
        query = (
            select(BINDING).where(BINDING.c.target.in_(part), wanted).order_by(BINDING.c.bound_at, BINDING.c.binding)
        )
        for row in fetch(session, query):
            bound[row.target][row.clip].append(row)
    clips = sorted({clip for of_target in bound.values() for clip in of_target})
    bindings = [row.binding for of_target in bound.values() for rows in of_target.values() for row in rows]
    rows, companions, proves = _clips(session, clips), _companions(session, clips), load_proves(session, bindings)
    return {
        target: _ordered(
            _present(rows[clip], numbers[target], companions.get(clip, ()), of_clip, proves)
            for clip, of_clip in of_target.items()
            if clip in rows
        )
        for target, of_target in bound.items()
    }


def _clips(session: Session, clips: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(CLIP, PERSON.c.name).outerjoin(PERSON, PERSON.c.person == CLIP.c.collector)
    return {row.clip: row for part in chunks(clips) for row in fetch(session, query.where(CLIP.c.clip.in_(part)))}


def _companions(session: Session, clips: Sequence[str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in chunks(clips):
        for row in fetch(session, select(COMPANION).where(COMPANION.c.clip.in_(part))):
            found[row.clip].append(row.person)
    return found


def _present(
    row: Row[Any],
    number: str,
    companions: Iterable[str],
    bindings: Iterable[Row[Any]],
    proves: Mapping[str, Sequence[Proven]],
) -> Line:
    return Line(
        clip=row.clip,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        taken_in=row.seq,
        stage=row.stage,
        sensitivity=row.sensitivity,
        recorded_at=row.recorded_at,
        time_source=row.time_source,
        place=(row.place, row.latitude, row.longitude, row.datum),
        place_source=row.place_source,
        collector=row.collector,
        collector_name=row.name or row.collector_name,
        companions=tuple(sorted(companions)),
        collector_source=row.collector_source,
        file_name=row.file_name or "",
        number=number,
        bindings=tuple(
            Listed(each.binding, each.stage, each.source, tuple(proves.get(each.binding, ())), each.note)
            for each in bindings
        ),
    )


def changes(sealed: Mapping[str, Line], present: Mapping[str, Line]) -> tuple[Change, ...]:
    """Return what differs between a sealed list and what is there now, in the order of the list, new clips last."""
    found: list[Change] = []
    for clip, then in sealed.items():
        now = present.get(clip)
        if now is None:
            found.append(Change(clip, then.file_name, "removed"))
        else:
            found += _differences(then, now)
    found += [Change(clip, now.file_name, "added") for clip, now in present.items() if clip not in sealed]
    return tuple(found)


def _differences(then: Line, now: Line) -> list[Change]:
    name = then.file_name or now.file_name
    pairs: list[tuple[str, str, Any, Any]] = [
        ("", "bytes", then.sha256, now.sha256),
        ("", "held", _held(then), _held(now)),
        ("", "sensitivity", then.sensitivity, now.sensitivity),
        ("", "time", then.recorded_at, now.recorded_at),
        ("place", "place", then.place, now.place),
        # A name that was spelled anew is the same person.
        ("people", "collector", then.collector or then.collector_name, now.collector or now.collector_name),
        ("people", "companions", tuple(sorted(then.companions)), tuple(sorted(now.companions))),
        ("", "stage", then.stages, now.stages),
        ("text", "proves", then.proves, now.proves),
        ("text", "note", _notes(then), _notes(now)),
    ]
    shown: dict[str, tuple[Any, Any]] = {
        "place": (then.place_text or None, now.place_text or None),
        "collector": (then.collector_name, now.collector_name),
    }
    return [
        Change(then.clip, name, each, *shown.get(each, (before, after)))
        for part, each, before, after in pairs
        if before != after and part not in then.erased
    ]


def _held(line: Line) -> str:
    return ClipStage.SEALED.value if line.stage in _WHOLE else line.stage


def _notes(line: Line) -> str:
    return "\n".join(each.note for each in line.bindings if each.note)
