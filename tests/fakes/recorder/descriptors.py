"""USB descriptors as bytes: device, configuration, interface, endpoint, string, qualifier (USB 2.0, section 9.6)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

CONTROL, ISOCHRONOUS, BULK, INTERRUPT = range(4)
IN = 0x80
_ENGLISH = b"\x04\x03\x09\x04"  # string descriptor 0: the one language, US English


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: `address` has the direction in bit 7."""

    address: int
    transfer: int = BULK
    packet_bytes: int = 512
    interval: int = 0

    def descriptor(self) -> bytes:
        """Return the 7 bytes of section 9.6.6."""
        return struct.pack("<BBBBHB", 7, 5, self.address, self.transfer, self.packet_bytes, self.interval)


@dataclass(frozen=True, slots=True)
class Interface:
    """One alternate setting of one interface; `extra` are the class-specific descriptors that follow it."""

    number: int
    triple: tuple[int, int, int]
    endpoints: tuple[Endpoint, ...] = ()
    alternate: int = 0
    extra: bytes = b""

    def descriptor(self) -> bytes:
        """Return the interface descriptor (section 9.6.5) with all that belongs to it."""
        head = struct.pack("<9B", 9, 4, self.number, self.alternate, len(self.endpoints), *self.triple, 0)
        return head + self.extra + b"".join(endpoint.descriptor() for endpoint in self.endpoints)


@dataclass(frozen=True, slots=True)
class Association:
    """Interfaces `first` and the following ones belong together (Interface Association Descriptor ECN)."""

    first: int
    count: int
    triple: tuple[int, int, int]

    def descriptor(self) -> bytes:
        """Return the 8 bytes of the association."""
        return struct.pack("<8B", 8, 11, self.first, self.count, *self.triple, 0)


def device_descriptor(
    vendor_id: int, product_id: int, release: int, triple: tuple[int, int, int], texts: tuple[int, int, int]
) -> bytes:
    """Return the 18 bytes of section 9.6.1; `texts` are the indexes of manufacturer, product and serial or 0."""
    return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, *triple, 64, vendor_id, product_id, release, *texts, 1)


def configuration_descriptor(
    interfaces: Sequence[Interface], associations: Sequence[Association] = (), power_ma: int = 500
) -> bytes:
    """Return configuration 1 whole (section 9.6.3), with each association before its first interface."""
    leading = {association.first: association.descriptor() for association in associations}
    body = b""
    for interface in interfaces:
        body += leading.pop(interface.number, b"") + interface.descriptor()
    count = len({interface.number for interface in interfaces})
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), count, 1, 0, 0x80, power_ma // 2) + body


def qualifier_descriptor(triple: tuple[int, int, int]) -> bytes:
    """Return the device qualifier of section 9.6.2."""
    return struct.pack("<BBHBBBBBB", 10, 6, 0x0200, *triple, 64, 1, 0)


def string_descriptor(text: str | None) -> bytes:
    """Return a string descriptor (section 9.6.7); None is number 0, the list of languages."""
    if text is None:
        return _ENGLISH
    encoded = text.encode("utf-16-le")[:252]
    return bytes([len(encoded) + 2, 3]) + encoded
