"""法制审核: submissions with their sealed lists, what differs from them now, opinions, who looked.

Guarantees: a list is what the ledger sealed, never what the catalogue says now; a difference is found by comparing the
two field by field, so that nothing has to be remembered to be shown; bindings to other cases are neither listed nor
compared. An officer sees no submission by that role: it tells of the whole case.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, true
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, chunks, fetch
from station.catalogue.clips import can_see
from station.catalogue.history_lines import HISTORY, LOOK, clip_history, target_history
from station.catalogue.tables import metadata
from station.catalogue.views import HistoryLine, Viewer
from station.catalogue.visibility import BINDING, CLIP, HANDLER, TARGET, visible_target, without_role
from station.errors import NotFoundError
from station.records.review_entries import Verdict
from station.records.terms import ClipStage, Role

SUBMISSION = metadata.tables["catalogue_submission"]
LINE = metadata.tables["catalogue_submission_line"]
OPINION = metadata.tables["catalogue_opinion"]
COMPANION = metadata.tables["catalogue_companion"]
PROVES = metadata.tables["catalogue_proves"]

Proven = tuple[str, tuple[tuple[int, int], ...]]
# Lines of a clip's own history that tell of a change; bindings to the case are in the case's.
_CHANGING = (
    "clip.amended_time",
    "clip.amended_place",
    "clip.amended_collector",
    "clip.cleared_place",
    "clip.cleared_collector",
    "clip.classified",
    "clip.ingested",
    "clip.incomplete",
    "clip.disposed",
)
_COMPARED = 200  # as many as a page of the desk compares
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


@dataclass(frozen=True, slots=True)
class LookLine:
    """Who looked at a clip of the list, when, how (group `look`) and why."""

    clip: str
    file_name: str
    at: str
    person_name: str | None
    kind: str
    purpose: str | None
    count: int


@dataclass(frozen=True, slots=True)
class OpinionView:
    """A written opinion; `void` when the submission it answers is no longer what is there, or was made anew."""

    opinion: str
    seq: int
    verdict: str
    points: tuple[str, ...]
    words: str
    sound: int
    damaged: int
    unchecked: int
    given_at: str
    given_by: str | None
    given_by_name: str | None
    void: bool = False


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A submission: `state` is waiting, changed, returned, agreed or superseded."""

    submission: str
    target: str
    number: str
    title: str
    unit: str
    version: int
    seq: int
    submitted_at: str
    submitted_by: str | None
    submitted_by_name: str | None
    handlers: frozenset[str]
    log_size: int
    clips: int
    act: str | None
    note: str
    gaps: tuple[tuple[str, str], ...]
    latest: bool
    opinion: OpinionView | None
    changes: tuple[Change, ...] = field(default_factory=tuple)

    @property
    def state(self) -> str:
        """Say where it stands; whatever changed after an opinion that agreed makes that void."""
        if not self.latest:
            return "superseded"
        if self.opinion is not None and self.opinion.verdict == Verdict.PROBLEMS:
            return "returned"
        if self.changes:
            return "changed"
        return "agreed" if self.opinion is not None else "waiting"


def _reading(viewer: Viewer) -> Viewer:
    return without_role(viewer, Role.OFFICER)


def list_submissions(
    session: Session, viewer: Viewer, *, target: str | None = None, limit: int = 200
) -> tuple[SubmissionView, ...]:
    """Return the submissions the viewer may know of, newest first: each case's latest, or all those of one case."""
    of_target = SUBMISSION.c.target == target if target is not None else SUBMISSION.c.latest.is_(True)
    return _submissions(session, visible_target(_reading(viewer)), of_target, limit=limit)


def submission_view(session: Session, viewer: Viewer, target: str, submission: str) -> SubmissionView:
    """Return one submission of a case; raises NotFoundError."""
    this = and_(SUBMISSION.c.target == target, SUBMISSION.c.submission == submission)
    found = _submissions(session, visible_target(_reading(viewer)), this, limit=1)
    if not found:
        raise NotFoundError(f"There is no submission {submission} of the case {target}, or it is not for you to see")
    return found[0]


def latest_submission(session: Session, target: str) -> SubmissionView | None:
    """Return a case's latest submission whoever may see it, None before the first."""
    found = _submissions(session, true(), and_(SUBMISSION.c.target == target, SUBMISSION.c.latest.is_(True)), limit=1)
    return found[0] if found else None


def has_reviewed(session: Session, target: str, person: str) -> bool:
    """Tell whether a person ever gave an opinion in a case."""
    query = (
        select(OPINION.c.opinion)
        .join(SUBMISSION, SUBMISSION.c.submission == OPINION.c.submission)
        .where(SUBMISSION.c.target == target, OPINION.c.given_by == person)
    )
    return bool(fetch(session, query.limit(1)))


