"""Entries about recorders, dockings and what was taken in from them."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Media, Part, Place, Readback, Sha256
from station.records.reading import BadRange, RawName, RawTimes
from station.records.terms import FileResult, Source, TimeTrust


class RecorderKnown(Entry):
    """A recorder was seen for the first time, or its description changed."""

    TYPE: ClassVar[str] = "recorder.known"

    class Fact(Part):
        """`identified_by` says what makes it this recorder: see design, Reading recorders."""

        recorder: str
        profile: str
        identified_by: Literal["serial", "volume", "given", "folder"]

    class Names(Part):
        """`identity` is the key it is recognised by; the rest is for people."""

        identity: str
        serial: str | None = None
        label: str | None = None
        unit: str | None = None

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder."""
        return (f"recorder:{self.fact.recorder}",)


class HolderIssued(Entry):
    """领用登记: a person holds a recorder from `since` on."""

    TYPE: ClassVar[str] = "holder.issued"

    class Fact(Part):
        """One line of the register."""

        holding: str
        recorder: str
        person: str
        since: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder and the person."""
        return (f"recorder:{self.fact.recorder}", f"person:{self.fact.person}")


class HolderReturned(Entry):
    """领用登记: the recorder came back at `until`."""

    TYPE: ClassVar[str] = "holder.returned"

    class Fact(Part):
        """The line of the register that ends."""

        holding: str
        recorder: str
        person: str
        until: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder and the person."""
        return (f"recorder:{self.fact.recorder}", f"person:{self.fact.person}")


class Volume(Part):
    """One file system found on a source."""

    volume: int
    offset_bytes: int
    file_system: str


class DockingStarted(Entry):
    """A recorder (its disk, or the whole by MTP), a card image or a folder was opened for reading."""

    TYPE: ClassVar[str] = "docking.started"

    class Fact(Part):
        """What was opened and by what; `tools` maps a tool's name to its version."""

        docking: str
        recorder: str
        profile: str
        profile_version: str
        source_kind: Literal["device", "image", "folder", "mtp"]
        slot: int | None = None
        volumes: tuple[Volume, ...] = ()
        tools: dict[str, str] = Field(default_factory=dict)
        source_read_only: bool | None = None

    class Names(Part):
        """Where it was, as text, and the volumes' serial numbers and labels in the order of `volumes`."""

        source: str
        serials: tuple[str | None, ...] = ()
        labels: tuple[str | None, ...] = ()

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the docking and the recorder."""
        return (f"docking:{self.fact.docking}", f"recorder:{self.fact.recorder}")


class ClipFact(Part):
    """What is known of a clip when it is taken in, without anything personal.

    `device_time` is naive local time as the recorder told it (`YYYY-MM-DDTHH:MM:SS`), `zone` the profile's zone,
    `offset_ms` how far the recorder's clock was ahead of ours when it was docked, where it could be read, and
    `recorded_at` those put together in UTC: the corrected time. `container` is our own sniff.
    """

    clip: str
    docking: str
    recorder: str
    digest: dict[str, Sha256]
    size_bytes: int = Field(ge=0)
    media: Media
    container: str
    readback: Readback
    important: bool = False
    sequence: int | None = None
    device_time: str | None = None
    zone: str | None = None
    offset_ms: int | None = None
    recorded_at: str | None = None
    time_source: Source | None = None
    time_trust: TimeTrust = TimeTrust.UNKNOWN


class ClipNames(Part):
    """Where the clip lay on the recorder, and what its name tells.

    `path`, `address`, `times` with the recorder and the size are the sighting key.
    """

    path: tuple[RawName, ...]
    volume: int
    address: int
    times: RawTimes
    serial: str | None = None
    police_number: str | None = None


class ClipIngested(Entry):
    """入库: the whole recording lies in the vault, read back and compared."""

    TYPE: ClassVar[str] = "clip.ingested"
    fact: ClipFact
    names: ClipNames | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip, its docking and its recorder."""
        return (f"clip:{self.fact.clip}", f"docking:{self.fact.docking}", f"recorder:{self.fact.recorder}")


class ClipIncomplete(Entry):
    """Part of a recording could not be read: what could is kept apart, the rest zero-filled and listed."""

    TYPE: ClassVar[str] = "clip.incomplete"

    class Gaps(Part):
        """The ranges filled with zeros, at most 500 of them; `more` counts those left out."""

        ranges: tuple[BadRange, ...]
        more: int = 0

    fact: ClipFact
    gaps: Gaps | None = None
    names: ClipNames | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip, its docking and its recorder."""
        return (f"clip:{self.fact.clip}", f"docking:{self.fact.docking}", f"recorder:{self.fact.recorder}")


class ClipConflicted(Entry):
    """An alarm: a file already held came again with other bytes. The first stays; the second is kept beside it."""

    TYPE: ClassVar[str] = "clip.conflicted"

    class Fact(Part):
        """`digest` is of the new bytes, None when they could not be kept."""

        clip: str
        docking: str
        held: dict[str, Sha256]
        digest: dict[str, Sha256]
        kept: bool

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the docking."""
        return (f"clip:{self.fact.clip}", f"docking:{self.fact.docking}")


class DockingFinished(Entry):
    """The docking's end and account: every file seen is in the listing, a blob of its own in the vault."""

    TYPE: ClassVar[str] = "docking.finished"

    class Fact(Part):
        """`counts` per result; `whole` is False when some folder could not be listed or a file not kept."""

        docking: str
        recorder: str
        counts: dict[FileResult, int]
        size_bytes: int = Field(ge=0)
        whole: bool
        listing: dict[str, Sha256] | None

    class Detail(Part):
        """Why it was not whole, in words."""

        text: str

    fact: Fact
    detail: Detail | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the docking and the recorder."""
        return (f"docking:{self.fact.docking}", f"recorder:{self.fact.recorder}")


class ClipProbed(Entry):
    """What a tool says of the recording's content."""

    TYPE: ClassVar[str] = "clip.probed"

    class Fact(Part):
        """`ok` False: the tool could make nothing of it, for `reason`. `playable`: what a browser is given."""

        clip: str
        tool: str
        tool_version: str
        ok: bool
        container: str | None = None
        duration_ms: int | None = Field(default=None, ge=0)
        width: int | None = None
        height: int | None = None
        frame_rate: str | None = None
        video_codec: str | None = None
        audio_codec: str | None = None
        creation_time: str | None = None
        playable: Literal["original", "proxy", "none"]
        reason: str | None = None

    class Detail(Part):
        """The tool's complaint."""

        text: str

    fact: Fact
    place: Place | None = None
    detail: Detail | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip."""
        return (f"clip:{self.fact.clip}",)
