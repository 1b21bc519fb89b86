"""The Ambarella ASCII dialect: `@Ver;8;00000000;#` and its kin over bulk endpoints, answers of up to 64 bytes.

Source: the public AmbaBodyCam (AmbaDevice.cs), see recorders.md; none of it was tried on hardware here. Known are
the orders, that the answer to `Ver` contains `Ver;OK`, and that the answer to `Gdv` carries the id as third field. The
forms of the other answers are not known, so any that names its order and does not say ERR is taken as consent.
Guarantees: an answer to an earlier order is passed over, never taken for this one's; each order is sent once.
"""

import re
from collections.abc import Callable
from datetime import datetime

import structlog
from pydantic import SecretStr

from station import clock
from station.device.usb.talk import DialectError, Greeting, Link, RefusedError, believable, listen
from station.device.watch.errors import LinkError, LinkTimeoutError

_VERSION = b"@Ver;8;00000000;#"
_DEVICE_ID = b"@Gdv;8;12345678;#"
_STORAGE = b"@ATH;8;12345678;#"
# One answer: from the @ to the #, to padding, or to where the transfer ended.
_FRAME = re.compile(rb"@([^@#\0]*)[#\0]")
_MOST_STALE_ANSWERS = 4

_logger = structlog.get_logger(__name__)


class AmbarellaDialect:
    """Speaks with one recorder over its bulk endpoints."""

    can_read_clock = False
    can_set_clock = True

    def __init__(
        self,
        link: Link,
        timeout_ms: int,
        password: SecretStr | None = None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Speak over `link`; nothing is sent yet. The dialect knows no password: `password` is not used."""
        del password
        self._link = link
        self._patience_seconds = 2 * timeout_ms / 1000
        self._monotonic = monotonic

    def hello(self) -> Greeting:
        """Ask for the version and the device id; raises DialectError or LinkError."""
        version = self._ask(_VERSION)
        if version[1:2] != ["OK"]:  # `Ver;OK` is what the public code looks for
            raise DialectError("the device's answer to Ver does not say OK")
        fields = self._ask(_DEVICE_ID)
        _refuse_errors(fields)
        return Greeting(
            serial=believable(fields[2]) if len(fields) > 2 else None,
            firmware=believable(version[2]) if len(version) > 2 else None,
        )

    def unlock(self) -> None:
        """Order the storage face; raises RefusedError when the device says no.

        A device that breaks off or keeps silent may already be coming up anew: whether the storage face comes tells.
        """
        try:
            self._order(_STORAGE)
        except (LinkError, _SilentError) as error:
            _logger.info("unlock.unanswered", error=error.message)

    def read_clock(self) -> datetime:
        """Raise DialectError: no order that reads the clock is publicly known."""
        raise DialectError("this dialect can't read the recorder's clock")

    def set_clock(self, moment: datetime) -> None:
        """Set date, then time (naive, recorder's zone); raises RefusedError, DialectError or LinkError.

        The time's order declares 6 characters and carries 8, as the public code does.
        """
        self._order(f"@Sdt;8;{moment:%Y%m%d};#".encode())
        self._order(f"@Stm;6;{moment:%H%M%S}00;#".encode())

    def _order(self, order: bytes) -> None:
        """Give an order and hear consent."""
        _refuse_errors(self._ask(order))

    def _ask(self, order: bytes) -> list[str]:
        """Send one order and return the fields of the answer that names it; raises DialectError or LinkError."""
        name = order[1:4].decode()
        self._link.write(order)
        heard = b""
        for _ in range(_MOST_STALE_ANSWERS):
            try:
                heard = listen(self._link, self._patience_seconds, _has_frame, heard, self._monotonic)
            except LinkTimeoutError:
                break
            whole = heard if _has_frame(heard) else heard + b"\0"
            heard = b""
            for frame in _FRAME.finditer(whole):
                fields = [field.strip() for field in frame.group(1).decode("ascii", errors="replace").split(";")]
                if fields[0] == name:
                    return fields
                heard = whole[frame.end() :]
        raise _SilentError(f"the device gave no answer to {name}")


class _SilentError(DialectError):
    """No answer naming the order came."""


def _has_frame(heard: bytes) -> bool:
    return _FRAME.search(heard) is not None


def _refuse_errors(fields: list[str]) -> None:
    """Raise RefusedError when a field of an answer says error."""
    if any(field.upper().startswith(("ERR", "FAIL", "NG")) for field in fields[1:]):
        raise RefusedError(f"the recorder refused {fields[0]}")
