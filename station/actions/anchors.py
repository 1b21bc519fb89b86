"""Outside anchors as people and the clock see them: asking for them, how old the last one is, and lifting a halt.

Guarantee: what makes a station stop signing is never taken back by itself; only a person does it, and the reason is
an entry. Asking itself is station.stages.anchoring.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from station import clock, durable
from station.config import Home, Settings
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import NotFoundError, RequestError, SignerRefusedError, StationError
from station.ledger import halt
from station.ledger.anchors import Anchor, Kind, latest_anchors
from station.records.entries import Actor
from station.records.log_entries import AlarmRaised
from station.stages.anchoring import Round, anchor_trust, gather_anchors, has_network, wanted_size

Grade = Literal["ok", "warn", "bad"]
__all__ = [
    "Age",
    "Round",
    "age",
    "ages",
    "anchor_trust",
    "check_start",
    "gather_anchors",
    "list_anchors",
    "resume",
    "run",
]
_TRIED_FILE = "anchor.tried"


@dataclass(frozen=True, slots=True)
class Age:
    """How the last outside anchor stands against the settings: `seconds` old, None for none or nobody to ask."""

    grade: Grade
    seconds: int | None
    configured: bool
    halted: str = ""


def list_anchors(session: Session, limit: int = 100) -> tuple[Anchor, ...]:
    """Return the last anchors, newest first."""
    return latest_anchors(session, limit)


def age(home: Home, session: Session) -> Age:
    """Return how old the last outside anchor is, and whether that is a warning or trouble. Raises ConfigError."""
    settings = home.settings
    configured = any(each.url for each in settings.witnesses) or bool(settings.timestamp_authority)
    try:
        mark = halt.read_halt(home.run)
        halted = mark.message if mark else ""
    except SignerRefusedError as error:
        halted = error.message
    seconds = _seconds_since(latest_anchors(session, 50))
    if seconds is None:
        return Age("bad" if halted else "warn", None, configured, halted)
    return Age("bad" if halted else _grade(settings, seconds) if configured else "warn", seconds, configured, halted)


def ages(home: Home, session: Session) -> dict[Kind, Age]:
    """Return how old the last anchor of each kind is that is set up: a witness's cosignature, a time stamp."""
    settings = home.settings
    asked: dict[Kind, bool] = {
        "cosignature": any(each.url for each in settings.witnesses),
        "timestamp": bool(settings.timestamp_authority),
    }
    found = {}
    for kind in (kind for kind, configured in asked.items() if configured):
        seconds = _seconds_since(latest_anchors(session, 50, kind))
        found[kind] = Age("warn" if seconds is None else _grade(settings, seconds), seconds, configured=True)
    return found


def _seconds_since(anchors: Sequence[Anchor]) -> int | None:
    times = [clock.parse_time(each.time) for each in anchors]
    return max(0, int((clock.now() - max(times)).total_seconds())) if times else None


def _grade(settings: Settings, seconds: int) -> Grade:
    hours = seconds / 3600
    return "bad" if hours >= settings.anchor_bad_hours else "warn" if hours >= settings.anchor_warn_hours else "ok"


def run(home: Home, database: Database, custody: Custody, store: object) -> None:
    """Ask witnesses and authority if it is time, or somebody waits for it; a chore of `station tend`, called often.

    Cheap when there is nothing to do. Raises SignerRefusedError when a witness knows another log, and what
    `gather_anchors` raises.
    """
    if not (any(each.url for each in home.settings.witnesses) or home.settings.timestamp_authority):
        return
    last = _last_try(home)
    if last is not None and last.fresh(home.settings.anchor_minutes) and wanted_size(home) <= last.size:
        return
    try:
        size = gather_anchors(home, database, custody).checkpoint.size
    except StationError:
        _note_try(home, wanted_size(home))  # else it would be tried again at once, and for ever
        raise
    _note_try(home, max(size, wanted_size(home)))


def check_start(home: Home, database: Database, custody: Custody) -> None:
    """Ask the witnesses before work begins whether they know a larger log than ours, or another one.

    Raises SignerRefusedError if one does; one that does not answer stops nothing. Processes that may not use the
    network leave it to the one that may.
    """
    halt.check_signing(home.run)
    if any(each.url for each in home.settings.witnesses) and has_network():
        gather_anchors(home, database, custody, stamp=False)


def resume(home: Home, database: Database, custody: Custody, actor: Actor, reason: str) -> None:
    """Sign again although a witness told of another log: a person has found that the witness was wrong, and says why.

    Raises RequestError without a reason, NotFoundError when nothing is halted.
    """
    if not reason.strip():
        raise RequestError("Say why signing may go on", hint="--reason TEXT")
    try:
        mark = halt.read_halt(home.run)
        text = mark.message if mark else ""
    except SignerRefusedError as error:
        text = error.message
    if not text:
        raise NotFoundError("Nothing is halted: signing goes on")
    alarm = AlarmRaised(
        fact=AlarmRaised.Fact(alarm=new_id(), kind="signing_resumed"),
        detail=AlarmRaised.Detail(text=f"{text}. {actor.os_user or actor.via}: {reason.strip()}"),
    )
    custody.append(alarm, seal=False)  # before: whoever takes the mark away leaves a trace, even if it breaks off here
    halt.lift(home.run)
    custody.seal()


@dataclass(frozen=True, slots=True)
class _Try:
    at: datetime
    size: int

    def fresh(self, minutes: int) -> bool:
        return timedelta(0) <= clock.now() - self.at < timedelta(minutes=minutes)


def _last_try(home: Home) -> _Try | None:
    try:
        at, _, size = (home.run / _TRIED_FILE).read_text(encoding="ascii").strip().partition(" ")
        return _Try(clock.parse_time(at), int(size))
    except (OSError, ValueError):
        return None


def _note_try(home: Home, size: int) -> None:
    durable.replace_volatile(home.run / _TRIED_FILE, f"{clock.timestamp()} {size}\n".encode())
