"""The bulk pipes of one USB device, through the descriptor of its usbfs node and nothing else.

Guarantees: one interface is claimed, and the descriptor gives up the right to claim another, to set a driver aside or
to choose a configuration; only bulk transfers and clearing a halted pipe follow; every transfer ends after a time-out.
No library is between us and the kernel, and no path is opened, so it works inside the confined reader.
Sources: Linux, include/uapi/linux/usbdevice_fs.h; drivers/usb/core/devio.c.
"""

import ctypes
import errno
import fcntl
import os
import struct

from station.profiles.descriptors import MOST_BYTES, DescriptorsError, read_descriptors
from station.records.bus import CLASS_STILL_IMAGE, CLASS_VENDOR, InterfaceSeen

PACKETS_BYTES = 1024
"""Every size that a bulk packet can have divides this one (USB 3.2, section 9.6.6): requests of it never overflow."""
TIMEOUT_MS = 60_000

# One request to the kernel: it takes this much memory in one piece.
_PIECE_BYTES = 64 * 1024
_BULK_REQUEST = "IIIP"  # struct usbdevfs_bulktransfer: endpoint, length, time-out, data
_IN = 0x80


def _number(direction: int, code: int, size: int) -> int:
    """Return an ioctl's number as _IOC does (include/uapi/asm-generic/ioctl.h); `direction` 1 writes, 2 reads."""
    return direction << 30 | size << 16 | ord("U") << 8 | code


_BULK = _number(3, 2, struct.calcsize(_BULK_REQUEST))
_CLAIM, _RELEASE, _CLEAR_HALT = (_number(2, code, 4) for code in (15, 16, 21))
_DROP_PRIVILEGES = _number(1, 30, 4)


class Usbfs:
    """The two bulk pipes of the interface that files come through (USB Still Image Capture 1.0, section 7)."""

    def __init__(self, handle: int) -> None:
        """Claim the interface; `handle` is open for reading and writing and stays the caller's. Raises OSError."""
        self._handle = handle
        try:
            interface = choose_interface(read_descriptors(os.pread(handle, MOST_BYTES, 0)).interfaces)
        except DescriptorsError as error:
            raise OSError(errno.EPROTO, f"its descriptors can't be read: {error}") from error
        ends = {bool(end.address & _IN): end.address for end in interface.endpoints if end.transfer == "bulk"}
        self._in, self._out, self._interface = ends[True], ends[False], interface.number
        self._ask(_CLAIM, self._interface)
        try:
            self._ask(_DROP_PRIVILEGES, 1 << self._interface)
        except OSError:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        """Send `data` as one transfer; raises OSError."""
        buffer = bytearray(data)
        with memoryview(buffer) as view:
            sent = self._transfer(self._out, view, TIMEOUT_MS)
        if sent != len(data):
            raise OSError(errno.EIO, f"the device took {sent} of {len(data)} bytes")

    def receive_into(self, target: memoryview, timeout_ms: int = TIMEOUT_MS) -> int:
        """Fill `target`, a multiple of PACKETS_BYTES long, until the device ends a transfer; returns the bytes.

        Raises OSError.
        """
        done = 0
        while done < len(target):
            length = min(_PIECE_BYTES, len(target) - done)
            with target[done : done + length] as piece:
                count = self._transfer(self._in, piece, timeout_ms)
            done += count
            if count < length:
                break
        return done

    def clear(self) -> None:
        """Let both pipes begin anew after the device has halted one; raises OSError."""
        for endpoint in (self._in, self._out):
            self._ask(_CLEAR_HALT, endpoint)

    def close(self) -> None:
        """Give the interface back, if the device is still there."""
        try:
            self._ask(_RELEASE, self._interface)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise

    def _transfer(self, endpoint: int, view: memoryview, timeout_ms: int) -> int:
        data = (ctypes.c_char * len(view)).from_buffer(view)
        request = bytearray(struct.pack(_BULK_REQUEST, endpoint, len(view), timeout_ms, ctypes.addressof(data)))
        try:
            return int(fcntl.ioctl(self._handle, _BULK, request, True))
        finally:
            del data  # it holds the view

    def _ask(self, number: int, value: int) -> None:
        fcntl.ioctl(self._handle, number, struct.pack("I", value))


def choose_interface(interfaces: tuple[InterfaceSeen, ...]) -> InterfaceSeen:
    """Return the interface that files come through: a still image one, else a vendor's; raises OSError."""
    for class_code in (CLASS_STILL_IMAGE, CLASS_VENDOR):
        for interface in interfaces:
            ways = sorted(end.address & _IN for end in interface.endpoints if end.transfer == "bulk")
            if interface.class_code == class_code and interface.alternate == 0 and ways == [0, _IN]:
                return interface
    raise OSError(errno.ENODEV, "it has no interface that speaks MTP")
