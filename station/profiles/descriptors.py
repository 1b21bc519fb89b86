"""Reading the raw USB descriptors that the kernel keeps in the sysfs file `descriptors` of every device.

Format: USB 2.0, section 9.5 and tables 9-8 to 9-13: each descriptor begins with its length and type; the device
descriptor comes first, then each configuration with its interfaces and their endpoints. Guarantee: bytes that break
this form raise, so that a device which tells nonsense is never half understood.
"""

import struct
from dataclasses import dataclass

from station.errors import SourceError
from station.records.bus import EndpointSeen, InterfaceSeen

_DEVICE, _INTERFACE, _ENDPOINT = 1, 4, 5
_SHORTEST = {_DEVICE: 18, _INTERFACE: 9, _ENDPOINT: 7}
_TRANSFERS = ("control", "isochronous", "bulk", "interrupt")


class DescriptorError(SourceError):
    """The device's descriptors break the form of USB 2.0."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the raw descriptors tell; `interfaces` are all alternate settings of all configurations, in order."""

    vendor_id: int
    product_id: int
    release: int
    interfaces: tuple[InterfaceSeen, ...]


def parse_descriptors(raw: bytes) -> Descriptors:
    """Parse the content of a sysfs `descriptors` file; raises DescriptorError."""
    if len(raw) < _SHORTEST[_DEVICE] or raw[1] != _DEVICE:
        raise DescriptorError("The descriptors do not begin with a device descriptor")
    vendor_id, product_id, release = struct.unpack_from("<HHH", raw, 8)
    interfaces: list[tuple[InterfaceSeen, list[EndpointSeen]]] = []
    at = 0
    while at < len(raw):
        length = raw[at]
        kind = raw[at + 1] if at + 1 < len(raw) else 0
        if length < _SHORTEST.get(kind, 2) or at + length > len(raw):
            raise DescriptorError(f"The descriptor at byte {at} has the wrong length {length}")
        if kind == _INTERFACE:
            number, alternate, _, class_code, subclass, protocol = raw[at + 2 : at + 8]
            interfaces.append((InterfaceSeen(number, alternate, class_code, subclass, protocol), []))
        elif kind == _ENDPOINT:
            if not interfaces:
                raise DescriptorError(f"The endpoint at byte {at} belongs to no interface")
            interfaces[-1][1].append(EndpointSeen(raw[at + 2], _TRANSFERS[raw[at + 3] & 3]))
        at += length
    seen = tuple(
        InterfaceSeen(face.number, face.alternate, face.class_code, face.subclass, face.protocol, tuple(endpoints))
        for face, endpoints in interfaces
    )
    return Descriptors(vendor_id, product_id, release, seen)
