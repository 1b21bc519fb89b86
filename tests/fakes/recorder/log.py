"""What was asked of a fake recorder, in order, so that a test can tell what a program did and did not do.

Kinds: `standard` (chapter 9 requests, as the kernel and libusb make them), `control` (class and vendor requests),
`order` (one order of a text dialect), `unlock`, `clock`, `scsi` (all but reads and writes, which each disk counts),
`write-refused`, `hang`, `eject`, `face`, `away`, `plugged`, `unplugged`, `yank`, `reset`, `polled` (somebody listens to
an interrupt endpoint), `typed` (a keystroke that was fetched), `frame` (a network frame that came).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened while the face named `face` was up; `detail` depends on the kind."""

    kind: str
    face: str
    detail: dict[str, Any] = field(default_factory=dict)


class Log:
    """A list of events that only grows."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def add(self, kind: str, face: str, **detail: Any) -> None:
        """Append one event."""
        self._events.append(Event(kind, face, detail))

    def of(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds, oldest first."""
        return [event for event in self._events if event.kind in kinds]

    def orders(self) -> list[str]:
        """Return the text of all orders that came in a text dialect."""
        return [str(event.detail["text"]) for event in self.of("order")]

    def addressed(self) -> list[Event]:
        """Return all that was said to the device itself beyond the standard requests of its enumeration."""
        return self.of("control", "order", "unlock", "scsi")

    def __iter__(self) -> Iterator[Event]:
        return iter(list(self._events))

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return "\n".join(f"{event.face:9} {event.kind:9} {event.detail}" for event in self)
