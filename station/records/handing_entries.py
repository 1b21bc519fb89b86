"""Entries about footage that did not come by the dock: from phones and room cameras, through the watched folder."""

from typing import ClassVar

from pydantic import Field

from station.records.entries import Actor, Entry, Part, Sha256
from station.records.terms import Origin


class ClipHandedIn(Entry):
    """送交: a clip came by upload or through the inbox folder; who brought it, and what they said of it.

    Follows the clip's `clip.ingested`. All of `text` is somebody's statement, not what the station found out.
    """

    TYPE: ClassVar[str] = "clip.handed_in"

    class Fact(Part):
        """`handing` is the upload's id; `told` are digests computed before sending, which the bytes that came have."""

        clip: str
        handing: str
        origin: Origin
        told: dict[str, Sha256] = Field(default_factory=dict)

    class Text(Part):
        """The file's name, which device made it, and who handed it over (提供人), as stated."""

        file_name: str = Field(default="", max_length=255)
        device: str = Field(default="", max_length=200)
        from_whom: str = Field(default="", max_length=200)
        note: str = Field(default="", max_length=1000)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip and the upload."""
        return (f"clip:{self.fact.clip}", f"handing:{self.fact.handing}")
