"""What is said to the eraser and what it answers: JSON lines, strict, one message a line.

Asking: one `TicketHead`, then exactly `files` lines of `TicketFile`. Answering: any number of `progress`; one `file`
for every line of the ticket, numbered from 0 in the ticket's order, as soon as it is decided; last one `ended`. A
ticket that is refused as a whole is answered by `ended` alone. A file without an answer is not known to be erased.
Guarantee: a ticket only names and proves; where the log's public key lies is nothing that a ticket could say.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from station.records.reading import RawTimes

# One record, payload and two parts have 64 KiB each at most (FORMAT.md), doubled by JSON's escapes; a note 256 KiB.
LINE_BYTES = 1024 * 1024
TICKET_FILES = 10_000
TICKET_BYTES = 64 * 1024 * 1024

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_RawHex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", max_length=4096)]
_Hash = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class Refusal(StrEnum):
    """Why a file, or a whole ticket, was not erased. Stored in the ledger: none is ever renamed."""

    # of one file
    NOT_LISTED = "not_listed"
    CHANGED = "changed"
    DIGEST_DIFFERS = "digest_differs"
    UNREADABLE = "unreadable"
    NOT_UNDER_CHECKPOINT = "not_under_checkpoint"
    NOT_INGESTED = "not_ingested"
    NOT_AS_SEALED = "not_as_sealed"
    OTHER_RECORDER = "other_recorder"
    NOT_DIRECT = "not_direct"
    CROSS_LINKED = "cross_linked"
    DAMAGED = "damaged"
    UNSUPPORTED_FILE_SYSTEM = "unsupported_file_system"
    UNSUPPORTED_ENTRY = "unsupported_entry"
    RECORDER_UNTRUSTED = "recorder_untrusted"
    WRITE_FAILED = "write_failed"
    STOPPED = "stopped"
    # of the whole ticket; NOT_UNDER_CHECKPOINT, NOT_DIRECT and UNREADABLE too
    MALFORMED = "malformed"
    NO_SUCH_DEVICE = "no_such_device"
    NOT_A_DISK = "not_a_disk"
    DEVICE_CHANGED = "device_changed"
    NOT_READ_ONLY = "not_read_only"
    BUSY = "busy"
    NO_LOG_KEY = "no_log_key"
    TOO_FEW_COSIGNATURES = "too_few_cosignatures"
    NOT_CONFINED = "not_confined"
    DIED = "died"


class Line(BaseModel):
    """Base of all lines: immutable, unknown keys rejected, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TicketHead(Line):
    """Which disk, in which session, of which recorder, under which signed checkpoint, and how many files follow.

    `diskseq` is the kernel's number of this very appearance of the disk (0 for an image file); `session` names the USB
    enumeration for the log; `checkpoint` is the text of a signed note. Of a recorder with several disks,
    `first_volume` is the number that this disk's first file system has among all of them.
    """

    kind: Literal["ticket"] = "ticket"
    version: Literal[1] = 1
    device: str = Field(min_length=1, max_length=4096)
    diskseq: int = Field(ge=0)
    session: str = Field(max_length=200)
    recorder: str = Field(min_length=1, max_length=128)
    first_volume: int = Field(default=0, ge=0, le=255)
    checkpoint: str = Field(max_length=256 * 1024)
    files: int = Field(ge=1, le=TICKET_FILES)


class TicketFile(Line):
    """One file to erase: where it lies, what it holds, and the proof that it was taken in.

    `path` are the raw names (hex) from the root down. `record`, `payload`, `fact` and `names` are the exact texts of
    its `clip.ingested` entry; `inclusion` is the path from the record's leaf to the checkpoint's root, base64.
    """

    kind: Literal["file"] = "file"
    volume: int = Field(ge=0, le=255)
    path: tuple[_RawHex, ...] = Field(min_length=1, max_length=128)
    address: int = Field(ge=0)
    size_bytes: int = Field(ge=1)
    times: RawTimes
    sha256: _Hex
    record: str = Field(max_length=64 * 1024)
    payload: str = Field(max_length=64 * 1024)
    fact: str = Field(max_length=64 * 1024)
    names: str = Field(max_length=64 * 1024)
    inclusion: tuple[_Hash, ...] = Field(max_length=63)


class EraseProgress(Line):
    """The eraser reads file number `file` again; sent about twice a second."""

    event: Literal["progress"] = "progress"
    file: int = Field(ge=0)
    bytes_done: int = Field(ge=0)


class FileAnswer(Line):
    """What became of file number `file`.

    erased: it was there, was proven, and is gone for good. gone: its entry had been deleted before; clusters that an
    interrupted erasing had left behind were freed. refused: it was not touched, except with `write_failed`, where the
    disk failed half-way and a later ticket goes on. `detail` is plain English for the log.
    """

    event: Literal["file"] = "file"
    file: int = Field(ge=0)
    result: Literal["erased", "gone", "refused"]
    freed_clusters: int = Field(default=0, ge=0)
    reason: Refusal | None = None
    detail: str | None = Field(default=None, max_length=2000)


class Ended(Line):
    """The ticket is done with. `writes` counts the blocks written by what they hold.

    `complete` tells that every file was answered; else `reason` says what refused or broke off the whole ticket.
    """

    event: Literal["ended"] = "ended"
    complete: bool
    reason: Refusal | None = None
    detail: str | None = Field(default=None, max_length=2000)
    writes: dict[Literal["summary", "directory", "table"], int] = Field(default_factory=dict)


Answer = Annotated[EraseProgress | FileAnswer | Ended, Field(discriminator="event")]
answers: TypeAdapter[Answer] = TypeAdapter(Answer)


def ticket_lines(head: TicketHead, files: tuple[TicketFile, ...]) -> bytes:
    """Return a ticket as the eraser reads it."""
    return b"".join(line.model_dump_json().encode() + b"\n" for line in (head, *files))
