"""The read-only part of PTP over USB, on which MTP rests: transactions, and the data sets that they bring.

Guarantees: `Operation` lists all that is ever sent, and nothing in it changes what the device holds; no transaction has
data going out. What comes is checked before it is used: lengths against what was asked, every field against the end of
its data set. After trouble on the wire nothing more is sent: where an answer begins could no longer be told.
Sources: ISO 15740 (PTP), USB Still Image Capture Device Definition 1.0 (section 7), MTP 1.1 (USB-IF), appendix D.
"""

import errno
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

PACKETS_BYTES = 1024
UNKNOWN_LENGTH = 0xFFFFFFFF
"""A container longer than 4 GiB - 1, or an object: its real length is told elsewhere."""

_HEADER = struct.Struct("<IHHI")  # length with the header, type, code, transaction
_COMMAND, _DATA, _RESPONSE = 1, 2, 3
_OK, _SESSION_ALREADY_OPEN = 0x2001, 0x201E
_SESSION = 1
_MOST_PARAMETERS = 5
_SCRATCH_BYTES = 64 * 1024
_MOST_DATA_SET_BYTES = 16 * 1024 * 1024
_STALE_MS, _MOST_STALE_BYTES = 300, 64 * 1024 * 1024
_MOST_EMPTY = 3


class Operation(IntEnum):
    """Everything that is ever sent: questions, and the session they are asked in."""

    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    GET_PARTIAL_OBJECT = 0x101B
    GET_PARTIAL_OBJECT_64 = 0x95C1  # android.com 1.0
    GET_OBJECT_PROP_VALUE = 0x9803


class Pipe(Protocol):
    """The two bulk pipes; errors are OSError. See `station.device.usbfs.Usbfs`."""

    def send(self, data: bytes) -> None:
        """Send one transfer."""

    def receive_into(self, target: memoryview, timeout_ms: int = ...) -> int:
        """Fill `target`, a multiple of PACKETS_BYTES long, until the device ends a transfer; returns the bytes."""

    def clear(self) -> None:
        """Let both pipes begin anew."""


class RefusedError(OSError):
    """The device answered that it will not, or can't; the session goes on. `code` is its response code."""

    def __init__(self, operation: Operation, code: int) -> None:
        """Tell what was asked, and the answer."""
        super().__init__(errno.EIO, f"it answered {operation.name} with {code:#06x}")
        self.code = code


@dataclass(frozen=True, slots=True)
class _Header:
    length: int
    kind: int
    code: int
    transaction: int


