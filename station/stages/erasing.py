"""The step after everything is taken in: erasing from a recorder what the station provably holds.

Guarantees: nothing is asked of the eraser before the entry that names it is under a signed checkpoint and its original
was just read back from the vault's disk; what became of every file is an entry, however the erasing ended.
"""

import json
from datetime import timedelta

import structlog

from station import clock
from station.acquire.account import Account
from station.acquire.erasing import Outcome, authorised_entry, completed_entry, erase, erased_files, reach_eraser
from station.acquire.tickets import Composition, EraseRule, compose, split
from station.board import SlotMeter
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.digest import new_id
from station.errors import NotFoundError, SourceError, StorageError
from station.evidence.opening import open_store
from station.evidence.store import LocalStore
from station.ledger.note import Checkpoint
from station.profiles.model import Profile
from station.records.bus import DiskSeen
from station.records.erase_entries import LISTED_FILES
from station.stages.anchoring import Cosigned, await_cosigned
from station.stages.evidence import gather_evidence

_logger = structlog.get_logger(__name__)
_VAULT = 1  # durable places an original lies in: the vault; further ones come with object stores


def rule_of(home: Home, profile: Profile) -> EraseRule:
    """Return what the unit's policy and the profile allow together."""
    settings = home.settings
    return EraseRule(
        allowed=settings.erase_recorders and profile.erase.allowed,
        minimum_age=timedelta(hours=settings.erase_minimum_age_hours),
        copies_required=settings.erase_copies,
        cosignatures_required=settings.erase_cosignatures,
    )


class Erasing:
    """Erasing one disk of a recorder, in the session in which it was taken in."""

    def __init__(self, home: Home, database: Database, custody: Custody, meter: SlotMeter, profile: Profile) -> None:
        self._home, self._database, self._custody = home, database, custody
        self._meter, self._profile = meter, profile
        self._rule = rule_of(home, profile)

    @property
    def allowed(self) -> bool:
        """Whether anything may be erased from recorders of this profile."""
        return self._rule.allowed

    def run(self, account: Account, disk: DiskSeen, session: str, first_volume: int) -> bool:
        """Erase what may be; returns False when the recorder gave other bytes than before.

        Raises StorageError, LedgerError when our own side fails.
        """
        if account.listing is None or disk.sequence is None:
            return True
        store = open_store(self._home)
        cosigned = self._cosigned()
        with self._database.read() as reading:
            gathered = gather_evidence(reading, account.recorder, account.listing.entries, cosigned.checkpoint)
        composition = compose(
            account.listing,
            account.recorder,
            gathered.known,
            self._rule,
            clock.now(),
            copies=lambda _: _VAULT,
            read_back=lambda sha256: _is_sound(store, sha256),
            unfinished=gathered.unfinished,
            cosignatures=cosigned.witnesses,
        )
        if not composition.lines:
            return True
        self._meter.update(state="erasing")
        erasing = new_id()
        lines = b"".join(_line(clip=clip) for clip in composition.clips)
        named = store.put_bytes(lines) if _is_long(composition) else None
        self._custody.append(
            authorised_entry(
                composition,
                self._rule,
                erasing=erasing,
                docking=account.docking,
                recorder=account.recorder,
                profile=self._profile.id,
                listing=named,
            )
        )
        outcomes = self._hand_over(composition, gathered.checkpoint, account, disk, session, first_volume)
        files = erased_files(composition, outcomes)
        told = [_line(clip=file.clip, result=file.result, reason=file.reason) for file in files]
        entry = completed_entry(
            composition,
            outcomes,
            erasing=erasing,
            docking=account.docking,
            recorder=account.recorder,
            listing=store.put_bytes(b"".join(told)) if _is_long(composition) else None,
        )
        self._custody.append(entry)
        return not any(outcome.lied for _, outcome in outcomes)

    def _cosigned(self) -> Cosigned:
        """Return the checkpoint that the tickets will be under, cosigned where the rule asks for it."""
        if not self._rule.allowed or not self._rule.cosignatures_required:
            return Cosigned(self._custody.seal(), 0)
        found = await_cosigned(self._home, self._database, self._custody, self._rule.cosignatures_required)
        if found.witnesses < self._rule.cosignatures_required:
            _logger.error("too few cosignatures", found=found.witnesses, required=self._rule.cosignatures_required)
        return found

    def _hand_over(
        self,
        composition: Composition,
        checkpoint: Checkpoint,
        account: Account,
        disk: DiskSeen,
        session: str,
        first_volume: int,
    ) -> list[tuple[int, Outcome]]:
        outcomes: list[tuple[int, Outcome]] = []
        tickets = split(
            composition,
            device=disk.node,
            diskseq=disk.sequence or 0,
            session=session,
            recorder=account.recorder,
            checkpoint=checkpoint.note,
            first_volume=first_volume,
        )
        for head, files in tickets:
            try:
                with reach_eraser(self._home) as channel:
                    outcome = erase(channel, head, files)
            except SourceError as error:
                _logger.error("not erased", disk=disk.node, reason=error.message)
                break
            outcomes.append((len(files), outcome))
            if not outcome.ended.complete:
                _logger.error("erasing ended early", disk=disk.node, reason=outcome.ended.reason)
                break
        return outcomes


def _is_sound(store: LocalStore, sha256: str) -> bool:
    """Read an original back past the cache; False, and so nothing is erased, where that can't be done."""
    try:
        found = store.read_back(sha256)
    except (StorageError, NotFoundError) as error:
        _logger.error("original not read back", sha256=sha256, reason=error.message)
        return False
    return found.sha256 == sha256 and found.mode == "direct"


def _is_long(composition: Composition) -> bool:
    return len(composition.clips) > LISTED_FILES


def _line(**values: str | None) -> bytes:
    return json.dumps(values, sort_keys=True).encode() + b"\n"
