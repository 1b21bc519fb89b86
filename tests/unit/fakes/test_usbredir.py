"""The usb-redir plug against a scripted peer, and against QEMU's own firmware where QEMU is installed."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fakes.recorder import Delays, Faults, Recorder
from tests.fakes.recorder import usbredir as protocol
from tests.fakes.recorder.kinds import control_recorder, disks, ethernet, keyboard, storage_recorder
from tests.fakes.recorder.usbredir import UsbRedirPlug

READ_7 = b"USBC" + struct.pack("<IIBBB", 5, 512, 0x80, 0, 10) + struct.pack(">BBIBH", 0x28, 0, 7, 0, 1).ljust(16, b"\0")
BLOCK_7 = b"\0\7" * 256


class Guest:
    """What QEMU says and hears in one bay, a packet at a time."""

    def __init__(self, folder: Path, wide: bool = True) -> None:
        self.path = folder / "bay"
        self.wide = wide
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(10)
        self._channel: socket.socket | None = None

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._listener.close()

    def greet(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel, _ = self._listener.accept()
        self._channel.settimeout(10)
        kind, length, _ = struct.unpack("<III", self._exactly(12))
        assert (kind, length) == (protocol.HELLO, 68)
        assert struct.unpack_from("<I", self._exactly(68), 64)[0] & 1 << protocol.CAPABILITY_WIDE_IDS
        capabilities = 1 << protocol.CAPABILITY_WIDE_IDS | 1 << protocol.CAPABILITY_LONG_BULK if self.wide else 0
        hello = b"guest".ljust(64, b"\0") + struct.pack("<I", capabilities)
        self._channel.sendall(struct.pack("<III", protocol.HELLO, len(hello), 0) + hello)

    def say(self, kind: int, number: int, body: bytes = b"") -> None:
        assert self._channel is not None
        self._channel.sendall(struct.pack("<IIQ" if self.wide else "<III", kind, len(body), number) + body)

    def hear(self) -> tuple[int, int, bytes]:
        form = "<IIQ" if self.wide else "<III"
        kind, length, number = struct.unpack(form, self._exactly(struct.calcsize(form)))
        return kind, number, self._exactly(length)

    def meet(self) -> tuple[int, int]:
        """Hear a device come; return its ids."""
        kinds = [self.hear() for _ in range(3)]
        assert [kind for kind, _, _ in kinds] == [protocol.INTERFACES, protocol.ENDPOINTS, protocol.CONNECT]
        vendor, product = struct.unpack_from("<HH", kinds[2][2], 4)
        return vendor, product

    def control(self, number: int, request_type: int, request: int, value: int, data: bytes | int) -> tuple[int, bytes]:
        sent, length = (data, len(data)) if isinstance(data, bytes) else (b"", data)
        head = struct.pack("<BBBBHHH", request_type & 0x80, request, request_type, 0, value, 0, length)
        self.say(protocol.CONTROL_PACKET, number, head + sent)
        kind, told, body = self.hear()
        assert (kind, told) == (protocol.CONTROL_PACKET, number)
        return body[3], body[10:]

    def bulk(self, number: int, endpoint: int, data: bytes | int) -> None:
        sent, length = (data, len(data)) if isinstance(data, bytes) else (b"", data)
        high = struct.pack("<H", length >> 16) if self.wide else b""
        self.say(protocol.BULK_PACKET, number, struct.pack("<BBHI", endpoint, 0, length & 0xFFFF, 0) + high + sent)

    def bulk_told(self) -> tuple[int, int, bytes]:
        """Return number, status and data of the next bulk packet."""
        kind, number, body = self.hear()
        assert kind == protocol.BULK_PACKET
        return number, body[1], body[10 if self.wide else 8 :]

    def hears_the_end(self) -> bool:
        assert self._channel is not None
        return self._channel.recv(1) == b""

    def _exactly(self, size: int) -> bytes:
        assert self._channel is not None
        data = b""
        while len(data) < size:
            more = self._channel.recv(size - len(data))
            assert more, "the recorder hung up"
            data += more
        return data


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's may have 107 characters."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(params=[True, False], ids=["wide", "narrow"])
def guest(request: pytest.FixtureRequest, folder: Path) -> Iterator[Guest]:
    guest = Guest(folder, wide=request.param)
    yield guest
    guest.close()


@pytest.fixture
def modern(folder: Path) -> Iterator[Guest]:
    guest = Guest(folder)
    yield guest
    guest.close()


def test_a_device_is_announced_configured_and_read(guest: Guest, card: Path) -> None:
    with storage_recorder(card) as recorder, UsbRedirPlug(recorder, guest.path):
        guest.greet()
        assert guest.meet() == (0x3F0A, 0x0D51)
        guest.say(protocol.SET_CONFIGURATION, 1, b"\1")
        assert guest.hear() == (protocol.CONFIGURATION, 1, b"\0\1")
        assert guest.control(2, 0x80, 6, 0x0100, 18) == (protocol.SUCCESS, recorder.face.device_descriptor())
        guest.bulk(3, 0x02, READ_7)
        assert guest.bulk_told() == (3, protocol.SUCCESS, b"")
        guest.bulk(4, 0x81, 512)
        assert guest.bulk_told() == (4, protocol.SUCCESS, BLOCK_7)
        guest.bulk(5, 0x81, 13)
        assert guest.bulk_told()[2][:4] == b"USBS"


def test_a_wrong_password_stalls_and_the_right_one_brings_another_device(guest: Guest, card: Path) -> None:
    with (
        control_recorder(card, delays=Delays(0, 0.01)) as recorder,
        UsbRedirPlug(recorder, guest.path),
    ):
        guest.greet()
        assert guest.meet() == (0x3F0A, 0x0C01)
        assert guest.control(1, 0x40, 0x51, 0, b"wrong")[0] == protocol.STALL
        assert guest.control(2, 0x40, 0x51, 0, b"87654321")[0] == protocol.SUCCESS
        assert guest.hear()[0] == protocol.DISCONNECT
        assert guest.meet() == (0x3F0A, 0x0D51)


def test_a_hanging_read_can_be_cancelled_and_the_device_reset(modern: Guest, card: Path) -> None:
    with storage_recorder(card, faults=Faults(hang_reads=True)) as recorder, UsbRedirPlug(recorder, modern.path):
        modern.greet()
        modern.meet()
        modern.bulk(1, 0x02, READ_7)
        modern.bulk_told()
        modern.bulk(2, 0x81, 512)
        modern.say(protocol.CANCEL, 2)
        assert modern.bulk_told() == (2, protocol.CANCELLED, b"")
        modern.say(protocol.RESET, 0)
        modern.bulk(3, 0x02, READ_7[:15] + bytes(16))
        modern.bulk_told()
        modern.bulk(4, 0x81, 13)
        assert modern.bulk_told()[1] == protocol.SUCCESS


def test_a_slow_read_comes_by_itself(modern: Guest, card: Path) -> None:
    with storage_recorder(card, faults=Faults(bytes_per_second=51200)) as recorder, UsbRedirPlug(recorder, modern.path):
        modern.greet()
        modern.meet()
        modern.bulk(1, 0x02, READ_7)
        modern.bulk(2, 0x81, 512)
        assert modern.bulk_told() == (1, protocol.SUCCESS, b"")
        assert modern.bulk_told() == (2, protocol.SUCCESS, BLOCK_7)


def test_a_yanked_recorder_hangs_up_and_can_be_plugged_in_again(modern: Guest, card: Path) -> None:
    with (
        storage_recorder(card, faults=Faults(yank_after_read_bytes=0)) as recorder,
        UsbRedirPlug(recorder, modern.path) as plug,
    ):
        modern.greet()
        modern.meet()
        modern.bulk(1, 0x02, READ_7)
        assert modern.bulk_told()[1] == protocol.IO_ERROR
        assert modern.hears_the_end()
        plug.replug()
        modern.greet()
        assert modern.meet() == (0x3F0A, 0x0D51)
        assert [event.kind for event in recorder.log.of("yank", "plugged")] == ["plugged", "yank", "plugged"]


def test_unplugging_leaves_no_thread_even_under_a_hanging_read(modern: Guest, card: Path) -> None:
    before = set(threading.enumerate())
    with storage_recorder(card, faults=Faults(hang_reads=True)) as recorder:
        plug = UsbRedirPlug(recorder, modern.path).plug()
        modern.greet()
        modern.meet()
        modern.bulk(1, 0x02, READ_7)
        modern.bulk(2, 0x81, 512)
        modern.bulk_told()
        plug.unplug()
        assert modern.hears_the_end()
        assert not plug.plugged
    assert set(threading.enumerate()) <= before


def test_a_guest_that_goes_away_ends_the_conversation(modern: Guest) -> None:
    with storage_recorder(None) as recorder, UsbRedirPlug(recorder, modern.path):
        gone = threading.Event()
        recorder.watch(gone.set)
        modern.greet()
        modern.meet()
        modern.close()
        assert gone.wait(10)
        assert not recorder.present


def test_an_unforeseen_error_is_raised_to_whoever_unplugs(modern: Guest) -> None:
    with storage_recorder(None) as recorder:
        plug = UsbRedirPlug(recorder, modern.path).plug()
        modern.greet()
        modern.meet()
        modern.say(protocol.BULK_PACKET, 1, b"")
        assert modern.hears_the_end()
        with pytest.raises(struct.error):
            plug.unplug()


def test_a_keyboard_that_is_listened_to_types(modern: Guest) -> None:
    with keyboard(text="a") as recorder, UsbRedirPlug(recorder, modern.path):
        modern.greet()
        modern.meet()
        modern.say(protocol.START_INTERRUPT, 1, b"\x81")
        assert modern.hear() == (protocol.INTERRUPT_STATUS, 1, b"\0\x81")
        assert modern.hear()[2] == b"\x81\0\x08\0" + b"\0\0\4\0\0\0\0\0"
        assert modern.hear()[2] == b"\x81\0\x08\0" + bytes(8)
        modern.say(protocol.STOP_INTERRUPT, 2, b"\x81")
        assert modern.hear() == (protocol.INTERRUPT_STATUS, 2, b"\0\x81")
        assert [event.kind for event in recorder.log.of("polled", "typed")] == ["polled", "typed"]


def test_another_setting_brings_its_endpoints(modern: Guest) -> None:
    with ethernet() as recorder, UsbRedirPlug(recorder, modern.path):
        modern.greet()
        modern.meet()
        modern.say(protocol.SET_ALTERNATE, 1, b"\1\1")
        assert modern.hear()[0] == protocol.INTERFACES
        kind, _, body = modern.hear()
        assert (kind, body[16 + 6], body[7]) == (protocol.ENDPOINTS, 2, 2)
        assert modern.hear() == (protocol.ALTERNATE, 1, b"\0\1\1")


def test_qemus_firmware_reads_the_first_block(folder: Path, tmp_path: Path) -> None:
    """The real peer, without a guest system: SeaBIOS enumerates USB disks to boot from them."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("qemu-system-x86_64 is not installed (`make rig` does it)")
    card = tmp_path / "boot.img"
    card.write_bytes(b"\xf4".ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    command = [qemu, "-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-device", "qemu-xhci,id=xhci"]
    command += ["-chardev", f"socket,id=bay,path={folder / 'bay'},server=on,wait=on"]
    command += ["-device", "usb-redir,chardev=bay,bus=xhci.0"]
    with storage_recorder(card) as recorder, subprocess.Popen(command) as machine:
        try:
            read = _wait_for_read(recorder, folder / "bay")
        finally:
            machine.terminate()
    assert read == (0, 1)
    assert disks(recorder)[0].writes == []


def _wait_for_read(recorder: Recorder, path: Path) -> tuple[int, int]:
    pause = threading.Event()
    for _ in range(200):
        if path.exists():
            break
        pause.wait(0.05)
    with UsbRedirPlug(recorder, path):
        for _ in range(400):
            if disks(recorder)[0].reads:
                break
            pause.wait(0.05)
    return disks(recorder)[0].reads[0]
