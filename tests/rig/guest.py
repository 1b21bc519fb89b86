"""What a test does with the guest: run commands, move files, look at logs, plug things in.

Guarantee: every call is bounded, in the guest as well as here: a command that outlives its time is killed there.
"""

import base64
import json
import re
import shlex
import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from station import clock
from tests.rig.bay import Bay
from tests.rig.errors import RigError
from tests.rig.vm import DOCK_HUB, HUB_PORTS, Machine

T = TypeVar("T")

HOME = "/var/lib/station"
ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    f"STATION_HOME={HOME}",
)
COMMAND_SECONDS = 120.0
PATIENCE = 3.0
DIRECT_BAYS = 8
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Guest:
    """The guest of one test."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._bays: dict[str, Bay] = {}

    # ---- commands and files

    def run(
        self, command: str, *, seconds: float = COMMAND_SECONDS, codes: Collection[int] = (0,), stdin: bytes = b""
    ) -> Ran:
        """Run a shell command as root with STATION_HOME set; raises RigError for an exit code not among `codes`."""
        agent = self.machine.agent
        started = agent.call(
            "guest-exec",
            path="/usr/bin/timeout",
            arg=["--kill-after=5", f"{seconds}", "/bin/sh", "-c", command],
            env=list(ENVIRONMENT),
            input_data=base64.b64encode(stdin).decode(),
            capture_output=True,
        )
        end = clock.monotonic() + seconds + 15
        pause = 0.01
        while not (status := agent.call("guest-exec-status", pid=started["pid"]))["exited"]:
            if clock.monotonic() > end:
                raise RigError(f"{command!r} could not be ended")
            threading.Event().wait(pause)
            pause = min(pause * 1.5, 0.2)
        ran = Ran(
            status.get("exitcode", 128 + status.get("signal", 0)),
            *(_text(status, key) for key in ("out-data", "err-data")),
        )
        if ran.code == 124 and 124 not in codes:
            raise RigError(f"{command!r} was not done in {seconds:.0f} s\n{ran.out}\n{ran.err}")
        if ran.code not in codes:
            raise RigError(f"{command!r} exited with {ran.code}\n{ran.out}\n{ran.err}")
        return ran

    def text(self, command: str, *, seconds: float = COMMAND_SECONDS) -> str:
        """Return what a command that exits with 0 prints, stripped."""
        return self.run(command, seconds=seconds).out.strip()

    def json(self, command: str, *, seconds: float = COMMAND_SECONDS, codes: Collection[int] = (0,)) -> Any:
        """Return the one JSON document that a command prints."""
        ran = self.run(command, seconds=seconds, codes=codes)
        try:
            return json.loads(ran.out)
        except ValueError as error:
            raise RigError(f"{command!r} printed no JSON document\n{ran.out}\n{ran.err}") from error

    def start(self, unit: str, command: str) -> None:
        """Start a command as a service of that name that lasts as long as the guest; its log is `journal(unit)`."""
        settings = " ".join(f"--setenv={shlex.quote(setting)}" for setting in ENVIRONMENT)
        self.run(f"systemd-run --quiet --collect --unit={shlex.quote(unit)} {settings} {command}")

    def put(self, path: str, content: bytes) -> None:
        """Write a file."""
        handle = self.machine.agent.call("guest-file-open", path=path, mode="w")
        for at in range(0, len(content), _CHUNK):
            part = base64.b64encode(content[at : at + _CHUNK]).decode()
            self.machine.agent.call("guest-file-write", handle=handle, buf_b64=part)
        self.machine.agent.call("guest-file-close", handle=handle)

    def get(self, path: str) -> bytes:
        """Read a file."""
        handle = self.machine.agent.call("guest-file-open", path=path, mode="r")
        content = b""
        while not (part := self.machine.agent.call("guest-file-read", handle=handle, count=_CHUNK))["eof"]:
            content += base64.b64decode(part["buf-b64"])
        self.machine.agent.call("guest-file-close", handle=handle)
        return content + base64.b64decode(part["buf-b64"])

    # ---- looking and waiting

    def journal(self, unit: str = "", *, grep: str = "", lines: int = 2000) -> str:
        """Return the journal, of one unit or all, kernel and udev included."""
        asked = f"-u {shlex.quote(unit)}" if unit else ""
        wanted = f"--grep={shlex.quote(grep)}" if grep else ""
        return self.run(f"journalctl --no-pager -q -o short-precise -n {lines} {asked} {wanted}", codes=(0, 1)).out

    def wait(self, look: Callable[[], T | None], seconds: float, what: str, *, every: float = 0.5) -> T:
        """Return the first true thing that `look` returns; raises RigError saying that `what` did not come.

        `seconds` is enough on a machine that has nothing else to do; it may take `PATIENCE` times as long. Looking is
        work for the guest, whose processor is emulated: a look every 0.1 s takes a good part of it.
        """
        end = clock.monotonic() + PATIENCE * seconds
        while True:
            if found := look():
                return found
            if clock.monotonic() > end:
                raise RigError(f"waited {PATIENCE * seconds:.0f} s for {what}")
            threading.Event().wait(every)

    def set_clock(self, seconds_from_now: float = 0) -> None:
        """Set the guest's clock to this machine's, or off by some seconds."""
        self.run(f"date -u -s @{clock.now().timestamp() + seconds_from_now:.3f}")

    # ---- USB

    def bay(self, number: int) -> Bay:
        """Return bay 1 to 16 of the dock: 1 to 8 are ports of its controller, 9 to 16 those of the hub behind it."""
        if not 1 <= number <= DIRECT_BAYS + HUB_PORTS:
            raise RigError(f"the dock has no bay {number}")
        return self.port(f"dock.{number}" if number <= DIRECT_BAYS else f"{DOCK_HUB}.{number - DIRECT_BAYS}")

    def port(self, place: str) -> Bay:
        """Return any port: `dock.3` at the dock's controller, `dock.15.3` at its hub, `desk.1` at no dock at all."""
        if place not in self._bays:
            self._bays[place] = Bay(self, place)
        return self._bays[place]

    def add_mtp(self, place: str, folder: str, serial: str | None = None) -> None:
        """Plug in QEMU's own MTP device (46f4:0004), showing a folder of this machine; `remove_mtp` yanks it."""
        controller, _, port = place.partition(".")
        traits = {} if serial is None else {"serial": serial}
        self.machine.monitor.call(
            "device_add",
            driver="usb-mtp",
            id=_mtp_name(place),
            bus=f"{controller}.0",
            port=port,
            rootdir=folder,
            readonly=True,
            **traits,
        )

    def remove_mtp(self, place: str) -> None:
        """Yank QEMU's own MTP device."""
        self.machine.monitor.call("device_del", id=_mtp_name(place))

    def disks(self) -> dict[str, list[str]]:
        """Return the USB disks that are there, as `{"1-15.3": ["/dev/sda"]}`: a port's path, a node for each LUN."""
        listed = self.run("for disk in /sys/block/sd*; do readlink -f $disk; done", codes=(0, 1)).out
        found: dict[str, list[str]] = {}
        for match in re.finditer(r"/(\d+-[\d.]+):\d+\.\d+/host\d+/\S*/block/(\w+)$", listed, re.MULTILINE):
            found.setdefault(match[1], []).append(f"/dev/{match[2]}")
        return found

    def disk_at(self, path: str, seconds: float) -> str:
        """Wait for the (first) disk at a port and for udev; return its node."""
        found = self.wait(lambda: self.disks().get(path), seconds, f"a disk at {path}")
        self.run(f"udevadm settle --timeout={seconds:.0f}", seconds=seconds + 5)
        return found[0]

    def reboot(self, seconds: float = 150) -> None:
        """Start the guest anew, with what is plugged in where it is, until its agent answers."""
        before = self.text("cat /proc/sys/kernel/random/boot_id")
        self.machine.reboot(seconds)
        self.wait(lambda: self.text("cat /proc/sys/kernel/random/boot_id") != before, seconds, "another boot")
        self.set_clock()

    def close(self) -> None:
        """Yank what is plugged in and kill the machine; raises what went wrong inside a recorder."""
        with ExitStack() as stack:
            stack.callback(self.machine.close)
            for bay in self._bays.values():
                stack.callback(bay.yank)


def _mtp_name(place: str) -> str:
    return f"mtp-{place.replace('.', '-')}"


def _text(status: dict[str, Any], key: str) -> str:
    return base64.b64decode(status.get(key, "")).decode(errors="replace")
