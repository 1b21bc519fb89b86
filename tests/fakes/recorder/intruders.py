"""What a hostile device shows: a keyboard that types, a network card, any class at all (BadUSB).

Sources: Device Class Definition for HID 1.11, appendix B; CDC 1.2 and its Ethernet subclass ECM 1.2, section 5.4.
"""

from collections import deque

from tests.fakes.recorder.descriptors import INTERRUPT, Association, Endpoint, Interface
from tests.fakes.recorder.faces import Function, Setup

_REPORT = bytes.fromhex(  # a boot keyboard: eight modifier bits, a reserved byte, six keys, five lamps
    "05010906a101050719e029e71500250175019508810295017508810195057501050819012905910295017503910195067508"
    "150025650507190029658100c0"
)
_KEY_UP = bytes(8)


class KeyboardFunction(Function):
    """A boot keyboard that types `text` (lower-case letters) to whoever listens; each fetched key is logged."""

    def __init__(self, text: str = "rm", interface: int = 0, endpoint_in: int = 0x81) -> None:
        length = len(_REPORT).to_bytes(2, "little")
        hid = b"\x09\x21\x11\x01\x00\x01\x22" + length
        endpoints = (Endpoint(endpoint_in, INTERRUPT, 8, 4),)
        super().__init__(Interface(interface, (0x03, 0x01, 0x01), endpoints, extra=hid))
        self._number = interface
        self._text = text
        self._keys: deque[str] = deque(text)
        self._down = False

    def reset(self) -> None:
        """Start typing anew."""
        self._keys, self._down = deque(self._text), False

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Tell the report descriptor; accept SET_IDLE, SET_PROTOCOL and SET_REPORT."""
        del data
        if setup.index != self._number:
            return None
        if (setup.request_type, setup.request, setup.value >> 8) == (0x81, 6, 0x22):
            return _REPORT
        return b"" if setup.request_type == 0x21 and setup.request in (0x09, 0x0A, 0x0B) else None

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Press the next key, then let it go."""
        del endpoint
        if self._down:
            self._down = False
            return _KEY_UP[:size]
        if not self._keys:
            return None
        key = self._keys.popleft()
        self.recorder.note("typed", key=key)
        self._down = True
        return bytes([0, 0, ord(key) - ord("a") + 4, 0, 0, 0, 0, 0])[:size]


class EthernetFunction(Function):
    """A CDC-ECM network card that is never sent anything to."""

    def __init__(self, interface: int = 0, address: str = "0253544e4401", text_index: int = 4) -> None:
        data = interface + 1
        functional = bytes([5, 0x24, 0x00, 0x10, 0x01, 5, 0x24, 0x06, interface, data])
        functional += bytes([13, 0x24, 0x0F, text_index, 0, 0, 0, 0, 0xEA, 0x05, 0, 0, 0])
        notices = (Endpoint(0x85, INTERRUPT, 16, 8),)
        super().__init__(
            Interface(interface, (0x02, 0x06, 0x00), notices, extra=functional),
            Interface(data, (0x0A, 0x00, 0x00)),
            Interface(data, (0x0A, 0x00, 0x00), (Endpoint(0x86), Endpoint(0x07)), alternate=1),
        )
        self.associations = (Association(interface, 2, (0x02, 0x06, 0x00)),)
        self.texts = {text_index: address}
        self._number = interface

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Accept the packet filter."""
        del data
        return b"" if (setup.request_type, setup.request, setup.index) == (0x21, 0x43, self._number) else None

    def send(self, endpoint: int, data: bytes) -> None:
        """Take a frame from the host, and tell that there was one."""
        self.recorder.note("frame", endpoint=endpoint, size=len(data))


class RndisFunction(Function):
    """What the remote-NDIS network card looks like; it does not speak."""

    def __init__(self, interface: int = 0) -> None:
        notices = (Endpoint(0x85, INTERRUPT, 8, 8),)
        super().__init__(
            Interface(interface, (0xE0, 0x01, 0x03), notices),
            Interface(interface + 1, (0x0A, 0x00, 0x00), (Endpoint(0x86), Endpoint(0x07))),
        )
        self.associations = (Association(interface, 2, (0xE0, 0x01, 0x03)),)


class Appearance(Function):
    """Interfaces of the given classes, without endpoints, that say nothing: for rules that look at classes only."""

    def __init__(self, *triples: tuple[int, int, int], first_interface: int = 0) -> None:
        super().__init__(*(Interface(first_interface + offset, each) for offset, each in enumerate(triples)))


class MtpAppearance(Function):
    """What an MTP recorder looks like; for one that answers use QEMU's own usb-mtp."""

    def __init__(self, interface: int = 0) -> None:
        endpoints = (Endpoint(0x81), Endpoint(0x02), Endpoint(0x83, INTERRUPT, 28, 6))
        super().__init__(Interface(interface, (0x06, 0x01, 0x01), endpoints))
