"""What is going on at each slot right now: one small file a slot, replaced atomically, read by the dock board.

Progress is not evidence: nothing here is sealed, and a missing or torn file only means an empty slot. Guarantee: one
docking a slot, by a lock that ends with its process; a docking cut short by a crash is shown as failed, not as busy.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from station import clock, durable
from station.errors import ConflictError, NoSpaceError, SourceError

SlotState = Literal[
    "unlocking", "reading", "copying", "finishing", "erasing", "done", "partly", "failed", "quarantined"
]
_ACTIVE: frozenset[SlotState] = frozenset({"unlocking", "reading", "copying", "finishing", "erasing"})
NO_SLOT = 0  # of a docking that is at no slot, and on no board
_INTERVAL_SECONDS = 0.2
_RATE_OVER_SECONDS = 3.0


class SlotBoard(BaseModel):
    """One slot's line: sizes in bytes, `rate` in bytes a second, `eta_seconds` None while unknown.

    `problem` is a stable code pages translate (reader_died, taken_out, source_unreadable, not_whole, no_space,
    station_stopped, station_trouble, or why it is quarantined).
    """

    model_config = ConfigDict(frozen=True)

    slot: int
    state: SlotState
    docking: str | None = None
    recorder: str | None = None
    recorder_name: str | None = None
    holder_name: str | None = None
    battery_percent: int | None = None
    files_total: int = 0
    files_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    rate: int | None = None
    eta_seconds: int | None = None
    new: int = 0
    held: int = 0
    not_kept: int = 0
    problem: str | None = None
    pid: int = 0
    updated_at: str = ""


class SlotMeter:
    """The pen of one slot's line: measures rate and time to go, and writes at most five times a second."""

    def __init__(self, run: Path, slot: int, shown: Callable[[SlotBoard], None], state: SlotState = "reading") -> None:
        """Begin in `state`; `shown` is called with every line written."""
        self._run = run
        self._shown = shown
        self.line = SlotBoard(slot=slot, state=state, pid=os.getpid())
        self._written_at = -_INTERVAL_SECONDS
        self._samples: list[tuple[float, int]] = []
        self._write()

    def renew(self, state: SlotState) -> None:
        """Begin the line anew: something else is in the slot."""
        self.line = SlotBoard(slot=self.line.slot, state=state, pid=os.getpid())
        self._samples = []
        self._write()

    def update(self, *, force: bool = False, **changes: Any) -> None:
        """Change the line's fields; it is written when a fifth of a second has passed, or the state changed."""
        force = force or changes.get("state", self.line.state) != self.line.state
        self.line = self.line.model_copy(update=changes)
        now = clock.monotonic()
        if force or now - self._written_at >= _INTERVAL_SECONDS:
            self._measure(now)
            self._write()

    def _measure(self, now: float) -> None:
        self._samples = [each for each in self._samples if now - each[0] <= _RATE_OVER_SECONDS]
        self._samples.append((now, self.line.bytes_done))
        (first_at, first_bytes), (last_at, last_bytes) = self._samples[0], self._samples[-1]
        rate = int((last_bytes - first_bytes) / (last_at - first_at)) if last_at > first_at else None
        left = self.line.bytes_total - self.line.bytes_done
        eta = -(-left // rate) if rate and self.line.state == "copying" else None
        self.line = self.line.model_copy(update={"rate": rate, "eta_seconds": eta})

    def _write(self) -> None:
        self._written_at = clock.monotonic()
        self.line = self.line.model_copy(update={"updated_at": clock.timestamp()})
        durable.replace_volatile(self._run / "board" / f"{self.line.slot}.json", self.line.model_dump_json().encode())
        self._shown(self.line)


@contextmanager
def slot_meter(
    run: Path, slot: int | None, slots: int, shown: Callable[[SlotBoard], None], state: SlotState = "reading"
) -> Iterator[SlotMeter]:
    """Hold a slot (the lowest free one when None) and its pen for one docking, beginning in `state`.

    Raises ConflictError when the slot, or every slot, is busy. Whatever ends the docking early is shown as failed.
    """
    folder = run / "board"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for number in (slot,) if slot is not None else range(1, slots + 1):
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            meter = SlotMeter(run, number, shown, state)
            try:
                yield meter
            except BaseException as error:
                meter.update(state="failed", problem=meter.line.problem or _problem_of(error))
                raise
        finally:
            os.close(lock)
        return
    which = f"Slot {slot} is" if slot is not None else f"All {slots} slots are"
    raise ConflictError(f"{which} busy with another docking", hint="Wait for it, or name a free slot with --slot")


def _problem_of(error: BaseException) -> str:
    if isinstance(error, SourceError):
        return "source_unreadable"
    if isinstance(error, NoSpaceError):
        return "no_space"
    return "station_trouble" if isinstance(error, Exception) else "station_stopped"


def clear_slot(run: Path, slot: int) -> None:
    """Show a slot as empty: its recorder was taken out."""
    (run / "board" / f"{slot}.json").unlink(missing_ok=True)


def read_slots(run: Path) -> dict[int, SlotBoard]:
    """Return the lines by slot; one whose process is gone while it was busy is shown as failed (`station_stopped`)."""
    lines = {}
    for path in sorted((run / "board").glob("[0-9]*.json")):
        try:
            line = SlotBoard.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # being replaced or torn by a crash: the slot is shown as empty
        if line.state in _ACTIVE and not Path(f"/proc/{line.pid}").is_dir():
            line = line.model_copy(update={"state": "failed", "problem": "station_stopped"})
        lines[line.slot] = line
    return lines
