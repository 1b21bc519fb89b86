"""法制审核: submitting a case (送审), the written opinion, changing a clip under review with a second person.

Guarantees: what is submitted is sealed clip by clip as it is in that very transaction; only its handler submits a case,
and says what kind of act it is and why required recordings are missing; a reviewer who has no other part in the case
answers the latest version, and only while nothing differs from it; who agrees has had every clip checked since it was
submitted. Under review a clip is amended by two people; sent back, the case is its handler's again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785

from station.actions.amend import Amendment, amend
from station.actions.people import Second, use_second_factor, verify_second
from station.actions.problems import ProblemError
from station.catalogue import checks, review_lists, reviews
from station.catalogue.exports import part_in_case
from station.catalogue.people import person
from station.catalogue.review_lists import Line
from station.catalogue.reviews import SubmissionView
from station.catalogue.targets import target_detail
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import SHA256, new_id
from station.errors import DeniedError, NotFoundError
from station.ledger import log
from station.records.case_entries import StageGap, TargetSubmitted
from station.records.entries import Actor, Entry, Place, Proof, TimeRange
from station.records.recording_list import SHIPPED, RecordingList, StageState, load_list, stage_states
from station.records.review_entries import (
    ChangeAgreed,
    ClipSubmitted,
    ListedBinding,
    ListedProof,
    OpinionGiven,
    ReviewPoint,
    Verdict,
)
from station.records.terms import ClipStage, EnforcementStage, Role, Sensitivity, Source, TargetKind

_NOTE_CHARACTERS = 1000
_REASON_CHARACTERS = 300
_OPINION_CHARACTERS = 4000
_AGREEING = frozenset({Role.CLERK, Role.HANDLER, Role.APPROVER})


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the handler says of a submission.

    `act` is an id of the list of what has to be recorded; `gaps` maps a stage to why it was not recorded; `shown` is
    the fingerprint of the list that was confirmed, None where nobody was shown one (a command, a test).
    """

    act: str | None = None
    note: str = ""
    gaps: Mapping[str, str] = field(default_factory=dict)
    shown: str | None = None


_UNDECLARED = Declaration()


def recording_list(home: Home) -> RecordingList:
    """Return the unit's list of what has to be recorded; raises ConfigError."""
    return load_list(home.root / Path(home.settings.recording_list) if home.settings.recording_list else SHIPPED)


def stages_of(
    listed: RecordingList,
    act: str | None,
    lines: Mapping[str, Line],
    lengths: Mapping[str, int | None],
    gaps: Mapping[str, str],
) -> tuple[StageState, ...]:
    """Return, stage by stage, what the list wants and what these lines have; `lengths` are in milliseconds by clip."""
    recorded: dict[str, list[int]] = {}
    for line in lines.values():
        for stage in line.stages:
            recorded.setdefault(stage, []).append(lengths.get(line.clip) or 0)
    return stage_states(listed, act, recorded, gaps)


def fingerprint(lines: Mapping[str, Line]) -> str:
    """Return a digest of a list as it is shown, so that what is confirmed is what is sealed."""
    shown: list[Any] = [
        [
            line.clip,
            line.sha256,
            line.recorded_at,
            list(line.place),
            line.collector_name,
            list(line.stages),
            [[text, [list(each) for each in ranges]] for text, ranges in line.proves],
        ]
        for line in lines.values()
    ]
    return hashlib.sha256(rfc8785.dumps(shown)).hexdigest()


