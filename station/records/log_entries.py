"""Entries about the log itself, alarms, checks and looks."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Readback, Sha256


class LogStarted(Entry):
    """The first record of a log: whose it is and what wrote it."""

    TYPE: ClassVar[str] = "log.started"

    class Fact(Part):
        """`origin` names the log and its key; `software` is name and version."""

        origin: str
        software: str

    fact: Fact

    def subjects(self) -> tuple[str, ...]:
        """Return nothing: the record names its log itself."""
        return ()


class LogContinues(Entry):
    """The first record of a log made by a restore; it pins the log it continues (FORMAT.md, Continuation)."""

    TYPE: ClassVar[str] = "log.continues"

    class Fact(Part):
        """`origin` is this log's; `checkpoint` and `vkey` are the old log's last known ones, as text.

        Its first `carried` records, whose tree has the hex root `root`, stand here again as records 1 to `carried`.
        """

        origin: str
        software: str
        vkey: str
        checkpoint: str
        carried: int = Field(ge=1)
        root: Sha256

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return nothing: the record names its log itself."""
        return ()


class KeyRotated(Entry):
    """The log goes over from one key to the next; the checkpoint that ends with this entry is signed by both."""

    TYPE: ClassVar[str] = "log.key_rotated"

    class Fact(Part):
        """Both keys as in log.vkey, and where the new one is kept."""

        old: str
        new: str
        store: Literal["file", "sealed", "pkcs11"]

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return both keys without the log's name, so that the record alone says it (FORMAT.md, Rotation)."""
        return (f"old_key:{self.fact.old.partition('+')[2]}", f"new_key:{self.fact.new.partition('+')[2]}")


class AlarmRaised(Entry):
    """Something a person must look at."""

    TYPE: ClassVar[str] = "alarm.raised"

    class Fact(Part):
        """`kind` is a stable code; `about` the subject in trouble."""

        alarm: str
        kind: str
        about: str | None = None

    class Detail(Part):
        """What happened, in words for people, with names."""

        text: str

    fact: Fact
    detail: Detail | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the alarm, and what it is about."""
        about = (self.fact.about,) if self.fact.about else ()
        return (f"alarm:{self.fact.alarm}", *about)


class AlarmAcknowledged(Entry):
    """A person has seen to an alarm: its cause still stands, or they say that it is gone."""

    TYPE: ClassVar[str] = "alarm.acknowledged"

    class Fact(Part):
        """`about` as in the alarm itself; `gone`: the cause is, by what that person says."""

        alarm: str
        about: str | None = None
        gone: bool

    class Text(Part):
        """What they found or did, in their own words."""

        note: str

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the alarm, and what it is about."""
        about = (self.fact.about,) if self.fact.about else ()
        return (f"alarm:{self.fact.alarm}", *about)


class CheckCompleted(Entry):
    """A verification (完整性校验) and its result."""

    TYPE: ClassVar[str] = "check.completed"

    class Fact(Part):
        """`scope` clip|case|all|scrub; `clips` those checked, if named; `log_size` the log's size then.

        A scrub (scheduled re-reading) has an entry a day and one more for what it finds damaged: `originals_checked`
        are those since its entry before.
        """

        check: str
        scope: Literal["clip", "case", "all", "scrub"]
        clips: tuple[str, ...] = ()
        originals_checked: int = Field(ge=0)
        damaged: tuple[str, ...] = ()
        outcome: Literal["sound", "damaged", "not_checked"]
        log_size: int = Field(ge=0)
        readback: Readback

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the check and each clip it was about."""
        return (f"check:{self.fact.check}", *(f"clip:{clip}" for clip in self.fact.clips))


class FileCompared(Entry):
    """“Is this file ours?”: the digest of a file that somebody has was compared with what the station knows."""

    TYPE: ClassVar[str] = "file.compared"

    class Fact(Part):
        """The random id, and what was answered."""

        check: str
        answer: Literal["original", "incomplete", "conflicting", "playable", "disclosure", "disposed", "unknown"]

    class Look(Part):
        """The file's digest, and the clip it belongs to, None for a file that the station does not know."""

        digest: dict[str, Sha256]
        clip: str | None = None

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the check, not the clip: who has shown an interest in it is nobody's business outside."""
        return (f"check:{self.fact.check}",)


class AccessOpened(Entry):
    """A look at one clip: one entry per session, clip and 15 minutes, written before the first byte leaves."""

    TYPE: ClassVar[str] = "access.opened"

    class Fact(Part):
        """`access` is random, so that the log shown to outsiders does not show who looked at what."""

        access: str

    class Look(Part):
        """The clip and, where the role demands one, the purpose stated; `filmstrip`: some pictures of it, in a list."""

        clip: str
        kind: Literal["play", "original", "copy", "filmstrip"]
        purpose: str | None = None

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the access, not the clip."""
        return (f"access:{self.fact.access}",)


class AccessListed(Entry):
    """A page of posters: the clips not shown to that session in the last 15 minutes."""

    TYPE: ClassVar[str] = "access.listed"

    class Fact(Part):
        """The random access id."""

        access: str

    class Look(Part):
        """The clips whose posters were on the page for the first time, and the page."""

        clips: tuple[str, ...]
        route: str

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the access, not the clips."""
        return (f"access:{self.fact.access}",)


class AccessDenied(Entry):
    """A logged-in person was refused: one entry per person, subject, route and minute, with a count."""

    TYPE: ClassVar[str] = "access.denied"

    class Fact(Part):
        """The random access id and how many refusals it stands for."""

        access: str
        count: int = Field(ge=1)

    class Look(Part):
        """What was asked for, by which route, in which minute (`YYYY-MM-DDTHH:MM`, UTC)."""

        about: str | None
        route: str
        minute: str
        reason: str

    fact: Fact
    look: Look | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the access, not what was asked for."""
        return (f"access:{self.fact.access}",)


class PayloadErased(Entry):
    """A part of an earlier entry is erased by law; the ledger lets exactly that part go."""

    TYPE: ClassVar[str] = "payload.erased"

    class Fact(Part):
        """The entry's `seq`, the `part`'s name, the `digest` it had, and the legal `ground` as a code."""

        seq: int = Field(ge=0)
        part: str
        digest: Sha256
        ground: str
        about: tuple[str, ...] = Field(default=(), description="what that entry was about, as far as it is few")

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the entry erased from, and what that was about."""
        return (f"entry:{self.fact.seq}", *self.fact.about)
