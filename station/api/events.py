"""The dock board, live: server-sent events (HTML standard, section 9.2) made of the boards' small files.

Guarantees: all listeners share one reading of the files, at most five a second; an event is sent only when something
changed; a stream ends when the station stops, and after five minutes in any case, so that whoever logged out or was
shut out does not listen on (the browser asks again by itself).
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Lock

from fastapi.sse import ServerSentEvent

from station import board, clock
from station.api.context import Station
from station.board import SlotBoard

_PERIOD_SECONDS = 0.2
_LONGEST_SECONDS = 300.0


class BoardFeed:
    """The boards' latest reading, shared by all who look."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._lock = Lock()
        self._read_at = float("-inf")
        self._slots: dict[int, SlotBoard] = {}

    def slots(self) -> dict[int, SlotBoard]:
        """Return the slots' lines, read again only when the last reading is old enough."""
        with self._lock:
            if clock.monotonic() - self._read_at >= _PERIOD_SECONDS:
                self._slots = board.read_slots(self._run)
                self._read_at = clock.monotonic()
            return self._slots


async def slot_events(station: Station, feed: BoardFeed) -> AsyncIterator[ServerSentEvent]:
    """Yield the slots as `slots` events, the first at once, then whenever one of them changed."""
    begun = clock.monotonic()
    told: dict[int, SlotBoard] | None = None
    while not station.stopping.is_set() and clock.monotonic() - begun < _LONGEST_SECONDS:
        slots = await asyncio.to_thread(feed.slots)
        if slots != told:
            told = slots
            data = {str(slot): line.model_dump(mode="json", exclude={"pid"}) for slot, line in slots.items()}
            yield ServerSentEvent(data=data, event="slots", retry=2000)
        await asyncio.sleep(_PERIOD_SECONDS)
