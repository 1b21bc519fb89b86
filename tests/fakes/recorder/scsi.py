"""SCSI commands as a card reader understands them (SPC-3, SBC-2), over one disk each.

`execute` returns an Answer: good or not, and the data for the host; a write asks for its data first; None is silence.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.recorder.disk import BLOCK_BYTES, Disk

Sense = tuple[int, int]
_NO_SENSE: Sense = (0, 0)
_MEDIUM_ERROR: Sense = (0x03, 0x11)  # unrecovered read error
_NO_MEDIUM: Sense = (0x02, 0x3A)
_UNKNOWN_OPCODE: Sense = (0x05, 0x20)
_OUT_OF_RANGE: Sense = (0x05, 0x21)
_BAD_FIELD: Sense = (0x05, 0x24)
_WRITE_PROTECTED: Sense = (0x07, 0x27)

_READS = {0x28: ">xxIxH", 0x88: ">xxQI"}
_WRITES = {0x2A: ">xxIxH", 0x8A: ">xxQI"}
_NAMES = {
    0x00: "test-unit-ready",
    0x03: "request-sense",
    0x12: "inquiry",
    0x1A: "mode-sense-6",
    0x1B: "start-stop-unit",
    0x1E: "prevent-allow",
    0x23: "read-format-capacities",
    0x25: "read-capacity-10",
    0x2F: "verify",
    0x35: "synchronize-cache",
    0x5A: "mode-sense-10",
    0x91: "synchronize-cache-16",
    0x9E: "read-capacity-16",
    0xA0: "report-luns",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`wanted`: the write's data, so many bytes to `block`, has to come before there is a status."""

    good: bool
    data: bytes = b""
    block: int = 0
    wanted: int = 0
    delay_seconds: float = 0.0


class Unit:
    """One logical unit: the disk and its pending sense data."""

    def __init__(
        self,
        disk: Disk,
        number: int,
        luns: int,
        note: Callable[..., None],
        yank: Callable[[], Exception],
        ejected: Callable[[], None] = lambda: None,
    ) -> None:
        self.disk = disk
        self._luns = luns
        self._note = note
        self._yank = yank
        self._ejected = ejected
        self._number = number
        self._sense = _NO_SENSE

    def execute(self, command: bytes) -> Answer | None:
        """Obey one command; None when the disk hangs. Raises GoneError when the recorder is yanked by it."""
        opcode = command[0]
        if opcode in _READS:
            return self._read(*struct.unpack_from(_READS[opcode], command))
        if opcode in _WRITES:
            return self._ask_write(*struct.unpack_from(_WRITES[opcode], command))
        name = _NAMES.get(opcode, f"{opcode:#04x}")
        self._note("scsi", lun=self._number, name=name)
        known = {
            0x00: self._ready,
            0x03: self._request_sense,
            0x12: self._inquiry,
            0x1A: self._mode_sense_6,
            0x1B: self._start_stop,
            0x25: self._capacity_10,
            0x5A: self._mode_sense_10,
            0x9E: self._capacity_16,
            0xA0: self._report_luns,
        }
        if opcode in known:
            return known[opcode](command)
        return Answer(good=True) if opcode in _NAMES and opcode != 0x23 else self._fail(_UNKNOWN_OPCODE)

    def write(self, block: int, data: bytes) -> Answer:
        """Finish a write with the data that came for it."""
        if self.disk.would_yank(writing=len(data)):
            raise self._yank()
        self.disk.write(block, data)
        return Answer(good=True)

    def _fail(self, sense: Sense) -> Answer:
        self._sense = sense
        return Answer(good=False)

    def _missing(self) -> Answer | None:
        return self._fail(_NO_MEDIUM) if self.disk.image is None or self.disk.ejected else None

    def _read(self, block: int, count: int) -> Answer | None:
        size = count * BLOCK_BYTES
        if missing := self._missing():
            return missing
        if block + count > self.disk.blocks:
            return self._fail(_OUT_OF_RANGE)
        if self.disk.hangs(size):
            self._note("hang", lun=self._number, block=block)
            return None
        if any(number in self.disk.faults.bad_blocks for number in range(block, block + count)):
            return self._fail(_MEDIUM_ERROR)
        if self.disk.would_yank(reading=size):
            raise self._yank()
        speed = self.disk.faults.bytes_per_second
        return Answer(good=True, data=self.disk.read(block, count), delay_seconds=size / speed if speed else 0.0)

    def _ask_write(self, block: int, count: int) -> Answer:
        if missing := self._missing():
            return missing
        if self.disk.write_protected:
            self._note("write-refused", lun=self._number, block=block, blocks=count)
            return self._fail(_WRITE_PROTECTED)
        if block + count > self.disk.blocks:
            return self._fail(_OUT_OF_RANGE)
        return Answer(good=True, block=block, wanted=count * BLOCK_BYTES)

    def _ready(self, command: bytes) -> Answer:
        del command
        return self._missing() or Answer(good=True)

    def _request_sense(self, command: bytes) -> Answer:
        del command
        (key, code), self._sense = self._sense, _NO_SENSE
        return Answer(good=True, data=bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0]))

    def _inquiry(self, command: bytes) -> Answer:
        if not command[1] & 1:
            head = b"\x00\x80\x04\x02\x1f\0\0\0"  # a disk, removable, SPC-2, 31 more bytes
            texts = ((self.disk.vendor, 8), (self.disk.product, 16), ("1.04", 4))
            return Answer(good=True, data=head + b"".join(_padded(text, size) for text, size in texts))
        serial = self.disk.serial.encode("ascii", errors="replace")[:252]
        pages = {0x00: b"\x00\x80", 0x80: serial}
        if command[2] not in pages:
            return self._fail(_BAD_FIELD)
        page = pages[command[2]]
        return Answer(good=True, data=bytes([0, command[2], 0, len(page)]) + page)

    def _mode_sense_6(self, command: bytes) -> Answer:
        del command
        return Answer(good=True, data=bytes([3, 0, 0x80 if self.disk.write_protected else 0, 0]))

    def _mode_sense_10(self, command: bytes) -> Answer:
        del command
        return Answer(good=True, data=bytes([0, 6, 0, 0x80 if self.disk.write_protected else 0, 0, 0, 0, 0]))

    def _start_stop(self, command: bytes) -> Answer:
        if command[4] & 3 == 2:  # LOEJ without START
            self.disk.ejected = True
            self._note("eject", lun=self._number)
            self._ejected()
        return Answer(good=True)

    def _capacity_10(self, command: bytes) -> Answer:
        del command
        last = min(self.disk.blocks - 1, 0xFFFFFFFF)
        return self._missing() or Answer(good=True, data=struct.pack(">II", last, BLOCK_BYTES))

    def _capacity_16(self, command: bytes) -> Answer:
        del command
        if missing := self._missing():
            return missing
        return Answer(good=True, data=struct.pack(">QI20x", self.disk.blocks - 1, BLOCK_BYTES))

    def _report_luns(self, command: bytes) -> Answer:
        del command
        numbers = b"".join(struct.pack(">BB6x", 0, number) for number in range(self._luns))
        return Answer(good=True, data=struct.pack(">I4x", len(numbers)) + numbers)


def _padded(text: str, size: int) -> bytes:
    return text.encode("ascii", errors="replace")[:size].ljust(size)
