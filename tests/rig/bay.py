"""One cradle of the dock: a USB port into which a virtual recorder on this machine can be plugged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.fakes.recorder.descriptors import BULK
from tests.fakes.recorder.model import Recorder
from tests.fakes.recorder.usbredir import UsbRedirPlug
from tests.rig.errors import RigError

if TYPE_CHECKING:
    from tests.rig.guest import Guest

# The buses in the guest's numbering: each controller has one for USB 2 and, one further, one for USB 3.
_BUS = {"dock": 1, "desk": 3}
DISK_SECONDS = 30.0


class Bay:
    """A port; `Guest.bay` and `Guest.port` make them."""

    def __init__(self, guest: Guest, place: str) -> None:
        self.place = place
        self._guest = guest
        self._socket: Path | None = None
        self._plug: UsbRedirPlug | None = None

    @property
    def path(self) -> str:
        """The port's path in the guest's sysfs, as `1-15.3`."""
        controller, _, port = self.place.partition(".")
        return f"{_BUS[controller]}-{port}"

    def plug(self, recorder: Recorder) -> Bay:
        """Plug a recorder in; it is on the bus some tenths of a second later."""
        self.yank()
        self._check_speed(recorder)
        self._plug = UsbRedirPlug(recorder, self._listening()).plug()
        return self

    def yank(self) -> None:
        """Pull out what is plugged in, if anything, at whatever moment; raises what went wrong inside the recorder."""
        plug, self._plug = self._plug, None
        if plug is not None:
            plug.unplug()

    @property
    def plugged(self) -> bool:
        """False once the recorder was pulled out, or vanished by a fault of its own."""
        return self._plug is not None and self._plug.plugged

    def disk(self, seconds: float = DISK_SECONDS) -> str:
        """Return the node of the disk that shows up here, as `/dev/sda`, once udev is done with it."""
        return self._guest.disk_at(self.path, seconds)

    def authorise(self, seconds: float = DISK_SECONDS) -> None:
        """Let the device here in by hand, as the dock does when a profile matches."""
        self._guest.wait(lambda: self.attribute("authorized"), seconds, f"a device at {self.path}")
        self._guest.run(f"udevadm settle --timeout={seconds:.0f}", seconds=seconds + 5)
        self._guest.run(f"echo 1 >/sys/bus/usb/devices/{self.path}/authorized")

    def attribute(self, name: str) -> str | None:
        """Return an attribute of the device here from sysfs, as `attribute("authorized")`; None: there is none."""
        ran = self._guest.run(f"cat /sys/bus/usb/devices/{self.path}/{name}", codes=(0, 1))
        return ran.out.strip() if ran.code == 0 else None

    def _listening(self) -> Path:
        """Let QEMU listen for what is plugged in here; it speaks the usb-redir protocol."""
        if self._socket is None:
            name = f"bay-{self.place.replace('.', '-')}"
            path = self._guest.machine.folder / name
            controller, _, port = self.place.partition(".")
            place = {"type": "unix", "data": {"path": str(path)}}
            backend = {"type": "socket", "data": {"addr": place, "server": True, "wait": False}}
            call = self._guest.machine.monitor.call
            call("chardev-add", id=name, backend=backend)
            call("device_add", driver="usb-redir", chardev=name, id=f"{name}-redir", bus=f"{controller}.0", port=port)
            self._socket = path
        return self._socket

    def _check_speed(self, recorder: Recorder) -> None:
        """A test must not take QEMU's refusal for the station's: its hubs are slow and take fast devices only if all
        their endpoints are bulk.
        """
        if self.place.count(".") > 1:
            for face in recorder.faces.values():
                if any(endpoint.transfer != BULK for _, endpoint in face.endpoints({})):
                    raise RigError(f"QEMU's hub can't take the face {face.name}: use one of bays 1 to 8")
