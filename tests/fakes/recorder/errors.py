"""How a fake recorder refuses: a stalled request, or a device that is no longer there.

DeviceError
├── StalledError    the request or endpoint answers with STALL (USB 2.0, section 8.4.5)
└── GoneError       unplugged, yanked, or away between two faces
"""


class DeviceError(Exception):
    """A transfer with the fake recorder failed, as it would with a real one."""


class StalledError(DeviceError):
    """The fake recorder refuses this transfer."""


class GoneError(DeviceError):
    """There is no device at the moment."""
