"""Telling the service manager how this process fares: sd_notify(3) over $NOTIFY_SOCKET, in the standard library alone.

Guarantee: without a service manager (`station serve`, tests) every function does nothing; with one, a message that
can't be delivered is dropped and never ends the process, because the manager's own time-outs then decide.
"""

import os
import socket

_MAX_STATUS_BYTES = 512


def tell_ready(status: str = "") -> None:
    """Say that the work has begun: units that are ordered after this one may start (READY=1)."""
    _send(f"READY=1\n{_status(status)}")


def tell_status(status: str) -> None:
    """Say in one line what is going on, for `systemctl status` (STATUS=). Nothing secret belongs there."""
    _send(_status(status))


def tell_alive() -> None:
    """Say that the main loop still turns (WATCHDOG=1); to be called from that loop itself, never from a thread."""
    _send("WATCHDOG=1")


def tell_stopping() -> None:
    """Say that an orderly end has begun (STOPPING=1)."""
    _send("STOPPING=1")


def watchdog_seconds() -> float | None:
    """Return after how many seconds of silence this process is ended (WatchdogSec=), None where nobody watches it.

    Call `tell_alive` at least twice as often. Source: sd_watchdog_enabled(3).
    """
    microseconds, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if process and process != str(os.getpid()):  # meant for the process that started us
        return None
    return int(microseconds) / 1e6


def _status(status: str) -> str:
    line = " ".join(status.split())  # a line break would begin another assignment
    return f"STATUS={line.encode()[:_MAX_STATUS_BYTES].decode(errors='ignore')}" if line else ""


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not message or address[:1] not in ("/", "@"):
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address  # "@": Linux's abstract names, unix(7)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            # Not waiting: a manager that does not read must not stall a docking.
            channel.setblocking(False)
            channel.sendto(message.encode(), name)
        except OSError:
            return
