"""Recordings that a browser sends in pieces: begun, gone on with, whole, or given up (tus 1.0.0, the server's part).

A recording from a phone or a room camera comes over lines that break. What came is kept in
`uploads/<upload>/<upload>/<file name>`; its size is how far it has come, so a crash loses nothing that was counted.
Guarantees: never more bytes than were announced, nor than fit beside the reserve together with all that is announced
already; one writer at a time. What is whole is only marked as arrived: `station.handing` takes it into the vault, once
its SHA-256 is the one that the browser computed.
"""

import fcntl
import os
import shutil
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from station import clock
from station.actions.amend import NAME_CHARACTERS, check_time
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.views import Viewer
from station.config import Home
from station.database import Database, Session
from station.digest import is_sha256, new_id
from station.errors import ConflictError, NoSpaceError, NotFoundError, RequestError
from station.records.entries import Actor
from station.records.terms import Origin
from station.state import uploads
from station.state.uploads import UploadView

_logger = structlog.get_logger(__name__)
DOCUMENT_BYTES = 500_000_000
# A case under review still gets documents; a matter that was resolved passes on to its case.
TAKES_DOCUMENTS = ("open", "submitted")
_NAME_BYTES = 200
_AT_ONCE = 200
_LINE_CHARACTERS = 200
_NOTE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is going to be sent, and what its bringer says of it; `modified_at` and `recorded_at` UTC text.

    With `target` it is a document of that case, matter or task.
    """

    name: str
    size_bytes: int
    origin: Origin
    modified_at: str | None = None
    sha256: str = ""
    device: str = ""
    from_whom: str = ""
    note: str = ""
    collector: str | None = None
    collector_name: str | None = None
    recorded_at: str | None = None
    target: str = ""


def begin(database: Database, home: Home, viewer: Viewer, actor: Actor, wanted: Wanted) -> UploadView:
    """Make room for an upload and return it.

    Raises ProblemError (upload_empty, upload_large, upload_many, digest_wrong, line_long, note_long, name_long,
    person_unknown, time_invalid, target_unknown, target_closed), NoSpaceError.
    """
    if wanted.size_bytes < 1:
        raise ProblemError("upload_empty", "The file is empty")
    most = DOCUMENT_BYTES if wanted.target else home.settings.upload_bytes
    if wanted.size_bytes > most:
        raise ProblemError("upload_large", f"The file has more than {most} bytes")
    if wanted.sha256 and not is_sha256(wanted.sha256):
        raise ProblemError("digest_wrong", "That is no SHA-256")
    device, from_whom = _line(wanted.device), _line(wanted.from_whom)
    if len(wanted.note) > _NOTE_CHARACTERS:
        raise ProblemError("note_long", f"A note has {_NOTE_CHARACTERS} characters at most")
    if len(wanted.collector_name or "") > NAME_CHARACTERS:
        raise ProblemError("name_long", f"A name has {NAME_CHARACTERS} characters at most")
    recorded_at = check_time(wanted.recorded_at) if wanted.recorded_at else None
    now = clock.timestamp()
    made = UploadView(
        upload=new_id(),
        person=viewer.person,
        unit=viewer.unit or home.settings.unit,
        actor=actor.model_dump_json(),
        origin=wanted.origin.value,
        name=safe_name(wanted.name),
        size_bytes=wanted.size_bytes,
        modified_at=wanted.modified_at,
        sha256=wanted.sha256,
        device=device,
        from_whom=from_whom,
        note=wanted.note.strip(),
        collector=wanted.collector,
        collector_name=wanted.collector_name,
        recorded_at=recorded_at,
        target=wanted.target,
        created_at=now,
        changed_at=now,
    )
    home.uploads.mkdir(mode=0o2770, exist_ok=True)
    with database.write() as session:
        if made.collector is not None:
            state = checks.person_state(session, made.collector)
            if state is None or state.disabled:
                raise ProblemError("person_unknown", "There is no open account of that person")
        if made.target:
            _require_target(session, viewer, made.target)
        under_way = uploads.list_in(session, uploads.UNFINISHED)
        if sum(each.person == viewer.person and each.state == "receiving" for each in under_way) >= _AT_ONCE:
            raise ProblemError("upload_many", f"{_AT_ONCE} uploads are unfinished already")
        _reserve(home, made.size_bytes, under_way)
        path = path_of(home, made)
        path.parent.mkdir(mode=0o770, parents=True)
        path.touch(mode=0o660)
        uploads.add(session, made)
    return made


def _require_target(session: Session, viewer: Viewer, target: str) -> None:
    state = checks.target_state(session, viewer, target)
    if state is None or not state.visible:
        raise ProblemError("target_unknown", "There is no such case")
    if state.status not in TAKES_DOCUMENTS:
        raise ProblemError("target_closed", f"The {state.kind} {state.number!r} is {state.status}")


def safe_name(name: str) -> str:
    """Return the last step of a path as browsers tell it, without what no file can be called; never empty."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(each for each in unicodedata.normalize("NFC", last) if unicodedata.category(each)[0] != "C")
    plain = " ".join(plain.split())
    while len(plain.encode()) > _NAME_BYTES:  # from the front: the end tells what kind of file it is
        plain = plain[1:]
    return plain if plain.strip(". ") else "recording"


