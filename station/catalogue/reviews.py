"""法制审核: submissions and where they stand, opinions, who looked.

Guarantees: what a difference is, is found by comparing sealed and present list (`review_lists`) whenever it is shown;
the catalogue only remembers of which clips there is one. An officer sees no submission by that role: it tells of the
whole case.
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
from station.catalogue.review_lists import Change, changes, present_lists, sealed_lists
from station.catalogue.tables import metadata
from station.catalogue.views import HistoryLine, Viewer
from station.catalogue.visibility import BINDING, CLIP, HANDLER, TARGET, visible_target, without_role
from station.errors import NotFoundError
from station.records.review_entries import Verdict
from station.records.terms import Role

SUBMISSION = metadata.tables["catalogue_submission"]
OPINION = metadata.tables["catalogue_opinion"]
CHANGE = metadata.tables["catalogue_submission_change"]

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

_latest = SUBMISSION.c.latest.is_(True)
_answered = SUBMISSION.c.submission.in_(select(OPINION.c.submission))
_returned = SUBMISSION.c.submission.in_(select(OPINION.c.submission).where(OPINION.c.verdict == Verdict.PROBLEMS))
_differing = SUBMISSION.c.submission.in_(select(CHANGE.c.submission))
# What `SubmissionView.state` says of one, as conditions.
_OF_STATE: dict[str, ColumnElement[bool]] = {
    "waiting": and_(_latest, ~_answered, ~_differing),
    "changed": and_(_latest, ~_returned, _differing),
    "returned": and_(_latest, _returned),
    "agreed": and_(_latest, _answered, ~_returned, ~_differing),
}


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


@dataclass(frozen=True, slots=True)
class Standing:
    """The submissions that stand the same: how many there are, and the first of them."""

    count: int
    shown: tuple[SubmissionView, ...]


def _reading(viewer: Viewer) -> Viewer:
    return without_role(viewer, Role.OFFICER)


def list_submissions(session: Session, viewer: Viewer, target: str, *, limit: int = 200) -> tuple[SubmissionView, ...]:
    """Return the submissions of one case that the viewer may know of, newest first."""
    return _submissions(session, visible_target(_reading(viewer)), SUBMISSION.c.target == target, limit=limit)


def desk(session: Session, viewer: Viewer, *, limit: int = 25) -> dict[str, Standing]:
    """Return each case's latest submission the viewer may know of, by state; `limit` of each state are shown.

    What waits longest comes first; in the other states, what was submitted last.
    """
    visible = visible_target(_reading(viewer))
    counted = select(func.count()).select_from(SUBMISSION).join(TARGET, TARGET.c.target == SUBMISSION.c.target)
    found = {}
    for state, condition in _OF_STATE.items():
        count = session.connection().execute(counted.where(visible, condition)).scalar_one()
        shown = _submissions(session, visible, condition, limit=limit, oldest_first=state == "waiting")
        found[state] = Standing(count, shown)
    return found


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
    handled = select(HANDLER.c.target).where(HANDLER.c.person == viewer.person)
    waiting = select(func.count()).where(_OF_STATE["waiting"], SUBMISSION.c.target.not_in(handled))
    return session.connection().execute(waiting).scalar_one()


def _submissions(
    session: Session, *conditions: ColumnElement[bool], limit: int, oldest_first: bool = False
) -> tuple[SubmissionView, ...]:
    query = (
        select(SUBMISSION, TARGET.c.number, TARGET.c.title, TARGET.c.unit, PERSON.c.name)
        .join(TARGET, TARGET.c.target == SUBMISSION.c.target)
        .outerjoin(PERSON, PERSON.c.person == SUBMISSION.c.submitted_by)
        .where(*conditions)
        .order_by(SUBMISSION.c.seq if oldest_first else SUBMISSION.c.seq.desc())
        .limit(limit)
    )
    rows = fetch(session, query)
    opinions = _opinions(session, [row.submission for row in rows])
    handlers: defaultdict[str, set[str]] = defaultdict(set)
    for part in chunks({row.target for row in rows}):
        for each in fetch(session, select(HANDLER).where(HANDLER.c.target.in_(part))):
            handlers[each.target].add(each.person)
    changed = _changed(session, [row.submission for row in rows])
    sealed = sealed_lists(session, sorted(changed))
    present = present_lists(session, [row.target for row in rows if row.submission in changed])
    differing = {
        row.submission: changes(sealed.get(row.submission, {}), present.get(row.target, {}))
        for row in rows
        if row.submission in changed
    }
    return tuple(_view(row, opinions, handlers, differing.get(row.submission, ())) for row in rows)


def _changed(session: Session, submissions: Sequence[str]) -> set[str]:
    """Return those whose list is not what is there now."""
    query = select(CHANGE.c.submission).distinct()
    return {
        row.submission
        for part in chunks(submissions)
        for row in fetch(session, query.where(CHANGE.c.submission.in_(part)))
    }


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
