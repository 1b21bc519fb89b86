"""Taking in what does not come by the dock: whole uploads, and what lies still in the watched folder (送交).

Guarantees: it goes the one way all footage goes (`pipeline.hand_in`: read by the confined reader, read back, linked,
entered), and who brought it and what they said of it is sealed with it; other bytes than the browser had are refused
before anything is sealed; a crash at any point is made good by doing the same again. From the watched folder nothing is
moved, and deleted only by the setting, once the vault's copy was read again.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from hashlib import file_digest
from pathlib import Path

import structlog
from watchdog.observers.api import BaseObserver

from station import clock
from station.acquire import inbox
from station.acquire.account import Account, FileAccount
from station.acquire.identify import Identity
from station.actions import uploads as actions
from station.catalogue import checks, intake
from station.catalogue.documents import document_of_target
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.device.names import byte_name
from station.digest import SHA256, new_id
from station.errors import DamagedError, NoSpaceError, ReadbackError, SourceError, StationError, StorageError
from station.evidence.opening import open_store
from station.i18n import translator
from station.ledger import log
from station.pipeline import hand_in
from station.records.case_entries import ClipAmended
from station.records.document_entries import DocumentAdded
from station.records.entries import Actor, Entry
from station.records.handing_entries import ClipHandedIn
from station.records.reading import EntrySeen
from station.records.terms import FileResult, Origin, Source
from station.stages import filing
from station.stages.opening import Request
from station.state import uploads
from station.state.uploads import InboxView, UploadView

_logger = structlog.get_logger(__name__)
_PROFILE = "generic-storage"
_KEPT = (FileResult.NEW, FileResult.HELD)
# Why a file may be taken in after all, later: nothing of it is wrong.
_PASSING = frozenset({"no_space", "unreadable", "readback", "reader_died", "taken_out", "vault_damaged"})
_LOOK_SECONDS = 1.0
_RARELY_SECONDS = 60.0
_RETRY_SECONDS = 60.0
_CLEAN_SECONDS = 3600.0


def run(home: Home, database: Database, custody: Custody, stop: threading.Event) -> None:
    """Take in what arrives, until `stop`; trouble is logged, and tried again."""
    handing = Handing(home, database, custody)
    try:
        while not stop.is_set():
            try:
                handing.step()
            except StationError as error:
                _logger.error("not taken in", reason=error.message, hint=error.hint)
                stop.wait(_RETRY_SECONDS)
            except Exception as error:
                _logger.error("bug", exc_info=error)
                stop.wait(_RETRY_SECONDS)
            stop.wait(_LOOK_SECONDS)
    finally:
        handing.close()


class Handing:
    """The ways in beside the dock; `step` does what there is to do now."""

    def __init__(self, home: Home, database: Database, custody: Custody) -> None:
        self.home, self.database, self.custody = home, database, custody
        self._say = translator(home.settings.locale, home.zone)
        self._again: dict[str, float] = {}
        self._cleaned = float("-inf")
        self._inbox = Inbox(self) if home.settings.inbox else None

    def step(self) -> None:
        """Take in every upload that arrived and every file that lies still; raises StationError for our own side."""
        with self.database.read() as session:
            waiting = uploads.list_in(session, ("taking", "arrived"))
        for upload in waiting:
            if clock.monotonic() >= self._again.get(upload.upload, 0.0):
                self._take(upload)
        if self._inbox is not None:
            self._inbox.step()
        if clock.monotonic() - self._cleaned >= _CLEAN_SECONDS:
            self._cleaned = clock.monotonic()
            clean(self.home, self.database)

    def close(self) -> None:
        """Stop watching."""
        if self._inbox is not None:
            self._inbox.close()

    def identity(self, origin: Origin, unit: str) -> Identity:
        """Return what footage of an origin counts as that was made with: one for each unit, under its name."""
        return Identity(f"handed-in:{origin}:{unit}", "given", None, self._say.code("origin", origin))

    def _take(self, upload: UploadView) -> None:
        path = actions.path_of(self.home, upload)
        try:
            found = _digest(path)
        except OSError as error:
            _logger.error("upload lost", upload=upload.upload, reason=error.strerror)
            self._end(upload, "refused", problem="upload_lost")
            return
        if upload.sha256 and found != upload.sha256:
            self._end(upload, "refused", problem="digest_differs")
            return
        if upload.target:
            self._file(upload, path)
            return
        if upload.state == "arrived":
            with self.database.write() as session:
                held = intake.clip_of_unit(session, found, upload.unit)
                if held is None:
                    uploads.note(session, upload.upload, "taking", clock.now())
            if held is not None:
                self._end(upload, "held", clip=held)
                return
        account = hand_in(self.home, self.database, self.custody, self._request(upload))
        line = next(iter(account.files), None)
        self._judge(upload, line, account)

    def _file(self, upload: UploadView, path: Path) -> None:
        """Take a document of a case into the vault and enter it; again after a crash, without entering it twice."""
        kind = filing.kind_of(path)
        if kind is None:
            self._end(upload, "refused", problem="not_document")
            return
        with self.database.write() as session:
            uploads.note(session, upload.upload, "taking", clock.now())
        try:
            store = open_store(self.home)
            kept = filing.keep(store, path, self.home.settings.further_digests)
        except (NoSpaceError, ReadbackError) as error:
            _logger.error("document waits", upload=upload.upload, reason=error.message, hint=error.hint)
            self._wait(upload, "no_space" if isinstance(error, NoSpaceError) else "readback")
            return
        except DamagedError as error:  # not tried again: each time would put the same bytes aside once more
            _logger.error("document not kept", upload=upload.upload, reason=error.message, kept=error.kept)
            self._end(upload, "refused", problem="document_damaged")
            return
        actor = Actor.model_validate_json(upload.actor)
        held: list[str] = []

        def compose(session: Session) -> Sequence[Entry]:
            known = document_of_target(session, upload.target, kept.sha256)
            target = checks.target_kind(session, upload.target)
            if known is not None or target is None:
                held.extend([known] if known else [])
                return ()
            if not store.exists(kept.sha256):  # a disposal of footage with these bytes took them meanwhile
                raise StorageError(f"{kept.sha256} left the vault before it was entered", kept="The upload is kept")
            fact = DocumentAdded.Fact(
                document=upload.upload,
                target=upload.target,
                target_kind=target,
                digest={SHA256: kept.sha256, **kept.further},
                size_bytes=kept.size_bytes,
                kind=kind,
                readback=kept.readback,
                told={SHA256: upload.sha256} if upload.sha256 else {},
            )
            text = DocumentAdded.Text(
                file_name=upload.name, modified_at=upload.modified_at, from_whom=upload.from_whom, note=upload.note
            )
            return (DocumentAdded(fact=fact, text=text, actor=actor),)

        self.custody.append_from(compose)
        self._end(upload, "taken" if held in ([], [upload.upload]) else "held")

    def _wait(self, upload: UploadView, reason: str) -> None:
        """Try an upload again later, with the reason on its sender's page."""
        self._again[upload.upload] = clock.monotonic() + _RETRY_SECONDS
        with self.database.write() as session:
            uploads.note(session, upload.upload, "taking", clock.now(), problem=reason)

    def _request(self, upload: UploadView) -> Request:
        return Request(
            self.home.uploads / upload.upload,
            profile=_PROFILE,
            actor=Actor.model_validate_json(upload.actor),
            identity=self.identity(Origin(upload.origin), upload.unit),
            unit=upload.unit,
        )

    def _judge(self, upload: UploadView, line: FileAccount | None, account: Account) -> None:
        if line is not None and line.result in _KEPT and line.clip is not None:
            self.tell(line.clip, _entries(upload, line.clip))
            self._end(upload, "taken", clip=line.clip)
            return
        reason = (line.reason if line else None) or "unreadable"
        if reason in _PASSING:
            _logger.warning("upload waits", upload=upload.upload, reason=reason, problem=account.problem)
            self._wait(upload, reason)
            return
        self._end(upload, "refused", problem=reason, clip=line.clip if line else None)

    def tell(self, clip: str, entries: Sequence[Entry]) -> None:
        """Seal who brought a clip and what was said of it, unless that was done before a crash."""

        def compose(session: Session) -> Sequence[Entry]:
            told = any(each.type == ClipHandedIn.TYPE for each in log.subject_entries(session, f"clip:{clip}"))
            return () if told else entries

        self.custody.append_from(compose)

    def _end(self, upload: UploadView, state: str, *, problem: str | None = None, clip: str | None = None) -> None:
        with self.database.write() as session:
            uploads.note(session, upload.upload, state, clock.now(), problem=problem, clip=clip)
        actions.remove_bytes(self.home, upload.upload)
        _logger.info("upload ended", upload=upload.upload, state=state, problem=problem, clip=clip)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, SHA256).hexdigest()


