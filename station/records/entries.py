"""A typed payload for every entry type of the ledger: what is written, and how it is read back years later.

Guarantees: building one validates it; `draft()` gives exactly the parts the ledger stores; `read_entry` is its
inverse and tells an erased part (None) from one that was never there only by the record itself. `fact` holds
nothing personal: digests, sizes, opaque ids, tool versions. All other parts can be erased or withheld one by one.
Frozen once released: fields are added with a default, never renamed or removed.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from station.records.draft import Draft, Json

Sha256 = str
Media = Literal["video", "audio", "photo"]
Readback = Literal["direct", "dropped", "none"]


class Part(BaseModel):
    """Base of all parts: immutable, unknown keys rejected."""

    # Validators are built when first used: a docking needs few of the many types, and starts sooner.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Actor(Part):
    """Who did it, by opaque id, and how sure we are: `strength` is how the session was opened.

    `person` None: the station itself, or somebody at its console (`via`), named by the operating system. `via` api: a
    program in the person's name; `session` is then its token's id (`token.issued`). A badge alone opens no session;
    `badge_pin` is badge and PIN at the dock, and such a session only tags; `two_factors` password and one-time code.
    """

    person: str | None = None
    via: Literal["web", "console", "station", "api"]
    session: str | None = None
    strength: Literal["password", "two_factors", "link", "badge", "badge_pin", "console", "token", "none"] = "none"
    os_user: str | None = None


class Place(Part):
    """采集地点: text, and coordinates as decimal degrees in text form with their datum named."""

    text: str | None = None
    latitude: str | None = Field(default=None, pattern=r"^-?\d{1,2}(\.\d+)?$")
    longitude: str | None = Field(default=None, pattern=r"^-?\d{1,3}(\.\d+)?$")
    datum: Literal["WGS-84", "GCJ-02", "BD-09", "unknown"] | None = None


class TimeRange(Part):
    """A stretch of a clip, in milliseconds from its start; `end_ms` is exclusive."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)


class Proof(Part):
    """证明对象: what the clip proves, and where in it."""

    text: str = Field(min_length=1, max_length=500)
    ranges: tuple[TimeRange, ...] = ()


class Entry(BaseModel):
    """Base of all entries: `TYPE` is the record's type, `fact` is never missing."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    TYPE: ClassVar[str]

    def subjects(self) -> tuple[str, ...]:
        """Return what the entry is about, as `kind:id`."""
        raise NotImplementedError

    def draft(self) -> Draft:
        """Return the entry in the form the ledger takes."""
        parts: dict[str, Json] = {
            name: value.model_dump(mode="json") for name, value in self if isinstance(value, Part)
        }
        return Draft(self.TYPE, self.subjects(), parts)

    @classmethod
    def read(cls, parts: Mapping[str, Json]) -> Self:
        """Rebuild the entry from its parts; an erased one is simply missing. Raises pydantic.ValidationError."""
        return cls.model_validate(dict(parts))
