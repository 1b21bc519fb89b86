"""Starts `station dock` over and over in a process group of its own and kills it after a while.

A process with everything imported, from which each docking is forked, so that a kill hits the docking and not the
import of its modules. Reads a JSON line {home, source, after_blobs, after_seconds, log}: killed `after_seconds`
after the vault holds `after_blobs` originals; null: never. Answers {killed, seconds, code}.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import station.pipeline  # noqa: F401 - what a docking loads only after its reader is started
from station.cli import main
from station.clock import monotonic
from station.sandbox import kernel

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LOOK_SECONDS = 0.002


def serve() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    kernel.set_process_control(_PR_SET_CHILD_SUBREAPER, 1)
    for line in sys.stdin:
        order = json.loads(line)
        started = monotonic()
        pid = os.fork()
        if pid == 0:
            _dock(order)
        if not _ends_before(order):
            os.killpg(pid, signal.SIGKILL)
            signal.sigwait({signal.SIGCHLD})
        _, status = os.waitpid(pid, 0)
        _bury(pid)
        answer = {
            "killed": os.WIFSIGNALED(status),
            "seconds": monotonic() - started,
            "code": os.waitstatus_to_exitcode(status),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _ends_before(order: dict[str, Any]) -> bool:
    """Wait for the moment of the kill; True when the docking ended by itself before it."""
    if order["after_seconds"] is None:
        return signal.sigwait({signal.SIGCHLD}) == signal.SIGCHLD
    originals = Path(order["home"], "vault", "originals")
    while sum(1 for _ in originals.glob("??/*")) < order["after_blobs"]:
        if signal.sigtimedwait({signal.SIGCHLD}, _LOOK_SECONDS) is not None:
            return True
    return signal.sigtimedwait({signal.SIGCHLD}, order["after_seconds"]) is not None


def _bury(group: int) -> None:
    """Wait for what the docking had started: a reader killed before its exec holds the lock until it is gone."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
    signal.sigtimedwait({signal.SIGCHLD}, 0)


def _dock(order: dict[str, str]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    log = os.open(Path(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.argv = ["station", "dock", order["source"], "--json", "--home", order["home"]]
    code = 70
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 70
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
