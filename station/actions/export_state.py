"""Exports as the ledger tells them: what was asked for, whether it was approved, and what may never leave.

Guarantee: what is asked for names its clips one by one, and a suspected secret among them stops it, when it is asked
for and again each time a package is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.errors import NotFoundError
from station.ledger import log
from station.records.entries import Actor, Entry
from station.records.export_entries import (
    ExportApproved,
    ExportProduced,
    ExportReason,
    ExportRefused,
    ExportRequested,
)
from station.records.registry import read_entry
from station.records.terms import Sensitivity

CLIPS_AT_MOST = 1500


@dataclass(frozen=True, slots=True)
class Export:
    """What the ledger says of an export: the request, whether it was approved, and the packages produced so far."""

    request: ExportRequested.Fact
    approved: bool
    refused: bool
    produced: tuple[ExportProduced.Fact, ...] = ()


def request_at_console(
    custody: Custody,
    actor: Actor,
    number: str,
    reason: ExportReason,
    words: str = "",
    *,
    playable: bool = True,
    disclosure: bool = False,
) -> str:
    """Enter that the console asked for a package of a case and, standing for two people, approved it; return its id.

    Raises NotFoundError for an unknown case, ProblemError (export_empty, export_secret, export_many).
    """
    export = new_id()

    def compose(session: Session) -> Sequence[Entry]:
        target = checks.case_of_number(session, number)
        clips = checks.clips_of_target(session, target)
        require_exportable(session, clips)
        fact = ExportRequested.Fact(
            export=export, target=target, clips=clips, reason=reason, playable=playable, disclosure=disclosure
        )
        text = ExportRequested.Text(reason=words) if words else None
        approved = ExportApproved.Fact(export=export, target=target)
        return (ExportRequested(fact=fact, text=text, actor=actor), ExportApproved(fact=approved, actor=actor))

    custody.append_from(compose)
    return export


def require_exportable(session: Session, clips: Sequence[str]) -> None:
    """Check that these clips may leave together; raises ProblemError (export_empty, export_many, export_secret)."""
    if not clips:
        raise ProblemError("export_empty", "The case has no recordings, so there is nothing to export")
    if len(clips) > CLIPS_AT_MOST:
        raise ProblemError("export_many", f"A package holds {CLIPS_AT_MOST} recordings at most")
    states = checks.clip_states(session, clips)
    secret = sorted(clip for clip, state in states.items() if state.sensitivity == Sensitivity.SUSPECTED_SECRET)
    if secret:
        raise ProblemError(
            "export_secret",
            f"Suspected state secrets never leave by export: {', '.join(secret)}",
            hint="Hand them over as the rules on secrets say, or have the class corrected first",
        )


def read_export(session: Session, export: str) -> Export:
    """Return what the ledger says of an export; raises NotFoundError."""
    request, approved, refused = None, False, False
    produced: list[ExportProduced.Fact] = []
    for stored in log.subject_entries(session, f"export:{export}"):
        match read_entry(stored.seq, stored.type, stored.values()):
            case ExportRequested(fact=fact):
                request = fact
            case ExportApproved():
                approved = True
            case ExportRefused():
                refused = True
            case ExportProduced(fact=made):
                produced.append(made)
    if request is None:
        raise NotFoundError(f"There is no export {export}")
    return Export(request, approved, refused, tuple(produced))


def require_approved(session: Session, export: str) -> Export:
    """Return an export that may be produced now.

    Raises NotFoundError, ProblemError (export_refused, export_open and those of `require_exportable`).
    """
    known = read_export(session, export)
    if known.refused:
        raise ProblemError("export_refused", f"The export {export} was refused")
    if not known.approved:
        raise ProblemError("export_open", f"The export {export} was not approved yet")
    require_exportable(session, known.request.clips)
    return known
