"""完整性校验: is what we hold still what was taken in? One clip, a case's clips, or everything.

Guarantees: the digest expected of an original comes from its ledger entry, and that entry is proven to be under a
signed checkpoint before it is believed; originals are re-read past the page cache; what could not be checked is never
called sound. A result is an entry too, unless the ledger itself is too damaged to take one, and then that is said.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Literal

from station import clock
from station.actions.held import Held, all_held, held_by, is_gone, total_bytes
from station.actions.rereading import Pace, Reading, reread_all
from station.config import Home
from station.custody import Custody, check_parts, compare
from station.database import Database, Session
from station.digest import SHA256, new_id
from station.direct import Readback
from station.errors import DamagedError, LedgerError, SignerRefusedError, SignerUnavailableError, StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.audit_source import audit_database
from station.ledger.continuation import check_continued, continued_folders
from station.ledger.entry import leaf_of, parse_record
from station.ledger.merkle import inclusion_proof, verify_inclusion
from station.ledger.note import Checkpoint, verify_checkpoint
from station.ledger.sign import Signer, home_keys, remembered
from station.records.docking_entries import ClipIncomplete, ClipIngested
from station.records.entries import Actor
from station.records.log_entries import CheckCompleted
from station.records.registry import read_entry
from station.stages.anchoring import anchor_trust

Outcome = Literal["sound", "damaged", "not_checked"]
Show = Callable[[int, int], None]
_CLIPS_AN_ENTRY = 400  # an entry names its clips as subjects, and a record has 64 KiB
UNREADABLE = "original.unreadable"
_EXIT_CODES: dict[Outcome, int] = {"sound": 0, "damaged": 1, "not_checked": 2}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing found: a stable `code`, what it is about, and an English sentence for terminal and log."""

    code: str
    about: str | None
    message: str

    def document(self) -> dict[str, str | None]:
        """Return it as JSON."""
        return {"code": self.code, "about": self.about, "message": self.message}


@dataclass(slots=True)
class CheckResult:
    """What a check found; `unchecked` are problems that leave it open whether something is damaged."""

    scope: Literal["clip", "case", "all"]
    clips: tuple[str, ...] = ()
    damage: list[Problem] = field(default_factory=list)
    unchecked: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    damaged_clips: set[str] = field(default_factory=set)
    originals: int = 0
    size_bytes: int = 0
    log_size: int = 0
    readback: Readback = "direct"
    checked_at: str = ""
    taken_in_at: str | None = None
    sha256: str | None = None
    found_sha256: str | None = None
    seq: int | None = None
    disposed: bool = False
    seen: dict[str, dict[str, str]] = field(default_factory=dict)
    """By clip, of those asked for: `state` (whole, incomplete, disposed), `taken_in_at`, `sha256`, perhaps `sm3`."""

    @property
    def outcome(self) -> Outcome:
        """Damaged if anything is, else not_checked if anything could not be, else sound."""
        return "damaged" if self.damage else "not_checked" if self.unchecked else "sound"

    @property
    def exit_code(self) -> int:
        """0 sound, 1 damaged, 2 could not check."""
        return _EXIT_CODES[self.outcome]

    def keep(self) -> str:
        """Return it as JSON text from which `restore` makes it again."""
        return json.dumps(asdict(self) | {"damaged_clips": sorted(self.damaged_clips)}, ensure_ascii=False)

    @classmethod
    def restore(cls, text: str) -> "CheckResult":
        """Return what `keep` wrote down."""
        values = json.loads(text)
        for name in ("damage", "unchecked", "notes"):
            values[name] = [Problem(**each) for each in values[name]]
        return cls(**values | {"clips": tuple(values["clips"]), "damaged_clips": set(values["damaged_clips"])})

    def document(self) -> dict[str, object]:
        """Return it as JSON (`station verify --json`)."""
        return {
            "scope": self.scope,
            "outcome": self.outcome,
            "checked_at": self.checked_at,
            "originals": self.originals,
            "size_bytes": self.size_bytes,
            "log_size": self.log_size,
            "readback": self.readback,
            "damage": [each.document() for each in self.damage],
            "unchecked": [each.document() for each in self.unchecked],
            "notes": [each.document() for each in self.notes],
        } | ({} if self.scope == "all" else {"clips": self.seen})


@dataclass(slots=True)
class Course:
    """How far a check is: what it found, and how many blobs are done. Kept by the caller, it is taken up from there.

    When `Pace.between` or `show` raises, the course says what was done until then; nothing is entered.
    """

    result: CheckResult
    position: int = 0


