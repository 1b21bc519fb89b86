"""What a witness keeps: its key, the logs it trusts, the last checkpoint of each, and evidence against them.

Guarantees: one process at a time serves a folder (flock); what is remembered of a log is durable before a cosignature
over it leaves, and never goes back; checking and remembering are one step, whatever arrives at the same time. Evidence
is written before the answer that refuses, each conflicting checkpoint once.

    witness.key witness.vkey                the key, 0400 and 0444
    logs/<sha256 of origin>/keys            verifier keys trusted for the origin, one a line
    logs/<sha256 of origin>/checkpoint      the checkpoint cosigned last, with the log's own signature lines
    logs/<…>/keys.<time>.forgotten          the keys of a log until it was forgotten; its checkpoint stays in force
    evidence/<alarm>.json                   a signed checkpoint that conflicts, and what was remembered then
"""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from station import clock, durable
from station.digest import is_id, new_id, sha256_hex
from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError, StorageError
from station.ledger.cosign import CosignerKey, CosigningKey
from station.ledger.note import Checkpoint, VerifierKey, parse_checkpoint
from station.ledger.witness import (
    TEXT_TYPE,
    Conflict,
    RefusedRequestError,
    Remembered,
    check_request,
    cosigned_lines,
    parse_request,
    verify_signed,
)

KEY_FILE = "witness.key"
VERIFIER_FILE = "witness.vkey"
LOCK_FILE = "witness.lock"
MOST_EVIDENCE = 1000  # files; a log that shows so many conflicting checkpoints is convicted by the first

_LOGS, _EVIDENCE, _KEYS, _CHECKPOINT = "logs", "evidence", "keys", "checkpoint"
_FORGOTTEN = ".forgotten"
_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checkpoint that a trusted key signed and that conflicts with `remembered` (a note, or empty for none).

    `alarm` is its opaque id, `seen_at` when it came (text form of station.clock).
    """

    alarm: str
    kind: Conflict
    origin: str
    seen_at: str
    note: str
    remembered: str


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log that this witness cosigns: its keys, and the checkpoint cosigned last, None before the first."""

    origin: str
    keys: tuple[VerifierKey, ...]
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The files that are kept of a log that is cosigned no more; `checkpoint` is None if it never was."""

    keys: Path
    checkpoint: Path | None
    evidence: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer a request with."""

    status: int
    body: str
    content_type: str = TEXT_TYPE


