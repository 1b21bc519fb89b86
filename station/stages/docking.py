"""The steps of one docking that write: recognising, planning, sealing, finishing.

Guarantees: a file's entry is appended after its bytes are proven on the disk and linked into the vault; every listed
thing ends with exactly one line in the account; a held file that comes again with other bytes is an alarm, with both
kept.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self

from station import clock
from station.acquire.account import NOT_WHOLE, Account, FileAccount, listing_bytes
from station.acquire.identify import Identity, QuarantinedError, identify
from station.acquire.listing import Listing
from station.acquire.plan import Known, PlanItem, Step, key_of, make_plan
from station.acquire.readback import ReadBacks
from station.acquire.seal import conflict_entry, finish_entry, ingest_entry, recorder_entry, start_entry
from station.acquire.settle import Settled, settle
from station.board import SlotMeter
from station.catalogue import intake
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import DamagedError, ReadbackError
from station.evidence.removing import remove_original, remove_partial
from station.profiles.model import Profile
from station.records.entries import Entry
from station.records.log_entries import AlarmRaised
from station.records.reading import Copied, CopyProgress, Fault
from station.records.terms import ClipStage, FileResult
from station.stages.opening import OpenCard
from station.state.folders import folder_identity

_SIGN_SECONDS = 1.0
_RESULTS = {Step.HOLD: FileResult.HELD, Step.SKIP: FileResult.SKIPPED, Step.FAIL: FileResult.FAILED}


def check_enrolled(session: Session, recorder: str | None, identity: Identity) -> None:
    """Check that the dock may read this recorder; raises QuarantinedError (unknown_recorder, withdrawn_recorder)."""
    if recorder is None:
        raise QuarantinedError("unknown_recorder", identity)
    if not intake.is_enrolled(session, recorder):
        raise QuarantinedError("withdrawn_recorder", identity, recorder)


def show_end(meter: SlotMeter, accounts: Sequence[Account]) -> None:
    """Show on the slot's line how it ended, for all disks of the recorder together."""
    counts = sum((Counter(account.counts) for account in accounts), Counter[FileResult]())
    whole = all(account.whole for account in accounts)
    if whole:
        problem = None
    elif any(account.taken_out for account in accounts):
        problem = "taken_out"  # whether the reader or the bus noticed it first
    else:
        problem = "reader_died" if any(account.problem for account in accounts) else "not_whole"
    meter.update(
        state="partly" if problem else "done",
        problem=problem,
        eta_seconds=None,
        rate=None,
        new=counts[FileResult.NEW],
        held=counts[FileResult.HELD],
        not_kept=sum(counts[each] for each in NOT_WHOLE),
    )


