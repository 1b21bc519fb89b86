"""Entries about notes on a clip (笔记, 文字记录): what somebody saw or heard in it, at which times."""

from typing import ClassVar

from pydantic import Field

from station.records.entries import Actor, Entry, Part


class NoteLine(Part):
    """Words about a clip from `at_ms` after its start on, or, with None, about all of it."""

    at_ms: int | None = Field(default=None, ge=0)
    words: str = Field(min_length=1, max_length=2000)


class ClipNoted(Entry):
    """A note of one line or, for a transcript, of many; it may stand in place of an earlier one, which stays here."""

    TYPE: ClassVar[str] = "clip.noted"

    class Fact(Part):
        """`replaces` is the note of the same clip that it stands in place of."""

        note: str
        clip: str
        lines: int = Field(ge=1)
        replaces: str | None = None

    class Text(Part):
        """The lines, as typed or as they stood in a file of captions."""

        lines: tuple[NoteLine, ...] = Field(min_length=1)

    fact: Fact
    text: Text | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the clip."""
        return (f"clip:{self.fact.clip}",)
