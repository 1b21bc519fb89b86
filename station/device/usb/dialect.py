"""The dialects by name: a profile's data selects one of these behaviours and can't bring its own.

Guarantee: nothing is sent before `hello`, `unlock` or `set_clock` is called.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from station.device.usb.ambarella import AmbarellaDialect
from station.device.usb.bcplus import BcPlusDialect
from station.device.usb.control import ControlDialect
from station.device.usb.talk import DialectError, Greeting, Link, RefusedError
from station.errors import ConfigError
from station.profiles.usb import Unlock

__all__ = ["DIALECTS", "Dialect", "DialectError", "Greeting", "Link", "RefusedError", "open_dialect"]


class Dialect(Protocol):
    """One recorder spoken to in its own way; every call raises LinkError when the link fails."""

    can_read_clock: bool
    can_set_clock: bool

    def hello(self) -> Greeting:
        """Ask who it is, harmlessly; raises DialectError when the answer is not this dialect's.

        RefusedError, a DialectError, says that it is this dialect but the password is wrong.
        """
        ...

    def unlock(self) -> None:
        """Order the storage face; afterwards the device re-enumerates. Raises RefusedError."""
        ...

    def read_clock(self) -> datetime:
        """Return the recorder's naive local time; raises DialectError where it can't be read."""
        ...

    def set_clock(self, moment: datetime) -> None:
        """Set the recorder's clock to a naive local time; raises DialectError where it can't be set."""
        ...


def _open_control(unlock: Unlock, link: Link, password: SecretStr | None) -> Dialect:
    if unlock.control is None:
        raise ConfigError("the profile names the dialect control but none of its requests")
    return ControlDialect(link, unlock.control, password)


def _open_ambarella(unlock: Unlock, link: Link, password: SecretStr | None) -> Dialect:
    return AmbarellaDialect(link, unlock.timeout_ms, password)


def _open_bcplus(unlock: Unlock, link: Link, password: SecretStr | None) -> Dialect:
    return BcPlusDialect(link, unlock.timeout_ms, password)


DIALECTS: Mapping[str, Callable[[Unlock, Link, SecretStr | None], Dialect]] = {
    "control": _open_control,
    "ambarella-ascii": _open_ambarella,
    "bc-plus": _open_bcplus,
}


def open_dialect(unlock: Unlock, link: Link, password: SecretStr | None) -> Dialect:
    """Return the dialect that the profile names, over `link`; sends nothing.

    Raises ConfigError for an unknown name, missing request numbers, or a password that is required and not set.
    """
    if unlock.password == "required" and password is None:  # noqa: S105 - a word of the profile, no password
        raise ConfigError("this recorder needs a password and none is set", hint="set it for the profile, then re-plug")
    try:
        opener = DIALECTS[unlock.dialect]
    except KeyError:
        raise ConfigError(f"there is no dialect named {unlock.dialect!r}") from None
    return opener(unlock, link, password)
