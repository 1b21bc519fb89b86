"""Which recorder this is, told from what was read: the key it is recognised by when it comes again.

Guarantee: the first source in the fixed order of design (serial, volume, given, folder) decides alone, so that the
same card gives the same key however often it is docked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from station.errors import SourceError
from station.profiles.model import NameFacts, Profile, read_name
from station.records.reading import EntrySeen, VolumeSeen


@dataclass(frozen=True, slots=True)
class Identity:
    """`key` recognises the recorder; `by` says what it rests on; serial and label are for people."""

    key: str
    by: Literal["serial", "volume", "given", "folder"]
    serial: str | None = None
    label: str | None = None


class QuarantinedError(SourceError):
    """The dock turns this recorder away: it is charged, not read; `reason` is a code of `recorder.quarantined`."""

    exit_code = 1

    def __init__(self, reason: str, identity: Identity | None = None, recorder: str | None = None) -> None:
        """Tell why, and which recorder it says it is."""
        super().__init__(
            f"The recorder {identity.key if identity else 'at the dock'} is quarantined: {reason}",
            kept="Nothing was copied from it and nothing was written to it",
            hint="An administrator looks at it on the page Recorders, or with `station recorder list`",
        )
        self.reason, self.identity, self.recorder = reason, identity, recorder


def identify(
    profile: Profile,
    volumes: Sequence[VolumeSeen],
    entries: Sequence[EntrySeen],
    *,
    given: str | None,
    folder_id: str | None,
) -> Identity:
    """Return the recorder's identity; `folder_id` is the random id kept for a folder, None for images and devices.

    A serial from names counts only where every file that carries one carries the same.
    """
    label = next((volume.label for volume in volumes if volume.label), None)
    serials = {facts.serial for facts in _name_facts(profile, entries) if facts.serial}
    if profile.identity.serial_from == "names" and len(serials) == 1:
        (serial,) = serials
        return Identity(f"serial:{serial}", "serial", serial, label)
    for volume in volumes:
        if volume.serial is not None:
            return Identity(f"volume:{volume.serial}:{volume.label or ''}", "volume", None, label)
    if given is not None:
        return Identity(f"given:{given}", "given", given, label)
    return Identity(f"folder:{folder_id}", "folder", None, label)


def _name_facts(profile: Profile, entries: Sequence[EntrySeen]) -> list[NameFacts]:
    facts = [read_name(profile, entry.path[-1].text) for entry in entries if entry.path and entry.state != "deleted"]
    return [each for each in facts if each is not None]
