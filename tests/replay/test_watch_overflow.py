"""A real netlink socket that overflows, as it does when many recorders come at once (pyudev issue 194)."""

import socket
import struct
import threading

import pytest
import pyudev

from station.device.watch.hints import Hints, Monitor, open_monitor

_UDEV_GROUP = 2
_NETLINK_KOBJECT_UEVENT = 15
_PROPERTIES = b"ACTION=add\0DEVPATH=/devices/virtual/x\0SUBSYSTEM=usb\0SEQNUM=5\0"
_HEADER_BYTES = 40


def murmur_hash(data: bytes) -> int:
    """MurmurHash2 with seed 0, as systemd hashes the subsystem for its socket filter."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = value * multiplier & mask ^ word
    if data[whole:]:
        value = (value ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


def event(padding: int = 0) -> bytes:
    """Return a message as udevd sends it (systemd, sd-device/device-monitor.c: monitor_netlink_header)."""
    properties = _PROPERTIES + b"X=" + b"y" * padding + b"\0"
    return (
        b"libudev\0"
        + struct.pack("!I", 0xFEEDCAFE)
        + struct.pack("=III", _HEADER_BYTES, _HEADER_BYTES, len(properties))
        + struct.pack("!I", murmur_hash(b"usb"))
        + bytes(12)
        + properties
    )


@pytest.fixture
def udevd() -> socket.socket:
    """Return a socket that speaks as udevd does."""
    try:
        sender = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_KOBJECT_UEVENT)
        sender.sendto(event(), (0, _UDEV_GROUP))
    except OSError as error:
        pytest.skip(f"speaking as udevd needs root and netlink: {error.strerror}")
    return sender


def small_monitor() -> Monitor:
    """Listen with room for a few messages only."""
    monitor = open_monitor()
    assert isinstance(monitor, pyudev.Monitor)
    monitor.set_receive_buffer_size(8192)
    return monitor


def calm(hints: Hints) -> None:
    """Take whatever else this machine's udev has to say."""
    for _ in range(100):
        if not hints.wait(0):
            return


def test_an_event_is_a_hint(udevd: socket.socket) -> None:
    with udevd:
        hints = Hints(threading.Event().wait)
        calm(hints)
        udevd.sendto(event(), (0, _UDEV_GROUP))
        assert hints.wait(5)


def test_an_overflow_is_a_hint_and_later_events_are_hints_again(udevd: socket.socket) -> None:
    with udevd:
        opened: list[Monitor] = []

        def opening() -> Monitor:
            opened.append(small_monitor())
            return opened[-1]

        hints = Hints(threading.Event().wait, opening)
        for _ in range(200):
            udevd.sendto(event(padding=1500), (0, _UDEV_GROUP))
        assert hints.wait(5)
        assert len(opened) == 2
        calm(hints)
        udevd.sendto(event(), (0, _UDEV_GROUP))
        assert hints.wait(5)
