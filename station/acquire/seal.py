"""The entries that take a file in, built from what the listing, the reader and the read-back said. Pure.

Guarantee: nothing personal gets into `fact`; an incomplete file never becomes `clip.ingested`.
"""

import os
from datetime import datetime
from importlib.metadata import version

from station import __version__
from station.acquire.account import Account
from station.acquire.identify import Identity
from station.acquire.listing import Listing
from station.acquire.plan import PlanItem
from station.acquire.reading import Reading
from station.acquire.timing import recorded_time
from station.digest import SHA256
from station.profiles.model import Profile
from station.records.docking_entries import (
    ClipConflicted,
    ClipFact,
    ClipIncomplete,
    ClipIngested,
    ClipNames,
    DockingFinished,
    DockingStarted,
    RecorderKnown,
    Volume,
)
from station.records.entries import Actor, Readback
from station.records.reading import Copied

_GAPS = 500
_DETAIL_CHARACTERS = 4000


def recorder_entry(recorder: str, profile: Profile, identity: Identity, unit: str) -> RecorderKnown:
    """Return the entry of a recorder seen for the first time."""
    return RecorderKnown(
        fact=RecorderKnown.Fact(recorder=recorder, profile=profile.id, identified_by=identity.by),
        names=RecorderKnown.Names(identity=identity.key, serial=identity.serial, label=identity.label, unit=unit),
    )


def start_entry(
    account: Account, profile: Profile, listing: Listing, reading: Reading, *, slot: int | None, actor: Actor
) -> DockingStarted:
    """Return the entry of a docking's start: what was opened, by what, and which file systems were found."""
    volumes = tuple(
        Volume(volume=each.volume, offset_bytes=each.offset_bytes, file_system=each.file_system)
        for each in listing.volumes
    )
    return DockingStarted(
        fact=DockingStarted.Fact(
            docking=account.docking,
            recorder=account.recorder,
            profile=profile.id,
            profile_version=profile.version,
            source_kind=reading.opened.kind,
            slot=slot,
            volumes=volumes,
            tools={"evidence-station": __version__, "pytsk3": version("pytsk3")},
            source_read_only=reading.opened.read_only,
        ),
        names=DockingStarted.Names(
            source=os.fsencode(reading.source.absolute()).decode("utf-8", "replace"),
            serials=tuple(each.serial for each in listing.volumes),
            labels=tuple(each.label for each in listing.volumes),
        ),
        actor=actor,
    )


def finish_entry(account: Account, listing: str) -> DockingFinished:
    """Return the entry of a docking's end; `listing` is the digest of its listing in the vault."""
    troubles = [each for each in (account.problem, *account.faults) if each]
    return DockingFinished(
        fact=DockingFinished.Fact(
            docking=account.docking,
            recorder=account.recorder,
            counts=account.counts,
            size_bytes=account.size_bytes,
            whole=account.whole,
            listing={SHA256: listing},
        ),
        detail=DockingFinished.Detail(text="\n".join(troubles)[:_DETAIL_CHARACTERS]) if troubles else None,
    )


def ingest_entry(
    item: PlanItem,
    copied: Copied,
    readback: Readback,
    *,
    clip: str,
    docking: str,
    recorder: str,
    profile: Profile,
    now: datetime,
    offset_ms: int | None,
) -> ClipIngested | ClipIncomplete:
    """Return the entry for a file copied and read back: `clip.incomplete` when ranges of it could not be read."""
    entry = item.entry
    time = recorded_time(profile, item.name, entry.times, now, offset_ms)
    fact = ClipFact(
        clip=clip,
        docking=docking,
        recorder=recorder,
        digest={SHA256: copied.sha256 or "", **copied.further_digests},
        size_bytes=copied.size_bytes,
        media=item.media or "video",
        container=entry.container or "unknown",
        readback=readback,
        important=bool(item.name and item.name.important),
        sequence=item.name.sequence if item.name else None,
        device_time=time.device_time,
        zone=time.zone,
        offset_ms=offset_ms,
        recorded_at=time.recorded_at,
        time_source=time.source,
        time_trust=time.trust,
    )
    names = ClipNames(
        path=entry.path,
        volume=entry.volume,
        address=entry.address,
        times=entry.times,
        serial=item.name.serial if item.name else None,
        police_number=item.name.police_number if item.name else None,
    )
    if not copied.bad_ranges:
        return ClipIngested(fact=fact, names=names)
    gaps = ClipIncomplete.Gaps(ranges=copied.bad_ranges[:_GAPS], more=max(0, len(copied.bad_ranges) - _GAPS))
    return ClipIncomplete(fact=fact, gaps=gaps, names=names)


def conflict_entry(item: PlanItem, copied: Copied, *, docking: str) -> ClipConflicted:
    """Return the entry for a held file that came with other bytes."""
    assert item.known is not None and copied.sha256 is not None  # noqa: S101 - narrows types only
    fact = ClipConflicted.Fact(
        clip=item.known.clip,
        docking=docking,
        held={SHA256: item.known.sha256},
        digest={SHA256: copied.sha256, **copied.further_digests},
        kept=True,
    )
    return ClipConflicted(fact=fact)