def submit_case(
    custody: Custody,
    viewer: Viewer,
    actor: Actor,
    target: str,
    declaration: Declaration = _UNDECLARED,
    listed: RecordingList | None = None,
) -> str:
    """送审: submit a case with exactly the clips bound to it now; returns the submission's id.

    `listed` is the unit's `recording_list`, by default the one shipped.

    Only its handler may (法制审核: the handler answers for truth, accuracy and completeness), and only when every clip
    carries the five fields (执法全过程记录). It is submitted anew after it was sent back, or when it differs from what
    was submitted. Raises NotFoundError, DeniedError, ProblemError (not_a_case, already_submitted, no_clips,
    missing_fields, list_changed, act_unknown, gap_unexplained, note_long).
    """
    wanted = listed or load_list()
    if len(declaration.note) > _NOTE_CHARACTERS:
        raise ProblemError("note_long", "A note has 1000 characters at most")
    if declaration.act is not None and wanted.find(declaration.act) is None:
        raise ProblemError("act_unknown", f"There is no kind of act {declaration.act!r}")
    made: list[str] = []

    def compose(session: Session) -> Sequence[Entry]:
        state = checks.target_state(session, viewer, target)
        if state is None or not state.visible:
            raise NotFoundError(f"There is no target {target}")
        if state.kind != TargetKind.CASE or viewer.person not in state.handlers or Role.HANDLER not in viewer.roles:
            raise DeniedError("Only a case's handler submits it")
        former = reviews.latest_submission(session, target)
        if state.status != "open" and not (former is not None and former.state == "changed"):
            raise ProblemError("already_submitted", "The case is under review, just as it is")
        lines = review_lists.present_lists(session, [target]).get(target, {})
        if not lines:
            raise ProblemError("no_clips", "The case has no clips")
        detail = target_detail(session, viewer, target)
        if detail.missing_fields:
            raise ProblemError("missing_fields", "Some clips of the case lack one of the five fields")
        if declaration.shown is not None and declaration.shown != fingerprint(lines):
            raise ProblemError("list_changed", "The case changed while its list was being confirmed")
        submission = new_id()
        fact = TargetSubmitted.Fact(
            submission=submission,
            target=target,
            clips=tuple(sorted(lines)),
            log_size=log.head(session).size,
            version=former.version + 1 if former else 1,
            act=declaration.act,
        )
        text = TargetSubmitted.Text(note=declaration.note.strip(), gaps=_gaps(wanted, declaration, lines))
        made.append(submission)
        return (
            TargetSubmitted(fact=fact, text=text, actor=actor),
            *(_line(submission, target, line) for line in lines.values()),
        )

    custody.append_from(compose)
    return made[-1]


def _gaps(listed: RecordingList, declaration: Declaration, lines: Mapping[str, Line]) -> tuple[StageGap, ...]:
    given = {stage: " ".join(reason.split()) for stage, reason in declaration.gaps.items()}
    if any(len(reason) > _REASON_CHARACTERS for reason in given.values()):
        raise ProblemError("reason_long", f"A reason has {_REASON_CHARACTERS} characters at most")
    states = stages_of(listed, declaration.act, lines, {}, given)
    if any(each.state == "missing" for each in states):
        raise ProblemError("gap_unexplained", "A stage that has to be recorded has no recording and no reason")
    return tuple(
        StageGap(stage=EnforcementStage(each.stage), reason=each.reason) for each in states if each.state == "explained"
    )


def _line(submission: str, target: str, line: Line) -> ClipSubmitted:
    text, latitude, longitude, datum = line.place
    return ClipSubmitted(
        fact=ClipSubmitted.Fact(
            submission=submission,
            target=target,
            clip=line.clip,
            digest={SHA256: line.sha256},
            size_bytes=line.size_bytes,
            taken_in=line.taken_in,
            stage=ClipStage(line.stage),
            sensitivity=Sensitivity(line.sensitivity),
            recorded_at=line.recorded_at,
            time_source=_source(line.time_source),
            place_source=_source(line.place_source),
            collector_source=_source(line.collector_source),
            bindings=tuple(
                ListedBinding(
                    binding=each.binding,
                    stage=EnforcementStage(each.stage) if each.stage else None,
                    source=Source(each.source),
                )
                for each in line.bindings
            ),
        ),
        people=ClipSubmitted.People(
            collector=line.collector, collector_name=line.collector_name, companions=line.companions
        ),
        place=Place.model_validate({"text": text, "latitude": latitude, "longitude": longitude, "datum": datum}),
        names=ClipSubmitted.Names(file_name=line.file_name, number=line.number),
        text=ClipSubmitted.Text(
            bindings=tuple(
                ListedProof(
                    proves=tuple(
                        Proof(text=said, ranges=tuple(TimeRange(start_ms=a, end_ms=b) for a, b in ranges))
                        for said, ranges in each.proves
                    ),
                    note=each.note,
                )
                for each in line.bindings
            )
        ),
    )


def _source(value: str | None) -> Source | None:
    return Source(value) if value else None


@dataclass(frozen=True, slots=True)
class Checked:
    """How many clips of a list were found sound or damaged since it was submitted, and how many were not checked."""

    sound: int
    damaged: int
    unchecked: int


def checked_since(session: Session, submission: SubmissionView, clips: Sequence[str]) -> Checked:
    """Return how the clips of a list stand by the checks entered in the ledger."""
    outcomes = reviews.check_outcomes(session, clips, submission.submitted_at)
    counts = {outcome: sum(1 for each in outcomes.values() if each == outcome) for outcome in ("sound", "damaged")}
    return Checked(counts["sound"], counts["damaged"], len(set(clips)) - counts["sound"] - counts["damaged"])


def may_review(session: Session, viewer: Viewer, submission: SubmissionView) -> bool:
    """Tell whether somebody may give an opinion: a reviewer who neither handles, submitted nor decided in the case."""
    part = part_in_case(session, submission.target, viewer.person)
    handling = part.handles or submission.submitted_by == viewer.person
    return Role.REVIEWER in viewer.roles and not handling and not part.decided


