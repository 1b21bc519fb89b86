"""The storage function: USB mass storage, bulk-only transport (USB-IF, "Bulk-Only Transport" 1.0), one or more LUNs."""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.recorder.descriptors import IN, Endpoint, Interface
from tests.fakes.recorder.disk import Disk
from tests.fakes.recorder.errors import StalledError
from tests.fakes.recorder.faces import Function, Setup
from tests.fakes.recorder.scsi import Answer, Unit

if TYPE_CHECKING:
    from tests.fakes.recorder.model import Recorder

BULK_ONLY = (0x08, 0x06, 0x50)
_COMMAND_BYTES = 31
_GET_MAX_LUN, _RESET = 0xFE, 0xFF
_PASSED, _FAILED = 0, 1


@dataclass(slots=True)
class _Reply:
    """Bytes for the host, not before `ready_at`; empty data is a transfer of no bytes."""

    data: bytes
    ready_at: float


@dataclass(slots=True)
class _Incoming:
    """Data the host is sending: `wanted` bytes, `then` says what comes of them."""

    wanted: int
    then: Callable[[bytes], Answer]
    came: bytearray = field(default_factory=bytearray)


class StorageFunction(Function):
    """Disks behind one interface with two bulk endpoints."""

    def __init__(self, *disks: Disk, interface: int = 0, endpoint_in: int = 0x81, endpoint_out: int = 0x02) -> None:
        super().__init__(Interface(interface, BULK_ONLY, (Endpoint(endpoint_in), Endpoint(endpoint_out))))
        self.disks = disks
        self._number = interface
        self._units: tuple[Unit, ...] = ()
        self._replies: deque[_Reply] = deque()
        self._incoming: _Incoming | None = None
        self._host_waits = False
        self._tag = 0

    def bind(self, recorder: "Recorder") -> None:
        """Make one unit for each disk."""
        super().bind(recorder)
        self._units = tuple(
            Unit(disk, number, len(self.disks), recorder.note, recorder.yank, self._ejected)
            for number, disk in enumerate(self.disks)
        )

    def _ejected(self) -> None:
        """With all its cards put away, a recorder that was unlocked goes back to charging."""
        first = next(iter(self.recorder.faces))
        if all(disk.ejected for disk in self.disks) and first != self.recorder.face.name:
            self.power_on()
            self.recorder.become(first)

    def close(self) -> None:
        """Let go of the images."""
        for disk in self.disks:
            disk.close()

    def power_on(self) -> None:
        """Take ejected cards in again."""
        for disk in self.disks:
            disk.ejected = False

    def reset(self) -> None:
        """Forget the command under way."""
        self._replies.clear()
        self._incoming = None
        self._host_waits = False

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer Get Max LUN and Bulk-Only Mass Storage Reset (sections 3.1, 3.2)."""
        del data
        if (setup.request_type, setup.request, setup.index) == (0xA1, _GET_MAX_LUN, self._number):
            return bytes([len(self.disks) - 1])
        if (setup.request_type, setup.request, setup.index) == (0x21, _RESET, self._number):
            self.reset()
            return b""
        return None

    def send(self, endpoint: int, data: bytes) -> None:
        """Take a command wrapper, or data that belongs to the last one."""
        del endpoint
        if self._incoming is not None:
            self._incoming.came += data
            if len(self._incoming.came) >= self._incoming.wanted:
                done, self._incoming = self._incoming, None
                self._finish(done.then(bytes(done.came[: done.wanted])), 0)
            return
        if len(data) != _COMMAND_BYTES or not data.startswith(b"USBC"):
            raise StalledError("not a command wrapper")
        self._tag, expected, flags, lun, length = struct.unpack("<IIBBB", data[4:15])
        unit = self._units[lun] if lun < len(self._units) else None
        answer = unit.execute(data[15 : 15 + length].ljust(16, b"\0")) if unit else Answer(good=False)
        if answer is None:
            return  # the disk hangs: nothing is ever said
        if unit is not None and answer.wanted:
            self._incoming = _Incoming(answer.wanted, lambda came: unit.write(answer.block, came))
        elif expected and not flags & IN:  # a refused write's data comes all the same
            self._incoming = _Incoming(expected, lambda _: answer)
        else:
            self._finish(answer, expected)

    def _finish(self, answer: Answer, expected: int) -> None:
        """Queue data and status; a slow disk's come no sooner than its speed allows."""
        ready_at = self.recorder.monotonic() + answer.delay_seconds
        data = answer.data[:expected]
        if expected:
            self._replies.append(_Reply(data, ready_at))
        status = _PASSED if answer.good else _FAILED
        wrapper = b"USBS" + struct.pack("<IIB", self._tag, expected - len(data), status)
        self._replies.append(_Reply(wrapper, ready_at))

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Return data, then the status wrapper of the last command."""
        del endpoint
        self._host_waits = bool(self._replies) and self._replies[0].ready_at > self.recorder.monotonic()
        if not self._replies or self._host_waits:
            return None
        reply = self._replies[0]
        part, reply.data = reply.data[:size], reply.data[size:]
        if not reply.data:
            self._replies.popleft()
        return part

    def due(self) -> float | None:
        """Return when a reply the host waits for may go out."""
        return self._replies[0].ready_at if self._host_waits and self._replies else None
