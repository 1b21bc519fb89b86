"""The host's side of bulk-only transport, as far as tests need it."""

import struct
from dataclasses import dataclass

from tests.fakes.recorder import Recorder

_DATA_IN, _DATA_OUT = 0x81, 0x02


@dataclass
class Host:
    """Sends commands to the storage face of a recorder that is plugged in."""

    recorder: Recorder
    tag: int = 0

    def command(self, command: bytes, expected: int = 0, data: bytes = b"", lun: int = 0) -> tuple[int, bytes]:
        """Return status (0 passed, 1 failed) and data."""
        self.order(command, expected, data, lun)
        told = b""
        if expected and not data:
            told = self.take(expected)
        wrapper = self.take(13)
        signature, tag, residue, status = struct.unpack("<4sIIB", wrapper)
        assert (signature, tag, residue) == (b"USBS", self.tag, 0 if data else expected - len(told))
        return status, told

    def order(self, command: bytes, expected: int = 0, data: bytes = b"", lun: int = 0) -> None:
        """Send a command and its data, and wait for nothing."""
        self.tag += 1
        flags = 0 if data else 0x80
        size = len(data) or expected
        wrapper = b"USBC" + struct.pack("<IIBBB", self.tag, size, flags, lun, len(command)) + command.ljust(16, b"\0")
        self.recorder.send(_DATA_OUT, wrapper)
        if data:
            self.recorder.send(_DATA_OUT, data)

    def take(self, size: int) -> bytes:
        """Return the next transfer; fails when nothing comes."""
        told = self.recorder.take(_DATA_IN, size)
        assert told is not None, "the device says nothing"
        return told

    def read(self, block: int, count: int = 1, lun: int = 0) -> tuple[int, bytes]:
        """READ(10)."""
        return self.command(struct.pack(">BBIBH", 0x28, 0, block, 0, count), count * 512, lun=lun)

    def write(self, block: int, data: bytes, lun: int = 0) -> int:
        """WRITE(10)."""
        return self.command(struct.pack(">BBIBH", 0x2A, 0, block, 0, len(data) // 512), data=data, lun=lun)[0]

    def sense(self) -> tuple[int, int]:
        """Return key and code of the last failure."""
        _, told = self.command(b"\x03\0\0\0\x12\0", 18)
        return told[2] & 0xF, told[12]
