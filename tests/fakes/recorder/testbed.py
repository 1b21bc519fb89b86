"""Plugs fake recorders into unmodified processes: a fake /sys, /dev, udev database, uevents and usbfs by umockdev.

`with Testbed() as bed: bed.plug(recorder, port="1.3")`; a process started with `bed.environ()` sees them through
pyudev and pyusb as it would see real ones. Guarantees: faces change by themselves, on one thread that ends with
`close`; hubs between the controller and a port appear when first needed; no right is needed and no real device touched.
What it does not do: permissions, drivers, SCSI (a disk's node holds a copy of the image only if asked for).
"""

import itertools
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.fakes.recorder.model import Recorder
from tests.fakes.recorder.sysfs import CONTROLLER, Node, device_nodes, disk_nodes, hub_nodes, interface_nodes
from tests.fakes.recorder.uevents import Sender
from tests.fakes.recorder.umockdev import PRELOAD, Bed
from tests.fakes.recorder.usbfs import Usbfs

_ROUND_SECONDS = 0.02
_PATIENCE_SECONDS = 10


@dataclass
class _Plugged:
    """A recorder in a port, and the nodes that show it at the moment."""

    recorder: Recorder
    port: str
    authorized: bool
    read_only: bool
    readable: bool
    nodes: list[Node] = field(default_factory=list)
    shown: int = 0
    configured: bool = False


