"""One virtual machine: QEMU, its monitor and the agent inside; booted, saved to a snapshot, restored from one.

Guarantees: every wait is bounded; the process is killed when the machine is closed and dies with the process that
started it. Nothing a machine writes reaches the image or the snapshot it came from.

Memory and disk of a snapshot belong together: the memory holds what the kernel has cached of the disk. A restored
machine therefore gets the snapshot's disk below an overlay of its own, which QEMU throws away.
"""

import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from station import clock
from tests.rig.channel import Channel
from tests.rig.errors import RigError
from tests.rig.image import Image, search_path

MEMORY_MIB = 3072
PROCESSORS = 2
BOOT_SECONDS = 150.0
RESTORE_SECONDS = 60.0
HUB_PORTS = 8
"""Of the hub in the dock; QEMU's hub has no more."""
DOCK_HUB = "dock.15"
DOCK_CONTROLLER = "0000:00:10.0"
"""The controller `dock` in the guest's sysfs."""
ROOT_PORTS = 15
"""USB 2 ports of each controller; xHCI can't have more."""
# `max` hashes slower than a plain old processor under emulation.
_TCG = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")
_KVM = ("-accel", "kvm", "-cpu", "host")
_KERNEL = (
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check audit=0 net.ifnames=0"
    " systemd.show_status=false"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A machine stopped in its tracks; any number may be restored from it at once."""

    image: Image
    layer: Path
    memory: Path
    disk: Path
    kvm: bool


class Machine:
    """A running QEMU. Controllers: `dock`, with a hub at port 15, and `desk`, which is no dock."""

    def __init__(self, folder: Path, image: Image, layer: Path, disk: Path, *, kvm: bool, restore: Snapshot | None):
        """Start QEMU; `boot` and `restore` are what tests call. `folder` is for sockets and logs: a short path."""
        self.folder, self.image, self.layer, self.disk, self.kvm = folder, image, layer, disk, kvm
        # Never read as raw by guessing, never flushed: a test does not outlive a power cut of this machine.
        options = "if=none,cache=unsafe,discard=unmap"
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64"),
            *(_KVM if kvm else _TCG),
            *("-machine", "pc,hpet=off", "-smp", str(PROCESSORS), "-m", str(MEMORY_MIB)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", _KERNEL),
            *("-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{folder}/qmp,server=on,wait=off"),
            *("-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *("-drive", f"file={disk},id=root,format=qcow2,{options}{',snapshot=on' if restore else ''}"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-drive", f"file={layer},id=layer,format=raw,if=none,readonly=on"),
            *("-device", "virtio-blk-pci,drive=layer"),
            *("-device", "virtio-rng-pci"),
            *("-device", f"qemu-xhci,id=dock,addr=0x10,p2={ROOT_PORTS},p3={ROOT_PORTS}"),
            *("-device", f"qemu-xhci,id=desk,addr=0x11,p2={ROOT_PORTS},p3={ROOT_PORTS}"),
            *("-device", f"usb-hub,bus=dock.0,port=15,ports={HUB_PORTS}"),
            *(("-incoming", f"exec:cat {shlex.quote(str(restore.memory))}") if restore else ()),
        ]
        with (folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": search_path(), "TMPDIR": str(folder)},
            )
        self._channels: list[Channel] = []
        try:
            self.monitor = self._connect("qmp")
            self.monitor.receive_greeting()
            self.monitor.call("qmp_capabilities")
            self.agent = self._connect("agent")
        except (RigError, TimeoutError) as error:
            self.close()
            raise RigError(f"QEMU did not start: {error}\n{self.logs()}") from error

    @classmethod
    def boot(cls, folder: Path, image: Image, layer: Path, *, kvm: bool = False) -> "Machine":
        """Boot from the image until the agent answers."""
        disk = folder / "root.qcow2"
        make = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk), str(disk)]
        subprocess.run(make, check=True, timeout=60)
        machine = cls(folder, image, layer, disk, kvm=kvm, restore=None)
        machine._or_close(machine._wait_for_agent, BOOT_SECONDS)
        return machine

    @classmethod
    def boot_fast(cls, folder: Path, image: Image, layer: Path) -> "Machine":
        """Boot with KVM where it is offered and this very boot shows that it works, else emulated."""
        if kvm_offered():
            probe = folder / "kvm"
            probe.mkdir()
            try:
                return cls.boot(probe, image, layer, kvm=True)
            except RigError:
                shutil.rmtree(probe)
        return cls.boot(folder, image, layer)

    @classmethod
    def restore(cls, folder: Path, snapshot: Snapshot) -> "Machine":
        """Go on where the snapshot was taken, until the agent answers; its clock is set to now."""
        machine = cls(folder, snapshot.image, snapshot.layer, snapshot.disk, kvm=snapshot.kvm, restore=snapshot)
        machine._or_close(machine._resume, RESTORE_SECONDS)
        return machine

    def save(self, folder: Path) -> Snapshot:
        """Stop for good and return the snapshot, its memory below `folder`; nothing may be plugged in."""
        memory = folder / "memory"
        self.agent.close()
        self.monitor.call("stop")
        self.monitor.call("migrate-set-parameters", max_bandwidth=10 << 30)
        self.monitor.call("migrate", uri=f"exec:cat > {shlex.quote(str(memory))}")
        status = self._poll(lambda: self._status("query-migrate", "completed", "failed"), 60, "saving its memory")
        if status == "failed":
            raise RigError(f"the machine can't be saved: {self.logs()}")
        self.close()
        return Snapshot(self.image, self.layer, memory, self.disk, self.kvm)

    def reboot(self, seconds: float) -> None:
        """Have the guest shut down and boot again, until its agent answers."""
        self.monitor.call("set-action", reboot="reset")  # else QEMU would end
        self.agent.call("guest-exec", path="/usr/bin/systemctl", arg=["reboot"])
        self._poll(lambda: None if self.agent.synchronise(2.0) else "down", seconds, "the guest to go down")
        self._wait_for_agent(seconds)

    def close(self) -> None:
        """Kill the machine, if it still runs; nothing of it is left."""
        for channel in self._channels:
            channel.close()
        self._process.kill()
        self._process.wait(20)

    @property
    def console(self) -> Path:
        """What the guest's kernel and systemd wrote to the serial port."""
        return self.folder / "console.log"

    def logs(self) -> str:
        """Return the end of QEMU's log and of the console."""
        texts = []
        for path in (self.folder / "qemu.log", self.console):
            if path.exists():
                texts.append(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:].strip()}")
        return "\n".join(texts)

    def _connect(self, name: str) -> Channel:
        channel = Channel(self.folder / name, 20)
        self._channels.append(channel)
        return channel

    def _resume(self, seconds: float) -> None:
        end = clock.monotonic() + seconds
        self._poll(lambda: self._status("query-status", "paused", "running", "postmigrate"), seconds, "its memory")
        self.monitor.call("cont")
        self._wait_for_agent(end - clock.monotonic())

    def _status(self, command: str, *wanted: str) -> str | None:
        status = self.monitor.call(command).get("status")
        return status if status in wanted else None

    def _wait_for_agent(self, seconds: float) -> None:
        end = clock.monotonic() + seconds
        patience = 1.0
        while not self.agent.synchronise(patience):
            patience = min(patience * 1.5, 8.0)  # what nobody reads yet stays in the socket, which must not fill up
            if clock.monotonic() > end:
                raise RigError(f"the guest's agent did not answer within {seconds:.0f} s: {self.logs()}")
            self._check_alive()

    def _poll(self, look: Callable[[], str | None], seconds: float, what: str) -> str:
        end = clock.monotonic() + seconds
        while True:
            if found := look():
                return found
            if clock.monotonic() > end:
                raise RigError(f"waited {seconds:.0f} s for {what}: {self.logs()}")
            self._check_alive()
            threading.Event().wait(0.02)

    def _check_alive(self) -> None:
        if self._process.poll() is not None:
            raise RigError(f"QEMU ended with {self._process.returncode}: {self.logs()}")

    def _or_close(self, step: Callable[[float], None], seconds: float) -> None:
        try:
            step(seconds)
        except BaseException:
            self.close()
            raise


def kvm_offered() -> bool:
    """Whether trying KVM makes sense; the device node alone says nothing. The first boot is the proof."""
    words = Path("/proc/cpuinfo").read_text().split()
    if not {"vmx", "svm"} & set(words):
        return False
    try:
        with Path("/dev/kvm").open("r+b"):
            return True
    except OSError:
        return False