def check_clips(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    clips: Sequence[str],
    actor: Actor,
    *,
    scope: Literal["clip", "case"] = "clip",
    show: Show = lambda done, total: None,
    pace: Pace | None = None,
    course: Course | None = None,
) -> CheckResult:
    """Check some clips: each one's entries in the ledger, and its original; see `Course` for breaking off.

    Raises SignerRefusedError, StorageError.
    """
    course = course or Course(CheckResult(scope, tuple(clips)))
    result = course.result
    checkpoint = custody.seal()
    keys = home_keys(home)
    result.damage = [each for each in result.damage if each.code != "ledger"]  # found anew when taken up again
    result.notes = []
    held: list[Held] = []
    with database.read() as session:
        for clip in clips:
            try:
                held += _prove_clip(session, clip, verify_checkpoint(checkpoint.note, *keys), result)
            except LedgerError as error:
                result.damage.append(Problem("ledger", f"clip:{clip}", error.message))
                result.damaged_clips.add(clip)
    _check_blobs(store, held, course, show, pace or Pace())
    result.log_size = checkpoint.size
    return _enter(custody, result, actor)


def check_all(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    actor: Actor,
    *,
    show: Show = lambda done, total: None,
    pace: Pace | None = None,
    course: Course | None = None,
) -> CheckResult:
    """Audit the ledger, compare the catalogue with a rebuild, and re-read every blob that the ledger names.

    The logs that this one continues after a restore are compared with what was carried over from them.
    One that was broken off is taken up where it stood: what was audited then is not audited again.
    """
    course = course or Course(CheckResult("all"))
    result = course.result
    if not result.log_size:
        signed = _signer_memory(home, database, result)
        audit = audit_database(database, home_keys(home), signed.note if signed else None, anchor_trust(home))
        result.log_size = audit.size
        result.damage += [Problem(each.kind, each.subject, each.message) for each in audit.findings]
        result.notes += [Problem(each.kind, each.subject, each.message) for each in audit.notes]
        _check_catalogue(home, database, result)
        _check_continued(home, database, result)
        unread = result
    else:
        unread = CheckResult("all")  # told before
    held = _all_held(database, result.log_size, unread)
    _check_blobs(store, held, course, show, pace or Pace())
    known = {each.sha256 for each in held}
    for sha256 in store.digests():
        if sha256 not in known:
            text = f"The vault holds {sha256}, which no entry names: left by a docking cut short, or put there"
            result.notes.append(Problem("vault.unreferenced", None, text))
    return _enter(custody, result, actor)


def _signer_memory(home: Home, database: Database, result: CheckResult) -> Checkpoint | None:
    try:
        return remembered(Signer(home), database)
    except SignerUnavailableError as error:
        result.unchecked.append(Problem("signer.unavailable", None, error.message))
        return None
    except (SignerRefusedError, DamagedError) as error:
        result.damage.append(Problem("signer.refused", None, error.message))
        return None


def _prove_clip(session: Session, clip: str, checkpoint: Checkpoint, result: CheckResult) -> list[Held]:
    """Prove every entry about a clip to be under the checkpoint, and return the blobs they name."""
    held: list[Held] = []
    previous: str | None = None
    nodes = log.nodes(session)
    for stored in log.subject_entries(session, f"clip:{clip}"):
        record = parse_record(stored.record)
        leaf = leaf_of(stored.record)
        path = inclusion_proof(stored.seq, checkpoint.size, nodes)
        verify_inclusion(leaf, stored.seq, checkpoint.size, path, checkpoint.root)
        if record.seq != stored.seq or record.subjects.get(f"clip:{clip}", "") != previous:
            raise DamagedError(f"Entry {stored.seq} does not follow the entry about this clip before it")
        previous = leaf.hex()
        check_parts(stored)
        entry = read_entry(stored.seq, stored.type, stored.values())
        if isinstance(entry, ClipIngested | ClipIncomplete):
            held = []  # a later whole reading takes an incomplete one's place
            result.taken_in_at, result.sha256, result.seq = stored.time, entry.fact.digest[SHA256], stored.seq
            state = "whole" if isinstance(entry, ClipIngested) else "incomplete"
            result.seen[clip] = {"state": state, "taken_in_at": stored.time, **entry.fact.digest}
        held += held_by(entry)
    if held and is_gone(session, held[0]):
        result.disposed = True
        result.seen[clip]["state"] = "disposed"
        result.notes.append(Problem("clip.disposed", f"clip:{clip}", f"The clip {clip} was disposed of by rule"))
        return []
    if not held:
        raise DamagedError(f"No entry of the ledger says what the clip {clip} is")
    return held


def _all_held(database: Database, size: int, result: CheckResult) -> list[Held]:
    """Return the blobs that must be there, each clip's own; what is gone by law is left out."""

    def tell(seq: int | None, error: StationError) -> None:
        if seq is None:
            result.unchecked.append(Problem("ledger.unreadable", None, error.message))
        else:
            result.damage.append(Problem("ledger.entry", f"entry:{seq}", error.message))

    return all_held(database, size, tell)


def _check_catalogue(home: Home, database: Database, result: CheckResult) -> None:
    try:
        differences = compare(database, home.run)
    except StationError as error:
        result.unchecked.append(Problem("catalogue.unreadable", None, error.message))
        return
    for each in differences:
        what = (
            "is damaged"
            if each.fault
            else "holds a row that does not follow from the ledger"
            if each.stored
            else "lacks a row that is due"
        )
        text = f"The catalogue's table {each.table} {what}: {each.fault or each.stored or each.due}"
        result.damage.append(Problem("catalogue.damaged" if each.fault else "catalogue.differs", each.table, text))