def _entries(upload: UploadView, clip: str) -> tuple[Entry, ...]:
    """Return what is sealed of an upload that became a clip: how it came, then time and collector as stated."""
    actor = Actor.model_validate_json(upload.actor)
    entries: list[Entry] = [
        ClipHandedIn(
            fact=ClipHandedIn.Fact(
                clip=clip,
                handing=upload.upload,
                origin=Origin(upload.origin),
                told={SHA256: upload.sha256} if upload.sha256 else {},
            ),
            text=ClipHandedIn.Text(
                file_name=upload.name, device=upload.device, from_whom=upload.from_whom, note=upload.note
            ),
            actor=actor,
        )
    ]
    if upload.recorded_at is not None:
        fact = ClipAmended.Fact(clip=clip, field="time", source=Source.STATED, recorded_at=upload.recorded_at)
        entries.append(ClipAmended(fact=fact, actor=actor))
    if upload.collector is not None or upload.collector_name:
        people = ClipAmended.People(collector=upload.collector, collector_name=upload.collector_name)
        fact = ClipAmended.Fact(clip=clip, field="collector", source=Source.STATED)
        entries.append(ClipAmended(fact=fact, people=people, actor=actor))
    return tuple(entries)


def clean(home: Home, database: Database) -> None:
    """Remove half uploads that nobody went on with, rows that are old, and folders that no row knows."""
    # Looked at before the rows are: an upload that begins meanwhile has its row before anybody else can write.
    folders = {folder.name for folder in home.uploads.iterdir()} if home.uploads.is_dir() else set()
    now = clock.now()
    oldest = clock.format_time(now - timedelta(days=home.settings.upload_days))
    with database.write() as session:
        half = [each for each in uploads.list_in(session, ("receiving",)) if _is_over(home, each)]
        ended = [each for each in uploads.list_in(session, ("taken", "held", "refused")) if each.changed_at < oldest]
        for each in (*half, *ended):
            uploads.forget(session, each.upload)
        known = uploads.ids(session)
    for each in half:
        _logger.info("half upload removed", upload=each.upload, received_bytes=actions.received(home, each))
        actions.remove_bytes(home, each.upload)
    for stray in sorted(folders - known - {each.upload for each in half}):
        _logger.info("stray upload removed", upload=stray)
        actions.remove_bytes(home, stray)


