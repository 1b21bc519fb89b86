"""Reading the `descriptors` file of a USB device in sysfs: all interfaces of all configurations, from hostile bytes.

Guarantees: every interface descriptor that the kernel could bind a driver to is in the answer; bytes that can't be
walked to their very end are an error, so nothing hides behind them; work is bounded by the size of the file.
Sources: USB 2.0, sections 9.6.1 to 9.6.6; Linux, drivers/usb/core/config.c: the file holds the device descriptor, then
each configuration cut to what the kernel could parse, while wTotalLength inside may still claim more. So it is walked
by the lengths of its descriptors alone, and a configuration within a configuration hides nothing.
"""

from dataclasses import dataclass

from station.records.bus import CLASS_HUB, EndpointSeen, InterfaceSeen

# The kernel takes 8 configurations of 65535 bytes (drivers/usb/core/config.c: USB_MAXCONFIG).
MOST_BYTES = 18 + 8 * 65535
_MOST_INTERFACES = 1024
_DEVICE_BYTES, _CONFIGURATION_BYTES, _INTERFACE_BYTES, _ENDPOINT_BYTES = 18, 9, 9, 7
_DEVICE, _CONFIGURATION, _INTERFACE, _ENDPOINT = 1, 2, 4, 5
_TRANSFERS = ("control", "isochronous", "bulk", "interrupt")


class DescriptorsError(ValueError):
    """The bytes are no descriptors that can be walked whole."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the device says of itself, apart from its texts."""

    vendor_id: int
    product_id: int
    release: int
    device_class: int
    interfaces: tuple[InterfaceSeen, ...]

    @property
    def is_hub(self) -> bool:
        """Tell whether it is a hub and nothing else; a hub that also has other interfaces is no hub."""
        return self.device_class == CLASS_HUB and all(each.class_code == CLASS_HUB for each in self.interfaces)


def read_descriptors(data: bytes) -> Descriptors:
    """Parse the whole file; raises DescriptorsError."""
    if len(data) > MOST_BYTES:
        raise DescriptorsError("it is longer than the kernel allows")
    if len(data) < _DEVICE_BYTES or data[0] != _DEVICE_BYTES or data[1] != _DEVICE:
        raise DescriptorsError("it does not begin with a device descriptor")
    return Descriptors(
        vendor_id=int.from_bytes(data[8:10], "little"),
        product_id=int.from_bytes(data[10:12], "little"),
        release=int.from_bytes(data[12:14], "little"),
        device_class=data[4],
        interfaces=_read_interfaces(data),
    )


def _read_interfaces(data: bytes) -> tuple[InterfaceSeen, ...]:
    """Walk everything after the device descriptor, length by length."""
    found: list[tuple[bytes, list[EndpointSeen]]] = []
    within: list[EndpointSeen] | None = None
    at = _DEVICE_BYTES
    while at < len(data):
        length = data[at]
        part = data[at : at + length]
        if length < 2 or len(part) < length:
            raise DescriptorsError(f"a descriptor at byte {at} is cut off")
        kind = part[1]
        if kind == _CONFIGURATION and length >= _CONFIGURATION_BYTES:
            within = None
        elif kind == _INTERFACE:
            if length < _INTERFACE_BYTES:
                raise DescriptorsError(f"an interface descriptor at byte {at} is too short")
            within = []
            found.append((part, within))
        elif kind == _ENDPOINT and length >= _ENDPOINT_BYTES and within is not None:
            within.append(EndpointSeen(address=part[2], transfer=_TRANSFERS[part[3] & 3]))
        if len(found) > _MOST_INTERFACES:
            raise DescriptorsError("it has more interfaces than any recorder")
        at += length
    return tuple(
        InterfaceSeen(
            number=part[2],
            alternate=part[3],
            class_code=part[5],
            subclass=part[6],
            protocol=part[7],
            endpoints=tuple(endpoints),
        )
        for part, endpoints in found
    )
