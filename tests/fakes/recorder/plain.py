"""Plugs a fake recorder into plain code: the link that the dialects of station.device.usb speak over, without USB.

Guarantee: nothing waits; a read with nothing to come is a time-out at once, whatever the time-out says. A link belongs
to one enumeration: after a change of face or a re-plug it only says that the device is gone.
"""

from dataclasses import dataclass

from station.device.watch.errors import DeviceGoneError, LinkStalledError, LinkTimeoutError
from station.records.bus import DeviceSeen, EndpointSeen, InterfaceSeen
from tests.fakes.recorder.errors import GoneError, StalledError
from tests.fakes.recorder.kinds import dialect_endpoints
from tests.fakes.recorder.model import Recorder

_TRANSFERS = ("control", "isochronous", "bulk", "interrupt")


@dataclass(frozen=True, slots=True)
class LinkErrors:
    """What a link raises."""

    gone: type[Exception] = DeviceGoneError
    stalled: type[Exception] = LinkStalledError
    timeout: type[Exception] = LinkTimeoutError


class PlainLink:
    """A link to the face that is up; a recorder that is not plugged in is plugged in by it."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        endpoint_in: int | None = None,
        endpoint_out: int | None = None,
        errors: LinkErrors | None = None,
    ) -> None:
        self.recorder = recorder
        self._errors = errors or LinkErrors()
        if not recorder.present and not recorder.changing:
            recorder.power_on()
        self._enumeration = recorder.enumeration
        told_in, told_out = dialect_endpoints(recorder)
        self._in, self._out = endpoint_in or told_in, endpoint_out or told_out

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Make a control transfer: bytes are sent, a number is the most to be read."""
        self._demand_same()
        sent = data_or_length if isinstance(data_or_length, bytes) else b""
        length = len(sent) if isinstance(data_or_length, bytes) else data_or_length
        try:
            return self.recorder.control(request_type, request, value, index, length, sent)
        except StalledError as error:
            raise self._errors.stalled(str(error)) from error
        except GoneError as error:
            raise self._errors.gone(str(error)) from error

    def write(self, data: bytes) -> None:
        """Send all of `data` to the bulk OUT endpoint."""
        self._demand_same()
        assert self._out is not None, "this face has no bulk OUT endpoint"
        try:
            self.recorder.send(self._out, data)
        except StalledError as error:
            raise self._errors.stalled(str(error)) from error
        except GoneError as error:
            raise self._errors.gone(str(error)) from error

    def read(self, size: int, timeout_ms: int | None = None) -> bytes:
        """Return one transfer from the bulk IN endpoint."""
        del timeout_ms
        self._demand_same()
        assert self._in is not None, "this face has no bulk IN endpoint"
        try:
            told = self.recorder.take(self._in, size)
        except StalledError as error:
            raise self._errors.stalled(str(error)) from error
        except GoneError as error:
            raise self._errors.gone(str(error)) from error
        if told is None:
            raise self._errors.timeout("nothing came")
        return told

    def _demand_same(self) -> None:
        self.recorder.tick()
        if self.recorder.enumeration != self._enumeration:
            raise self._errors.gone("the device has come up anew")


def device_seen(
    recorder: Recorder, port: str = "0000:00:14.0/1", bus: int = 1, address: int | None = None, authorized: bool = True
) -> DeviceSeen:
    """Return what the bus would tell of the face that is up; the address follows the enumeration unless given."""
    face = recorder.face
    return DeviceSeen(
        sys_path=f"/sys/devices/pci0000:00/{port.split('/')[0]}/usb{bus}/{bus}-{port.split('/')[1]}",
        port=port,
        bus=bus,
        address=recorder.enumeration + 1 if address is None else address,
        vendor_id=face.vendor_id,
        product_id=face.product_id,
        release=face.release,
        manufacturer=face.manufacturer,
        product=face.product,
        serial=face.serial,
        interfaces=tuple(
            InterfaceSeen(
                each.number,
                each.alternate,
                *each.triple,
                tuple(EndpointSeen(end.address, _TRANSFERS[end.transfer]) for end in each.endpoints),
            )
            for each in face.interfaces
        ),
        authorized=authorized,
    )