def _line(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > _LINE_CHARACTERS:
        raise ProblemError("line_long", f"A line has {_LINE_CHARACTERS} characters at most")
    return text


def _reserve(home: Home, size_bytes: int, under_way: tuple[UploadView, ...]) -> None:
    """Check that a file fits here and then into the vault, beside all that is announced; raises NoSpaceError."""
    announced = sum(2 * each.size_bytes - received(home, each) for each in under_way)
    free = min(_free(home.uploads), _free(home.vault)) - home.settings.reserve_bytes - announced
    if 2 * size_bytes > free:
        raise NoSpaceError(
            f"{size_bytes} bytes do not fit: {max(0, free)} are free beside the reserve and what is on its way",
            kept="What has come before is kept",
            hint="Make room in the vault or enlarge it",
        )


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def path_of(home: Home, upload: UploadView) -> Path:
    """Return where an upload's bytes lie; the id stands twice, so that no two ever look the same to a docking."""
    return home.uploads / upload.upload / upload.upload / upload.name


def received(home: Home, upload: UploadView) -> int:
    """Return how many bytes of an upload are there."""
    try:
        return path_of(home, upload).stat().st_size
    except FileNotFoundError:
        return 0


def find_own(database: Database, person: str, upload: str) -> UploadView:
    """Return an upload of this person that can be gone on with; raises NotFoundError."""
    with database.read() as session:
        found = uploads.get(session, upload)
    if found is None or found.person != person:
        raise NotFoundError(f"There is no upload {upload}")
    return found


def expires_at(home: Home, upload: UploadView) -> str:
    """Return until when a half upload is kept (UTC text), counted from the last piece that came."""
    try:
        touched = path_of(home, upload).stat().st_mtime
    except FileNotFoundError:
        touched = 0.0
    last = max(clock.parse_time(upload.created_at), datetime.fromtimestamp(touched, UTC))
    return clock.format_time(last + timedelta(days=home.settings.upload_days))


def give_up(database: Database, home: Home, upload: UploadView) -> None:
    """Remove a half upload and what came of it; raises ConflictError once it has arrived."""
    with database.write() as session:
        now = uploads.get(session, upload.upload)
        if now is not None and now.state in ("arrived", "taking"):
            raise ConflictError("The upload has arrived and is being taken in", kept="It is kept")
        uploads.forget(session, upload.upload)
    remove_bytes(home, upload.upload)


def remove_bytes(home: Home, upload: str) -> None:
    """Remove what lies here of an upload."""
    shutil.rmtree(home.uploads / upload, onerror=_tell)


def _tell(_function: object, path: str, error: tuple[type[BaseException], BaseException, TracebackType]) -> None:
    """Log what could not be removed; the hourly cleaning tries again."""
    if not isinstance(error[1], FileNotFoundError):
        _logger.warning("upload not removed", path=path, reason=str(error[1]))


class OffsetError(ConflictError):
    """A piece that does not begin where the last one ended."""


class BusyError(ConflictError):
    """Another request is adding to the same upload."""


class Receiving:
    """One piece of an upload being written: a context manager, to be fed with `write`, ended by `finish`."""

    def __init__(self, home: Home, upload: UploadView, offset: int) -> None:
        """Prepare for a piece from `offset` on."""
        self._path, self._most = path_of(home, upload), upload.size_bytes
        self._begin, self.offset = offset, offset
        self._handle = -1

    def __enter__(self) -> Self:
        """Take the file; raises BusyError, OffsetError, NotFoundError."""
        try:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError("The upload is gone") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise BusyError("Another piece of that upload is on its way") from error
        if os.fstat(self._handle).st_size != self._begin:
            os.close(self._handle)
            raise OffsetError("The piece does not begin where the last one ended")
        os.lseek(self._handle, self._begin, os.SEEK_SET)
        return self

    def write(self, data: bytes) -> None:
        """Add bytes; raises RequestError for more than were announced, NoSpaceError."""
        if self.offset + len(data) > self._most:
            raise RequestError("More bytes than were announced")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise NoSpaceError(f"The piece could not be written: {error.strerror}") from error
        self.offset += len(data)

    def finish(self) -> bool:
        """Tell whether the upload is whole, which then lies on the disk."""
        if self.offset < self._most:
            return False
        os.fsync(self._handle)
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file."""
        os.close(self._handle)


def mark_arrived(database: Database, home: Home, upload: UploadView) -> None:
    """Note that all of an upload is here, under the file's own time as stated: it is taken in next."""
    if upload.modified_at is not None:  # here, since only a file's owner may set its times
        moment = clock.parse_time(upload.modified_at).timestamp()
        os.utime(path_of(home, upload), (moment, moment))
    with database.write() as session:
        present = uploads.get(session, upload.upload)
        if present is not None and present.state == "receiving":
            uploads.note(session, upload.upload, "arrived", clock.now())
