"""Plugs a fake recorder into a QEMU guest: the host side of the USB redirection protocol 0.7 over a unix socket.

QEMU needs `-chardev socket,id=bay0,path=PATH,server=on,wait=off -device usb-redir,chardev=bay0`, or the same by QMP.

Guarantees: one thread a plugged recorder, gone when `unplug` returns; nothing in it waits for the guest to fetch a
reply, so a hanging disk still lets the guest cancel, reset and go on; an unforeseen error ends the thread, unplugs, and
is raised by `unplug`.
"""

import selectors
import socket
import struct
import threading
from collections import deque
from pathlib import Path
from types import TracebackType

from tests.fakes.recorder.descriptors import IN
from tests.fakes.recorder.errors import GoneError, StalledError
from tests.fakes.recorder.model import Recorder

(HELLO, CONNECT, DISCONNECT, RESET, INTERFACES, ENDPOINTS) = range(6)
(SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION, SET_ALTERNATE, GET_ALTERNATE, ALTERNATE) = range(6, 12)
(START_INTERRUPT, STOP_INTERRUPT, INTERRUPT_STATUS) = range(15, 18)
CANCEL = 21
CONTROL_PACKET, BULK_PACKET, INTERRUPT_PACKET = 100, 101, 103
SUCCESS, CANCELLED, INVALID, IO_ERROR, STALL = range(5)

CAPABILITY_VERSION, CAPABILITY_PACKET_SIZE, CAPABILITY_WIDE_IDS, CAPABILITY_LONG_BULK = 1, 4, 5, 6
_CAPABILITIES = sum(
    1 << bit for bit in (CAPABILITY_VERSION, CAPABILITY_PACKET_SIZE, CAPABILITY_WIDE_IDS, CAPABILITY_LONG_BULK)
)
_HIGH_SPEED = 2
_NO_ENDPOINT = 255
_HEAD, _WIDE_HEAD = struct.Struct("<III"), struct.Struct("<IIQ")
_CONTROL = struct.Struct("<BBBBHHH")  # endpoint, request, request type, status, value, index, length
_BULK = struct.Struct("<BBHIH")  # endpoint, status, length, stream, length's upper half
_INTERRUPT = struct.Struct("<BBH")  # endpoint, status, length
_RECEIVE_BYTES = 1 << 18


class UsbRedirPlug:
    """One bay of a QEMU guest. `with UsbRedirPlug(recorder, path): ...` plugs in and unplugs."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self.recorder = recorder
        self.path = path
        self._thread: threading.Thread | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._stopping = threading.Event()
        self._failure: Exception | None = None

    @property
    def plugged(self) -> bool:
        """True while the guest may see a device; it ends by `unplug`, by a yank, or when QEMU goes away."""
        return self._thread is not None and self._thread.is_alive()

    def plug(self) -> "UsbRedirPlug":
        """Connect to QEMU and show the recorder's first face; raises OSError when nobody listens at the path."""
        assert not (self.plugged and self.recorder.present), "it is plugged in already"
        self.unplug()
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.connect(str(self.path))
        except OSError:
            channel.close()
            raise
        self._bell = socket.socketpair()
        self._bell[0].setblocking(False)
        self._stopping.clear()
        self.recorder.power_on()
        self.recorder.watch(self._ring)
        self._thread = threading.Thread(target=self._serve, args=(channel, self._bell[1]), name=f"bay {self.path.name}")
        self._thread.start()
        return self

    def unplug(self) -> None:
        """Pull it out without a word, at any moment; raises what ended the thread before, if that was a fault."""
        if self._thread is None:
            return
        self._stopping.set()
        self._ring()
        self._thread.join()
        self._thread = None
        self.recorder.unwatch(self._ring)
        assert self._bell is not None
        for end in self._bell:
            end.close()
        self._bell = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def replug(self, path: Path | None = None) -> "UsbRedirPlug":
        """Pull it out and put it into the same bay, or the one at `path`."""
        self.unplug()
        self.path = path or self.path
        return self.plug()

    def __enter__(self) -> "UsbRedirPlug":
        return self if self.plugged else self.plug()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def _ring(self) -> None:
        """Wake the thread; a bell that is full has rung already."""
        if self._bell is not None:
            try:
                self._bell[0].send(b"!")
            except BlockingIOError:
                return

    def _serve(self, channel: socket.socket, asleep: socket.socket) -> None:
        with channel:
            try:
                _Conversation(self.recorder, channel, asleep, self._stopping).run()
            except (GoneError, OSError):
                pass  # yanked, or QEMU is gone: both end the conversation
            except Exception as error:  # noqa: BLE001 - handed to whoever unplugs
                self._failure = error
            self.recorder.power_off()


