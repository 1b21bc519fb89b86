"""The link to ONE device, through libusb, after a profile matched it by what sysfs told.

Guarantees: the device is opened by bus and address alone, and its descriptors are compared with the match before and
after it is claimed, before anything is sent; only the profile's own interface and endpoints are used, and only there is
a kernel driver set aside, to be put back at the end; every transfer has a time-out; the handle is always closed; no
error carries what was sent.
Sources: libusb 1.0; USB 2.0, sections 5.8.3 and 9.3. (A transfer before the match disabled mice: fwupd issue 6871.)
"""

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog
import usb.core
import usb.util

from station import clock
from station.device.usb.finding import find_device
from station.device.watch.bus import check_unchanged, is_ready
from station.device.watch.errors import (
    BusError,
    DeviceGoneError,
    LinkError,
    LinkStalledError,
    LinkTimeoutError,
)
from station.profiles.usb import Unlock
from station.records.bus import DeviceSeen

_KINDS: dict[int | None, type[LinkError]] = {
    errno.ENODEV: DeviceGoneError,
    errno.ETIMEDOUT: LinkTimeoutError,
    errno.EPIPE: LinkStalledError,
}
_PACKET_BYTES = 0x7FF  # bits of wMaxPacketSize that hold the size (USB 2.0, table 9-13)
_IN = 0x80
_READY_SECONDS, _LOOK_AGAIN_SECONDS = 20.0, 0.02

_logger = structlog.get_logger(__name__)