def give_opinion(
    custody: Custody,
    viewer: Viewer,
    actor: Actor,
    target: str,
    submission: str,
    *,
    verdict: Verdict,
    words: str,
    points: Sequence[ReviewPoint] = (),
) -> None:
    """审核意见: answer a submission in writing.

    Raises NotFoundError, DeniedError, ProblemError (opinion_missing, opinion_long, review_own, submission_outdated,
    submission_changed, submission_unlisted, opinion_given, review_unchecked, review_damaged).
    """
    words = words.strip()
    if not words:
        raise ProblemError("opinion_missing", "An opinion is given in writing")
    if len(words) > _OPINION_CHARACTERS:
        raise ProblemError("opinion_long", f"An opinion has {_OPINION_CHARACTERS} characters at most")

    def compose(session: Session) -> Sequence[Entry]:
        view = reviews.submission_view(session, viewer, target, submission)
        if Role.REVIEWER not in viewer.roles:
            raise DeniedError("Only a reviewer gives an opinion")
        if not may_review(session, viewer, view):
            raise ProblemError("review_own", "Who handles, submits or decides in a case does not review it")
        if not view.latest:
            raise ProblemError("submission_outdated", "The case was submitted anew: the opinion is asked of that")
        if view.opinion is not None:
            raise ProblemError("opinion_given", "This submission has its opinion")
        if view.changes:
            raise ProblemError("submission_changed", "The case is not as it was submitted: it must be submitted anew")
        lines = review_lists.sealed_lists(session, [submission]).get(submission, {})
        if not lines:
            raise ProblemError("submission_unlisted", "It was made before lists were sealed: it must be submitted anew")
        checked = checked_since(session, view, tuple(lines))
        if verdict == Verdict.AGREE and checked.damaged:
            raise ProblemError("review_damaged", "Some of the recordings are damaged")
        if verdict == Verdict.AGREE and checked.unchecked:
            raise ProblemError("review_unchecked", "Not all recordings were checked since they were submitted")
        fact = OpinionGiven.Fact(
            opinion=new_id(),
            submission=submission,
            target=target,
            version=view.version,
            verdict=verdict,
            points=tuple(dict.fromkeys(points)) if verdict == Verdict.PROBLEMS else (),
            log_size=log.head(session).size,
            sound=checked.sound,
            damaged=checked.damaged,
            unchecked=checked.unchecked,
        )
        return (OpinionGiven(fact=fact, text=OpinionGiven.Text(opinion=words), actor=actor),)

    custody.append_from(compose)


def change(
    custody: Custody,
    database: Database,
    viewer: Viewer,
    actor: Actor,
    target: str,
    clip: str,
    amendment: Amendment,
    second: Second,
) -> None:
    """Amend a clip whose case is under review, with a second person who handles, keeps or decides and sees the case.

    Whatever was opined of the submission is void by it. Raises what `amend.amend` raises, ProblemError (reason_missing,
    second_missing, second_wrong, second_factor_needed, second_factor_wrong).
    """
    if not amendment.reason.strip():
        raise ProblemError("reason_missing", "A change after submission gives its reason")
    agreeing = verify_second(database, second)

    def agreed(session: Session) -> Sequence[Entry]:
        if agreeing is None:
            raise ProblemError("second_missing", "A second person must agree")
        if not all(_may_agree(session, actor, agreeing, case) for case in cases(session)):
            raise ProblemError("second_wrong", "The second person must be another one who has a part in the case")
        two = use_second_factor(session, second, agreeing)
        # The session is the first person's.
        them = Actor(person=agreeing, via="web", strength="two_factors" if two else "password")
        return tuple(_agreement(session, case, clip, amendment, them) for case in cases(session))

    def cases(session: Session) -> tuple[str, ...]:
        return reviews.locked_clips(session, [clip]).get(clip, ())

    with database.read() as session:
        if target not in cases(session):
            raise NotFoundError(f"The clip {clip} is not of a case {target} under review")
    amend(custody, viewer, actor, clip, amendment, agreed)


def _may_agree(session: Session, actor: Actor, agreeing: str, target: str) -> bool:
    found = person(session, agreeing)
    if found is None or found.disabled or agreeing == actor.person:
        return False
    them = Viewer(agreeing, frozenset(found.roles) & _AGREEING, found.unit)
    state = checks.target_state(session, them, target)
    return state is not None and state.visible and not reviews.has_reviewed(session, target, agreeing)


def _agreement(session: Session, target: str, clip: str, amendment: Amendment, them: Actor) -> ChangeAgreed:
    latest = reviews.latest_submission(session, target)
    fact = ChangeAgreed.Fact(
        submission=latest.submission if latest else "", target=target, clip=clip, field=amendment.field
    )
    return ChangeAgreed(fact=fact, actor=them)