def count_waiting(session: Session, viewer: Viewer) -> int:
    """Return how many submissions wait for a reviewer's opinion, of cases that are not the viewer's own."""
    if Role.REVIEWER not in viewer.roles:
        return 0
    answered = select(OPINION.c.submission)
    handled = select(HANDLER.c.target).where(HANDLER.c.person == viewer.person)
    waiting = (
        SUBMISSION.c.latest.is_(True),
        SUBMISSION.c.submission.not_in(answered),
        SUBMISSION.c.target.not_in(handled),
    )
    untouched = select(func.count()).where(*waiting, SUBMISSION.c.touched.is_(False))
    # What was touched since has to be compared: few are, and fewer stay so.
    touched = _submissions(session, *waiting, SUBMISSION.c.touched.is_(True), limit=_COMPARED)
    same = sum(1 for each in touched if each.state == "waiting")
    return session.connection().execute(untouched).scalar_one() + same


def _submissions(session: Session, *conditions: ColumnElement[bool], limit: int) -> tuple[SubmissionView, ...]:
    query = (
        select(SUBMISSION, TARGET.c.number, TARGET.c.title, TARGET.c.unit, PERSON.c.name)
        .join(TARGET, TARGET.c.target == SUBMISSION.c.target)
        .outerjoin(PERSON, PERSON.c.person == SUBMISSION.c.submitted_by)
        .where(*conditions)
        .order_by(SUBMISSION.c.seq.desc())
        .limit(limit)
    )
    rows = fetch(session, query)
    opinions = _opinions(session, [row.submission for row in rows])
    handlers: defaultdict[str, set[str]] = defaultdict(set)
    for part in chunks({row.target for row in rows}):
        for each in fetch(session, select(HANDLER).where(HANDLER.c.target.in_(part))):
            handlers[each.target].add(each.person)
    touched = [row for row in rows if row.latest and row.touched]
    sealed = sealed_lists(session, [row.submission for row in touched])
    present = present_lists(session, [row.target for row in touched])
    differing = {
        row.submission: changes(sealed.get(row.submission, {}), present.get(row.target, {})) for row in touched
    }
    return tuple(_view(row, opinions, handlers, differing.get(row.submission, ())) for row in rows)


def _view(
    row: Row[Any],
    opinions: Mapping[str, OpinionView],
    handlers: Mapping[str, set[str]],
    differing: tuple[Change, ...],
) -> SubmissionView:
    view = SubmissionView(
        submission=row.submission,
        target=row.target,
        number=row.number or "",
        title=row.title or "",
        unit=row.unit,
        version=row.version,
        seq=row.seq,
        submitted_at=row.submitted_at,
        submitted_by=row.submitted_by,
        submitted_by_name=row.name,
        handlers=frozenset(handlers.get(row.target, ())),
        log_size=row.log_size,
        clips=row.clips,
        act=row.act,
        note=row.note,
        gaps=tuple((stage, reason) for stage, reason in json.loads(row.gaps)),
        latest=bool(row.latest),
        opinion=opinions.get(row.submission),
        changes=differing,
    )
    if view.opinion is not None and view.state in ("changed", "superseded"):
        return replace(view, opinion=replace(view.opinion, void=True))
    return view


def _opinions(session: Session, submissions: Sequence[str]) -> dict[str, OpinionView]:
    found = {}
    query = select(OPINION, PERSON.c.name).outerjoin(PERSON, PERSON.c.person == OPINION.c.given_by)
    for part in chunks(submissions):
        for row in fetch(session, query.where(OPINION.c.submission.in_(part)).order_by(OPINION.c.seq)):
            found[row.submission] = OpinionView(
                opinion=row.opinion,
                seq=row.seq,
                verdict=row.verdict,
                points=tuple(json.loads(row.points)),
                words=row.words,
                sound=row.sound,
                damaged=row.damaged,
                unchecked=row.unchecked,
                given_at=row.given_at,
                given_by=row.given_by,
                given_by_name=row.name,
            )
    return found


def sealed_lists(session: Session, submissions: Sequence[str]) -> dict[str, dict[str, Line]]:
    """Return the sealed lines of each submission by clip, in the order in which the clips were recorded."""
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for part in chunks(submissions):
        for row in fetch(session, select(LINE).where(LINE.c.submission.in_(part))):
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


