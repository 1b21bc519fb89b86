"""Entries about recorders on the dock: who may be read, what was turned away, and how their clocks go."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part

IdentifiedBy = Literal["serial", "volume", "given", "folder"]


class RecorderEnrolled(Entry):
    """An administrator says that this recorder belongs here: from now on the dock reads it without a hand."""

    TYPE: ClassVar[str] = "recorder.enrolled"

    class Fact(Part):
        """The recorder and the profile it is read by."""

        recorder: str
        profile: str
        identified_by: IdentifiedBy

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


class RecorderWithdrawn(Entry):
    """The recorder is no longer read at the dock; what was taken in from it stays."""

    TYPE: ClassVar[str] = "recorder.withdrawn"

    class Fact(Part):
        """The recorder."""

        recorder: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder."""
        return (f"recorder:{self.fact.recorder}",)


class RecorderQuarantined(Entry):
    """隔离待处理: something at the dock was turned away; nothing was copied from it and nothing written to it."""

    TYPE: ClassVar[str] = "recorder.quarantined"

    class Fact(Part):
        """`reason` is a stable code; `recorder` is given where it is a known one; ids are hex as on the bus."""

        quarantine: str
        reason: Literal[
            "unknown_recorder",
            "duplicate_recorder",
            "withdrawn_recorder",
            "forbidden_interface",
            "unknown_device",
            "ambiguous_profile",
            "not_read_only",
            "bytes_differ",
            "unlock_refused",
            "no_storage",
        ]
        slot: int | None = None
        recorder: str | None = None
        profile: str | None = None
        vendor_id: str
        product_id: str
        interfaces: tuple[str, ...] = ()

    class Names(Part):
        """What it said of itself: forgeable, so never proof of anything."""

        identity: str | None = None
        serial: str | None = None
        label: str | None = None
        product: str | None = None

    fact: Fact
    names: Names | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the quarantine and, where it is known, the recorder."""
        known = (f"recorder:{self.fact.recorder}",) if self.fact.recorder else ()
        return (f"quarantine:{self.fact.quarantine}", *known)


class ClockMeasured(Entry):
    """The recorder's clock beside ours, before anything was copied."""

    TYPE: ClassVar[str] = "clock.measured"

    class Fact(Part):
        """`device_time` is naive in `zone`, `host_time` ours in UTC; `offset_ms` how far the recorder is ahead.

        The reading is good to `uncertainty_ms`, the clock's own whole seconds included; `synchronised` tells whether
        our own clock followed a time source.
        """

        recorder: str
        device_time: str
        zone: str
        host_time: str
        offset_ms: int
        uncertainty_ms: int = Field(ge=0)
        synchronised: bool

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder."""
        return (f"recorder:{self.fact.recorder}",)


class ClockSet(Entry):
    """The recorder's clock was set to ours, after everything on it was taken in."""

    TYPE: ClassVar[str] = "clock.set"

    class Fact(Part):
        """`set_to` is naive in `zone`; our own clock followed a time source, else it would not have been set."""

        recorder: str
        set_to: str
        zone: str
        synchronised: Literal[True] = True

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return the recorder."""
        return (f"recorder:{self.fact.recorder}",)