class _Conversation:
    """What is said over one connection."""

    def __init__(
        self, recorder: Recorder, channel: socket.socket, asleep: socket.socket, stopping: threading.Event
    ) -> None:
        self._recorder = recorder
        self._channel, self._asleep, self._stopping = channel, asleep, stopping
        self._heard = bytearray()
        self._head = _HEAD
        self._bulk = struct.Struct("<BBHI")
        self._greeted = False
        self._shown = 0
        self._pending: dict[int, deque[tuple[int, int]]] = {}
        self._polled: dict[int, int] = {}
        self._answers = {
            HELLO: self._hello,
            RESET: self._reset,
            SET_CONFIGURATION: self._set_configuration,
            GET_CONFIGURATION: self._get_configuration,
            SET_ALTERNATE: self._set_alternate,
            GET_ALTERNATE: self._get_alternate,
            START_INTERRUPT: self._start_interrupt,
            STOP_INTERRUPT: self._stop_interrupt,
            CANCEL: self._cancel,
            CONTROL_PACKET: self._control,
            BULK_PACKET: self._bulk_packet,
            INTERRUPT_PACKET: self._interrupt_packet,
        }

    def run(self) -> None:
        """Talk until one side goes; raises GoneError or OSError then."""
        self._say(HELLO, 0, b"fake recorder".ljust(64, b"\0") + struct.pack("<I", _CAPABILITIES))
        with selectors.DefaultSelector() as ready:
            ready.register(self._channel, selectors.EVENT_READ)
            ready.register(self._asleep, selectors.EVENT_READ)
            while not self._stopping.is_set():
                self._recorder.tick()
                self._follow_faces()
                self._pump()
                due = self._recorder.next_due()
                pause = None if due is None else max(0.0, due - self._recorder.monotonic())
                for key, _ in ready.select(pause):
                    if key.fileobj is self._asleep:
                        self._asleep.recv(4096)
                    else:
                        self._receive()

    def _receive(self) -> None:
        data = self._channel.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("QEMU closed the bay")
        self._heard += data
        while len(self._heard) >= self._head.size:
            kind, length, number = self._head.unpack_from(self._heard)
            end = self._head.size + length
            if len(self._heard) < end:
                return
            body = bytes(self._heard[self._head.size : end])
            del self._heard[:end]
            answer = self._answers.get(kind)
            if answer is not None:
                answer(number, body)

    def _say(self, kind: int, number: int, body: bytes = b"") -> None:
        self._channel.sendall(self._head.pack(kind, len(body), number) + body)

    # Coming and going

    def _hello(self, number: int, body: bytes) -> None:
        del number
        told = struct.unpack_from("<I", body, 64)[0] if len(body) >= 68 else 0
        if told & 1 << CAPABILITY_WIDE_IDS:
            self._head = _WIDE_HEAD
        if told & 1 << CAPABILITY_LONG_BULK:
            self._bulk = _BULK
        self._greeted = True

    def _follow_faces(self) -> None:
        """Tell QEMU that the device left or came; raises GoneError when it was yanked."""
        if not self._greeted:
            return
        present, enumeration = self._recorder.present, self._recorder.enumeration
        if not present and not self._recorder.changing:
            raise GoneError("the recorder is gone")
        if self._shown and (not present or self._shown != enumeration):
            self._shown = 0
            self._pending.clear()
            self._polled.clear()
            self._say(DISCONNECT, 0)
        if present and not self._shown:
            self._announce()
            self._shown = enumeration

    def _announce(self) -> None:
        face = self._recorder.face
        self._describe()
        ids = (face.vendor_id, face.product_id, face.release)
        self._say(CONNECT, 0, struct.pack("<BBBBHHH", _HIGH_SPEED, *face.device_class, *ids))

    def _describe(self) -> None:
        """Tell interfaces and endpoints of the settings in force."""
        face, alternates = self._recorder.face, self._recorder.alternates
        active = face.active(alternates)
        columns = [[each.number for each in active], *([each.triple[at] for each in active] for at in range(3))]
        body = b"".join(bytes(column).ljust(32, b"\0") for column in columns)
        self._say(INTERFACES, 0, struct.pack("<I", len(active)) + body)
        kinds, intervals, owners, sizes = [_NO_ENDPOINT] * 32, [0] * 32, [0] * 32, [0] * 32
        for at in (0, 16):
            kinds[at], sizes[at] = 0, 64
        for interface, endpoint in face.endpoints(alternates):
            at = (endpoint.address & IN) >> 3 | endpoint.address & 0x0F
            kinds[at], intervals[at] = endpoint.transfer, endpoint.interval
            owners[at], sizes[at] = interface.number, endpoint.packet_bytes
        self._say(ENDPOINTS, 0, bytes(kinds) + bytes(intervals) + bytes(owners) + struct.pack("<32H", *sizes))

    def _reset(self, number: int, body: bytes) -> None:
        del number, body
        self._recorder.bus_reset()

    # Settings

    def _standard(self, request_type: int, request: int, value: int = 0, index: int = 0, length: int = 0) -> int:
        try:
            self._recorder.control(request_type, request, value, index, length)
        except StalledError:
            return STALL
        except GoneError:
            return IO_ERROR
        return SUCCESS

    def _set_configuration(self, number: int, body: bytes) -> None:
        status = self._standard(0x00, 9, body[0])
        self._say(CONFIGURATION, number, bytes([status, self._recorder.configuration]))

    def _get_configuration(self, number: int, body: bytes) -> None:
        del body
        self._say(CONFIGURATION, number, bytes([SUCCESS, self._recorder.configuration]))

    def _set_alternate(self, number: int, body: bytes) -> None:
        status = self._standard(0x01, 11, body[1], body[0])
        if status == SUCCESS:
            self._describe()
        self._say(ALTERNATE, number, bytes([status, *body[:2]]))

    def _get_alternate(self, number: int, body: bytes) -> None:
        self._say(ALTERNATE, number, bytes([SUCCESS, body[0], self._recorder.alternates.get(body[0], 0)]))

    # Transfers

    def _control(self, number: int, body: bytes) -> None:
        endpoint, request, request_type, _, value, index, length = _CONTROL.unpack_from(body)
        answer, done, status = b"", 0, SUCCESS
        try:
            answer = self._recorder.control(request_type, request, value, index, length, body[_CONTROL.size :])
            done = len(answer) if request_type & IN else length
        except StalledError:
            status = STALL
        except GoneError:
            status = IO_ERROR
        head = _CONTROL.pack(endpoint, request, request_type, status, value, index, done)
        self._say(CONTROL_PACKET, number, head + answer)

    def _bulk_packet(self, number: int, body: bytes) -> None:
        endpoint, _, low, _, *high = self._bulk.unpack_from(body)
        length = low | (high[0] << 16 if high else 0)
        if endpoint & IN:
            self._pending.setdefault(endpoint, deque()).append((number, length))
            return
        self._say_bulk(number, endpoint, *self._send(endpoint, body[self._bulk.size :], length))

    def _send(self, endpoint: int, data: bytes, length: int) -> tuple[int, int]:
        """Give the recorder a transfer; returns status and bytes taken. A yank shows in the next `_follow_faces`."""
        try:
            self._recorder.send(endpoint, data)
        except StalledError:
            return STALL, 0
        except GoneError:
            return IO_ERROR, 0
        return SUCCESS, length

    def _say_bulk(self, number: int, endpoint: int, status: int, length: int, data: bytes = b"") -> None:
        high = (length >> 16,) if self._bulk is _BULK else ()
        self._say(BULK_PACKET, number, self._bulk.pack(endpoint, status, length & 0xFFFF, 0, *high) + data)

    def _interrupt_packet(self, number: int, body: bytes) -> None:
        endpoint, _, length = _INTERRUPT.unpack_from(body)
        status, taken = self._send(endpoint, body[_INTERRUPT.size :], length)
        self._say(INTERRUPT_PACKET, number, _INTERRUPT.pack(endpoint, status, taken))

    def _start_interrupt(self, number: int, body: bytes) -> None:
        self._polled.setdefault(body[0], 0)
        self._recorder.note("polled", endpoint=body[0])
        self._say(INTERRUPT_STATUS, number, bytes([SUCCESS, body[0]]))

    def _stop_interrupt(self, number: int, body: bytes) -> None:
        self._polled.pop(body[0], None)
        self._say(INTERRUPT_STATUS, number, bytes([SUCCESS, body[0]]))

    def _cancel(self, number: int, body: bytes) -> None:
        """Give up a transfer that is still pending; one already answered needs nothing more."""
        del body
        for endpoint, waiting in self._pending.items():
            for entry in [entry for entry in waiting if entry[0] == number]:
                waiting.remove(entry)
                self._say_bulk(number, endpoint, CANCELLED, 0)

    def _pump(self) -> None:
        """Hand over what the recorder has to say to those who asked for it."""
        if not self._shown:
            return
        for endpoint, waiting in self._pending.items():
            while waiting:
                number, size = waiting[0]
                status, data = self._take(endpoint, size)
                if data is None:
                    break
                waiting.popleft()
                self._say_bulk(number, endpoint, status, len(data), data)
        for endpoint in list(self._polled):
            status, data = self._take(endpoint, 64)
            while data is not None and status == SUCCESS:
                head = _INTERRUPT.pack(endpoint, status, len(data))
                self._say(INTERRUPT_PACKET, self._polled[endpoint], head + data)
                self._polled[endpoint] += 1
                status, data = self._take(endpoint, 64)

    def _take(self, endpoint: int, size: int) -> tuple[int, bytes | None]:
        try:
            return SUCCESS, self._recorder.take(endpoint, size)
        except StalledError:
            return STALL, b""
        except GoneError:
            return IO_ERROR, b""
