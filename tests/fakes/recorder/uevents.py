"""Sends uevents to the processes in a umockdev test bed, in libudev's own format.

libumockdev's sender works only inside a preloaded process, aborts when a listener goes away at the wrong moment, and
gives no way to lose an event; this one needs no preload, ignores listeners that are gone, and waits a while for a slow
one, so that an event is lost only for a listener that has stopped, and counted.
Format: systemd, src/libsystemd/sd-device/device-monitor.c.
"""

import itertools
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

_HEAD = struct.Struct("=8s4sIII4s4s8x")  # prefix, magic, sizes; then hashes of subsystem and devtype, no tags
_MAGIC = bytes.fromhex("feedcafe")
_PATIENCE_SECONDS = 2.0
_MASK = 0xFFFFFFFF


class Sender:
    """Numbers events and sends each to all that listen now."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers = itertools.count(1)
        self.lost = 0

    def send(self, path: str, action: str, properties: Mapping[str, str]) -> None:
        """Tell of `action` on the device at `path` (without /sys); its number counts even if nobody listens."""
        told = {"ACTION": action, "DEVPATH": path, **properties, "SEQNUM": str(next(self._numbers))}
        body = b"".join(f"{name}={value}".encode() + b"\0" for name, value in told.items())
        hashes = [_hash(told.get(name)) for name in ("SUBSYSTEM", "DEVTYPE")]
        message = _HEAD.pack(b"libudev\0", _MAGIC, _HEAD.size, _HEAD.size, len(body), *hashes) + body
        for listener in sorted(self._root.glob("event[0-9]*")):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_PATIENCE_SECONDS)
                try:
                    channel.sendto(message, str(listener))
                except (ConnectionRefusedError, FileNotFoundError):
                    listener.unlink(missing_ok=True)
                except TimeoutError:
                    self.lost += 1


def _hash(text: str | None) -> bytes:
    """Return MurmurHash2 with the length as its seed, by which listeners filter (systemd: string_hash32)."""
    if text is None:
        return bytes(4)
    data = text.encode()
    result = len(data)
    whole = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        mixed = word * 0x5BD1E995 & _MASK
        mixed = (mixed ^ mixed >> 24) * 0x5BD1E995 & _MASK
        result = result * 0x5BD1E995 & _MASK ^ mixed
    if rest := data[whole:]:
        result = (result ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & _MASK
    result = (result ^ result >> 13) * 0x5BD1E995 & _MASK
    return (result ^ result >> 15).to_bytes(4, "big")
