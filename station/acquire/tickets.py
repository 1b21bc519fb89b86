"""Which files of a recorder may be erased, and the tickets that say and prove so. Pure, but for two questions asked.

Guarantees: a file gets onto a ticket only if it was listed in this very session under the sighting key of a clip that
was taken in whole, is old enough, lies in as many durable places and is under as many cosignatures as the rule asks
for, and was read back from the vault's disk just now; everything else that is listed and known is left with a reason.
Nothing is ticketed unless the rule allows it. What an erasing that was broken off had named is named again, so that its
rest is swept up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from station import clock
from station.acquire.listing import Listing
from station.acquire.plan import key_of
from station.digest import SHA256
from station.records.docking_entries import ClipIngested
from station.records.ticket import TICKET_BYTES, TICKET_FILES, TicketFile, TicketHead

Left = Literal[
    "not_allowed",
    "too_few_cosignatures",
    "not_whole",
    "not_direct",
    "in_doubt",
    "too_young",
    "too_few_copies",
    "original_damaged",
]
_ENOUGH_BYTES = TICKET_BYTES // 2  # of one ticket's lines, with room for its head


@dataclass(frozen=True, slots=True)
class EraseRule:
    """The unit's and the profile's policy together.

    `minimum_age` runs from the taking in (a recorder's clock can't make a clip older). `copies_required` counts durable
    places, the vault among them; `cosignatures_required` the witnesses that must have cosigned the ticket's checkpoint.
    """

    allowed: bool = False
    minimum_age: timedelta = timedelta(0)
    copies_required: int = 1
    cosignatures_required: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A clip's entry in the ledger as a ticket shows it: exact bytes, and the path to the checkpoint's root, base64.

    `entry` is None when the clip's last entry is not `clip.ingested`, or no longer whole. `in_doubt`: other bytes came
    under its key once, or a check found it damaged.
    """

    clip: str
    entry: ClipIngested | None
    taken_in_at: str
    record: bytes
    payload: bytes
    parts: Mapping[str, bytes]
    inclusion: tuple[str, ...]
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Composition:
    """What may be erased: `lines` with their `clips`, in the same order; `left` maps other listed clips to reasons."""

    lines: tuple[TicketFile, ...] = ()
    clips: tuple[str, ...] = ()
    left: Mapping[str, Left] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of all files on the tickets."""
        return sum(line.size_bytes for line in self.lines)


def compose(
    listing: Listing,
    recorder: str,
    known: Mapping[str, Evidence],
    rule: EraseRule,
    now: datetime,
    *,
    copies: Callable[[str], int],
    read_back: Callable[[str], bool],
    unfinished: Sequence[Evidence] = (),
    cosignatures: int = 0,
) -> Composition:
    """Decide over the listing of one disk in this session; `known` maps its sighting keys to the clips' evidence.

    `copies` tells in how many durable places a SHA-256 lies. `read_back` reads the original from the vault's disk, past
    the cache, and tells whether it has that SHA-256; it is asked last, once a digest. `unfinished` are clips that an
    erasing of this recorder named and did not answer for; those of another disk of it are passed over.
    `cosignatures` counts our witnesses that have cosigned the checkpoint that the evidence is under.
    """
    lines: dict[str, TicketFile] = {}
    left: dict[str, Left] = {}
    proven: dict[str, bool] = {}

    def prove(sha256: str) -> bool:
        if sha256 not in proven:
            proven[sha256] = read_back(sha256)
        return proven[sha256]

    files = (entry for entry in listing.entries if entry.state == "file")
    listed = [known[key] for entry in files if (key := key_of(entry, recorder)) in known]
    volumes = {each.volume for each in listing.volumes}
    rest = [each for each in unfinished if each.entry and each.entry.names and each.entry.names.volume in volumes]
    for evidence in (*listed, *rest):
        if evidence.clip in lines or evidence.clip in left:
            continue
        reason = _refuse(evidence, rule, now, cosignatures, copies, prove)
        if reason is None:
            lines[evidence.clip] = _line(evidence)
        else:
            left[evidence.clip] = reason
    return Composition(tuple(lines.values()), tuple(lines), left)


def split(
    composition: Composition,
    *,
    device: str,
    diskseq: int,
    session: str,
    recorder: str,
    checkpoint: str,
    first_volume: int = 0,
) -> Iterator[tuple[TicketHead, tuple[TicketFile, ...]]]:
    """Yield the tickets for one disk, each within its bounds; their lines one after the other are the composition's."""
    bunch: list[TicketFile] = []
    size = 0

    def ticket() -> tuple[TicketHead, tuple[TicketFile, ...]]:
        head = TicketHead(
            device=device,
            diskseq=diskseq,
            session=session,
            recorder=recorder,
            first_volume=first_volume,
            checkpoint=checkpoint,
            files=len(bunch),
        )
        return head, tuple(bunch)

    for line in composition.lines:
        length = len(line.model_dump_json()) * 3  # whatever UTF-8 makes of it
        if bunch and (len(bunch) == TICKET_FILES or size + length > _ENOUGH_BYTES):
            yield ticket()
            bunch, size = [], 0
        bunch.append(line)
        size += length
    if bunch:
        yield ticket()


def _refuse(
    evidence: Evidence,
    rule: EraseRule,
    now: datetime,
    cosignatures: int,
    copies: Callable[[str], int],
    prove: Callable[[str], bool],
) -> Left | None:
    if not rule.allowed:
        return "not_allowed"
    if cosignatures < rule.cosignatures_required:
        return "too_few_cosignatures"
    entry = evidence.entry
    if entry is None or entry.names is None or SHA256 not in entry.fact.digest or not entry.fact.size_bytes:
        return "not_whole"
    if entry.fact.readback != "direct":
        return "not_direct"
    if evidence.in_doubt:
        return "in_doubt"
    if now - clock.parse_time(evidence.taken_in_at) < rule.minimum_age:
        return "too_young"
    sha256 = entry.fact.digest[SHA256]
    if copies(sha256) < rule.copies_required:
        return "too_few_copies"
    return None if prove(sha256) else "original_damaged"


def _line(evidence: Evidence) -> TicketFile:
    entry = evidence.entry
    assert entry is not None and entry.names is not None  # noqa: S101 - narrows types only
    return TicketFile(
        volume=entry.names.volume,
        path=tuple(name.raw for name in entry.names.path),
        address=entry.names.address,
        size_bytes=entry.fact.size_bytes,
        times=entry.names.times,
        sha256=entry.fact.digest[SHA256],
        record=evidence.record.decode(),
        payload=evidence.payload.decode(),
        fact=evidence.parts["fact"].decode(),
        names=evidence.parts["names"].decode(),
        inclusion=evidence.inclusion,
    )
