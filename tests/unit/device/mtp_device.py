"""A device that speaks MTP behind two bulk pipes, as a plain object: packets, data sets, and what can go wrong.

It takes part in transactions as ISO 15740 and the USB still image class describe them, and notes every operation.
"""

import errno
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

PACKET_BYTES = 512
STORAGE = 0x00010001
READING = {0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1007, 0x1008, 0x1009}
PARTIAL, PARTIAL_64, PROP_VALUE = 0x101B, 0x95C1, 0x9803
OK, SESSION_NOT_OPEN, NOT_SUPPORTED, BAD_HANDLE, ALREADY_OPEN = 0x2001, 0x2003, 0x2005, 0x2009, 0x201E
AT_ROOT = 0xFFFFFFFF
_FOLDER, _FILE = 0x3001, 0x3000


@dataclass(slots=True)
class Thing:
    """One object: a folder when `content` is None. `said_bytes` is the size told in 32 bits, if not the true one."""

    name: str | bytes
    parent: int = AT_ROOT
    content: bytes | None = None
    modified: str = "20261123T010203"
    created: str = ""
    said_bytes: int | None = None
    said_parent: int | None = None


@dataclass
class MtpDevice:
    """The device; what is set here is how it behaves."""

    things: dict[int, Thing] = field(default_factory=dict)
    storages: tuple[int, ...] = (STORAGE,)
    supported: set[int] = field(default_factory=lambda: READING | {PARTIAL})
    label: str = "Recorder"
    most_at_once: int = 1 << 30
    empty_packets: bool = True
    flat: bool = False
    header_alone: bool = False
    gone_after_bytes: int | None = None
    hangs_at: int | None = None
    refuses: dict[tuple[int, int], int] = field(default_factory=dict)
    answers: dict[int, Callable[[list[int]], bytes]] = field(default_factory=dict)
    listed: dict[int, list[int]] = field(default_factory=dict)
    session: bool = False
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._packets: deque[bytes] = deque()
        self._sent_bytes = 0

    # ---- the pipes

    def send(self, data: bytes) -> None:
        self._check_there()
        if self._packets:
            raise OSError(errno.EPIPE, "Broken pipe")
        length, kind, code, transaction = struct.unpack_from("<IHHI", data)
        assert (length, kind) == (len(data), 1), "a command container"
        parameters = list(struct.unpack_from(f"<{(length - 12) // 4}I", data, 12))
        self.asked.append(code)
        if code == self.hangs_at:
            return
        result, answer = self._answer(code, parameters)
        if answer is not None:
            size = min(len(answer) + 12, 0xFFFFFFFF)
            head = struct.pack("<IHHI", size, 2, code, transaction)
            if self.header_alone:
                self._queue(head)
                self._queue(answer)
            else:
                self._queue(head + answer)
        self._queue(struct.pack("<IHHI", 12, 3, result, transaction))

    def receive_into(self, target: memoryview, timeout_ms: int = 0) -> int:
        assert len(target) and not len(target) % 1024, "a request that could overflow"
        self._check_there()
        if not self._packets:
            raise OSError(errno.ETIMEDOUT, "Connection timed out")
        done = 0
        while self._packets and done < len(target):
            packet = self._packets.popleft()
            target[done : done + len(packet)] = packet
            done += len(packet)
            self._sent_bytes += len(packet)
            if len(packet) < PACKET_BYTES:
                break
        self._check_there()
        return done

    def clear(self) -> None:
        self._check_there()

    # ---- what it does

    def _queue(self, transfer: bytes) -> None:
        self._packets += [transfer[at : at + PACKET_BYTES] for at in range(0, len(transfer), PACKET_BYTES)]
        if self.empty_packets and transfer and not len(transfer) % PACKET_BYTES:
            self._packets.append(b"")

    def _check_there(self) -> None:
        if self.gone_after_bytes is not None and self._sent_bytes >= self.gone_after_bytes:
            raise OSError(errno.ENODEV, "No such device")

    def _answer(self, code: int, parameters: list[int]) -> tuple[int, bytes | None]:
        if code not in self.supported:
            return NOT_SUPPORTED, None
        if refused := self.refuses.get((code, parameters[0] if parameters else 0)):
            return refused, None
        if code == 0x1002:
            before, self.session = self.session, True
            return (ALREADY_OPEN if before else OK), None
        if not self.session:
            return SESSION_NOT_OPEN, None
        if code == 0x1003:
            self.session = False
            return OK, None
        if code in self.answers:
            return OK, self.answers[code](parameters)
        if code in (0x1008, 0x1009, PARTIAL, PARTIAL_64, PROP_VALUE) and parameters[0] not in self.things:
            return BAD_HANDLE, None
        return OK, self._data(code, parameters)

    def _data(self, code: int, parameters: list[int]) -> bytes:
        match code:
            case 0x1001:
                return struct.pack("<HIH", 100, 6, 100) + text("microsoft.com: 1.0") + b"\0\0" + self._operations()
            case 0x1004:
                return array("I", self.storages)
            case 0x1005:
                return struct.pack("<HHHQQI", 4, 2, 1, 1 << 36, 1 << 35, 0) + text("Internal") + text(self.label)
            case 0x1007:
                return array("I", self._handles(parameters[2]))
            case 0x1008:
                return self._info(self.things[parameters[0]])
            case _:
                return self._bytes(code, parameters)

    def _operations(self) -> bytes:
        return array("H", sorted(self.supported)) + array("H", ())

    def _handles(self, folder: int) -> list[int]:
        if folder in self.listed:
            return self.listed[folder]
        return [handle for handle, thing in self.things.items() if self.flat or thing.parent == folder]

    def _info(self, thing: Thing) -> bytes:
        size = len(thing.content or b"") if thing.said_bytes is None else thing.said_bytes
        parent = thing.parent if thing.said_parent is None else thing.said_parent
        form = _FOLDER if thing.content is None else _FILE
        fixed = struct.pack("<IHHIHIIIIIIIHII", STORAGE, form, 0, size, 0, 0, 0, 0, 0, 0, 0, parent % AT_ROOT, 0, 0, 0)
        return fixed + text(thing.name) + text(thing.created) + text(thing.modified) + text("")

    def _bytes(self, code: int, parameters: list[int]) -> bytes:
        content = self.things[parameters[0]].content or b""
        if code == PROP_VALUE:
            return struct.pack("<Q", len(content))
        if code == 0x1009:
            return content
        offset = parameters[1] | (parameters[2] << 32 if code == PARTIAL_64 else 0)
        return content[offset : offset + min(parameters[-1], self.most_at_once)]


def text(value: str | bytes) -> bytes:
    """Return a PTP string; bytes are UTF-16LE units as they are."""
    raw = value.encode("utf-16-le") if isinstance(value, str) else value
    return bytes([len(raw) // 2 + 1]) + raw + b"\0\0" if raw else b"\0"


def array(kind: str, numbers: "list[int] | tuple[int, ...]") -> bytes:
    """Return a PTP array."""
    return struct.pack(f"<I{len(numbers)}{kind}", len(numbers), *numbers)
