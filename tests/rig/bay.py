"""One cradle of the dock: a USB port into which a virtual recorder on this machine can be plugged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rig.guest import Guest

# Of the two controllers, in the guest's numbering: each has a bus for USB 2 and one for USB 3.
_BUS = {"dock": 1, "desk": 3}
PLUG_SECONDS = 30.0


class Bay:
    """A port; `Guest.bay` and `Guest.port` make them."""

    def __init__(self, guest: Guest, place: str) -> None:
        self._guest = guest
        self.place = place
        self._opened = False

    @property
    def path(self) -> str:
        """The port's path in the guest's sysfs, as `1-14.3`."""
        controller, _, port = self.place.partition(".")
        return f"{_BUS[controller]}-{port}"

    @property
    def socket(self) -> Path:
        """Where QEMU listens for what is plugged in here, speaking the usb-redir protocol; makes it on first use."""
        name = f"bay-{self.place.replace('.', '-')}"
        path = self._guest.machine.folder / name
        if not self._opened:
            controller, _, port = self.place.partition(".")
            call = self._guest.machine.monitor.call
            address = {"type": "unix", "data": {"path": str(path)}}
            call(
                "chardev-add",
                id=name,
                backend={"type": "socket", "data": {"addr": address, "server": True, "wait": False}},
            )
            call("device_add", driver="usb-redir", chardev=name, id=f"{name}-redir", bus=f"{controller}.0", port=port)
            self._opened = True
        return path

    def yank(self) -> None:
        pass

    def disk(self, seconds: float = PLUG_SECONDS) -> str:
        """Return the node of the disk that shows up here, as `/dev/sda`, once udev is done with it."""
        found = self._guest.wait(lambda: self._guest.disks().get(self.path), seconds, f"a disk at {self.path}")
        self._guest.run(f"udevadm settle --timeout={seconds:.0f}", seconds=seconds + 5)
        return found
