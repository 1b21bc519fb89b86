"""The beginning of a docking: the source opened and its reader started.

Guarantees: the reader begins to list while the code that writes is still being loaded, so this module imports none of
it; whatever ends the block, the reader is gone and what was left staged is removed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from station.acquire.identify import Identity, QuarantinedError
from station.acquire.reading import Reading
from station.board import SlotMeter
from station.config import Home
from station.digest import new_id
from station.evidence.opening import open_store
from station.evidence.store import LocalStore, Staging
from station.profiles.library import load_profiles, named_profile
from station.profiles.model import Profile
from station.profiles.usb import FaceMatch, choose_by_label
from station.records.bus import DiskSeen
from station.records.entries import Actor
from station.records.reading import EntrySeen

_VOLUMES_A_DISK = 64


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the dock knows of a recorder plugged into it; such a recorder is read only if it is enrolled.

    `identity` is None when only its card can tell which one it is; `claim` notes that it is here, and raises
    QuarantinedError when another at the dock says it is the same; `gone` tells that it was taken out; `disk` is the one
    to read, None where files come by MTP; `offset_ms` how far its clock is ahead of ours, None where it could not be
    read.
    """

    profiles: Sequence[FaceMatch]
    claim: Callable[[Identity], None]
    gone: Callable[[], bool] = lambda: False
    identity: Identity | None = None
    disk: DiskSeen | None = None
    offset_ms: int | None = None

    def choose(self, labels: Sequence[str | None]) -> Profile:
        """Return the profile that the card's labels decide for; raises QuarantinedError, AmbiguousProfileError."""
        match = choose_by_label(self.profiles, labels)
        if match is None:
            raise QuarantinedError("unknown_device", self.identity)
        return match.profile

    @property
    def first_volume(self) -> int:
        """The number of the disk's first volume: volumes of two disks of one recorder must not be taken for one."""
        return self.disk.lun * _VOLUMES_A_DISK if self.disk else 0


@dataclass(frozen=True, slots=True)
class Request:
    """What to dock and how: the words of `station dock`, or with `arrival` a recorder plugged into the dock.

    Only then may `source` be the usbfs node of a recorder that speaks MTP: nothing but the bus tells which one it is.
    For a folder of what did not come by the dock, `identity` says what it counts as, `unit` whose it is, and `accepts`
    which files of it are to be taken in.
    """

    source: Path
    profile: str | None = None
    slot: int | None = None
    recorder: str | None = None
    rehash: bool = False
    actor: Actor = field(default_factory=lambda: Actor(via="station"))
    arrival: Arrival | None = None
    identity: Identity | None = None
    unit: str | None = None
    accepts: Callable[[EntrySeen], bool] | None = None


@dataclass(frozen=True, slots=True)
class OpenCard:
    """A source with its reader at work; `named` is the profile that the request insists on.

    `further_digests` are taken of every file beside SHA-256.
    """

    request: Request
    docking: str
    store: LocalStore
    staging: Staging
    meter: SlotMeter
    reading: Reading
    profiles: dict[str, Profile]
    named: Profile | None
    unit: str
    further_digests: tuple[str, ...] = ()


@contextmanager
def open_card(home: Home, request: Request, meter: SlotMeter) -> Iterator[OpenCard]:
    """Open the source and start its reader; raises SourceError, ProfileError, VaultMissingError, StorageError."""
    store, profiles = open_store(home), load_profiles(*home.profiles)
    store.clean_staging()
    named = named_profile(profiles, request.profile)
    likely = named or (request.arrival.profiles[0].profile if request.arrival else None)
    further = home.settings.further_digests
    code_page, user, docking = likely.code_page if likely else "gbk", home.settings.parser_user, new_id()
    with (
        store.staging(docking) as staging,
        Reading(
            request.source,
            staging.inbox,
            code_page=code_page,
            user=user,
            writable=request.arrival is None,
            usb=request.arrival is not None,
            gone=request.arrival.gone if request.arrival else lambda: False,
            further_digests=further,
        ) as reading,
    ):
        unit = home.settings.unit if request.unit is None else request.unit
        yield OpenCard(request, docking, store, staging, meter, reading, profiles, named, unit, further)