def _is_over(home: Home, upload: UploadView) -> bool:
    return actions.expires_at(home, upload) < clock.timestamp()


class Inbox:
    """The watched folder; what was refused stays known, with the reason, until the file is gone or another."""

    def __init__(self, handing: Handing) -> None:
        self._handing = handing
        self._folder = Path(handing.home.settings.inbox)
        self._stability = inbox.Stability(handing.home.settings.inbox_settle_seconds)
        self._woken = threading.Event()
        self._looked = float("-inf")
        self._observer: BaseObserver | None = None
        self._again: dict[str, float] = {}

    def step(self) -> None:
        """Look at the folder if there is a reason to, and take in what lies still."""
        now = clock.monotonic()
        if not (self._woken.is_set() or self._stability.waiting or now - self._looked >= _RARELY_SECONDS):
            return
        self._woken.clear()
        self._looked = now
        try:
            if self._observer is None:
                self._observer = inbox.watch(self._folder, self._woken.set)
            present = inbox.look(self._folder, _name)
        except SourceError as error:
            _logger.error("inbox", reason=error.message, hint=error.hint)
            self._tell_unreadable()
            return
        new = self._new(present)
        settled = {path for path in self._stability.settled(new, now) if now >= self._again.get(path, 0.0)}
        if settled:
            self._take({path: new[path] for path in settled})

    def _tell_unreadable(self) -> None:
        """Keep for the page that the folder itself can't be read, until it can again."""
        view = InboxView("", 0, "", FileResult.SKIPPED, "unreadable", None, clock.timestamp())
        with self._handing.database.write() as session:
            uploads.note_file(session, view)

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def _new(self, present: dict[str, inbox.Still]) -> dict[str, inbox.Still]:
        """Return the files that were not looked at as they are now; forget those that are gone."""
        with self._handing.database.read() as session:
            known = {each.path: each for each in uploads.files(session)}
        gone = [path for path in known if path not in present]
        if gone:
            with self._handing.database.write() as session:
                uploads.forget_files(session, gone)
        return {path: look for path, look in present.items() if not _same(known.get(path), look)}

    def _take(self, files: dict[str, inbox.Still]) -> None:
        def accepts(entry: EntrySeen) -> bool:
            path = "/".join(part.text for part in entry.path)
            return path in files and entry.size_bytes == files[path].size_bytes

        handing, unit = self._handing, self._handing.home.settings.unit
        request = Request(
            self._folder,
            profile=_PROFILE,
            identity=handing.identity(Origin.INBOX, unit),
            unit=unit,
            accepts=accepts,
        )
        account = hand_in(handing.home, handing.database, handing.custody, request)
        for line in account.files:
            self._judge(line, files[line.path])
        for path in files.keys() - {line.path for line in account.files}:  # it changed, or went, meanwhile
            self._again[path] = clock.monotonic() + _RETRY_SECONDS

    def _judge(self, line: FileAccount, look: inbox.Still) -> None:
        kept = line.result in _KEPT and line.clip is not None
        if not kept and (line.reason or "unreadable") in _PASSING:
            self._again[line.path] = clock.monotonic() + _RETRY_SECONDS
        if kept and line.clip is not None:
            told = ClipHandedIn.Fact(clip=line.clip, handing=new_id(), origin=Origin.INBOX)
            text = ClipHandedIn.Text(file_name=line.path[-255:])
            self._handing.tell(line.clip, (ClipHandedIn(fact=told, text=text, actor=Actor(via="station")),))
            if self._handing.home.settings.inbox_delete and self._delete(line, look):
                return
        if kept or line.path not in self._again:
            _logger.info("inbox file", path=line.path, result=line.result, reason=line.reason)
            self._again.pop(line.path, None)
            view = InboxView(
                line.path,
                look.size_bytes,
                str(look.modified),
                line.result.value,
                line.reason,
                line.clip,
                clock.timestamp(),
            )
            with self._handing.database.write() as session:
                uploads.note_file(session, view)

    def _delete(self, line: FileAccount, look: inbox.Still) -> bool:
        """Delete a file that the vault holds, once its copy was read again; False if it is to stay."""
        path = self._folder / line.path
        if line.sha256 is None or open_store(self._handing.home).read_back(line.sha256).sha256 != line.sha256:
            return False
        try:
            status = path.stat(follow_symlinks=False)
            if (status.st_size, status.st_mtime_ns) != (look.size_bytes, look.modified):
                return False
            path.unlink()
        except OSError as error:
            _logger.error("inbox file not deleted", path=line.path, reason=error.strerror)
            return False
        _logger.info("inbox file deleted", path=line.path, clip=line.clip)
        return True


def _name(raw: bytes) -> str:
    return byte_name(raw).text


def _same(known: InboxView | None, look: inbox.Still) -> bool:
    return known is not None and (known.size_bytes, known.modified) == (look.size_bytes, str(look.modified))
