"""The confined reader as it is, but for the pipes: behind them is a device of plain objects in its own process.

The usbfs node's place is taken by a pipe from which the device reads, before the confinement, which faults it has.
"""

import os
import sys
from typing import Any

from station import reader
from tests.flow.images import footage
from tests.unit.device.mtp_device import MtpDevice, Thing

FILES = {"REC_0001.MP4": footage(1, 300_000), "REC_0002.MP4": footage(2, 70_001), "REC_0003.MP4": footage(3, 500_000)}
WHOLE_BYTES = 0


class Device(MtpDevice):
    """A recorder with FILES; it goes away after so many bytes, as told by the descriptor, unless that is 0."""

    def __init__(self, handle: int) -> None:
        things = {1: Thing("DCIM"), 2: Thing("100MEDIA", 1)}
        things |= {number: Thing(name, 2, content) for number, (name, content) in enumerate(FILES.items(), 10)}
        gone_after: Any = int(os.read(handle, 20)) or None
        super().__init__(things, gone_after_bytes=gone_after)

    def close(self) -> None:
        """End with nothing left to do."""


if __name__ == "__main__":
    reader.Usbfs = Device  # type: ignore[misc,assignment]
    sys.exit(reader.main(sys.argv[1:]))
