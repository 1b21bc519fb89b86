r"""The "BC+" dialect: lines ending in CR LF over bulk endpoints, `BC+UUID?` answered by `+UUID:...`.

Source: the public LibBodycam, see recorders.md; none of it was tried on hardware here. Only the answer
`+LOGIN:Sucess` (sic) is known word by word; the others are read as `+NAME:value`. Reading the clock is not known.
Guarantees: only a line that names the order is its answer; the password is sent by LOGIN alone, is printable, and
appears in no error.
"""

import re
from collections.abc import Callable
from datetime import datetime

import structlog
from pydantic import SecretStr

from station import clock
from station.device.usb.talk import DialectError, Greeting, Link, RefusedError, believable, lines, listen, percent
from station.device.watch.errors import LinkError, LinkTimeoutError
from station.errors import ConfigError

# A line that begins with BC is our own order, echoed: no answer.
_ANSWER = re.compile(r"\+([A-Z0-9]+)\s*[:=]\s*(.*)", re.IGNORECASE)
_CONSENT = re.compile(r"suc+es+", re.IGNORECASE)
_REFUSAL = re.compile(r"\s*(err|fail|deny|denied|invalid|unknown|refused|not\b|no\b|ng\b)", re.IGNORECASE)
_MOST_OTHER_ANSWERS = 4

_logger = structlog.get_logger(__name__)


class BcPlusDialect:
    """Speaks with one recorder over its bulk endpoints."""

    can_read_clock = False
    can_set_clock = True

    def __init__(
        self,
        link: Link,
        timeout_ms: int,
        password: SecretStr | None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Speak over `link`; nothing is sent yet. Raises ConfigError for a password that can't be part of a line."""
        secret = "" if password is None else password.get_secret_value()
        if not (secret.isascii() and secret.isprintable()):
            raise ConfigError("the password for this recorder must be printable ASCII")
        self._link = link
        self._password = password
        self._logged_in = False
        self._patience_seconds = 2 * timeout_ms / 1000
        self._monotonic = monotonic

    def hello(self) -> Greeting:
        """Log in if there is a password, then ask who it is; raises RefusedError for a wrong password.

        Raises DialectError when neither the log-in nor the id is answered in this dialect, LinkError otherwise.
        """
        serial = self._query("UUID", required=not self._log_in())
        battery = self._query("BATVAL")
        police_number = self._query("GBIDCODE")
        return Greeting(
            serial=None if serial is None else believable(serial),
            police_number=None if police_number is None else believable(police_number),
            battery_percent=None if battery is None else percent(battery),
        )

    def unlock(self) -> None:
        """Log in and order the storage face for this plug-in; raises RefusedError when the device says no.

        A device that breaks off or keeps silent may already be coming up anew: whether the storage face comes tells.
        """
        self._log_in()
        try:
            self._order("UDISKEN", "BC+UDISKEN=1")
        except (LinkError, _SilentError) as error:
            _logger.info("unlock.unanswered", error=error.message)

    def read_clock(self) -> datetime:
        """Raise DialectError: no order that reads the clock is publicly known."""
        raise DialectError("this dialect can't read the recorder's clock")

    def set_clock(self, moment: datetime) -> None:
        """Set the clock (naive, recorder's zone); raises RefusedError, DialectError or LinkError."""
        self._log_in()
        self._order("SYSTIME", f"BC+SYSTIME={moment:%Y%m%d%H%M%S}")

    def _log_in(self) -> bool:
        """Tell the password once and hear consent; returns False where there is none to tell."""
        if self._password is None or self._logged_in:
            return self._logged_in
        answer = self._ask("LOGIN", f"BC+LOGIN=admin:{self._password.get_secret_value()}")
        if not _CONSENT.match(answer.strip()):
            raise RefusedError("the recorder refused the log-in", hint="check the password set for this profile")
        self._logged_in = True
        return True

    def _query(self, name: str, *, required: bool = False) -> str | None:
        """Return the value of one fact, None when the device keeps silent or refuses and it is not required."""
        try:
            answer = self._ask(name, f"BC+{name}?")
        except _SilentError:
            if required:
                raise
            return None
        return None if _REFUSAL.match(answer) else answer

    def _order(self, name: str, line: str) -> None:
        """Give an order and hear consent."""
        if _REFUSAL.match(self._ask(name, line)):
            raise RefusedError(f"the recorder refused {name}")

    def _ask(self, name: str, line: str) -> str:
        """Send one line and return the value of the answer that names it; raises DialectError or LinkError."""
        self._link.write(line.encode("ascii") + b"\r\n")
        for _ in range(_MOST_OTHER_ANSWERS):
            try:
                heard = listen(self._link, self._patience_seconds, _has_line, monotonic=self._monotonic)
            except LinkTimeoutError:
                break
            for told in lines(heard):
                answer = _ANSWER.fullmatch(told)
                if answer is not None and answer.group(1).upper() == name:
                    return answer.group(2)
        raise _SilentError(f"the device gave no answer to {name}")


class _SilentError(DialectError):
    """No answer naming the order came."""


def _has_line(heard: bytes) -> bool:
    """Tell whether the last line is whole: ended, or padded with NUL."""
    return heard.endswith((b"\n", b"\0", b"\r"))
