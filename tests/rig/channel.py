"""JSON lines over a unix socket: QEMU's monitor (QMP) and the guest's agent speak the same shape.

Guarantee: no call lasts longer than its time; one caller at a time, whatever the threads.
"""

import json
import socket
import threading
from pathlib import Path
from typing import Any

from station import clock
from tests.rig.errors import RigError

CALL_SECONDS = 60.0
_DELIMITER = b"\xff"


class Channel:
    """One connection; events that arrive between answers are dropped."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Connect within `seconds` of trying."""
        self._path = path
        self._pending = b""
        self._lock = threading.RLock()
        self._syncs = 0
        end = clock.monotonic() + seconds
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                return
            except OSError as error:
                self._socket.close()
                if clock.monotonic() > end:
                    raise RigError(f"nobody answers at {path.name}: {error}") from error
                threading.Event().wait(0.02)

    def call(self, command: str, seconds: float = CALL_SECONDS, **arguments: object) -> Any:
        """Return what `command` returns; underscores in names of arguments stand for dashes; raises RigError."""
        order = {"execute": command, "arguments": {name.replace("_", "-"): it for name, it in arguments.items()}}
        with self._lock:
            end = clock.monotonic() + seconds
            self._send(json.dumps(order).encode() + b"\n", end)
            while True:
                try:
                    answer = self.receive(end)
                except TimeoutError as error:
                    raise RigError(f"{command}: {error}") from error
                if "error" in answer:
                    raise RigError(f"{command}: {answer['error'].get('desc', answer['error'])}")
                if "return" in answer:
                    return answer["return"]

    def receive_greeting(self) -> None:
        """Read the line with which a monitor begins."""
        self._line(clock.monotonic() + CALL_SECONDS)

    def receive(self, end: float) -> dict[str, Any]:
        """Return the next line that is not an event; `end` is on the monotonic clock."""
        while True:
            line = self._line(end)
            answer: dict[str, Any] = json.loads(line)
            if "event" not in answer:
                return answer

    def synchronise(self, seconds: float) -> bool:
        """Throw away whatever was under way at the agent; false if it doesn't answer within `seconds`."""
        with self._lock:
            self._syncs += 1
            order = {"execute": "guest-sync-delimited", "arguments": {"id": self._syncs}}
            end = clock.monotonic() + seconds
            self._send(_DELIMITER + json.dumps(order).encode() + b"\n", end)
            wanted = {"return": self._syncs}
            try:
                while True:
                    line = self._line(end)
                    if _DELIMITER in line and json.loads(line.rpartition(_DELIMITER)[2]) == wanted:
                        return True
            except TimeoutError:
                return False

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, data: bytes, end: float) -> None:
        self._socket.settimeout(max(0.01, end - clock.monotonic()))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise RigError(f"{self._path.name}: {error}") from error

    def _line(self, end: float) -> bytes:
        while b"\n" not in self._pending:
            self._socket.settimeout(max(0.01, end - clock.monotonic()))
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError as error:
                raise TimeoutError(f"no answer in time at {self._path.name}") from error
            except OSError as error:
                raise RigError(f"{self._path.name}: {error}") from error
            if not data:
                raise RigError(f"{self._path.name} was closed: the machine is gone")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line
