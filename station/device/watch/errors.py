"""What can go wrong with a device on the bus.

BusError                   the bus could not be looked at
├── FaceChangedError       the device is no longer the one that was matched
└── LinkError              a transfer with it failed
    ├── DeviceGoneError    it was unplugged or came up anew
    ├── LinkTimeoutError   it did not answer in time
    └── LinkStalledError   it refused the request

No message ever carries bytes that were sent: they may be a password.
"""

from station.errors import SourceError


class BusError(SourceError):
    """The bus, or the system's account of it, could not be read."""


class FaceChangedError(BusError):
    """The device at this place is not, or no longer, the one that was matched."""


class LinkError(BusError):
    """Speaking with a device failed."""


class DeviceGoneError(LinkError):
    """The device was unplugged, or has come up anew."""


class LinkTimeoutError(LinkError):
    """The device did not answer in time."""


class LinkStalledError(LinkError):
    """The device refused a request (USB 2.0, section 8.4.5: STALL)."""
