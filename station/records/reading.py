"""What the confined reader and its parent say to each other: JSON lines, one message a line.

Reader → parent, in this order: `volume` (once a file system), `entry` (once a file), `listed`; then for each file
the parent asked for any number of `progress` and exactly one `copied`; last `done`. `fault` may come at any time:
it names trouble with the source that is not about one file. Parent → reader, after `listed`: one `copy` line.
Guarantee: a line that is not one of these is a broken reader, never something to guess about (ReaderDiedError).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Message(BaseModel):
    """Base of all lines: immutable, unknown keys rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RawName(Message):
    """A name as the device stored it: `raw` hex of its bytes, their `encoding`, `text` a lossy display form."""

    raw: str = Field(pattern=r"^([0-9a-f]{2})*$")
    encoding: str
    text: str


class RawTimes(Message):
    """Times as stored, `YYYY-MM-DDTHH:MM:SS[.ffffff]`, without zone where the file system stores none.

    `zone_offset_minutes` is the UTC offset of the modification time that exFAT or MTP tells; 0 where the file system
    stores UTC (NTFS, ext, folders); None where no offset is stored.
    """

    modified: str | None = None
    created: str | None = None
    accessed: str | None = None
    zone_offset_minutes: int | None = None


class VolumeSeen(Message):
    """A readable file system: its place in the disk and its identity."""

    event: Literal["volume"] = "volume"
    volume: int = Field(ge=0, description="index of the file system in the source, from 0")
    offset_bytes: int = Field(ge=0)
    file_system: str = Field(description="fat12|fat16|fat32|exfat|ntfs|ext|…|folder|mtp")
    serial: str | None = Field(default=None, description="volume serial number, hex")
    label: str | None = None


EntryState = Literal["file", "empty", "unclosed", "deleted", "directory_damaged", "symlink", "special", "stream"]


class EntrySeen(Message):
    """One thing in the listing. `id` is the reader's handle for it, unique in this docking.

    `state`: file (copyable) · empty (0 bytes, no clusters) · unclosed (size 0 but an allocated chain: a recording cut
    off) · deleted (still listed in the directory; told, not copied) · directory_damaged (this folder can't be listed)
    · symlink, special (never followed) · stream (named NTFS stream; copyable).
    `path` are the names from the root down. `address` is the metadata address (inode) within the volume; by MTP, the
    number among those of the same path.
    """

    event: Literal["entry"] = "entry"
    id: int = Field(ge=0)
    volume: int = Field(ge=0)
    path: tuple[RawName, ...]
    address: int
    state: EntryState
    size_bytes: int = Field(ge=0)
    times: RawTimes = RawTimes()
    media: Literal["video", "audio", "photo"] | None = None
    container: str | None = None
    note: str | None = Field(default=None, description="plain English detail for the log, never parsed")


class Listed(Message):
    """The listing is complete; `whole` is False when some folder or volume could not be listed."""

    event: Literal["listed"] = "listed"
    entries: int
    whole: bool


class CopyProgress(Message):
    """Bytes of entry `id` read so far; sent at most about ten times a second."""

    event: Literal["progress"] = "progress"
    id: int
    bytes_done: int


class BadRange(Message):
    """A range of the file that could not be read and was written as zeros."""

    offset_bytes: int
    length_bytes: int


class Copied(Message):
    """Entry `id` lies in the staging folder as `staged`, synced; `sha256` is of all bytes written there.

    `further_digests` maps the other algorithms that were asked for to the hex of the same bytes.
    With `bad_ranges` the file is incomplete. `staged` None: nothing could be kept, `reason` says why.
    `reread` is True when the parent asked for a digest only (`rehash`), and then `staged` is None too.
    """

    event: Literal["copied"] = "copied"
    id: int
    staged: str | None
    sha256: str | None
    size_bytes: int
    bad_ranges: tuple[BadRange, ...] = ()
    reread: bool = False
    reason: str | None = None
    further_digests: dict[str, str] = {}


class Fault(Message):
    """Trouble with the source as a whole, or a part of it, in plain English."""

    event: Literal["fault"] = "fault"
    what: str


class Done(Message):
    """The reader has nothing more to do and ends."""

    event: Literal["done"] = "done"


class ReaderOptions(Message):
    """How the reader is started: the one argument of `station.reader`, as JSON.

    `source` is an open descriptor of the card, or of what `kind` says: a folder, or the usbfs node of a recorder that
    speaks MTP. With `direct` a folder's files are read past the page cache (a card's descriptor says so itself).
    `parent` is the pid it dies with. `further_digests` are those to compute beside SHA-256.
    """

    source: int
    kind: Literal["card", "folder", "mtp"]
    direct: bool
    code_page: str
    user: str
    parent: int
    further_digests: tuple[str, ...] = ()


class CopyOrder(Message):
    """What the parent wants: entries to copy, and entries to hash only, both in this order."""

    copy_ids: tuple[int, ...]
    rehash_ids: tuple[int, ...] = ()


ReaderMessage = Annotated[
    VolumeSeen | EntrySeen | Listed | CopyProgress | Copied | Fault | Done, Field(discriminator="event")
]
reader_messages: TypeAdapter[ReaderMessage] = TypeAdapter(ReaderMessage)