class Session:
    """One session with a device. Not for several threads."""

    def __init__(self, pipe: Pipe) -> None:
        """Open the session and ask what the device can do; raises OSError."""
        self._pipe = pipe
        self._broken: str | None = None
        self._transaction = 0
        self._operation = Operation.OPEN_SESSION
        self._left: int | None = None  # of the data under way; None: there is none
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._surplus = self._scratch[:0]
        self._open()
        self.supported = frozenset(read_supported(self.ask(Operation.GET_DEVICE_INFO)))

    def ask(self, operation: Operation, *parameters: int) -> bytes:
        """Return the data set that answers; raises RefusedError, OSError."""
        length = self.begin(operation, *parameters)
        if length > _MOST_DATA_SET_BYTES:
            raise self._break(f"its answer to {operation.name} is {length} bytes long")
        answer = bytearray(length)
        with memoryview(answer) as view:
            self.take_into(view)
        self.finish()
        return bytes(answer)

    def tell(self, operation: Operation, *parameters: int) -> None:
        """Send what has no data for an answer; raises RefusedError, OSError."""
        self._send(operation, parameters)
        self._check_response(self._next_header())

    def begin(self, operation: Operation, *parameters: int) -> int:
        """Ask for data and return their length, perhaps UNKNOWN_LENGTH; `take_into` and `finish` follow.

        Raises RefusedError, OSError.
        """
        self._send(operation, parameters)
        header = self._next_header()
        if header.kind == _RESPONSE:
            self._check_response(header)
            raise self._break(f"it answered {operation.name} without data")
        if (header.kind, header.code, header.transaction) != (_DATA, operation, self._transaction):
            raise self._break(f"it answered {operation.name} with something else")
        unknown = header.length == UNKNOWN_LENGTH
        self._left = None if unknown else header.length - _HEADER.size
        return UNKNOWN_LENGTH if self._left is None else self._left

    def take_into(self, target: memoryview) -> None:
        """Fill `target` with the data that come next; raises OSError."""
        if self._left is not None:
            if len(target) > self._left:
                raise self._break("more is wanted than it announced")
            self._left -= len(target)
        self._read_into(target)

    def finish(self) -> None:
        """Take the response behind the data; raises RefusedError, OSError, also when data are left."""
        if self._left:
            raise self._break("reading was given up in the middle of an answer")
        self._left = None
        self._check_response(self._next_header())

    def give_up(self, why: str) -> None:
        """Send nothing more."""
        self._break(why)

    def close(self) -> None:
        """End the session, if there still is one; trouble with that changes nothing any more."""
        if self._broken is None:
            with suppress(OSError):
                self.tell(Operation.CLOSE_SESSION)

    def _open(self) -> None:
        try:
            self._begin_session()
        except RefusedError:
            raise
        except OSError:
            # A reader that was killed leaves an answer half taken; the device then refuses to hear anything new.
            self._broken = None
            self._drop_stale()
            self._begin_session()

    def _begin_session(self) -> None:
        self._transaction = -1  # the opening of a session is transaction 0 (ISO 15740, section 9.3.1)
        try:
            self.tell(Operation.OPEN_SESSION, _SESSION)
        except RefusedError as error:
            if error.code != _SESSION_ALREADY_OPEN:
                raise
            self.tell(Operation.CLOSE_SESSION)  # nobody ended it
            self._transaction = -1
            self.tell(Operation.OPEN_SESSION, _SESSION)

    def _drop_stale(self) -> None:
        self._surplus = self._scratch[:0]
        dropped = 0
        try:
            self._pipe.clear()
            while dropped < _MOST_STALE_BYTES:
                dropped += self._pipe.receive_into(self._scratch, _STALE_MS)
        except OSError as error:
            if error.errno != errno.ETIMEDOUT:
                raise self._break(f"it could not be brought to listen: {error.strerror}") from error

    def _send(self, operation: Operation, parameters: tuple[int, ...]) -> None:
        if self._broken is not None:
            raise OSError(errno.ENODEV, self._broken)
        if self._left:
            raise self._break("reading was given up in the middle of an answer")
        self._operation = Operation(operation)
        self._transaction += 1
        length = _HEADER.size + 4 * len(parameters)
        command = _HEADER.pack(length, _COMMAND, self._operation, self._transaction)
        try:
            self._pipe.send(command + struct.pack(f"<{len(parameters)}I", *parameters))
        except OSError as error:
            raise self._lost(error) from error

    def _check_response(self, header: _Header) -> None:
        if header.kind != _RESPONSE or header.transaction != self._transaction:
            raise self._break(f"it did not end its answer to {self._operation.name} properly")
        more = header.length - _HEADER.size
        if more > 4 * _MOST_PARAMETERS:
            raise self._break("its response is too long")
        with memoryview(bytearray(more)) as parameters:
            self._read_into(parameters)
        if header.code != _OK:
            raise RefusedError(self._operation, header.code)

    def _next_header(self) -> _Header:
        raw = bytearray(_HEADER.size)
        with memoryview(raw) as view:
            self._read_into(view)
        header = _Header(*_HEADER.unpack(raw))
        if header.length < _HEADER.size:
            raise self._break("what it sent is no container")
        return header

    def _read_into(self, target: memoryview) -> None:
        """Fill `target` from what is left over and then from the pipe; whole packets go where they belong at once."""
        if self._broken is not None:
            raise OSError(errno.ENODEV, self._broken)
        done = empty = 0
        while done < len(target):
            if not self._surplus:
                whole = (len(target) - done) // PACKETS_BYTES * PACKETS_BYTES
                count = self._receive(target[done : done + whole]) if whole >= _SCRATCH_BYTES else None
                if count is None:
                    count = self._receive(self._scratch)
                    self._surplus = self._scratch[:count]
                else:
                    done += count
                # An empty packet ends data that fill the one before.
                empty = 0 if count else empty + 1
                if empty > _MOST_EMPTY:
                    raise self._break("it sends nothing")
                continue
            length = min(len(self._surplus), len(target) - done)
            target[done : done + length] = self._surplus[:length]
            self._surplus = self._surplus[length:]
            done += length

    def _receive(self, target: memoryview) -> int:
        try:
            return self._pipe.receive_into(target)
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> OSError:
        return self._break(f"the recorder no longer answers: {error.strerror or error}")

    def _break(self, why: str) -> OSError:
        """Return the error to raise; from now on every request fails with it."""
        self._broken, self._left = why, None
        return OSError(errno.ENODEV, why)


class DataSet:
    """The fields of one data set, one after the other; raises OSError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first field."""
        self._data = data
        self._at = 0

    def number(self, size_bytes: int) -> int:
        """Return an unsigned number."""
        return int.from_bytes(self._take(size_bytes), "little")

    def numbers(self, size_bytes: int) -> tuple[int, ...]:
        """Return an array of unsigned numbers."""
        raw = self._take(self.number(4) * size_bytes)
        return tuple(int.from_bytes(raw[at : at + size_bytes], "little") for at in range(0, len(raw), size_bytes))

    def text(self) -> bytes:
        """Return a text's UTF-16LE bytes as stored, without the zero at its end (ISO 15740, section 5.3.5)."""
        raw = self._take(2 * self.number(1))
        return raw[:-2] if raw[-2:] == b"\0\0" else raw

    def skip(self, size_bytes: int) -> None:
        """Pass over some bytes."""
        self._take(size_bytes)

    def _take(self, size_bytes: int) -> bytes:
        end = self._at + size_bytes
        if end > len(self._data):
            raise OSError(errno.EPROTO, "a data set ends too early")
        raw, self._at = self._data[self._at : end], end
        return raw


def read_supported(device_info: bytes) -> tuple[int, ...]:
    """Return the operations that a DeviceInfo data set names (ISO 15740, section 5.1.1); raises OSError."""
    fields = DataSet(device_info)
    fields.skip(8)
    fields.text()
    fields.skip(2)
    return fields.numbers(2)
