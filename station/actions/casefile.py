"""A case as the ledger tells it up to one size: what a court package of it says, and what it must not say.

Guarantees: what is read follows from the entries below that size and from nothing else, so the same question has the
same answer years later, as long as no part was erased; bindings to other cases are not even read into it; the custody
history tells only what the parts disclosed with the package tell (records.disclosure). Reads are short, so that a
docking never waits for one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from station.catalogue import project
from station.catalogue.clip_detail import clip_detail
from station.catalogue.intake import recorder_facts
from station.catalogue.targets import target_detail
from station.catalogue.views import BindingView, ClipDetail, HistoryLine, Viewer
from station.custody import check_parts
from station.database import Database, Session, sqlite_url
from station.digest import SHA256, SM3
from station.errors import DamagedError
from station.ledger import log
from station.ledger.entry import StoredEntry, parse_record
from station.package.content import Bound, Clip, FieldValue, Gap, Line, Proven, State
from station.records.case_entries import ClipBound, ClipUnbound, TargetOpened, TargetResolved
from station.records.disclosure import disclosed_parts
from station.records.docking_entries import ClipIncomplete, ClipIngested, HolderIssued
from station.records.entries import Actor, Entry
from station.records.export_entries import ExportApproved, ExportRequested
from station.records.people_entries import PersonDescribed
from station.records.registry import read_entry
from station.records.terms import ClipStage, Role

# Everything that was chosen may be seen: choosing was the guard.
_ALL = Viewer(person="", roles=frozenset({Role.INSPECTOR.value}), unit="")
_RECORDER_TYPES = ("recorder.known", "recorder.enrolled", "holder.issued", "holder.returned")
_DOCKING_TYPES = ("docking.started", "docking.finished")
_PERSON_TYPES = ("person.described",)
_Asked = ExportRequested | ExportApproved
_TARGET_TYPES = ("target.opened", "target.resolved", "target.submitted", "clip.bound", "clip.unbound")


@dataclass(frozen=True, slots=True)
class Read:
    """An entry as stored and as its type; `subjects` are those of its record."""

    stored: StoredEntry
    entry: Entry
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case: its number as people write it, the recordings bound to it, and further entries that tell of it.

    `targets` are the case and the pending matters that became it, as `kind:id`. `as_of` is the time of the last entry.
    """

    target: str
    number: str
    title: str
    unit: str
    targets: tuple[str, ...]
    clips: tuple[Clip, ...]
    others: tuple[int, ...]
    as_of: str
    requested_by: str | None = None
    approved_by: str | None = None
    reason: str | None = None


