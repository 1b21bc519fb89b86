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

_logger = structlog.get_logger(__name__)


class ControlDialect:
    """Speaks with one recorder through endpoint 0."""

    can_read_clock = False
    can_set_clock = False

    def __init__(self, link: Link, requests: ControlRequests, password: SecretStr | None) -> None:
        """Speak over `link`; nothing is sent yet."""
        self._link = link
        self._requests = requests
        self._password = password

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
        """Raise DialectError: no request of this dialect tells the time."""
        raise DialectError("this dialect can't read the recorder's clock")

    def set_clock(self, moment: datetime) -> None:
        """Raise DialectError: no request of this dialect sets the time."""
        raise DialectError(f"this dialect can't set the recorder's clock to {moment:%Y-%m-%d %H:%M:%S}")

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
