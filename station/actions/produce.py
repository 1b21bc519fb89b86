"""电子证据包: making the package that was asked for and approved, so that a court can check it without us.

Guarantees: nothing leaves without an approval in the ledger, and nothing that is 疑似涉密; the package speaks of the
ledger up to one signed checkpoint, and made again it speaks of the same; its last file pins every byte before an entry
says that it was produced; what fails on the way leaves nothing under its name. Reads of the database are short, and
nothing is locked while files are copied, so that a docking never waits for an export.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from station import __version__, clock
from station.actions.casefile import CaseFile, read_case
from station.actions.export_state import Export, read_export, require_approved, require_exportable
from station.actions.problems import ProblemError
from station.actions.proofs import anchored
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.derive.layout import proxy_path
from station.digest import SHA256
from station.errors import ConflictError, NotFoundError, StorageError
from station.evidence.store import LocalStore
from station.i18n import translator
from station.ledger import log
from station.ledger.extract import prove_entries, write_evidence
from station.ledger.note import Checkpoint, VerifierKey
from station.ledger.rotation import counting, lines_of, signers
from station.ledger.sign import home_keys
from station.package.bag import Bag, building, check_space, publish
from station.package.content import LEDGER, Clip, Content, Derived
from station.package.verifiers import read_verifiers
from station.package.words import GROUP
from station.package.writing import bag_info, write_documents, write_files
from station.records.disclosure import disclosed_parts
from station.records.entries import Actor
from station.records.export_entries import (
    ExportProduced,
    ExportRequested,
)
from station.stages.anchoring import await_cosigned, gather_anchors, has_network, witnesses_of

__all__ = ["Derive", "Produced", "Show", "produce", "read_export", "require_exportable"]

Show = Callable[[int, int], None]
# Makes further derived files (disclosure copies) of a case's clips in a folder that lasts until the package is made.
Derive = Callable[[CaseFile, Path], Iterable[Derived]]
_DOCUMENTS_BYTES = 16 * 1024 * 1024  # certificate, verifiers and lists, generously
_CLIP_BYTES = 256 * 1024  # of entries and documents a clip
_CLIPS_A_READ = 20


@dataclass(frozen=True, slots=True)
class Produced:
    """A package that was made: its folder, and what its `export.produced` entry (number `seq`) says."""

    folder: Path
    seq: int
    fact: ExportProduced.Fact
    clips: tuple[Clip, ...]

    def document(self) -> dict[str, object]:
        """Return it as JSON (`station export --json`)."""
        return {
            "export": self.fact.export,
            "folder": str(self.folder),
            "log_size": self.fact.log_size,
            "tagmanifest_sha256": self.fact.tagmanifest[SHA256],
            "files": self.fact.files,
            "size_bytes": self.fact.size_bytes,
            "entry": self.seq,
            "clips": [
                {"clip": each.clip, "state": each.state, "sha256": each.sha256, "original": each.original}
                for each in self.clips
            ],
        }


def produce(
    home: Home,
    database: Database,
    custody: Custody,
    store: LocalStore,
    actor: Actor,
    export: str,
    out: Path,
    *,
    derive: Derive | None = None,
    show: Show = lambda done, total: None,
) -> Produced:
    """Make the package of an approved export in `out/<export>`; again, of the same checkpoint, if it was made before.

    `derive` makes the disclosure copies where they were asked for. Raises NotFoundError, ProblemError (export_open,
    export_refused, export_changed, export_secret, export_disclosure), ConflictError where the folder exists,
    DamagedError naming an original that is not as it was taken in, NoSpaceError, ReadbackError, StorageError,
    SignerUnavailableError.
    """
    verifiers = read_verifiers()
    with database.read() as session:
        known = require_approved(session, export)
    size = _size(home, database, custody, known)
    with database.read() as session:
        checkpoint, witnesses, stamps = anchored(session, size)
    keys = counting(home_keys(home), checkpoint)
    case = _chosen(read_case(database, known.request.target, size, scratch=home.run, export=export), known.request)
    content = _content(home, case, export, checkpoint, keys, witnesses, stamps)
    if known.request.playable:
        content = replace(content, derived=_playable(home, content))
    with ExitStack() as held:
        if known.request.disclosure:
            content = replace(content, derived=_with_disclosure(home, held, case, content, derive))
        total = sum(clip.size_bytes for clip in case.clips)
        total += sum(each.source.stat().st_size for each in content.derived)
        _require_space(home, out, total, len(case.clips))
        bag = held.enter_context(building(out, export))
        done = 0

        def count(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            show(min(done, 2 * total), 2 * total)  # every byte is written and then read back

        write_files(bag, _Sources(store), content, count)
        _write_ledger(home, database, bag, case, checkpoint, keys, witnesses, stamps)
        write_documents(bag, content, verifiers)
        date = clock.now().astimezone(home.zone).date().isoformat()
        tag_manifest = bag.close(bag_info(content, date))
        bag.read_back(count)
        fact = _fact(bag, known.request, size, tag_manifest)
        seq = _enter(home, database, custody, bag, ExportProduced(fact=fact, actor=actor), keys)
        folder = publish(bag, out, export)
    return Produced(folder, seq, fact, case.clips)


def _size(home: Home, database: Database, custody: Custody, known: Export) -> int:
    """Return the size of the checkpoint to speak of: that of the first package, unless the log's key has changed since.

    A package is under one key, which signs its checkpoint as well as its seal.
    """
    if known.produced:
        keys, size = home_keys(home), known.produced[0].log_size
        with database.read() as session:
            then, now = log.checkpoint_at(session, size), log.latest_checkpoint(session)
        if then is None or now is None or counting(keys, now)[0] in signers(then.note, keys):
            return size
    return _newest_size(home, database, custody)


def _newest_size(home: Home, database: Database, custody: Custody) -> int:
    """Return the size of the newest checkpoint, with what witnesses and the time stamping authority say to it now.

    Those that don't answer are logged, and the package goes without them.
    """
    asked = sum(1 for each in witnesses_of(home) if each.url)
    if not asked and not home.settings.timestamp_authority:
        return custody.seal().size
    if has_network():
        return gather_anchors(home, database, custody).checkpoint.size
    return await_cosigned(home, database, custody, asked).checkpoint.size


def _with_disclosure(
    home: Home, held: ExitStack, case: CaseFile, content: Content, derive: Derive | None
) -> tuple[Derived, ...]:
    """Have the disclosure copies made in a folder that goes when `held` ends."""
    if derive is None:
        raise ProblemError("export_disclosure", "Disclosure copies were asked for, but can't be made here")
    work = Path(held.enter_context(TemporaryDirectory(dir=home.derived, prefix="export-")))
    return _sorted((*content.derived, *derive(case, work)))


def _write_ledger(
    home: Home,
    database: Database,
    bag: Bag,
    case: CaseFile,
    checkpoint: Checkpoint,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[str],
    stamps: Mapping[str, bytes],
) -> None:
    """Write the entries with their proofs, a few clips at a time beside the database and from there into the bag.

    A read holds up who wants to append, and the bag may lie on a slow stick.
    """
    clips = [clip.clip for clip in case.clips]
    for at in range(0, len(clips), _CLIPS_A_READ):
        with TemporaryDirectory(dir=home.run, prefix="export-") as folder:
            with database.read() as session:
                write_evidence(
                    session,
                    Path(folder) / "ledger",
                    clips[at : at + _CLIPS_A_READ],
                    checkpoint,
                    lambda record: disclosed_parts(record.type, record.subjects, case.targets),
                    keys=keys,
                    others=case.others if at == 0 else (),
                    witnesses=witnesses,
                    stamps=stamps,
                )
            bag.write_tree(LEDGER, Path(folder) / "ledger")


def _chosen(case: CaseFile, request: ExportRequested.Fact) -> CaseFile:
    """Return the case with the clips that were approved, no others; raises ProblemError when one is bound no more."""
    clips = tuple(clip for clip in case.clips if clip.clip in set(request.clips))
    gone = sorted(set(request.clips) - {clip.clip for clip in clips})
    if gone:
        raise ProblemError(
            "export_changed",
            f"These clips were approved but are not of the case any more: {', '.join(gone)}",
            hint="Ask for the export anew",
        )
    return replace(case, clips=clips)


def _content(
    home: Home,
    case: CaseFile,
    export: str,
    checkpoint: Checkpoint,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[str],
    stamps: Iterable[str],
) -> Content:
    return Content(
        export=export,
        log=checkpoint.origin,
        log_size=checkpoint.size,
        checkpoint=checkpoint.note,
        keys=tuple(map(str, keys)),
        as_of=case.as_of,
        target=case.target,
        number=case.number,
        title=case.title,
        unit=case.unit or home.settings.unit,
        zone=home.zone,
        software=f"evidence-station {__version__}",
        clips=case.clips,
        others=case.others,
        witnesses=len(witnesses),
        timestamps=len(list(stamps)),
        requested_by=case.requested_by,
        approved_by=case.approved_by,
        reason=case.reason,
    )


def _playable(home: Home, content: Content) -> tuple[Derived, ...]:
    """Return the playable copies that are there; where a browser plays the original there is none."""
    zh, en = (translator(locale).code(GROUP, "playable") for locale in ("zh_CN", "en"))
    found = []
    for clip in content.clips:
        path = proxy_path(home.derived, clip.sha256)
        if clip.state == "whole" and path.is_file():
            found.append(Derived("playable", clip.clip, path, zh, en))
    return _sorted(found)


def _sorted(derived: Iterable[Derived]) -> tuple[Derived, ...]:
    return tuple(sorted(derived, key=lambda each: each.path))


def _require_space(home: Home, out: Path, size_bytes: int, clips: int) -> None:
    place = out
    while not place.exists() and place != place.parent:
        place = place.parent
    # On the station's own disk the reserve for log-in, ledger and alarms stays untouched.
    ours = place.stat().st_dev in {home.root.stat().st_dev, home.vault.stat().st_dev}
    reserve = home.settings.reserve_bytes if ours else 0
    check_space(out, size_bytes + _DOCUMENTS_BYTES + clips * _CLIP_BYTES, reserve)


def _fact(bag: Bag, request: ExportRequested.Fact, log_size: int, tag_manifest: str) -> ExportProduced.Fact:
    return ExportProduced.Fact(
        export=request.export,
        target=request.target,
        log_size=log_size,
        tagmanifest={SHA256: tag_manifest},
        files=len(bag.files),
        size_bytes=sum(found.size_bytes for found in bag.files.values()),
    )


def _enter(
    home: Home, database: Database, custody: Custody, bag: Bag, entry: ExportProduced, keys: Sequence[VerifierKey]
) -> int:
    """Enter that the package was produced, have that signed, and lay the proof beside the package as its seal.

    No digest covers the seal's signature lines, so it holds those of `keys`, which the package names, and no others.
    Raises ConflictError if the first of these, under which the package was begun, is the log's no more.
    """

    def still_allowed(session: Session) -> None:
        require_approved(session, entry.fact.export)

    (done,) = custody.append(entry, guard=still_allowed, seal=False)
    checkpoint = custody.seal()
    if counting(home_keys(home), checkpoint)[0] != keys[0]:
        raise ConflictError(
            "The log's key was changed while the package was made",
            kept="The entry that it was made stays; no package was handed out",
            hint="Make the package again",
        )
    with database.read() as session:
        stored = log.entry(session, done.seq)
        proof = prove_entries(session, [done.seq], lines_of(checkpoint, keys))[done.seq]
    bag.write("seal.record", stored.record)
    bag.write("seal.payload", stored.payload)
    bag.write("seal.fact.part", stored.parts["fact"])
    bag.write("seal.tlog-proof", proof.encode())
    return done.seq


class _Sources:
    """The vault's originals and partials, and derived files where they lie."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    @contextmanager
    def original(self, clip: Clip) -> Iterator[int]:
        if clip.state == "whole":
            handle = self._store.open(clip.sha256)
        else:
            handle = _open(self._store.partial_path(clip.sha256), f"The incomplete recording {clip.clip}")
        try:
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def derived(self, derived: Derived) -> Iterator[int]:
        handle = _open(derived.source, f"The {derived.kind} copy of the clip {derived.of}")
        try:
            yield handle
        finally:
            os.close(handle)


def _open(path: Path, what: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFoundError(f"{what} is not there any more", kept="No package was made") from error
    except OSError as error:
        raise StorageError(f"{what} can't be opened: {error.strerror}", kept="No package was made") from error
