"""Projection of entries about legal review: submissions with their sealed lists, opinions.

`sealed` of a line is JSON of what `reviews.Line` holds; a part that was erased is named in its `erased`, and what it
said is absent, so that the comparison with the present state (`review_lists.changes`) leaves it out instead of
calling it changed.
"""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, delete, or_
from sqlmodel import Session, col, select

from station.catalogue.review_lists import changes, present_lists, sealed_lists
from station.catalogue.tables import Opinion, Submission, SubmissionChange, SubmissionLine, Target
from station.digest import SHA256
from station.records import case_entries, disposal_entries, docking_entries, review_entries
from station.records.entries import Entry, Part
from station.records.terms import TargetKind


def add_submission(session: Session, seq: int, time: str, entry: case_entries.TargetSubmitted) -> None:
    """Add a submission; its lines follow as entries of their own."""
    fact, text = entry.fact, entry.text
    for former in session.exec(
        select(Submission).where(Submission.target == fact.target, col(Submission.latest).is_(True))
    ):
        former.latest = False
        session.add(former)
        session.execute(delete(SubmissionChange).where(col(SubmissionChange.submission) == former.submission))
    session.add(
        Submission(
            submission=fact.submission,
            target=fact.target,
            version=fact.version,
            seq=seq,
            submitted_at=time,
            submitted_by=entry.actor.person if entry.actor else None,
            log_size=fact.log_size,
            clips=len(set(fact.clips)),
            act=fact.act,
            note=text.note if text else "",
            gaps=json.dumps([[gap.stage, gap.reason] for gap in text.gaps] if text else [], ensure_ascii=False),
        )
    )


def touch(session: Session, entry: Entry) -> None:
    """Find which lists for review an entry made differ from what is there, or agree with it again."""
    match entry:
        case (
            docking_entries.ClipIngested(fact=fact)
            | docking_entries.ClipIncomplete(fact=fact)
            | case_entries.ClipAmended(fact=fact)
            | case_entries.ClipDisclaimed(fact=fact)
            | case_entries.ClipClassified(fact=fact)
            | case_entries.ClipUnbound(fact=fact)
            | disposal_entries.ClipDisposed(fact=fact)
        ):
            lines = select(SubmissionLine.submission).where(SubmissionLine.clip == fact.clip)
            differing = select(SubmissionChange.submission).where(SubmissionChange.clip == fact.clip)
            submitted = col(Submission.submission)
            _compare(session, fact.clip, or_(submitted.in_(lines), submitted.in_(differing)))
        case case_entries.ClipBound(fact=bound) if bound.kind == TargetKind.CASE:
            _compare(session, bound.clip, col(Submission.target) == bound.target)
        case case_entries.TargetResolved(fact=resolved) if resolved.into is not None:
            _compare(session, None, col(Submission.target) == resolved.into)


def _compare(session: Session, clip: str | None, concerned: ColumnElement[bool]) -> None:
    """Compare the lists of the latest submissions that are concerned: of one clip, or (None) all their lines."""
    for submission in session.exec(select(Submission).where(col(Submission.latest).is_(True), concerned)).all():
        session.flush()
        key, target = submission.submission, submission.target
        sealed = sealed_lists(session, [key], clip).get(key, {})
        present = present_lists(session, [target], clip).get(target, {})
        differing = {each.clip for each in changes(sealed, present)}
        known = select(SubmissionChange).where(SubmissionChange.submission == key)
        for row in session.exec(known if clip is None else known.where(SubmissionChange.clip == clip)).all():
            if row.clip not in differing:
                session.delete(row)
            differing.discard(row.clip)
        session.add_all(SubmissionChange(submission=key, clip=each) for each in sorted(differing))


def _clip_submitted(session: Session, _seq: int, _time: str, entry: review_entries.ClipSubmitted) -> None:
    fact, people, place, names, text = entry.fact, entry.people, entry.place, entry.names, entry.text
    parts: dict[str, Part | None] = {"people": people, "place": place, "names": names, "text": text}
    proofs = text.bindings if text else ()
    sealed = {
        "sha256": fact.digest[SHA256],
        "size_bytes": fact.size_bytes,
        "taken_in": fact.taken_in,
        "stage": fact.stage,
        "sensitivity": fact.sensitivity,
        "recorded_at": fact.recorded_at,
        "time_source": fact.time_source,
        "place_source": fact.place_source,
        "collector_source": fact.collector_source,
        "file_name": names.file_name if names else "",
        "number": names.number if names else "",
        "place": [place.text, place.latitude, place.longitude, place.datum] if place else [],
        "collector": people.collector if people else None,
        "collector_name": people.collector_name if people else None,
        "companions": list(people.companions) if people else [],
        "bindings": [
            {
                "binding": each.binding,
                "stage": each.stage,
                "source": each.source,
                "proves": [[proof.text, [[r.start_ms, r.end_ms] for r in proof.ranges]] for proof in said.proves]
                if said
                else [],
                "note": said.note if said else "",
            }
            for each, said in zip(fact.bindings, (*proofs, *[None] * len(fact.bindings)), strict=False)
        ],
        "erased": sorted(name for name, part in parts.items() if part is None),
    }
    text_form = json.dumps(sealed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    session.add(SubmissionLine(submission=fact.submission, clip=fact.clip, sealed=text_form))


def _opinion_given(session: Session, seq: int, time: str, entry: review_entries.OpinionGiven) -> None:
    fact = entry.fact
    session.add(
        Opinion(
            opinion=fact.opinion,
            submission=fact.submission,
            seq=seq,
            verdict=fact.verdict,
            points=json.dumps([point.value for point in fact.points]),
            words=entry.text.opinion if entry.text else "",
            sound=fact.sound,
            damaged=fact.damaged,
            unchecked=fact.unchecked,
            given_at=time,
            given_by=entry.actor.person if entry.actor else None,
        )
    )
    target = session.get(Target, fact.target)
    # Sent back, the case is its handler's again: it is bound to and amended like any other until it is resubmitted.
    if target is not None and fact.verdict == review_entries.Verdict.PROBLEMS:
        target.status = "open"
        session.add(target)


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    review_entries.ClipSubmitted.TYPE: _clip_submitted,
    review_entries.OpinionGiven.TYPE: _opinion_given,
}
