"""Projection of entries about legal review: submissions with their sealed lists, opinions.

`sealed` of a line is JSON of what `reviews.Line` holds; a part that was erased is named in its `erased`, and what it
said is absent, so that the comparison with the present state (`reviews.changes`) leaves it out instead of calling it
changed.
"""

import json
from collections.abc import Callable
from typing import Any

from sqlmodel import Session, col, select

from station.catalogue.tables import Opinion, Submission, SubmissionLine, Target
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
    """Note on the submissions it may concern that an entry changed a clip or a binding."""
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
            concerned = select(Submission).where(col(Submission.submission).in_(lines))
        case case_entries.ClipBound(fact=bound) if bound.kind == TargetKind.CASE:
            concerned = select(Submission).where(Submission.target == bound.target)
        case case_entries.TargetResolved(fact=resolved) if resolved.into is not None:
            concerned = select(Submission).where(Submission.target == resolved.into)
        case _:
            return
    for submission in session.exec(concerned.where(col(Submission.touched).is_(False))):
        submission.touched = True
        session.add(submission)


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
