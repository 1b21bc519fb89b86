"""A charging face that is unlocked by a vendor control transfer with a password (recorders.md, "Talking to them")."""

from datetime import datetime

from tests.fakes.recorder.descriptors import Interface
from tests.fakes.recorder.errors import StalledError
from tests.fakes.recorder.faces import Function, Setup

_VENDOR_IN, _VENDOR_OUT = 0xC0, 0x40
_CLOCK_FORMAT = "%Y%m%d%H%M%S"


class ControlFunction(Function):
    """Vendor requests on endpoint 0; their numbers are the maker's choice.

    Status answer: `status_bytes` bytes, the first 1, the second the tries left, battery percent at `battery_offset`.
    With no tries left even the right password is refused. `storage` names the face that follows; `mood` silent or
    garbage spoils the answers to status and serial, and stall refuses everything.
    """

    def __init__(
        self,
        password: bytes | None = b"87654321",
        *,
        tries: int = 3,
        unlock_request: int = 0x51,
        unlock_value: int = 0,
        unlock_index: int = 0,
        status_request: int | None = 0x52,
        status_bytes: int = 4,
        battery_offset: int = 2,
        serial_request: int | None = 0x53,
        read_clock_request: int | None = 0x54,
        set_clock_request: int | None = 0x55,
        triple: tuple[int, int, int] = (0xFF, 0x42, 0x01),
        interface: int = 0,
        storage: str = "storage",
        mood: str = "normal",
    ) -> None:
        super().__init__(Interface(interface, triple))
        self.password, self.tries = password, tries
        self._unlock = (unlock_request, unlock_value, unlock_index)
        self._status_request, self._serial_request = status_request, serial_request
        self._read_clock_request, self._set_clock_request = read_clock_request, set_clock_request
        self._status_bytes, self._battery_offset = status_bytes, battery_offset
        self._storage = storage
        self.mood = mood

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer status and serial; unlock with the right password."""
        if self.mood == "stall":
            raise StalledError("this recorder refuses everything")
        if setup.request_type == _VENDOR_OUT and (setup.request, setup.value, setup.index) == self._unlock:
            self._try(data)
            return b""
        if (setup.request_type, setup.request) == (_VENDOR_OUT, self._set_clock_request):
            self._set_clock(data)
            return b""
        if setup.request_type != _VENDOR_IN:
            return None
        answers = {
            self._status_request: self.status,
            self._serial_request: self.serial,
            self._read_clock_request: self.read_clock,
        }
        if setup.request not in answers:
            return None
        spoiled = {"silent": b"", "garbage": b"\xa5" * setup.length}
        return spoiled[self.mood] if self.mood in spoiled else answers[setup.request]()

    def status(self) -> bytes:
        """Return the answer to the status request."""
        told = bytearray(self._status_bytes)
        told[0] = 1
        told[1] = self.tries
        told[self._battery_offset] = self.recorder.battery_percent
        return bytes(told)

    def serial(self) -> bytes:
        """Return the serial number as ASCII, ended by NUL."""
        return self.recorder.identity.serial.encode("ascii") + b"\0"

    def read_clock(self) -> bytes:
        """Return the recorder's time as 14 digits."""
        return self.recorder.clock.read().strftime(_CLOCK_FORMAT).encode("ascii")

    def _set_clock(self, data: bytes) -> None:
        try:
            moment = datetime.strptime(data.decode("ascii"), _CLOCK_FORMAT)  # noqa: DTZ007 - a recorder knows no zone
        except ValueError as error:
            raise StalledError("no time") from error
        self.recorder.note("clock", to=moment.isoformat())
        self.recorder.clock.set(moment)

    def _try(self, password: bytes) -> None:
        right = self.tries > 0 and (self.password is None or password == self.password)
        self.recorder.note("unlock", ok=right)
        if not right:
            self.tries = max(0, self.tries - 1)
            raise StalledError("wrong password")
        self.recorder.become(self._storage)
