"""What is going on at each slot right now: one small file a slot, replaced atomically, read by the dock board.

Progress is not evidence: nothing here is sealed, and a missing or torn file only means an empty slot.
`active_pid` lets a reader tell a docking cut short by a crash from one still running.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from station import clock, durable

SlotState = Literal["reading", "copying", "finishing", "done", "partly", "failed"]
_ACTIVE: frozenset[SlotState] = frozenset({"reading", "copying", "finishing"})


class SlotBoard(BaseModel):
    """One slot's line: sizes in bytes, `rate` in bytes a second, `eta_seconds` None while unknown.

    `problem` is a stable code pages translate (reader_died, source_unreadable, not_whole, no_space, station_stopped).
    """

    model_config = ConfigDict(frozen=True)

    slot: int
    state: SlotState
    docking: str | None = None
    recorder_name: str | None = None
    holder_name: str | None = None
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


def write_slot(run: Path, line: SlotBoard) -> None:
    """Publish a slot's line below `run`/board."""
    folder = run / "board"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    stamped = line.model_copy(update={"pid": os.getpid(), "updated_at": clock.timestamp()})
    durable.replace_volatile(folder / f"{line.slot}.json", stamped.model_dump_json().encode())


def read_slots(run: Path) -> dict[int, SlotBoard]:
    """Return the lines by slot; one whose process is gone while it was busy is shown as failed (`station_stopped`)."""
    lines = {}
    for path in sorted((run / "board").glob("[0-9]*.json")):
        try:
            line = SlotBoard.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # being replaced or torn by a crash: the slot is shown as empty
        if line.state in _ACTIVE and not _is_alive(line.pid):
            line = line.model_copy(update={"state": "failed", "problem": "station_stopped"})
        lines[line.slot] = line
    return lines


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").is_dir()
