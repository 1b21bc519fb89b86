"""Asking for a court package (电子证据包), deciding, having it produced, taking it away: three people, three entries.

Guarantees: a case's handler asks and says why; an approver who neither asked nor handles the case decides (办审定分离);
only what was approved is produced; nothing that is 疑似涉密 is asked for, approved, produced or handed out; that
somebody takes a package away is in the ledger before its first byte leaves. All of it is checked in the transaction
that appends.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from station.actions.export_state import require_exportable
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.exports import ExportRow, Part, export_row, part_in_case
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id, sha256_hex
from station.errors import DeniedError, NotFoundError
from station.package.bag import TAG_MANIFEST
from station.records.entries import Actor, Entry
from station.records.export_entries import ExportApproved, ExportReason, ExportRefused, ExportRequested, ExportTaken
from station.records.terms import Role, TargetKind
from station.state import exports as jobs

_WORDS_CHARACTERS = 1000
_PRODUCIBLE = ("approved", "produced")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a handler asks for; `clips` empty: all that are bound to the case."""

    reason: ExportReason
    words: str = ""
    clips: tuple[str, ...] = ()
    playable: bool = True
    disclosure: bool = False


def ask(custody: Custody, viewer: Viewer, actor: Actor, target: str, wanted: Wanted) -> str:
    """Enter that a case's handler asks for a package of it; returns the export's id.

    Raises NotFoundError, DeniedError, ProblemError (export_two_parts, reason_missing, reason_long, export_foreign,
    export_empty, export_many, export_secret).
    """
    export = new_id()
    words = _words(wanted.words, needed=wanted.reason == ExportReason.OTHER)

    def compose(session: Session) -> Sequence[Entry]:
        state = checks.target_state(session, viewer, target)
        if state is None or not state.visible:
            raise NotFoundError(f"There is no case {target}")
        part = part_in_case(session, target, viewer.person)
        if state.kind != TargetKind.CASE or not may_ask(viewer, part):
            raise DeniedError("Only a case's handler asks for a package of it")
        if part.decided:
            raise ProblemError("export_two_parts", "Who decides in a case does not handle it as well")
        bound = checks.clips_of_target(session, target)
        clips = tuple(sorted(set(wanted.clips))) or bound
        if not set(clips) <= set(bound):
            raise ProblemError("export_foreign", "Some of these clips are not bound to the case")
        require_exportable(session, clips)
        fact = ExportRequested.Fact(
            export=export,
            target=target,
            clips=clips,
            reason=wanted.reason,
            playable=wanted.playable,
            disclosure=wanted.disclosure,
        )
        text = ExportRequested.Text(reason=words) if words else None
        return (ExportRequested(fact=fact, text=text, actor=actor),)

    custody.append_from(compose)
    return export


def may_ask(viewer: Viewer, part: Part) -> bool:
    """Tell whether somebody asks for packages of the case in which this is their part."""
    return Role.HANDLER in viewer.roles and part.handles


def may_decide(viewer: Viewer, row: ExportRow, part: Part) -> bool:
    """Tell whether somebody decides on an export: an approver who neither asked for it nor has a part in its case."""
    apart = row.requested_by != viewer.person and not part.handles and not part.reviewed
    return Role.APPROVER in viewer.roles and apart


def decide(custody: Custody, viewer: Viewer, actor: Actor, export: str, *, approve: bool, words: str = "") -> None:
    """Enter that an approver agrees to an export, or refuses it and says why.

    Raises NotFoundError, DeniedError, ProblemError (export_two_parts, export_decided, reason_missing, reason_long,
    export_secret).
    """
    words = _words(words, needed=not approve)

    def compose(session: Session) -> Sequence[Entry]:
        row = export_row(session, viewer, export)
        if Role.APPROVER not in viewer.roles:
            raise DeniedError("Only an approver decides on an export")
        if not may_decide(viewer, row, part_in_case(session, row.target, viewer.person)):
            raise ProblemError("export_two_parts", "Who asked or handles the case does not decide as well")
        if row.status != "requested":
            raise ProblemError("export_decided", f"The export {export} is {row.status} already")
        if not approve:
            refused = ExportRefused.Fact(export=export, target=row.target)
            return (ExportRefused(fact=refused, text=ExportRefused.Text(reason=words), actor=actor),)
        require_exportable(session, row.clips)
        return (ExportApproved(fact=ExportApproved.Fact(export=export, target=row.target), actor=actor),)

    custody.append_from(compose)


