"""The dialect of vendor control transfers: a password unlocks, a status tells the battery, a request the serial.

The request numbers are the profile's. Sources: USB 2.0, section 9.3 (the setup packet); the requests themselves
differ by maker. Guarantees: only the requests the profile names are sent, each at most once; the password is sent by
`unlock` alone and appears in no error.
"""

from datetime import datetime

import structlog
from pydantic import SecretStr

from station.device.usb.talk import DialectError, Greeting, Link, RefusedError, believable
from station.device.watch.errors import LinkError, LinkStalledError, LinkTimeoutError
from station.profiles.usb import ControlRequests

# bmRequestType: vendor request, device as recipient (USB 2.0, table 9-2).
_VENDOR_IN, _VENDOR_OUT = 0xC0, 0x40
_HIGHEST_PERCENT = 100
_CLOCK_FORMAT, _CLOCK_BYTES = "%Y%m%d%H%M%S", 14

_logger = structlog.get_logger(__name__)


class ControlDialect:
    """Speaks with one recorder through endpoint 0."""

    def __init__(self, link: Link, requests: ControlRequests, password: SecretStr | None) -> None:
        """Speak over `link`; nothing is sent yet."""
        self._link = link
        self._requests = requests
        self._password = password
        self.can_read_clock = requests.read_clock_request is not None
        self.can_set_clock = requests.set_clock_request is not None

    def hello(self) -> Greeting:
        """Ask for status and serial, where the profile names the requests; raises DialectError or LinkError."""
        asked = self._requests
        battery = serial = None
        plausible: list[bool] = []
        if asked.status_request is not None:
            status = self._ask(asked.status_request, asked.status_length, "status")
            if asked.battery_offset is not None:
                battery = status[asked.battery_offset] if status[asked.battery_offset] <= _HIGHEST_PERCENT else None
            plausible.append(asked.battery_offset is None or battery is not None)
        if asked.serial_request is not None:
            told = self._ask(asked.serial_request, asked.serial_length, "serial", exact=False)
            serial = believable(told.split(b"\0", 1)[0].decode("ascii", errors="replace"))
            plausible.append(serial is not None)
        return Greeting(serial=serial, battery_percent=battery, proven=bool(plausible) and all(plausible))

    def unlock(self) -> None:
        """Send the password; raises RefusedError when the device does not take it.

        A device that breaks off or keeps silent may already be coming up anew: whether the storage face comes tells.
        """
        secret = b"" if self._password is None else self._password.get_secret_value().encode()
        asked = self._requests
        try:
            self._link.control(_VENDOR_OUT, asked.unlock_request, asked.unlock_value, asked.unlock_index, secret)
        except LinkStalledError:
            raise RefusedError(
                "the recorder refused the unlocking password", hint="check the password set for this profile"
            ) from None
        except LinkError as error:
            _logger.info("unlock.unanswered", error=error.message)

    def read_clock(self) -> datetime:
        """Return the recorder's naive local time; raises DialectError where it can't be read."""
        if self._requests.read_clock_request is None:
            raise DialectError("this recorder's clock can't be read")
        told = self._ask(self._requests.read_clock_request, _CLOCK_BYTES, "clock").decode("ascii", errors="replace")
        try:
            return datetime.strptime(told, _CLOCK_FORMAT)  # noqa: DTZ007 - naive is what the recorder tells
        except ValueError:
            raise DialectError("the device's answer is no time") from None

    def set_clock(self, moment: datetime) -> None:
        """Set the recorder's clock to a naive local time; raises DialectError where it can't be set."""
        if self._requests.set_clock_request is None:
            raise DialectError("this recorder's clock can't be set")
        try:
            self._link.control(
                _VENDOR_OUT, self._requests.set_clock_request, 0, 0, moment.strftime(_CLOCK_FORMAT).encode("ascii")
            )
        except LinkStalledError as error:
            raise DialectError("the recorder did not take the time") from error

    def _ask(self, request: int, length: int | None, what: str, *, exact: bool = True) -> bytes:
        """Return the answer to a vendor request; the status has to come whole, a text may be shorter."""
        wanted = length or 0
        try:
            answer = self._link.control(_VENDOR_IN, request, 0, 0, wanted)
        except LinkStalledError as error:
            raise DialectError(f"the device does not know the request for its {what}") from error
        except LinkTimeoutError as error:
            raise DialectError(f"the device does not answer the request for its {what}") from error
        if not answer or len(answer) > wanted or (exact and len(answer) != wanted):
            raise DialectError(f"the device answered {len(answer)} bytes as its {what}, not {wanted}")
        return answer