def read_case(database: Database, target: str, log_size: int, *, scratch: Path, export: str | None = None) -> CaseFile:
    """Read the case `target` (its id) from the first `log_size` entries, and who asked for `export` and agreed to it.

    `scratch` is a folder for a throw-away catalogue. Raises DamagedError when an entry is not what its record
    promises, NotFoundError when there is no such case.
    """
    reader = _Reader(database, log_size)
    case = reader.about(f"case:{target}", _TARGET_TYPES)
    resolved = [
        each.entry for each in case if isinstance(each.entry, TargetResolved) and each.entry.fact.into == target
    ]
    matters = sorted({f"{entry.fact.kind}:{entry.fact.target}" for entry in resolved})
    targets = (f"case:{target}", *matters)
    for matter in matters:
        case += reader.about(matter, _TARGET_TYPES)
    clips = _clips_in_force(case)
    chains = {clip: reader.about(f"clip:{clip}") for clip in clips}
    chosen = [each for chain in chains.values() for each in chain if _is_own(each, targets)]
    chosen += [each for each in case if isinstance(each.entry, TargetOpened | TargetResolved)]
    chosen += [each for each in case if each.stored.type == "target.submitted"]
    taken_in = [each.entry.fact for each in chosen if isinstance(each.entry, ClipIngested | ClipIncomplete)]
    for recorder in sorted({fact.recorder for fact in taken_in}):
        chosen += reader.about(f"recorder:{recorder}", _RECORDER_TYPES)
    for docking in sorted({fact.docking for fact in taken_in}):
        chosen += reader.about(f"docking:{docking}", _DOCKING_TYPES)
    for person in sorted(_persons(chosen)):
        chosen += reader.about(f"person:{person}", _PERSON_TYPES)
    with TemporaryDirectory(dir=scratch) as folder:
        catalogue = Database(sqlite_url(Path(folder) / "case.db"))
        try:
            _fill(catalogue, chosen, targets)
            with catalogue.read() as session:
                detail = target_detail(session, _ALL, target)
                found = [_clip(session, clip, chains[clip]) for clip in clips]
        finally:
            catalogue.dispose()
    asked = reader.about(f"export:{export}") if export is not None else []
    others = sorted(
        {each.stored.seq for each in (*case, *asked) if isinstance(each.entry, TargetOpened | TargetResolved | _Asked)}
    )
    request = next((each.entry for each in asked if isinstance(each.entry, ExportRequested)), None)
    row = detail.row
    opened = [each.entry for each in case if isinstance(each.entry, TargetOpened)]
    unit = next((each.names.unit for each in opened if each.fact.target == target and each.names), "")
    return CaseFile(
        target=target,
        number=row.number,
        title=row.title,
        unit=unit,
        targets=targets,
        clips=tuple(found),
        others=tuple(others),
        as_of=reader.last_time(),
        requested_by=reader.name_of(getattr(request, "actor", None)),
        approved_by=reader.name_of(
            next((each.entry.actor for each in asked if isinstance(each.entry, ExportApproved)), None)
        ),
        reason=request.text.reason if request is not None and request.text else None,
    )


class _Reader:
    """Reads entries below one size, each checked against its record; every read is a short one of its own."""

    def __init__(self, database: Database, end: int) -> None:
        self._database, self._end = database, end

    def about(self, subject: str, types: Sequence[str] = ()) -> list[Read]:
        with self._database.read() as session:
            stored = list(log.subject_entries(session, subject, end=self._end, types=types))
        return [_read(each) for each in stored]

    def name_of(self, actor: Actor | None) -> str | None:
        """Return what somebody was called last; for the console the system's own name of who sat at it."""
        if actor is None or actor.person is None:
            return actor.os_user if actor is not None else None
        described = self.about(f"person:{actor.person}", _PERSON_TYPES)
        names = [each.entry.names for each in described if isinstance(each.entry, PersonDescribed)]
        return names[-1].name if names and names[-1] else None

    def last_time(self) -> str:
        with self._database.read() as session:
            return log.entry(session, self._end - 1).time


def _read(stored: StoredEntry) -> Read:
    check_parts(stored)
    entry = read_entry(stored.seq, stored.type, stored.values())
    return Read(stored, entry, tuple(parse_record(stored.record).subjects))


def _clips_in_force(case: Iterable[Read]) -> tuple[str, ...]:
    """Return the clips bound to the case or to one of its matters, as the entries leave it, in order of their ids."""
    bindings: dict[str, str] = {}
    for each in sorted(case, key=lambda read: read.stored.seq):
        if isinstance(each.entry, ClipBound):
            bindings[each.entry.fact.binding] = each.entry.fact.clip
        elif isinstance(each.entry, ClipUnbound):
            bindings.pop(each.entry.fact.binding, None)
    return tuple(sorted(set(bindings.values())))


def _is_own(each: Read, targets: Sequence[str]) -> bool:
    """Tell whether an entry about a clip tells of no other case than this one."""
    kinds = ("case", "matter", "task")
    return all(subject in targets for subject in each.subjects if subject.partition(":")[0] in kinds)


def _persons(chosen: Iterable[Read]) -> set[str]:
    """Return everybody whose name a page about these entries may need."""
    found: set[str | None] = set()
    for each in chosen:
        entry = each.entry
        actor, people = getattr(entry, "actor", None), getattr(entry, "people", None)
        if isinstance(actor, Actor):
            found.add(actor.person)
        if people is not None:
            found |= {people.collector, *people.companions}
        if isinstance(entry, TargetOpened):
            found |= set(entry.fact.handlers)
        if isinstance(entry, HolderIssued):
            found.add(entry.fact.person)
    return {person for person in found if person}


