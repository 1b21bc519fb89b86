"""What the confined child does: prove every file of the ticket, then delete those that are proven.

Guarantees: nothing is written before every file was found, read from the card past all caches and compared with its
digest; one file that reads differently now than when it was taken in means that nothing at all is erased. What is
answered as erased is off the card for good.
"""

import codecs
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from station import clock
from station.device.erase.blocks import Blocks
from station.device.erase.formats import Found, RefusedError
from station.device.erase.volume import Volume
from station.device.tree import Content
from station.device.volume import Card
from station.direct import BUFFER_BYTES, aligned_buffer
from station.eraser.lines import Lines
from station.eraser.warrant import Trust, check_file, check_head
from station.errors import SourceError
from station.ledger.note import Checkpoint
from station.records.docking_entries import ClipIngested
from station.records.reading import VolumeSeen
from station.records.ticket import Ended, EraseProgress, FileAnswer, Refusal, TicketFile, TicketHead

Say = Callable[[EraseProgress | FileAnswer | Ended], None]

_PROGRESS_SECONDS = 0.5
_DETAIL_CHARACTERS = 2000
# Modules that are loaded when first used: they must be in memory before the files are out of reach.
_CODECS = ("utf-8", "utf-16-le", "ascii")


@dataclass(frozen=True, slots=True)
class _Proven:
    """A file of the ticket that may be deleted."""

    number: int
    volume: Volume
    found: Found


def load() -> None:
    """Bring into memory what is loaded late; call it before the confinement."""
    for name in _CODECS:
        codecs.lookup(name)
    for model in (TicketFile, ClipIngested):
        model.model_rebuild()
    try:
        ClipIngested.read({})
    except ValidationError as error:
        str(error)


def make_say(handle: int) -> Say:
    """Return what writes one message a line to `handle`."""

    def say(message: EraseProgress | FileAnswer | Ended) -> None:
        line = memoryview(message.model_dump_json(exclude_none=True).encode() + b"\n")
        while line:
            line = line[os.write(handle, line) :]

    return say


def work(lines: Lines, head: TicketHead, trust: Trust, handle: int, say: Say) -> None:
    """Carry out a ticket whose head was read, on the open card; raises RefusedError for a ticket refused as a whole.

    Otherwise the last message was said when this returns. OSError means that nobody listens any more.
    """
    checkpoint = check_head(head, trust)
    files = [_read_line(lines.next()) for _ in range(head.files)]
    try:
        blocks = Blocks(handle)
        job = _Job(handle, blocks, say)
    except OSError as error:
        raise RefusedError(Refusal.NOT_DIRECT, f"The card: {error.strerror}") from error
    except SourceError as error:
        raise RefusedError(Refusal.UNREADABLE, error.message) from error
    proven = [each for number, line in enumerate(files) if (each := job.prove(number, line, head, checkpoint))]
    if job.lied:
        for each in proven:
            job.refuse(each.number, Refusal.RECORDER_UNTRUSTED, "Another file of this card reads differently now")
    else:
        job.delete(proven)
    say(Ended(complete=True, writes=dict(blocks.written)))


def _read_line(line: bytes) -> TicketFile:
    try:
        return TicketFile.model_validate_json(line)
    except ValidationError as error:
        raise RefusedError(Refusal.MALFORMED, "A line of the ticket is not of its form") from error


class _Job:
    def __init__(self, handle: int, blocks: Blocks, say: Say) -> None:
        self.lied = False
        self._failed = False
        self._handle, self._blocks, self._say = handle, blocks, say
        self._seen = {each.volume: each for each in Card(handle, "ascii").volumes()}
        self._volumes: dict[int, Volume | RefusedError] = {}
        self._said_at = clock.monotonic()

    def prove(self, number: int, line: TicketFile, head: TicketHead, checkpoint: Checkpoint) -> _Proven | None:
        """Check one file in every way; a file that does not pass is refused, and None is returned."""
        try:
            wanted = check_file(line, head.recorder, checkpoint)
            volume = self._volume(line.volume - head.first_volume)
            found = volume.find(wanted)
            if found.provable and self._hash(number, volume.open_content(found)) != line.sha256:
                if found.live:
                    self.lied = True
                    raise RefusedError(Refusal.DIGEST_DIFFERS, "It reads differently than when it was taken in")
                found = replace(found, clusters=())  # other data by now, whose nobody knows
        except RefusedError as error:
            self.refuse(number, error.reason, error.message)
            return None
        except OSError as error:
            self.refuse(number, Refusal.UNREADABLE, f"It can't be read: {error.strerror or error}")
            return None
        return _Proven(number, volume, found)

    def delete(self, proven: list[_Proven]) -> None:
        """Delete what is proven; after the first failure of the card nothing more is touched.

        When nobody listens any more no further file is, but the file systems are left as whole ones.
        """
        try:
            for each in proven:
                self._delete(each)
        finally:
            if not self._failed:
                self._finish()

    def refuse(self, number: int, reason: Refusal, detail: str) -> None:
        """Answer that a file was not erased."""
        detail = detail[:_DETAIL_CHARACTERS]
        self._say(FileAnswer(file=number, result="refused", reason=reason, detail=detail))

    def _delete(self, each: _Proven) -> None:
        if self._failed:
            self.refuse(each.number, Refusal.STOPPED, "The card failed before its turn")
            return
        try:
            freed = each.volume.delete(each.found)
        except RefusedError as error:
            self.refuse(each.number, error.reason, error.message)
        except OSError as error:
            self._failed = True
            self.refuse(each.number, Refusal.WRITE_FAILED, f"The card failed: {error.strerror or error}")
        else:
            live = each.found.live
            self._say(FileAnswer(file=each.number, result="erased" if live else "gone", freed_clusters=freed))

    def _finish(self) -> None:
        for volume in self._volumes.values():
            if isinstance(volume, Volume):
                try:
                    volume.finish()
                except OSError as error:
                    raise RefusedError(Refusal.WRITE_FAILED, f"The card failed at the end: {error}") from error

    def _volume(self, number: int) -> Volume:
        volume = self._volumes.get(number)
        if volume is None:
            volume = self._volumes[number] = self._open(self._seen.get(number))
        if isinstance(volume, RefusedError):
            raise volume
        return volume

    def _open(self, seen: VolumeSeen | None) -> Volume | RefusedError:
        if seen is None:
            return RefusedError(Refusal.NOT_LISTED, "The card has no such file system")
        try:
            return Volume(self._handle, seen, self._blocks)
        except RefusedError as error:
            return error
        except OSError as error:
            return RefusedError(Refusal.UNREADABLE, f"Its file system can't be read: {error.strerror or error}")

    def _hash(self, number: int, content: Content) -> str:
        hasher = hashlib.sha256()
        with aligned_buffer() as buffer:
            for offset in range(0, content.size_bytes, BUFFER_BYTES):
                with buffer[: min(BUFFER_BYTES, content.size_bytes - offset)] as piece:
                    content.read_into(offset, piece)
                    hasher.update(piece)
                if clock.monotonic() - self._said_at >= _PROGRESS_SECONDS:
                    self._said_at = clock.monotonic()
                    self._say(EraseProgress(file=number, bytes_done=offset))
        return hasher.hexdigest()
