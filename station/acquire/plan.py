"""What to do with each thing in a listing: pure, so that every rule of acquisition can be tested as a table.

Guarantees: everything listed appears exactly once in the plan, with a reason when it is not copied; a file is passed
over as held only on an equal sighting key of a clip that is whole; nothing that may be a recording is dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from station.profiles.model import NameFacts, Profile, in_layout, media_of, read_name
from station.records.reading import EntrySeen
from station.records.sighting import sighting_key
from station.records.terms import ClipStage
from station.sniff import Media


class Step(StrEnum):
    """What happens to a listed thing in this docking."""

    COPY = "copy"
    REHASH = "rehash"
    HOLD = "hold"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Known:
    """A clip already taken in under a sighting key."""

    clip: str
    sha256: str
    stage: ClipStage


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One listed thing and its step; `reason` is a stable code, given unless it is simply copied or held.

    `known` is the clip this file was taken in as before: held whole, or incomplete and now read again.
    """

    entry: EntrySeen
    step: Step
    reason: str | None = None
    media: Media | None = None
    name: NameFacts | None = None
    known: Known | None = None

    @property
    def path_text(self) -> str:
        """The path for people, with slashes; lossy."""
        return "/".join(part.text for part in self.entry.path) or "/"


# An entry of the ledger has 64 KiB for all its parts, and the path is kept raw and as text.
_PATH_BYTES = 48 * 1024
# States that can't be copied, for a thing that is (by its name) a recording: what is said of it, and how gravely.
_NOT_COPYABLE: dict[str, tuple[Step, str]] = {
    "empty": (Step.SKIP, "empty"),
    "unclosed": (Step.FAIL, "unclosed"),
    "deleted": (Step.SKIP, "deleted"),
    "symlink": (Step.SKIP, "symlink"),
    "special": (Step.SKIP, "special"),
}


def make_plan(
    entries: Sequence[EntrySeen],
    profile: Profile,
    recorder: str,
    known: Mapping[str, Known],
    *,
    rehash: bool = False,
) -> list[PlanItem]:
    """Decide for each entry, in the listing's order; `known` maps sighting keys to clips."""
    return [_decide(entry, profile, recorder, known, rehash) for entry in entries]


def key_of(entry: EntrySeen, recorder: str) -> str:
    """Return the entry's sighting key."""
    return sighting_key(recorder, entry.volume, entry.path, entry.address, entry.size_bytes, entry.times)


def _decide(entry: EntrySeen, profile: Profile, recorder: str, known: Mapping[str, Known], rehash: bool) -> PlanItem:
    if entry.state == "directory_damaged":
        return PlanItem(entry, Step.FAIL, "directory_damaged")
    file_name = entry.path[-1].text if entry.path else ""
    media = media_of(profile, file_name, entry.media)
    if media is None:
        return PlanItem(entry, Step.SKIP, "not_media")
    if not in_layout(profile, [part.text for part in entry.path]):
        return PlanItem(entry, Step.SKIP, "outside_layout", media)
    name = read_name(profile, file_name)
    if sum(len(part.raw) + len(part.text.encode()) for part in entry.path) > _PATH_BYTES:
        return PlanItem(entry, Step.FAIL, "path_too_long", media, name)
    if entry.state in _NOT_COPYABLE:
        step, reason = _NOT_COPYABLE[entry.state]
        return PlanItem(entry, step, reason, media, name)
    held = known.get(key_of(entry, recorder))
    if held is None or held.stage == ClipStage.INCOMPLETE:
        return PlanItem(entry, Step.COPY, None, media, name, held)
    if held.stage == ClipStage.DISPOSED:
        return PlanItem(entry, Step.SKIP, "disposed", media, name, held)
    return PlanItem(entry, Step.REHASH if rehash else Step.HOLD, None, media, name, held)