class Testbed:
    """A controller with hubs, and recorders in their ports; `port` is a chain like "3" or "1.3"."""

    __test__ = False  # not a test, whatever pytest makes of its name

    def __init__(self) -> None:
        self._bed = Bed()
        self.root = Path(self._bed.root)
        self.losing_events = False
        """While True no event reaches anybody, as when a listener's socket overflows."""
        self._sender = Sender(self.root)
        self._lock = threading.RLock()
        self._plugged: dict[str, _Plugged] = {}
        self._hubs: set[str] = set()
        self._addresses = itertools.count(2)
        self._sequences = itertools.count(1)
        self._letters = itertools.count()
        self._usbfs: list[Usbfs] = []
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._show(hub_nodes("", 1))
        self._thread = threading.Thread(target=self._run, name="testbed")
        self._thread.start()

    def close(self) -> None:
        """End it; raises what went wrong on its thread or inside an ioctl."""
        self._stopping.set()
        self._thread.join()
        self._bed.close()
        os.unsetenv("UMOCKDEV_DIR")  # set by the library behind Python's back
        failures = [self._failure, *(usbfs.failure for usbfs in self._usbfs)]
        for failure in failures:
            if failure is not None:
                raise failure

    def __enter__(self) -> "Testbed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment for a process that is to live in this bed."""
        return {**os.environ, "LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": str(self.root), **more}

    def run(self, *command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command in the bed to its end; raises CalledProcessError with its output."""
        return subprocess.run(command, env=self.environ(), capture_output=True, text=True, timeout=timeout, check=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the bed, its stdin and stdout being pipes of text."""
        return subprocess.Popen(
            command, env=self.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def plug(
        self,
        recorder: Recorder,
        port: str = "1",
        *,
        authorized: bool = True,
        read_only: bool = True,
        readable: bool = False,
    ) -> None:
        """Plug a recorder in.

        Not `authorized`: it shows no interfaces until a process writes 1 to the attribute. `read_only`: its disks are,
        as the udev helper makes them. `readable`: the disks' nodes hold copies of the images.
        """
        with self._lock:
            assert port not in self._plugged, f"port {port} is taken"
            self._grow_hubs(port)
            recorder.power_on()
            self._plugged[port] = _Plugged(recorder, port, authorized, read_only, readable)
            self._follow(self._plugged[port])

    def unplug(self, port: str = "1") -> Recorder:
        """Pull out what is in the port, without a word; returns it."""
        with self._lock:
            plugged = self._plugged.pop(port)
            plugged.recorder.power_off()
            self._hide(plugged)
            return plugged.recorder

    def replug(self, port: str = "1", to: str | None = None) -> None:
        """Pull it out and plug it into the same port or another, with all that was asked for at first."""
        with self._lock:
            before = self._plugged[port]
            recorder = self.unplug(port)
            self.plug(
                recorder,
                to or port,
                authorized=before.authorized,
                read_only=before.read_only,
                readable=before.readable,
            )

    def attribute(self, port: str, name: str) -> str:
        """Return a sysfs attribute of the device in the port, as a process in the bed may have left it."""
        with self._lock:
            return self._read(self._plugged[port].nodes[0], name)

    def wait_for_face(self, recorder: Recorder, name: str) -> None:
        """Wait until the recorder shows a face; raises AssertionError when it does not come."""
        arrived = threading.Event()

        def look() -> None:
            if recorder.present and recorder.face.name == name:
                arrived.set()

        recorder.watch(look)
        look()
        try:
            assert arrived.wait(_PATIENCE_SECONDS), f"the recorder never showed {name}: {recorder.log!r}"
        finally:
            recorder.unwatch(look)

    def _run(self) -> None:
        while not self._stopping.wait(_ROUND_SECONDS):
            try:
                with self._lock:
                    for plugged in self._plugged.values():
                        plugged.recorder.tick()
                        self._follow(plugged)
            except Exception as error:  # noqa: BLE001 - raised by close
                self._failure = error
                return

    def _follow(self, plugged: _Plugged) -> None:
        """Make the nodes what the recorder shows."""
        recorder = plugged.recorder
        if plugged.shown and (not recorder.present or plugged.shown != recorder.enumeration):
            self._hide(plugged)
        if recorder.present and not plugged.shown:
            self._arrive(plugged)
        if plugged.shown and not plugged.configured and self._read(plugged.nodes[0], "authorized") == "1":
            self._configure(plugged)

    def _arrive(self, plugged: _Plugged) -> None:
        face, address = plugged.recorder.face, next(self._addresses)
        nodes = device_nodes(face, plugged.port, address, plugged.authorized)
        usbfs = Usbfs(plugged.recorder)
        self._usbfs.append(usbfs)
        assert nodes[0].device_node is not None
        self._bed.attach(nodes[0].device_node, usbfs)
        plugged.nodes, plugged.shown, plugged.configured = [], plugged.recorder.enumeration, False
        self._show(nodes, plugged)

    def _configure(self, plugged: _Plugged) -> None:
        """Show interfaces and disks, as the kernel does once the device is authorised."""
        plugged.configured = True
        face, top = plugged.recorder.face, plugged.nodes[0]
        (self.root / top.path.removeprefix("/") / "bConfigurationValue").write_text("1\n")
        self._show(interface_nodes(face, top, plugged.port), plugged)
        for node, image in disk_nodes(face, top, plugged.port, self._letters, self._sequences, plugged.read_only):
            self._show([node], plugged, image if plugged.readable else None)

    def _show(self, nodes: list[Node], plugged: _Plugged | None = None, image: Path | None = None) -> None:
        for node in nodes:
            self._bed.add(node.text)
            if plugged is not None:
                plugged.nodes.append(node)
            if image is not None and node.device_node is not None:
                shutil.copyfile(image, self.root / node.device_node.removeprefix("/"))
            self._tell(node, "add")

    def _hide(self, plugged: _Plugged) -> None:
        for node in reversed(plugged.nodes):
            self._bed.remove(node.path)
            self._tell(node, "remove")
        plugged.nodes, plugged.shown = [], 0

    def _tell(self, node: Node, action: str) -> None:
        if not self.losing_events:
            self._sender.send(node.path.removeprefix("/sys"), action, node.properties)

    def _grow_hubs(self, port: str) -> None:
        steps = port.split(".")
        for depth in range(1, len(steps)):
            hub = ".".join(steps[:depth])
            if hub not in self._hubs:
                self._hubs.add(hub)
                self._show(hub_nodes(hub, next(self._addresses)))

    def _read(self, node: Node, name: str) -> str:
        return (self.root / node.path.removeprefix("/") / name).read_text().strip()


__all__ = ["CONTROLLER", "Testbed"]