class Docking:
    """One docking under way: the state that the steps of `dock` hand on."""

    def __init__(self, database: Database, custody: Custody, card: OpenCard, profile: Profile) -> None:
        """Take the pen, and the card with the profile that fits it."""
        self._database, self._custody, self._card, self._profile = database, custody, card, profile
        self._store, self._meter = card.store, card.meter
        self._lines: dict[int, FileAccount] = {}
        self._items: dict[int, PlanItem] = {}
        self._counts: Counter[FileResult] = Counter()
        self._bytes_copied = 0
        self._signed_at = clock.monotonic()
        self._offset_ms: int | None = None
        self._readbacks = ReadBacks(
            partial(settle, card.staging.inbox, parser_gid=card.store.parser_gid, further=card.further_digests)
        )
        self.account = Account(card.docking, recorder="", profile=profile.id)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until nothing is read back any more."""
        self._readbacks.__exit__(kind, error, trace)

    def recognise(self, listing: Listing) -> None:
        """Find out which recorder this is, and enter it when it is new."""
        request, unit, folder_id = self._card.request, self._card.unit, None
        if self._card.reading.opened.kind == "folder" and request.identity is None:
            with self._database.write() as session:
                folder_id = folder_identity(session, request.source)
        arrival = request.arrival
        identity = (arrival.identity if arrival else request.identity) or identify(
            self._profile, listing.volumes, listing.entries, given=request.recorder, folder_id=folder_id
        )
        self._offset_ms = arrival.offset_ms if arrival else None
        if arrival is not None:
            arrival.claim(identity)

        def enter(session: Session) -> Sequence[Entry]:
            known = intake.recorder_by_identity(session, identity.key)
            if arrival is not None:
                check_enrolled(session, known, identity)
            self.account.recorder = known or new_id()
            return () if known else (recorder_entry(self.account.recorder, self._profile, identity, unit),)

        self._custody.append_from(enter, seal=False)
        with self._database.read() as session:
            holders = intake.holder_names(session, self.account.recorder)
        name = identity.serial or identity.label or self.account.recorder[:8]
        self._meter.update(
            docking=self.account.docking,
            recorder=self.account.recorder,
            recorder_name=name,
            holder_name="、".join(holders) or None,
            force=True,
        )

    def start(self, listing: Listing) -> None:
        """Enter the docking itself."""
        self.account.listing, self.account.listing_whole = listing, listing.whole
        self.account.faults = tuple(listing.faults)
        slot, actor = self._meter.line.slot or None, self._card.request.actor
        entry = start_entry(self.account, self._profile, listing, self._card.reading, slot=slot, actor=actor)
        self._custody.append(entry, seal=False)

    def plan(self, listing: Listing) -> list[PlanItem]:
        """Decide what to copy, account for all the rest, and return the copies that fit beside the reserve."""
        keys = [key_of(entry, self.account.recorder) for entry in listing.entries]
        with self._database.read() as session:
            found = intake.known_sightings(session, keys)
        known = {key: Known(clip, sha256, ClipStage(stage)) for key, (clip, sha256, stage) in found.items()}
        plan = make_plan(listing.entries, self._profile, self.account.recorder, known, rehash=self._card.request.rehash)
        self._items = {item.entry.id: item for item in plan}
        free, copies = self._store.free_bytes(), []
        for item in plan:
            if item.step in _RESULTS:
                self._settle(item, _RESULTS[item.step], item.reason)
            elif item.entry.size_bytes > free:
                self._settle(item, FileResult.FAILED, "no_space")
            else:
                free -= item.entry.size_bytes
                copies.append(item)
        self._meter.update(
            state="copying",
            files_total=len(copies),
            bytes_total=sum(item.entry.size_bytes for item in copies),
            force=True,
        )
        return copies

    def hear(self, message: CopyProgress | Copied | Fault) -> None:
        """Take the reader's word: show progress, seal what is copied."""
        match message:
            case CopyProgress():
                self._meter.update(bytes_done=self._bytes_copied + message.bytes_done)
            case Copied(staged=None):
                self._count_copied(message)
                self._tell(self._items[message.id], message.reason)
                self._settle(self._items[message.id], FileResult.FAILED, "unreadable")
            case Copied():
                self._count_copied(message)
                self._readbacks.add(message)
            case Fault():
                self.account.faults += (message.what,)
        for copied, settled in self._readbacks.proven():
            self._seal(self._items[copied.id], copied, settled)

    def seal_rest(self) -> None:
        """Seal what is copied and still has to be read back."""
        self._meter.update(state="finishing")
        for copied, settled in self._readbacks.rest():
            self._seal(self._items[copied.id], copied, settled)

    def lose(self, plan: Sequence[PlanItem], reason: str) -> None:
        """Account for what was ordered and never came."""
        for item in plan:
            if item.entry.id not in self._lines:
                self._settle(item, FileResult.FAILED, reason)

    def finish(self) -> None:
        """Seal the account: the listing as a blob, the docking's end as an entry, all under one checkpoint."""
        self._meter.update(state="finishing")
        self.account.files = [self._lines[number] for number in sorted(self._lines)]
        listing = self._store.put_bytes(listing_bytes(self.account.files))
        self._custody.append(finish_entry(self.account, listing), seal=False)
        self.account.checkpoint = self._custody.seal().note

    def _count_copied(self, copied: Copied) -> None:
        self._bytes_copied += self._items[copied.id].entry.size_bytes
        self._meter.update(bytes_done=self._bytes_copied)

    def _seal(self, item: PlanItem, copied: Copied, reading: Future[Settled]) -> None:
        """From a staged file to a clip: proven on the disk, linked into the vault, entered, under a checkpoint."""
        try:
            settled = reading.result()
        except ReadbackError as error:
            self.account.faults += (str(error),)
            self._settle(item, FileResult.FAILED, "readback")
            return
        if item.step == Step.REHASH:
            self._compare(item, copied, settled)
            return
        with self._database.read() as session:
            disposed = settled.sha256 in intake.disposed_digests(session, [settled.sha256])
        if disposed:
            self._settle(item, FileResult.SKIPPED, "disposed", settled.sha256)
            return
        if not self._keep(item, settled, partial=bool(copied.bad_ranges)):
            return
        clip, fresh = self._enter(item, copied, settled)
        if clip is None:
            self._take_back(settled.sha256)
            self._settle(item, FileResult.SKIPPED, "disposed", settled.sha256)
            return
        self._sign_now_and_then()
        result = FileResult.HELD if not fresh else FileResult.INCOMPLETE if copied.bad_ranges else FileResult.NEW
        self._settle(item, result, "bad_ranges" if copied.bad_ranges else None, settled.sha256, clip)

    def _keep(self, item: PlanItem, settled: Settled, *, partial: bool) -> bool:
        """Link a proven file into the vault; False, with an alarm, when the blob there of the same name is damaged."""
        keep = self._store.adopt_partial if partial else self._store.adopt
        try:
            keep(settled.path, settled.sha256)
        except DamagedError as error:
            alarm = AlarmRaised.Fact(alarm=new_id(), kind="damaged", about=f"docking:{self.account.docking}")
            self._custody.append(AlarmRaised(fact=alarm, detail=AlarmRaised.Detail(text=str(error))), seal=False)
            self._tell(item, f"{error}; {error.kept}")
            self._settle(item, FileResult.FAILED, "vault_damaged", settled.sha256)
            return False
        return True

    def _tell(self, item: PlanItem, what: str | None) -> None:
        """Note a trouble with one file in words, beside the code in its line."""
        if what:
            self.account.faults += (f"{item.path_text}: {what}",)

    def _sign_now_and_then(self) -> None:
        """Have the head signed once a second at most: a signature covers all entries before it."""
        if clock.monotonic() - self._signed_at >= _SIGN_SECONDS:
            self._custody.seal()
            self._signed_at = clock.monotonic()

    def _take_back(self, sha256: str) -> None:
        """Remove what was linked into the vault while somebody decided that these bytes are never taken in again."""
        with self._database.write() as session:
            if intake.disposed_digests(session, [sha256]):
                remove_original(self._store, sha256)
                remove_partial(self._store, sha256)

    def _enter(self, item: PlanItem, copied: Copied, settled: Settled) -> tuple[str | None, bool]:
        """Append the clip's entry; returns its id, and False when another docking entered it meanwhile.

        None instead of the id: clips of these bytes were disposed of meanwhile, and nothing is entered.
        """
        clip: str | None = item.known.clip if item.known else new_id()
        fresh = True

        def compose(session: Session) -> Sequence[Entry]:
            nonlocal clip, fresh
            key = key_of(item.entry, self.account.recorder)
            held = intake.known_sightings(session, [key]).get(key)
            if held is not None and held[2] != ClipStage.INCOMPLETE:
                clip, fresh = held[0], False
                return ()
            if clip is None or intake.disposed_digests(session, [settled.sha256]):
                clip, fresh = None, False
                return ()
            return (
                ingest_entry(
                    item,
                    copied,
                    settled.readback,
                    clip=clip,
                    docking=self.account.docking,
                    recorder=self.account.recorder,
                    profile=self._profile,
                    now=clock.now(),
                    offset_ms=self._offset_ms,
                ),
            )

        self._custody.append_from(compose, seal=False)
        return clip, fresh

    def _compare(self, item: PlanItem, copied: Copied, settled: Settled) -> None:
        """A held file read again: the same bytes, or an alarm with both kept."""
        assert item.known is not None  # noqa: S101 - narrows types only
        if settled.sha256 == item.known.sha256 and not copied.bad_ranges:
            self._settle(item, FileResult.HELD, None, settled.sha256, item.known.clip)
            return
        if copied.bad_ranges:
            self._settle(item, FileResult.FAILED, "unreadable", item.known.sha256, item.known.clip)
            return
        if not self._keep(item, settled, partial=False):
            return
        alarm = AlarmRaised.Fact(alarm=new_id(), kind="bytes_changed", about=f"clip:{item.known.clip}")
        self._custody.append(
            conflict_entry(item, copied, docking=self.account.docking),
            AlarmRaised(fact=alarm, detail=AlarmRaised.Detail(text=item.path_text)),
        )
        self._settle(item, FileResult.CHANGED, "bytes_changed", settled.sha256, item.known.clip)

    def _settle(
        self, item: PlanItem, result: FileResult, reason: str | None, sha256: str | None = None, clip: str | None = None
    ) -> None:
        if item.known is not None:
            clip = clip or item.known.clip
            sha256 = sha256 or item.known.sha256
        self._lines[item.entry.id] = FileAccount(item.path_text, item.entry.size_bytes, sha256, clip, result, reason)
        self._counts[result] += 1
        self._meter.update(
            files_done=self._counts[FileResult.NEW] + self._counts[FileResult.INCOMPLETE],
            new=self._counts[FileResult.NEW],
            held=self._counts[FileResult.HELD],
            not_kept=sum(self._counts[each] for each in NOT_WHOLE),
        )