def _fill(catalogue: Database, chosen: Iterable[Read], targets: Sequence[str]) -> None:
    """Make a catalogue of nothing but these entries, its histories cut down to what may be told."""
    project.create_tables(catalogue)
    ordered = {each.stored.seq: each for each in chosen}
    with catalogue.write() as session:
        for seq in sorted(ordered):
            each = ordered[seq]
            project.project_alone(session, seq, each.stored.time, each.entry, _told(each, targets))


def _told(each: Read, targets: Sequence[str]) -> Entry | None:
    """Return the entry with the parts that leave the station; None where not even its fact does."""
    parts = disclosed_parts(each.stored.type, each.subjects, targets)
    values = {name: value for name, value in each.stored.values().items() if name in parts}
    return read_entry(each.stored.seq, each.stored.type, values) if "fact" in values else None


def _clip(session: Session, clip: str, chain: Sequence[Read]) -> Clip:
    taken_in = _taken_in(clip, chain)
    entry = taken_in.entry
    assert isinstance(entry, ClipIngested | ClipIncomplete)  # noqa: S101  for mypy: _taken_in returns nothing else
    detail = clip_detail(session, _ALL, clip, leaf_of=lambda _seq: "")
    fact, names, gaps = entry.fact, entry.names, getattr(entry, "gaps", None)
    return Clip(
        clip=clip,
        state=_state(detail, entry),
        sha256=fact.digest[SHA256],
        size_bytes=fact.size_bytes,
        entries=tuple(each.stored.seq for each in chain),
        seq=taken_in.stored.seq,
        taken_in_at=taken_in.stored.time,
        media=fact.media,
        container=fact.container,
        readback=fact.readback,
        recorder=fact.recorder,
        recorder_name=detail.row.recorder_name,
        profile=_profile(session, fact.recorder),
        docking=fact.docking,
        sensitivity=detail.row.sensitivity,
        fields=tuple(FieldValue(each.field, each.value, each.source, each.doubt) for each in detail.fields),
        duration_ms=detail.row.duration_ms,
        width=detail.width,
        height=detail.height,
        frame_rate=detail.frame_rate,
        video_codec=detail.video_codec,
        audio_codec=detail.audio_codec,
        path=detail.path,
        path_raw=tuple(each.raw for each in names.path) if names else (),
        device_time=fact.device_time,
        zone=fact.zone,
        offset_ms=fact.offset_ms,
        recorded_at=detail.row.recorded_at,
        time_trust=detail.row.time_trust,
        companions=detail.companions,
        bindings=tuple(_bound(each) for each in detail.bindings if each.target is not None),
        gaps=tuple(Gap(each.offset_bytes, each.length_bytes) for each in gaps.ranges) if gaps else (),
        more_gaps=gaps.more if gaps else 0,
        sm3=fact.digest.get(SM3),
        history=tuple(_line(each) for each in detail.history),
    )


def _taken_in(clip: str, chain: Sequence[Read]) -> Read:
    """Return the entry that says what the clip's bytes are: the last whole one, else the last incomplete one."""
    for kind in (ClipIngested, ClipIncomplete):
        for each in reversed(chain):
            if isinstance(each.entry, kind):
                return each
    raise DamagedError(f"No entry of the ledger says what the clip {clip} is")


def _state(detail: ClipDetail, entry: Entry) -> State:
    if detail.row.stage == ClipStage.DISPOSED:
        return "disposed"
    return "whole" if isinstance(entry, ClipIngested) else "incomplete"


def _profile(session: Session, recorder: str) -> str:
    profile, _unit = recorder_facts(session, recorder)
    return profile or ""


def _bound(view: BindingView) -> Bound:
    proves = tuple(Proven(text, ranges) for text, ranges in view.proves)
    return Bound(view.binding, view.stage, view.note, view.source, proves, view.bound_at, view.bound_by_name)


def _line(line: HistoryLine) -> Line:
    return Line(line.seq, line.at, line.code, dict(line.params), line.actor_name)
