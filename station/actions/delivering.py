"""Telling other systems what the ledger says (webhooks): a chore of `station tend`, called often.

Guarantees: what is told is read from entries under a signed checkpoint, checked against their records; nothing is
queued anywhere else, so nothing is lost or made up by a restart. Each hook is told in the ledger's order, an event
again until it is taken, the next one only then: at least once, with the same id. A system that does not answer keeps no
other from its turn for longer than one try; after `PAUSES_SECONDS` it is dead and an alarm says so. What it was not
told stays in the ledger, and is told once it answers a test. Docking and pages never wait for any of this.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from station import clock
from station.actions.hook_post import Message, Outcome, post
from station.actions.hooks import encode, viewer_of
from station.catalogue import checks
from station.catalogue.clips import visible_clips
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody, check_parts
from station.database import Database, Session
from station.digest import new_id
from station.ledger import log
from station.ledger.entry import StoredEntry
from station.records.case_entries import ClipBound, TargetResolved
from station.records.docking_entries import ClipIngested
from station.records.entries import Entry
from station.records.log_entries import AlarmRaised
from station.records.registry import read_entry
from station.records.terms import TargetKind
from station.state import hooks
from station.state.hooks import Event, HookView

# After each failure, before the next try; after the last one the hook is dead. Together a week, as long holidays are.
PAUSES_SECONDS = (5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, *[86400] * 5)
_TYPES = (ClipIngested.TYPE, ClipBound.TYPE, TargetResolved.TYPE)
_BATCH = 50
_TURN_SECONDS = 20.0
_FAR = 1000  # entries without anything to tell, after which the position is written all the same
_LOCK = "hooks.lock"


def run(home: Home, database: Database, custody: Custody, store: object) -> None:
    """Tell every hook what is new; cheap when there is nothing. Raises DamagedError for an entry that was altered."""
    with database.read() as session:
        waiting = [hook for hook in hooks.list_all(session) if _is_due(hook)]
    if not waiting:
        return
    with _alone(home) as mine:
        for hook in waiting if mine else ():
            _tell(home, database, custody, hook.hook)


def _is_due(hook: HookView) -> bool:
    return hook.dead_at is None and (hook.due_at is None or hook.due_at <= clock.timestamp())


@contextmanager
def _alone(home: Home) -> Iterator[bool]:
    """Tell whether no other process tells just now: order would be lost."""
    handle = os.open(home.run / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def _tell(home: Home, database: Database, custody: Custody, hook_id: str) -> None:
    """Tell one hook what is new, for a while at most."""
    until = clock.monotonic() + _TURN_SECONDS
    more = True
    while more and clock.monotonic() < until:
        with database.read() as session:
            hook = hooks.get(session, hook_id)  # read anew: it may have been removed, or another process was faster
            if hook is None or not _is_due(hook):
                return
            messages, reached, more = _next(session, hook)
        for seq, message in messages:
            outcome = post(home.settings, hook.url, hook.secret, message)
            if outcome.problem is not None:
                _note_failure(database, custody, hook_id, outcome)
                return
            with database.write() as session:
                if not hooks.note_told(session, hook_id, seq + 1, clock.now(), sent=True):
                    return
            if clock.monotonic() >= until:
                return
        if more or reached - hook.position >= _FAR:
            with database.write() as session:
                hooks.note_told(session, hook_id, reached, clock.now(), sent=False)


def _next(session: Session, hook: HookView) -> tuple[list[tuple[int, Message]], int, bool]:
    """Return the next messages with their entries' numbers, up to where that looked, and whether there may be more."""
    viewer, checkpoint = viewer_of(session, hook), log.latest_checkpoint(session)
    if viewer is None or checkpoint is None or checkpoint.size <= hook.position:
        return [], hook.position, False
    found = log.next_typed(session, _TYPES, hook.position, checkpoint.size, _BATCH)
    messages = [(each.seq, message) for each in found if (message := _message(session, viewer, hook, each)) is not None]
    more = len(found) == _BATCH
    return messages, found[-1].seq + 1 if more else checkpoint.size, more


def _message(session: Session, viewer: Viewer, hook: HookView, stored: StoredEntry) -> Message | None:
    """Return what an entry gives this hook to tell, None for nothing."""
    check_parts(stored)
    event, data = _event(session, viewer, read_entry(stored.seq, stored.type, stored.values()))
    if event not in hook.events:
        return None
    leaf = stored.leaf.hex()
    data = {name: value for name, value in data.items() if value is not None} | {"seq": stored.seq, "leaf": leaf}
    return Message(f"msg_{leaf}", encode({"type": event, "timestamp": stored.time, "data": data}))


def _event(session: Session, viewer: Viewer, entry: Entry) -> tuple[Event | None, dict[str, object]]:
    """Return the event an entry is for this viewer, None for none. Ids, times and kinds alone: no names, no places."""
    match entry:
        case ClipIngested(fact=fact) if _sees(session, viewer, clip=fact.clip):
            told = {"clip": fact.clip, "docking": fact.docking, "recorder": fact.recorder, "media": fact.media}
            return Event.CLIP_SEALED, {**told, "recorded_at": fact.recorded_at}
        case ClipBound(fact=bound) if bound.kind != TargetKind.NONE and bound.target is not None:
            if _sees(session, viewer, clip=bound.clip, target=bound.target):
                told = {"case": bound.target, "kind": bound.kind, "clip": bound.clip, "binding": bound.binding}
                return Event.CASE_BOUND, {**told, "stage": bound.stage}
        case TargetResolved(fact=resolved) if resolved.into is not None:  # all its recordings belong to the case now
            if _sees(session, viewer, target=resolved.into):
                told = {"case": resolved.into, "kind": TargetKind.CASE, "matter": resolved.target}
                return Event.CASE_BOUND, {**told, "outcome": resolved.outcome}
    return None, {}


def _sees(session: Session, viewer: Viewer, *, clip: str | None = None, target: str | None = None) -> bool:
    if clip is not None and clip not in visible_clips(session, viewer, [clip]):
        return False
    state = checks.target_state(session, viewer, target) if target is not None else None
    return target is None or (state is not None and state.visible)


def _note_failure(database: Database, custody: Custody, hook_id: str, outcome: Outcome) -> None:
    """Put the next try off, or give the hook up with an alarm, in one transaction."""
    problem = outcome.problem or ""

    def compose(session: Session) -> Sequence[Entry]:
        hook = hooks.get(session, hook_id)
        if hook is None or hook.dead_at is not None:
            return ()
        failures, now = hook.failures + 1, clock.now()
        if not outcome.gone and failures <= len(PAUSES_SECONDS):
            hooks.note_failed(session, hook_id, problem, failures, timedelta(seconds=PAUSES_SECONDS[failures - 1]), now)
            return ()
        hooks.note_dead(session, hook_id, problem, failures, now)
        fact = AlarmRaised.Fact(alarm=new_id(), kind="hook_dead", about=f"hook:{hook_id}")
        text = f"{hook.name}, {hook.url}: {problem}, {failures}×. `station hook test {hook_id}`"
        return (AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text=text)),)

    custody.append_from(compose)
