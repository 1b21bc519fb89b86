"""The form of a profile.toml, and what follows from it for one file.

Guarantees: an unknown key, a pattern that does not compile, a group that nothing reads, or an unknown zone or code
page is an error naming the file; a profile never contains code or a password.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from station.config import ZoneName
from station.profiles.usb import Erase, Face, Pattern, Transport, Unlock, check_usb
from station.sniff import Media

# What a name pattern may yield; `date` and `time` are digits, `start` both together.
NAME_GROUPS = frozenset({"serial", "police_number", "start", "date", "time", "sequence", "important"})
_START_FORMAT = "%Y%m%d%H%M%S"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Section):
    """When the profile is chosen for a source without anybody naming it.

    `names_share_percent`: at least this share of the media files must fit a name pattern; None: never by itself.
    `labels`: volume labels (regular expressions, whole label) that must fit one of them, when given.
    """

    names_share_percent: int | None = Field(default=None, ge=1, le=100)
    labels: tuple[Pattern, ...] = ()


class Files(_Section):
    """Which files are recordings: by extension, by our own sniff, or both; everything else is listed as skipped.

    `folders`: where they lie (`DCIM`, `files/data`; case does not matter), with all below; empty: anywhere. Only for
    recorders known to keep sounds and pictures of their own elsewhere: what lies outside is skipped, and never erased.
    """

    extensions: dict[str, Media]
    sniff: bool = Field(default=True, description="take a file without a known extension if its bytes say media")
    folders: tuple[Annotated[str, Field(pattern=r"^[^/\\]+(/[^/\\]+)*$")], ...] = ()


class Names(_Section):
    """Patterns (Python regular expressions with named groups, on the stem of the file's name), the first that fits."""

    patterns: tuple[str, ...] = ()

    @field_validator("patterns")
    @classmethod
    def _only_known_groups(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                groups = set(re.compile(pattern).groupindex)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
            if not groups or groups - NAME_GROUPS:
                raise ValueError(f"{pattern!r} must use the groups {sorted(NAME_GROUPS)} and no others")
        return patterns


class Clock(_Section):
    """The recorder's clock: its zone, the years in which its times can be believed, what its dialect can do with it."""

    zone: ZoneName = "Asia/Shanghai"
    earliest: str = Field(default="2010-01-01", pattern=r"^\d{4}-\d{2}-\d{2}$")
    read: bool = False
    set: bool = False


class Identity(_Section):
    """What makes it this recorder; `none`: the volume. `serial_pattern`: what a believable serial looks like, whole.

    From `names` it counts only when all files agree. A USB serial can be forged: it enrols, it never authenticates.
    """

    serial_from: Literal["names", "none", "usb", "handshake", "label"] = "none"
    serial_pattern: Pattern | None = None


class Profile(_Section):
    """One profile.toml; `id` is its folder's name.

    `tier`: how well it is proven: emulated, reported (public sources only) or verified (a real device's recording).
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    version: str = Field(pattern=r"^\d+$")
    name: dict[Literal["zh", "en"], str]
    tier: Literal["emulated", "reported", "verified"]
    code_page: str = "gbk"
    match: Match = Match()
    files: Files
    names: Names = Names()
    clock: Clock = Clock()
    identity: Identity = Identity()
    transport: Transport = Transport()
    faces: tuple[Face, ...] = ()
    unlock: Unlock | None = None
    erase: Erase = Erase()

    @field_validator("code_page")
    @classmethod
    def _known_code_page(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError(f"{value!r} is no code page") from error
        return value

    @model_validator(mode="after")
    def _patterns_where_needed(self) -> "Profile":
        needed = self.match.names_share_percent is not None or self.identity.serial_from == "names"
        if needed and not self.names.patterns:
            raise ValueError("matching or identifying by names needs names.patterns")
        return self

    @model_validator(mode="after")
    def _usb_where_needed(self) -> "Profile":
        check_usb(self.transport, self.faces, self.unlock, self.match.labels)
        if (self.clock.read or self.clock.set) and self.unlock is None:
            raise ValueError("clock.read and clock.set need a dialect: [unlock]")
        if self.identity.serial_from == "handshake" and self.unlock is None:
            raise ValueError("identity.serial_from handshake needs a dialect: [unlock]")
        if self.transport.kind == "mtp" and self.erase.allowed:
            raise ValueError("erase.allowed needs a card that can be read past all caches: not transport.kind mtp")
        if self.transport.kind == "mtp" and self.identity.serial_from not in ("usb", "handshake"):
            raise ValueError("transport.kind mtp needs identity.serial_from usb or handshake: no volume has a serial")
        if self.identity.serial_from == "usb" and not self.faces:
            raise ValueError("identity.serial_from usb needs [[faces]]")
        return self

    def believes(self, serial: str) -> bool:
        """Tell whether `serial` looks like one of this kind of recorder; any text does where no pattern is given."""
        return bool(serial) and (
            self.identity.serial_pattern is None or re.fullmatch(self.identity.serial_pattern, serial) is not None
        )


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What a file's name tells; `start` is naive local time of the recorder."""

    serial: str | None = None
    police_number: str | None = None
    start: datetime | None = None
    sequence: int | None = None
    important: bool = False


def read_name(profile: Profile, file_name: str) -> NameFacts | None:
    """Return what `file_name` tells by the first pattern that fits whole and yields a possible time, else None."""
    stem = file_name.rpartition(".")[0] or file_name
    for pattern in profile.names.patterns:
        found = re.fullmatch(pattern, stem)
        if found is None:
            continue
        groups = {name: value for name, value in found.groupdict().items() if value}
        written = groups.get("start") or groups.get("date", "") + groups.get("time", "")
        start = None
        if written:
            try:
                start = datetime.strptime(written, _START_FORMAT)  # noqa: DTZ007 - naive is what the recorder tells
            except ValueError:
                continue  # digits that are no date: this pattern was meant for something else
        return NameFacts(
            serial=groups.get("serial"),
            police_number=groups.get("police_number"),
            start=start,
            sequence=int(groups["sequence"]) if "sequence" in groups else None,
            important="important" in groups,
        )
    return None


def media_of(profile: Profile, file_name: str, sniffed: Media | None) -> Media | None:
    """Tell whether a file is a recording: what its bytes say goes first, then its extension; None: not one.

    A file with a media extension whose bytes say nothing is taken in too: damaged or encrypted footage is evidence.
    """
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    by_name = profile.files.extensions.get(extension)
    if sniffed is not None and (by_name is not None or profile.files.sniff):
        return sniffed
    return by_name


def in_layout(profile: Profile, path: Sequence[str]) -> bool:
    """Tell whether a file at `path` (its names from the root down, its own last) lies where recordings do."""
    above = [step.casefold() for step in path[:-1]]
    wanted = [folder.casefold().split("/") for folder in profile.files.folders]
    return not wanted or any(above[: len(folder)] == folder for folder in wanted)
