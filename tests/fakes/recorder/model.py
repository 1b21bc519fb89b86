"""The fake recorder: faces that follow one another, battery and clock, and one log of all that was asked of it.

Guarantees: no thread, no sleep and no output of its own; whoever plugs it in calls `tick` at the times `next_due`
tells. All methods may be called from any thread. While it is away between two faces, or yanked, every transfer raises
GoneError. Unlocking holds for one plug-in: plugged in again it shows its first face.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType

from station import clock as station_clock
from tests.fakes.recorder.clock import RecorderClock
from tests.fakes.recorder.errors import GoneError, StalledError
from tests.fakes.recorder.faces import Face, Function, Setup
from tests.fakes.recorder.log import Log

DEFAULT_SERIAL = "BWC000001"
_RECIPIENT, _TYPE = 0x1F, 0x60


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the unlocking order until the device leaves the bus, and from there until its new face is up."""

    leave_seconds: float = 0.05
    away_seconds: float = 0.4


@dataclass(frozen=True, slots=True)
class Identity:
    """What the recorder says of itself in its dialect."""

    serial: str = DEFAULT_SERIAL
    police_number: str = "123456"
    firmware: str = "1.04"


class Recorder:
    """One recorder; `faces[0]` is what it shows when plugged in."""

    def __init__(
        self,
        faces: Iterable[Face],
        *,
        identity: Identity | None = None,
        clock: RecorderClock | None = None,
        battery_percent: int = 87,
        delays: Delays | None = None,
        monotonic: Callable[[], float] = station_clock.monotonic,
    ) -> None:
        self.faces = {face.name: face for face in faces}
        self.identity = identity or Identity()
        self.clock = clock or RecorderClock()
        self.battery_percent = battery_percent
        self.delays = delays or Delays()
        self.monotonic = monotonic
        self.log = Log()
        self.face = next(iter(self.faces.values()))
        self.present = False
        self.enumeration = 0
        self.configuration = 0
        self.alternates: dict[int, int] = {}
        self._lock = threading.RLock()
        self._coming: Face | None = None
        self._leaves_at: float | None = None
        self._returns_at: float | None = None
        self._watchers: list[Callable[[], None]] = []
        for function in self._functions():
            function.bind(self)

    def _functions(self) -> list[Function]:
        each = [function for face in self.faces.values() for function in face.functions]
        return list(dict.fromkeys(each))

    def close(self) -> None:
        """Let go of the card images."""
        for function in self._functions():
            function.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Power and faces

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever the recorder comes, goes or plans to; it must return at once and not call back."""
        with self._lock:
            self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        """Stop calling `watcher`."""
        with self._lock:
            self._watchers.remove(watcher)

    def power_on(self) -> None:
        """Plug it in: its first face is up at once."""
        with self._lock:
            assert not self.present, "it is plugged in already"
            self._coming = self._leaves_at = self._returns_at = None
            for function in self._functions():
                function.power_on()
            self._show(next(iter(self.faces.values())))
            self.note("plugged")
            self._tell()

    def power_off(self, kind: str = "unplugged") -> None:
        """Take it off the bus without a word."""
        with self._lock:
            if self.present or self._coming is not None:
                self.note(kind)
            self.present = False
            self._coming = self._leaves_at = self._returns_at = None
            self._tell()

    def yank(self) -> GoneError:
        """Vanish in the middle of a transfer; returns the error to be raised."""
        self.power_off("yank")
        return GoneError("yanked")

    def become(self, name: str, delays: Delays | None = None) -> None:
        """Leave the bus and come up anew with the face called `name`, after the delays."""
        with self._lock:
            pause = delays or self.delays
            self._coming = self.faces[name]
            self._leaves_at = self.monotonic() + pause.leave_seconds
            self._returns_at = self._leaves_at + pause.away_seconds
            self._tell()

    def finish_change(self) -> None:
        """Let a planned change of face happen now, whatever the delays."""
        with self._lock:
            if self._coming is not None:
                self._leaves_at = self._returns_at = self.monotonic()
            self.tick()

    def tick(self) -> None:
        """Let happen what is due."""
        with self._lock:
            now = self.monotonic()
            if self._leaves_at is not None and now >= self._leaves_at:
                self._leaves_at = None
                self.present = False
                self.note("away")
                self._tell()
            if self._returns_at is not None and self._leaves_at is None and now >= self._returns_at:
                self._returns_at = None
                assert self._coming is not None
                coming, self._coming = self._coming, None
                self._show(coming)
                self.note("face")
                self._tell()

    def next_due(self) -> float | None:
        """Return the monotonic time of the next thing that happens by itself, None when nothing will."""
        with self._lock:
            functions = self.face.functions if self.present else ()
            times = [self._leaves_at, self._returns_at, *(function.due() for function in functions)]
            return min((time for time in times if time is not None), default=None)

    @property
    def changing(self) -> bool:
        """True while a change of face is under way."""
        return self._coming is not None

    def _show(self, face: Face) -> None:
        self.face = face
        self.present = True
        self.enumeration += 1
        self._forget()

    def _forget(self) -> None:
        self.configuration = 0
        self.alternates = {}
        for function in self.face.functions:
            function.reset()

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def note(self, kind: str, **detail: object) -> None:
        """Write one event into the log."""
        self.log.add(kind, self.face.name, **detail)

    # Transfers

    def bus_reset(self) -> None:
        """Reset the port (USB 2.0, section 7.1.7.5): what was under way is forgotten."""
        with self._lock:
            self.note("reset")
            self._forget()

    def control(self, request_type: int, request: int, value: int, index: int, length: int, data: bytes = b"") -> bytes:
        """Make a control transfer on endpoint 0; returns at most `length` bytes, none when the host sends."""
        setup = Setup(request_type, request, value, index, length)
        with self._lock:
            self._demand_presence()
            detail = {**setup._asdict(), "data": data}
            if not setup.request_type & _TYPE:
                answer = self._standard(setup)
                self.note("standard", **detail)
            else:
                self.note("control", **detail)
                answer = self._ask_functions(setup, data)
            if answer is None:
                raise StalledError("no function knows this request")
            return answer[:length] if setup.wants_data else b""

    def send(self, endpoint: int, data: bytes) -> None:
        """Take one bulk or interrupt transfer from the host."""
        with self._lock:
            self._demand_presence()
            self.face.owner(endpoint).send(endpoint, data)

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Return the next bulk or interrupt transfer to the host; None: nothing to say yet."""
        with self._lock:
            self._demand_presence()
            return self.face.owner(endpoint).take(endpoint, size)

    def _demand_presence(self) -> None:
        if not self.present:
            raise GoneError("the recorder is not on the bus")

    def _ask_functions(self, setup: Setup, data: bytes) -> bytes | None:
        for function in self.face.functions:
            answer = function.control(setup, data)
            if answer is not None:
                return answer
        return None

    def _standard(self, setup: Setup) -> bytes | None:
        """Answer a request of USB 2.0, section 9.4; None: not known."""
        wants, number = setup.wants_data, setup.request
        if wants and number == 6 and setup.request_type & _RECIPIENT == 0:
            return self.face.descriptor(setup.value >> 8, setup.value & 0xFF)
        if wants and number == 6:
            return self._ask_functions(setup, b"")
        if wants and number == 0:
            return b"\0\0"
        if wants and number == 8:
            return bytes([self.configuration])
        if wants and number == 10:
            return bytes([self.alternates.get(setup.index, 0)])
        if number == 9:
            self.configuration, self.alternates = setup.value & 0xFF, {}
            return b""
        if number == 11:
            if all((each.number, each.alternate) != (setup.index, setup.value) for each in self.face.interfaces):
                raise StalledError("no such alternate setting")
            self.alternates[setup.index] = setup.value
            return b""
        return b"" if number in (1, 3) else None  # CLEAR_FEATURE, SET_FEATURE
