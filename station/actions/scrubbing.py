"""The scheduled scrub: the whole vault re-read from the disk within a period of days, again and again.

Guarantees: what is expected comes from ledger entries; a pass is taken up where it stopped, also after a restart, and
is spread over its period; it stands still while a docking copies, and reads when nobody else does
(`rereading.gentle`). A damaged or missing original is an alarm naming its clip, in one transaction with an entry of the
check. Otherwise there is an entry a day and one at the end of a pass, however many originals there are.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from station import clock
from station.actions.held import Held, held_between, is_gone
from station.actions.rereading import BrokenOffError, Pace, Reading, gentle, reread_all
from station.actions.verify import UNREADABLE, judge
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.records.entries import Entry
from station.records.log_entries import AlarmRaised, CheckCompleted
from station.state import scrubs
from station.state.scrubs import Progress

SLICE_SECONDS = 30.0
_ENTRY_EVERY = timedelta(days=1)
_PAUSE_AFTER_PASS = timedelta(hours=1)  # a small vault is not read over and over
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """One blob that is not as it should be."""

    held: Held
    code: str
    message: str


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Read as much as is due by now, half a minute at most; a chore of `station tend`, called often."""
    if not home.settings.scrub_days:
        return
    deadline = clock.monotonic() + SLICE_SECONDS
    pace = gentle(home.run)
    try:
        scrub(home, database, custody, store, pace, lambda: clock.monotonic() >= deadline)
    except BrokenOffError:
        return


def due_bytes(progress: Progress, days: float) -> int:
    """Return how many bytes of a pass should be read by now, so that it fills its period evenly."""
    passed = clock.now() - clock.parse_time(progress.begun_at)
    share = passed / timedelta(days=days)
    return progress.total_bytes if share >= 1 else int(progress.total_bytes * max(share, 0.0))


def scrub(
    home: Home, database: Database, custody: Custody, store: LocalStore, pace: Pace, enough: Callable[[], bool]
) -> Progress:
    """Go on with the pass, or begin one, until what is due is read or `enough`; returns how far it is then."""
    days = home.settings.scrub_days
    with database.read() as session:
        progress = scrubs.load(session)
        size = log.size(session)
    if progress is None or (progress.position >= progress.until and _is_new_pass_due(progress, days)):
        progress = _begin(database, progress, size)
    found: list[_Found] = []

    def tell(seq: int | None, error: StationError) -> None:
        _logger.error("entry not scrubbed", seq=seq, message=error.message)
        progress.unchecked += 1  # the audit names what is wrong with the ledger itself

    with closing(held_between(database, progress.position, progress.until, tell)) as entries:
        while progress.position < progress.until and progress.size_bytes <= due_bytes(progress, days):
            if enough():
                break
            seq, named = next(entries, (progress.until, []))
            _read(database, store, progress, named, pace, found)
            progress.position = min(seq + 1, progress.until)
            _keep(database, custody, progress, found)
            found.clear()
    return progress


def _is_new_pass_due(progress: Progress, days: float) -> bool:
    begun, now = clock.parse_time(progress.begun_at), clock.now()
    return now - begun >= timedelta(days=days) and now - begun >= _PAUSE_AFTER_PASS


def _begin(database: Database, last: Progress | None, size: int) -> Progress:
    now = clock.timestamp()
    total = sum(each.size_bytes or 0 for _, named in held_between(database, 0, size, lambda *_: None) for each in named)
    fresh = Progress(begun_at=now, until=size, entered_at=now, total_bytes=total)
    if last is not None:
        fresh = replace(
            fresh,
            last_pass_at=last.last_pass_at,
            last_originals=last.last_originals,
            last_damaged=last.last_damaged,
            last_unchecked=last.last_unchecked,
        )
    with database.write() as session:
        scrubs.save(session, fresh)
    return fresh


def _read(
    database: Database, store: LocalStore, progress: Progress, named: list[Held], pace: Pace, found: list[_Found]
) -> None:
    """Read the blobs that one entry names, but for those gone by law."""
    with database.read() as session:
        there = [each for each in named if not is_gone(session, each)]
    wanted = [(each.path(store), [algorithm for algorithm, _ in each.further]) for each in there]
    with closing(reread_all(wanted, pace)) as readings:
        for held, reading in zip(there, readings, strict=True):
            _count(progress, held, reading, found)


def _count(progress: Progress, held: Held, reading: Reading, found: list[_Found]) -> None:
    problem = judge(held, reading)
    progress.originals += 1
    progress.size_bytes += reading.found.size_bytes if reading.found else held.size_bytes or 0
    if reading.found is not None and reading.found.mode != "direct":
        progress.readback = reading.found.mode
    if problem is None:
        return
    _logger.error("scrub found", code=problem.code, about=held.about, message=problem.message)
    if problem.code == UNREADABLE:
        progress.unchecked += 1
    else:
        progress.damaged += 1
    found.append(_Found(held, problem.code, problem.message))


def _keep(database: Database, custody: Custody, progress: Progress, found: list[_Found]) -> None:
    """Keep the progress; with an entry if something was found, a day has passed, or the pass is at its end."""
    ended = progress.position >= progress.until
    if ended:
        progress.last_pass_at = clock.timestamp()
        progress.last_originals, progress.last_damaged = progress.originals, progress.damaged
        progress.last_unchecked = progress.unchecked
    old = clock.now() - clock.parse_time(progress.entered_at) >= _ENTRY_EVERY
    if not found and not ended and not (old and progress.originals > progress.entered):
        with database.write() as session:
            scrubs.save(session, progress)
        return

    def compose(session: Session) -> list[Entry]:
        entries: list[Entry] = [_check(progress, found), *(_alarm(each) for each in found)]
        progress.entered, progress.entered_unchecked = progress.originals, progress.unchecked
        progress.entered_at = clock.timestamp()
        scrubs.save(session, progress)
        return entries

    custody.append_from(compose)


def _check(progress: Progress, found: list[_Found]) -> CheckCompleted:
    damaged = tuple(sorted({each.held.clip for each in found if each.held.clip and each.code != UNREADABLE}))
    any_damaged = any(each.code != UNREADABLE for each in found)
    unchecked = progress.unchecked > progress.entered_unchecked
    fact = CheckCompleted.Fact.model_validate(
        {
            "check": new_id(),
            "scope": "scrub",
            "originals_checked": progress.originals - progress.entered,
            "damaged": damaged,
            "outcome": "damaged" if any_damaged else "not_checked" if unchecked else "sound",
            "log_size": progress.until,
            "readback": progress.readback,
        }
    )
    return CheckCompleted(fact=fact)


def _alarm(found: _Found) -> AlarmRaised:
    kind = found.code.replace(".", "_")  # original_damaged, original_missing, original_unreadable
    fact = AlarmRaised.Fact(alarm=new_id(), kind=kind, about=found.held.about)
    return AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text=found.message))