def order(custody: Custody, home: Home, viewer: Viewer, actor: Actor, export: str, place: str = "") -> None:
    """Put an approved export on the list of what is made; `place` "" is the station's own folder, else a disk.

    What goes to a disk is taken away, and entered as that first. Raises NotFoundError, DeniedError, ProblemError
    (export_open, export_refused, export_secret, export_running, disk_gone).
    """
    if place and place not in disks(home):
        raise ProblemError("disk_gone", f"{place} is no disk for packages")

    def compose(session: Session) -> Sequence[Entry]:
        _producible(session, viewer, export)
        if not jobs.want(session, export, place, actor):
            raise ProblemError("export_running", f"The export {export} is being made already")
        return (_taken(export, "disk", actor),) if place else ()

    custody.append_from(compose, seal=False)


def take(custody: Custody, database: Database, home: Home, viewer: Viewer, actor: Actor, export: str) -> Path:
    """Enter that the package is downloaded and return its folder.

    Raises NotFoundError, DeniedError, ProblemError (export_open, export_refused, export_secret, export_gone).
    """
    with database.read() as session:
        job = jobs.find(session, export, "")
    folder = home.exports / export
    if job is None or job.state != "ready" or not lies_in(folder, (job.tagmanifest or "",)):
        raise ProblemError("export_gone", f"There is no package of the export {export} here", hint="Produce it again")

    def compose(session: Session) -> Sequence[Entry]:
        _producible(session, viewer, export)
        return (_taken(export, "download", actor),)

    custody.append_from(compose, seal=False)
    return folder


def lies_in(folder: Path, tagmanifests: Sequence[str]) -> bool:
    """Tell whether a package lies in the folder whose tag manifest has one of these SHA-256."""
    try:
        return sha256_hex((folder / TAG_MANIFEST).read_bytes()) in tagmanifests
    except OSError:
        return False


def disks(home: Home) -> tuple[str, ...]:
    """Return the writable disks mounted below the folder of the settings (`export_disks`), sorted by their path."""
    above = home.settings.export_disks
    if not above:
        return ()
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        words = line.split(" ")
        place = words[4].encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
        if "rw" in words[5].split(",") and Path(place).is_relative_to(above) and place != above:
            found.append(place)
    return tuple(sorted(set(found)))


def free_bytes(place: str | Path) -> int | None:
    """Return how much fits on a disk, None when it can't be told."""
    try:
        status = os.statvfs(place)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _producible(session: Session, viewer: Viewer, export: str) -> ExportRow:
    row = export_row(session, viewer, export)
    if Role.CLERK not in viewer.roles:
        raise DeniedError("Only a clerk produces packages")
    if row.status not in _PRODUCIBLE:
        code = "export_refused" if row.status == "refused" else "export_open"
        raise ProblemError(code, f"The export {export} is {row.status}")
    require_exportable(session, row.clips)
    return row


def _taken(export: str, way: str, actor: Actor) -> ExportTaken:
    look = ExportTaken.Look.model_validate({"export": export, "way": way})
    return ExportTaken(fact=ExportTaken.Fact(access=new_id()), look=look, actor=actor)


def _words(words: str, *, needed: bool) -> str:
    words = " ".join(words.split())
    if needed and not words:
        raise ProblemError("reason_missing", "A reason in words is needed")
    if len(words) > _WORDS_CHARACTERS:
        raise ProblemError("reason_long", f"A reason has {_WORDS_CHARACTERS} characters at most")
    return words