class PyusbLink:
    """A context manager: inside it the profile's interface is ours."""

    def __init__(
        self,
        device: DeviceSeen,
        unlock: Unlock,
        pause: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Nothing is opened before the context is entered; `pause` waits that many seconds."""
        self._pause = pause or threading.Event().wait
        self._monotonic = monotonic
        self._seen = device
        self._unlock = unlock
        self._usb: Any = None
        self._packet_bytes = 0
        self._left = b""
        self._set_aside = False

    def __enter__(self) -> "PyusbLink":
        """Open and claim; raises DeviceGoneError, FaceChangedError or LinkError, with nothing left open."""
        self._check()
        self._wait_until_ready()
        try:
            with self._converted("opening"):
                self._usb = self._find()
                self._packet_bytes = self._check_endpoints()
                self._claim()
            self._check()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the interface back and close."""
        self._close()

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Make a control transfer: bytes are sent, a number is the most to be read; raises LinkError."""
        reads = bool(request_type & _IN)
        if reads != isinstance(data_or_length, int):
            raise LinkError("a control transfer that reads needs a length, one that writes needs bytes")
        with self._converted(f"request {request:#04x}"):
            answer = self._usb.ctrl_transfer(
                request_type, request, value, index, data_or_length, self._unlock.timeout_ms
            )
        return bytes(answer) if reads else b""

    def write(self, data: bytes) -> None:
        """Send all of `data` to the bulk OUT endpoint; raises LinkError."""
        if self._unlock.endpoint_out is None:
            raise LinkError("the profile names no endpoint to write to")
        with self._converted("writing"):
            sent = self._usb.write(self._unlock.endpoint_out, data, self._unlock.timeout_ms)
        if sent != len(data):
            raise LinkTimeoutError(f"the device took {sent} of {len(data)} bytes")

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes of one packet from the bulk IN endpoint; raises LinkError.

        One packet is asked for at a time: a shorter request overflows, a longer one waits for more than may come.
        """
        if self._unlock.endpoint_in is None:
            raise LinkError("the profile names no endpoint to read from")
        if not self._left:
            with self._converted("reading"):
                self._left = bytes(
                    self._usb.read(self._unlock.endpoint_in, self._packet_bytes, self._unlock.timeout_ms)
                )
        data, self._left = self._left[:size], self._left[size:]
        return data

    def _check(self) -> None:
        """Raise unless it is still the device that was matched, and is authorised."""
        if not self._seen.authorized:
            raise LinkError(f"the device at {self._seen.port} is not authorised", kept="nothing was sent to it")
        check_unchanged(self._seen)

    def _wait_until_ready(self) -> None:
        """Wait for what follows the authorising of a device; raises LinkTimeoutError."""
        ends = self._monotonic() + _READY_SECONDS
        while not is_ready(self._seen, self._unlock.interface):
            if self._monotonic() >= ends:
                raise LinkTimeoutError(f"the device at {self._seen.port} did not get ready")
            self._pause(_LOOK_AGAIN_SECONDS)

    def _find(self) -> Any:
        """Return libusb's device at this bus and address; raises DeviceGoneError when it is not there or another."""
        seen = self._seen
        found = find_device(seen.bus, seen.address, (seen.vendor_id, seen.product_id, seen.release))
        if found is None:
            raise DeviceGoneError(f"the device at {seen.port} is not there for libusb")
        return found

    def _check_endpoints(self) -> int:
        """Return the packet size of the IN endpoint; raises LinkError unless the endpoints are the interface's own."""
        wanted = {self._unlock.endpoint_in, self._unlock.endpoint_out} - {None}
        found: set[int] = set()
        packet_bytes = 0
        numbers: set[int] = set()
        for interface in self._usb.get_active_configuration():
            numbers.add(interface.bInterfaceNumber)
            for endpoint in interface:
                if endpoint.bEndpointAddress not in wanted:
                    continue
                if interface.bInterfaceNumber != self._unlock.interface:
                    raise LinkError("an endpoint that the profile names belongs to another interface")
                if interface.bAlternateSetting:
                    continue
                if usb.util.endpoint_type(endpoint.bmAttributes) != usb.util.ENDPOINT_TYPE_BULK:
                    raise LinkError("an endpoint that the profile names is not for bulk transfers")
                found.add(endpoint.bEndpointAddress)
                if endpoint.bEndpointAddress & _IN:
                    packet_bytes = endpoint.wMaxPacketSize & _PACKET_BYTES
        if found != wanted or self._unlock.interface not in numbers:
            raise LinkError("the device lacks the interface or the endpoints that the profile names")
        if self._unlock.endpoint_in is not None and not packet_bytes:
            raise LinkError("the device's endpoint holds packets of no bytes")
        return packet_bytes

    def _claim(self) -> None:
        """Claim the profile's interface, setting its own kernel driver aside where one is bound."""
        number = self._unlock.interface
        if self._usb.is_kernel_driver_active(number):
            self._usb.detach_kernel_driver(number)
            self._set_aside = True
        usb.util.claim_interface(self._usb, number)

    def _close(self) -> None:
        """Release, put the driver back, close; what fails here is logged: mostly the device has gone."""
        opened, self._usb = self._usb, None
        if opened is None:
            return
        try:
            usb.util.release_interface(opened, self._unlock.interface)
            if self._set_aside:
                opened.attach_kernel_driver(self._unlock.interface)
        except (usb.core.USBError, NotImplementedError) as error:
            _logger.info("link.release", session=self._seen.session, error=str(error))
        finally:
            usb.util.dispose_resources(opened)

    @contextmanager
    def _converted(self, what: str) -> Iterator[None]:
        """Convert libusb's errors; after any but a time-out or a stall, ask sysfs whether the device is still there."""
        try:
            yield
        except usb.core.USBError as error:
            kind = (
                LinkTimeoutError if isinstance(error, usb.core.USBTimeoutError) else _KINDS.get(error.errno, LinkError)
            )
            message = f"{what} failed at {self._seen.port}: {error.strerror}"
            if kind is LinkError and self._has_gone():
                kind = DeviceGoneError
            raise kind(message) from error
        except (usb.core.NoBackendError, NotImplementedError, ValueError, AttributeError) as error:
            raise LinkError(f"{what} failed at {self._seen.port}: libusb can't ({type(error).__name__})") from error

    def _has_gone(self) -> bool:
        try:
            check_unchanged(self._seen)
        except BusError:
            return True
        return False