def present_lists(session: Session, targets: Sequence[str]) -> dict[str, dict[str, Line]]:
    """Return what each case's list would be now, by clip: whoever asks, since it is compared and not shown as such."""
    numbers: dict[str, str] = {}
    bound: defaultdict[str, defaultdict[str, list[Row[Any]]]] = defaultdict(lambda: defaultdict(list))
    for part in chunks(targets):
        numbers |= {
            row.target: row.number or "" for row in fetch(session, select(TARGET).where(TARGET.c.target.in_(part)))
        }
        query = select(BINDING).where(BINDING.c.target.in_(part)).order_by(BINDING.c.bound_at, BINDING.c.binding)
        for row in fetch(session, query):
            bound[row.target][row.clip].append(row)
    clips = sorted({clip for of_target in bound.values() for clip in of_target})
    bindings = [row.binding for of_target in bound.values() for rows in of_target.values() for row in rows]
    rows, companions, proves = _clips(session, clips), _companions(session, clips), _proves(session, bindings)
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


def _proves(session: Session, bindings: Sequence[str]) -> dict[str, list[Proven]]:
    found: defaultdict[str, list[Proven]] = defaultdict(list)
    query = select(PROVES).order_by(PROVES.c.binding, PROVES.c.position)
    for part in chunks(bindings):
        for row in fetch(session, query.where(PROVES.c.binding.in_(part))):
            found[row.binding] += _proven([(row.text, json.loads(row.ranges))])
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


def check_outcomes(session: Session, clips: Sequence[str], since: str) -> dict[str, str]:
    """Return what the last check found of each clip that was checked since then, or is damaged by any check."""
    found = {}
    for part in chunks(clips):
        query = select(CLIP.c.clip, CLIP.c.check_outcome, CLIP.c.checked_at).where(CLIP.c.clip.in_(part))
        for row in fetch(session, query):
            if row.check_outcome == "damaged" or (row.checked_at is not None and row.checked_at >= since):
                found[row.clip] = row.check_outcome
    return found


def lengths_of(session: Session, clips: Sequence[str]) -> dict[str, int | None]:
    """Return the length of each clip in milliseconds, None where it is not known."""
    query = select(CLIP.c.clip, CLIP.c.duration_ms)
    return {
        row.clip: row.duration_ms
        for part in chunks(clips)
        for row in fetch(session, query.where(CLIP.c.clip.in_(part)))
    }


def names_of(session: Session, persons: Iterable[str]) -> dict[str, str]:
    """Return what these persons are called; ids alone where a name was erased."""
    query = select(PERSON.c.person, PERSON.c.name)
    return {
        row.person: row.name or row.person
        for part in chunks(sorted(set(persons)))
        for row in fetch(session, query.where(PERSON.c.person.in_(part)))
    }


def looks_at(session: Session, clips: Sequence[str], limit: int = 200) -> tuple[LookLine, ...]:
    """Return who looked at these clips or was refused, newest first; the caller has decided who may know that."""
    query = (
        select(LOOK, LOOK.c.count.label("times"), CLIP.c.file_name, PERSON.c.name)
        .join(CLIP, CLIP.c.clip == LOOK.c.clip)
        .outerjoin(PERSON, PERSON.c.person == LOOK.c.person)
        .order_by(LOOK.c.seq.desc(), LOOK.c.clip)
        .limit(limit)
    )
    rows = [row for part in chunks(clips) for row in fetch(session, query.where(LOOK.c.clip.in_(part)))]
    rows.sort(key=lambda row: (-row.seq, row.clip))
    return tuple(
        LookLine(row.clip, row.file_name or "", row.at, row.name, row.kind, row.purpose, row.times)
        for row in rows[:limit]
    )


def happened_since(
    session: Session, viewer: Viewer, submission: SubmissionView, clips: Sequence[str]
) -> tuple[HistoryLine, ...]:
    """Return what the histories of the case and of the list's clips tell since the submission, oldest first."""
    lines = {
        (each.seq, each.code): each
        for each in target_history(session, viewer, "case", submission.target, only_clips=False)
        if each.seq > submission.seq
    }
    concerned = select(HISTORY.c.subject).where(
        HISTORY.c.subject.in_([f"clip:{clip}" for clip in clips]),
        HISTORY.c.seq > submission.seq,
        HISTORY.c.code.in_(_CHANGING),
    )
    for row in fetch(session, concerned.distinct()):
        clip = row.subject.partition(":")[2]
        if can_see(session, viewer, clip):
            lines |= {
                (each.seq, each.code): each
                for each in clip_history(session, viewer, clip)
                if each.seq > submission.seq and each.code in _CHANGING
            }
    return tuple(lines[key] for key in sorted(lines))


def locked_clips(session: Session, clips: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return those of `clips` that are bound to a case under review, with these cases: changing them takes two."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    query = (
        select(BINDING.c.clip, BINDING.c.target)
        .join(TARGET, TARGET.c.target == BINDING.c.target)
        .where(TARGET.c.status == "submitted")
        .distinct()
    )
    for part in chunks(clips):
        for row in fetch(session, query.where(BINDING.c.clip.in_(part))):
            found[row.clip].append(row.target)
    return {clip: tuple(sorted(targets)) for clip, targets in found.items()}
