"""The processes of the appliance and their supervisor, which is what `station serve` runs.

Guarantees: each process has one job (see docs/ARCHITECTURE.md); one that dies is started again after a pause that
grows, so a fault that stays does not burn the machine; when the supervisor is told to stop, all of them stop, and
none outlives it.
"""

import faulthandler
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from station import clock, notify
from station.config import SETTINGS_CHANGED, Home
from station.custody import Custody, keep_projection
from station.database import Database
from station.errors import StationError
from station.ledger import service
from station.sandbox import kernel

_logger = structlog.get_logger(__name__)
_CHECK_SECONDS = 0.5
_STOP_SECONDS = 20.0
_LONGEST_PAUSE_SECONDS = 60.0
_STEADY_SECONDS = 60.0
_PROCESSES = ("sign", "develop", "web", "watch", "tend")
# Who reads the settings once, when it starts; the pages, which changed them, run by the new ones already.
_BY_SETTINGS = frozenset({"develop", "watch", "tend"})
SUPERVISOR = "STATION_SUPERVISOR_PID"


@dataclass(slots=True)
class _Child:
    """One supervised process; `due` is when it is to be started again."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    due: float = 0.0
    pause: float = 1.0


def supervise(home: Home, ready: Callable[[], None], logs: Path | None = None) -> int:
    """Run the station's processes until SIGTERM or SIGINT; `ready` is called once when pages can be opened.

    Their messages go to stderr, or with `logs` to a file each in that folder. Returns the exit code.
    """
    stop = _stop_on_signals()
    children = [_Child(name) for name in _PROCESSES]
    told = False
    changed = home.run / SETTINGS_CHANGED
    changed.unlink(missing_ok=True)
    try:
        while not stop.is_set():
            if changed.exists():
                changed.unlink()
                _renew(children)
            for child in children:
                _tend(home, child, logs)
            if not told and _is_served(home):
                told = True
                ready()
            stop.wait(_CHECK_SECONDS)
    finally:
        _stop_all(children)
    return 0


def _renew(children: Sequence[_Child]) -> None:
    """End the processes that run by settings which the pages have changed, to be started again at once."""
    former = [child for child in children if child.name in _BY_SETTINGS]
    _logger.info("settings changed", again=[child.name for child in former])
    _stop_all(former)
    for child in former:
        child.process, child.due = None, 0.0


def _tend(home: Home, child: _Child, logs: Path | None) -> None:
    now = clock.monotonic()
    if child.process is not None:
        code = child.process.poll()
        if code is None:
            return
        steady = now - child.started >= _STEADY_SECONDS
        child.pause = 1.0 if steady else min(child.pause * 2, _LONGEST_PAUSE_SECONDS)
        child.due = now + child.pause
        child.process = None
        _logger.error("process ended", name=child.name, code=code, again_in_seconds=child.pause)
    if now >= child.due:
        environment = os.environ | {SUPERVISOR: str(os.getpid())}
        with _open_log(child.name, logs) as log:
            child.process = subprocess.Popen(
                _command(home, child.name), start_new_session=True, env=environment, stderr=log
            )
        child.started = now


@contextmanager
def _open_log(name: str, logs: Path | None) -> Iterator[IO[bytes] | None]:
    if logs is None:
        yield None
        return
    logs.mkdir(mode=0o750, parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as file:
        yield file


def _is_served(home: Home) -> bool:
    host, _, port = home.settings.listen.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    except OSError:
        return False


def _command(home: Home, name: str) -> Sequence[str]:
    return (sys.executable, "-P", "-m", "station.cli", name, "--home", str(home.root))


def _stop_all(children: Sequence[_Child]) -> None:
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    deadline = clock.monotonic() + _STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, deadline - clock.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _end_with_supervisor() -> None:
    """Have the kernel end this process when its supervisor is gone, however that came about."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is None:
        return
    kernel.set_process_control(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # gone before the line above took effect
        sys.exit(1)


def run_web(home: Home) -> None:
    """Serve pages until stopped."""
    from station.api.server import serve  # here, so that only this process carries the web framework

    _end_with_supervisor()
    serve(home)


def run_develop(home: Home, *, once: bool) -> None:
    """Make posters, playable copies and court packages until stopped, or until there is nothing to do."""
    from station.actions import producing
    from station.evidence.opening import open_store
    from station.pipeline import develop
    from station.state.tables import create_tables

    _end_with_supervisor()
    database = Database(home.database_url)
    keep_projection(database)
    stop = _stop_on_signals()
    notify.tell_ready()
    custody, store = Custody(home, database), open_store(home)
    create_tables(database)
    if once:
        with producing.alone(home) as mine:
            develop(home, database, custody, stop, once=True)
            if mine:
                producing.work_alone(home, database, custody, store, stop, once=True)
        return
    packages = threading.Thread(target=producing.work, args=(home, database, custody, store, stop), name="packages")
    packages.start()
    try:
        develop(home, database, custody, stop, once=False)
    finally:
        stop.set()
        packages.join()


def run_watch(home: Home) -> None:
    """Attend to the recorders at the dock, and take in what comes otherwise, until stopped.

    A demonstration has a virtual recorder; it leaves alone what is plugged into this machine. Raises
    SignerRefusedError if a witness knows another log.
    """
    from station import dock, handing
    from station.actions.anchors import check_start
    from station.state.tables import create_tables

    _end_with_supervisor()
    faulthandler.register(signal.SIGUSR1)  # says in the log where every slot's thread stands
    database = Database(home.database_url)
    keep_projection(database)
    custody = Custody(home, database)
    check_start(home, database, custody)
    create_tables(database)
    stop = _stop_on_signals()
    taking = threading.Thread(target=handing.run, args=(home, database, custody, stop), name="handing")
    taking.start()
    try:
        if home.settings.demo:
            notify.tell_ready("waiting for uploads")
            stop.wait()
        else:
            dock.run(home, database, custody, stop)
    finally:
        stop.set()
        taking.join()


def run_tend(home: Home, names: Sequence[str] = (), *, once: bool = False) -> bool:
    """Do what the clock starts (station.actions.chores), all or those of these names, until stopped.

    With `once`: each of them now, and that is it. Tells whether all went well; raises RequestError for an unknown name.
    """
    from station.actions import chores
    from station.actions.anchors import check_start
    from station.evidence.opening import open_store
    from station.state.tables import create_tables

    table = chores.named(names)
    _end_with_supervisor()
    database = Database(home.database_url)
    create_tables(database)
    keep_projection(database)
    custody, store = Custody(home, database), open_store(home)
    if once:
        return chores.once(home, database, custody, store, table)
    stop = _stop_on_signals()
    notify.tell_ready()
    try:
        check_start(home, database, custody)
    except StationError as error:  # what it found is marked and told; the other chores go on
        _logger.error("not checked against witnesses at the start", reason=error.message)
    chores.tend(home, database, custody, store, stop, chores=table, alive=notify.tell_alive)
    return True


def run_sign(home: Home) -> None:
    """Hold the key and sign checkpoints until stopped; while another signer serves the home, wait for its end."""
    _end_with_supervisor()
    stop = threading.Event()
    while not service.serve(home, None, notify.tell_ready):
        notify.tell_alive()
        stop.wait(_CHECK_SECONDS)