def _check_continued(home: Home, database: Database, result: CheckResult) -> None:
    """Compare each log that this one continues, as it lies in `continued/`, with what was carried over from it."""
    try:
        with database.read() as session:
            folders = [home.root / "continued" / name for name in continued_folders(session)]
            for at, folder in enumerate(folders):
                if not folder.is_dir():
                    text = f"The log that this one continues should lie in {folder}, and does not: it was not compared"
                    result.unchecked.append(Problem("continuation.missing", None, text))
                    continue
                check_continued(session, folder, at)
    except (OSError, UnicodeDecodeError) as error:
        text = f"A log that this one continues can't be read: {error}"
        result.unchecked.append(Problem("continuation.unreadable", None, text))
    except StationError as error:
        result.damage.append(Problem("continuation.damaged", None, error.message))


def _check_blobs(store: LocalStore, held: Sequence[Held], course: Course, show: Show, pace: Pace) -> None:
    """Re-read each blob once, from the course's position on, and note what is wrong with it for each of its clips."""
    result = course.result
    total = total_bytes(held)
    of: dict[tuple[str, bool], list[Held]] = {}
    for each in held:
        of.setdefault((each.sha256, each.partial), []).append(each)
    blobs = list(of.values())
    left = blobs[course.position :]
    readings = reread_all(((same[0].path(store), _algorithms(same)) for same in left), pace)
    with closing(readings):
        for same, reading in zip(left, readings, strict=True):
            result.originals += 1
            if reading.found is not None:
                result.size_bytes += reading.found.size_bytes
                result.found_sha256 = reading.found.sha256
                if reading.found.mode != "direct":
                    result.readback = reading.found.mode
            for each in same:  # clips of the same bytes, of which perhaps not all were taken in with every digest
                _note(result, judge(each, reading), each)
            course.position += 1
            show(result.size_bytes, total)


def _algorithms(same: Sequence[Held]) -> list[str]:
    return sorted({algorithm for held in same for algorithm, _ in held.further})


def judge(held: Held, reading: Reading) -> Problem | None:
    """Return what is wrong with a blob that was re-read, None when it is what was taken in.

    It must have been read for every digest that its entry gives; KeyError otherwise.
    """
    path = reading.path
    if reading.found is not None:
        if reading.found.sha256 != held.sha256:
            text = f"The original {path} was altered: its SHA-256 is now {reading.found.sha256}"
            return Problem("original.damaged", None, text)
        for algorithm, recorded in held.further:
            found = reading.found.further[algorithm]
            if found != recorded:
                name = algorithm.upper()
                text = f"The original {path} has its SHA-256, but its {name} is {found} and {recorded} is in the ledger"
                return Problem("original.digests_differ", None, text)
        return None
    if reading.trouble == "missing":
        return Problem("original.missing", None, f"The original {path} is missing")
    if reading.trouble == "no_file":
        return Problem("original.missing", None, f"In the place of the original {path} there is no plain file")
    return Problem(UNREADABLE, None, f"The original {path} can't be read: {reading.reason}")


def _note(result: CheckResult, problem: Problem | None, held: Held) -> None:
    if problem is None:
        return
    about = f"clip:{held.clip}" if held.clip else None
    named = Problem(problem.code, about, f"{problem.message}{f' (clip {held.clip})' if held.clip else ''}")
    (result.unchecked if problem.code == UNREADABLE else result.damage).append(named)
    if held.clip and problem.code != UNREADABLE:
        result.damaged_clips.add(held.clip)


def _enter(custody: Custody, result: CheckResult, actor: Actor) -> CheckResult:
    """Append the result; a ledger that can't take it any more is one more problem, not a reason to stay silent."""
    check = new_id()
    damaged = sorted(result.damaged_clips)
    entries = [
        CheckCompleted(
            fact=CheckCompleted.Fact(
                check=check,
                scope=result.scope,
                clips=clips,
                originals_checked=result.originals,
                damaged=tuple(clip for clip in damaged if clip in clips) if clips else tuple(damaged[:_CLIPS_AN_ENTRY]),
                outcome=result.outcome,
                log_size=result.log_size,
                readback=result.readback,
            ),
            actor=actor,
        )
        for clips in _groups(result.clips)
    ]
    try:
        entered, *_ = custody.append(*entries)
        result.checked_at = entered.time
    except StationError as error:
        result.unchecked.append(Problem("result.not_entered", None, f"The result could not be entered: {error}"))
        result.checked_at = clock.timestamp()
    return result


def _groups(clips: Sequence[str]) -> list[tuple[str, ...]]:
    """Divide clips among as many entries as they need, at least one."""
    return [tuple(clips[at : at + _CLIPS_AN_ENTRY]) for at in range(0, max(1, len(clips)), _CLIPS_AN_ENTRY)]