class WitnessFolder:
    """A witness's folder; cheap to make. Everything is read anew, so that a log trusted meanwhile is known at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_key(self, name: str) -> CosignerKey:
        """Make the witness's key; raises ConflictError if there is one, LedgerError for a name that can't be."""
        if (self.path / KEY_FILE).exists():
            raise ConflictError(f"There is a witness's key in {self.path} already", kept="It was not touched")
        key = CosigningKey.make(name)
        durable.make_folder(self.path, 0o750)
        durable.replace_file(self.path / VERIFIER_FILE, f"{key.verifier}\n".encode(), 0o444)
        durable.replace_file(self.path / KEY_FILE, key.private_text().encode(), 0o400)
        return key.verifier

    def verifier(self) -> CosignerKey:
        """Return the public key; raises LedgerError."""
        return CosignerKey.parse(_read(self.path / VERIFIER_FILE, "Make one with `station witness key`"))

    def signing_key(self) -> CosigningKey:
        """Open the private key; raises LedgerError."""
        return CosigningKey.parse(_read(self.path / KEY_FILE, "Make one with `station witness key`"))

    def trust(self, key: VerifierKey, origin: str = "") -> bool:
        """Cosign the log that `key` signs from now on; returns False if it is trusted already.

        `origin` is the log's name where it is not the key's. Another key of a known log is one beside those it has.
        """
        origin = origin or key.name
        if "\n" in origin or not origin:
            raise LedgerError(f"{origin!r} can't be the origin of a log")
        folder = self._folder(origin)
        trusted = self.keys(origin)
        if key in trusted:
            return False
        durable.make_folder(folder, 0o750)
        lines = [origin, *map(str, (*trusted, key))]
        durable.replace_file(folder / _KEYS, "".join(f"{line}\n" for line in lines).encode(), _MODE)
        return True

    def forget(self, origin: str) -> Forgotten:
        """Cosign nothing more of a log, whatever key signs it; its keys, checkpoint and evidence are kept.

        The checkpoint stays where it is looked for, so that a log trusted again later can't be rolled back below it.
        Raises NotFoundError for a log that is not trusted, StorageError.
        """
        if not self.keys(origin):
            raise NotFoundError(f"{origin!r} is no log that is cosigned here", hint="See `station witness list`")
        folder = self._folder(origin)
        kept = folder / f"{_KEYS}.{clock.timestamp()}{_FORGOTTEN}"
        try:
            (folder / _KEYS).rename(kept)
        except OSError as error:
            raise StorageError(f"{folder / _KEYS} could not be renamed: {error.strerror}", kept="Nothing") from error
        durable.sync_directory(folder)
        checkpoint = folder / _CHECKPOINT
        evidence = tuple(
            self.path / _EVIDENCE / f"{each.alarm}.json" for each in self.evidence() if each.origin == origin
        )
        return Forgotten(kept, checkpoint if checkpoint.exists() else None, evidence)

    def keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys trusted for an origin, none for a log that is not known; raises LedgerError."""
        path = self._folder(origin) / _KEYS
        if not path.exists():
            return ()
        first, *lines = _read(path).splitlines()
        if first != origin:
            raise DamagedError(f"{path} is of the log {first}")
        return tuple(map(VerifierKey.parse, lines))

    def logs(self) -> tuple[KnownLog, ...]:
        """Return all logs by origin; raises LedgerError."""
        known = []
        for path in (self.path / _LOGS).glob(f"*/{_KEYS}"):
            origin = _read(path).partition("\n")[0]
            known.append(KnownLog(origin, self.keys(origin), self.latest(origin)))
        return tuple(sorted(known, key=lambda each: each.origin))

    def latest(self, origin: str) -> Checkpoint | None:
        """Return the checkpoint cosigned last; raises DamagedError: without its memory a witness cosigns nothing."""
        path = self._folder(origin) / _CHECKPOINT
        if not path.exists():
            return None
        checkpoint = parse_checkpoint(_read(path))
        if checkpoint.origin != origin:
            raise DamagedError(f"{path} is of the log {checkpoint.origin}")
        return checkpoint

    def remember(self, checkpoint: Checkpoint) -> None:
        """Make the checkpoint cosigned next durable; raises StorageError, and then it must not be cosigned."""
        path = self._folder(checkpoint.origin) / _CHECKPOINT
        durable.replace_file(path, checkpoint.note.encode(), _MODE)

    def evidence(self) -> tuple[Evidence, ...]:
        """Return all evidence, oldest first; raises DamagedError."""
        found = []
        for path in (self.path / _EVIDENCE).glob("*.json"):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                kind = Conflict(document.pop("kind"))
                item = Evidence(alarm=path.stem, kind=kind, **document)
            except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
                raise DamagedError(f"{path} is no evidence that a witness wrote: {error}") from error
            if is_id(item.alarm):
                found.append(item)
        return tuple(sorted(found, key=lambda each: (each.seen_at, each.alarm)))

    def keep_evidence(self, kind: Conflict, checkpoint: Checkpoint, remembered: Checkpoint | None) -> Evidence | None:
        """Write a conflicting checkpoint down durably; None if it was before, or there is more than enough."""
        known = self.evidence()
        same = (kind, checkpoint.origin, checkpoint.size, checkpoint.root)
        if len(known) >= MOST_EVIDENCE or any(
            (each.kind, each.origin, *_size_and_root(each.note)) == same for each in known
        ):
            return None
        item = Evidence(
            alarm=new_id(),
            kind=kind,
            origin=checkpoint.origin,
            seen_at=clock.timestamp(),
            note=checkpoint.note,
            remembered=remembered.note if remembered else "",
        )
        durable.make_folder(self.path / _EVIDENCE, 0o750)
        document = {name: str(getattr(item, name)) for name in ("kind", "origin", "seen_at", "note", "remembered")}
        content = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
        durable.replace_file(self.path / _EVIDENCE / f"{item.alarm}.json", content, 0o440)
        return item

    @contextmanager
    def served(self) -> Iterator[None]:
        """Keep every other process from serving this folder; raises ConflictError if one does."""
        durable.make_folder(self.path, 0o750)
        with (self.path / LOCK_FILE).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConflictError(f"Another process serves the witness in {self.path} already") from error
            yield

    def _folder(self, origin: str) -> Path:
        return self.path / _LOGS / sha256_hex(origin.encode())


class Witness:
    """A witness at work; hold `folder.served()` while it answers. Safe to share between threads."""

    def __init__(self, folder: WitnessFolder, found: Callable[[Evidence], None] = lambda _: None) -> None:
        """`found` is told of each new piece of evidence, after it was kept."""
        self._folder = folder
        self._found = found
        self._key = folder.signing_key()
        self._lock = threading.Lock()
        self._broken = ""

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request; raises StorageError, DamagedError when our own side failed, and nothing is cosigned."""
        evidence: Evidence | None = None
        try:
            request = parse_request(body)
            checkpoint = verify_signed(request, self._folder.keys(request.checkpoint.origin))
            with self._lock:
                self._check_whole()
                latest = self._folder.latest(checkpoint.origin)
                remembered = Remembered(latest.size, latest.root) if latest else Remembered()
                try:
                    check_request(request, checkpoint, remembered)
                except RefusedRequestError as error:
                    if error.conflict is not None:
                        evidence = self._folder.keep_evidence(error.conflict, checkpoint, latest)
                    raise
                if (checkpoint.size, checkpoint.root) != (remembered.size, remembered.root) or latest is None:
                    self._remember(checkpoint)
                signature = self._key.cosign(_text_of(checkpoint), int(clock.now().timestamp()))
        except RefusedRequestError as error:
            if evidence is not None:
                self._found(evidence)
            return Answer(error.status, error.body, error.content_type)
        return Answer(200, cosigned_lines([signature]))

    def _remember(self, checkpoint: Checkpoint) -> None:
        try:
            self._folder.remember(checkpoint)
        except StorageError as error:
            self._broken = error.message  # what lies on the disk is unknown: only a new start may find out
            raise

    def _check_whole(self) -> None:
        if self._broken:
            raise StorageError(f"The witness could not save what it remembers: {self._broken}")


def default_name(origin: str) -> str:
    """Return a name for the key of the witness that belongs to the station whose log is `origin`."""
    return f"{origin}/witness"


def _text_of(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.note.rpartition(chr(10) * 2)[0]}\n"


def _size_and_root(note: str) -> tuple[int, bytes]:
    checkpoint = parse_checkpoint(note)
    return checkpoint.size, checkpoint.root


def _read(path: Path, hint: str = "") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} can't be read: {error}", hint=hint) from error
