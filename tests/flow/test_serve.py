"""`station serve`: all its processes come up, one that dies comes back, and none is left when it stops."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from station import clock
from station.actions.setup import default_settings, make_home
from station.config import load_home

PATIENCE_SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]
NAMES = {"sign", "develop", "web"}


def until(holds: Callable[[], bool]) -> bool:
    """Wait for something to hold, for a bounded time; the processes give no other sign."""
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not holds():
        if clock.monotonic() > deadline:
            return False
        os.sched_yield()
        psutil.cpu_percent(interval=0.1)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A station being served."""

    def __init__(self, home: Path, process: "subprocess.Popen[bytes]", address: str) -> None:
        self.home, self.process, self.address = home, process, address

    def children(self) -> dict[str, psutil.Process]:
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            found |= {name: child for name in NAMES & set(words)}
        return found

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/login", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    home = make_home(tmp_path / "home", settings=default_settings()).root
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-P", "-m", "station.cli", "serve", "--home", str(home)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, "STATION_LISTEN": address}, cwd=ROOT, stderr=log)
    station = Served(home, process, address)
    try:
        assert until(station.answers), (tmp_path / "log").read_text()
        yield station
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def claim(served: Served) -> None:
    """Set the station up with the code that it printed, and another name."""
    log = served.home.parent / "log"
    assert until(lambda: "/first" in log.read_text())
    code = log.read_text().rsplit(": ", 1)[1].strip()
    form = {"code": code, "name": "管理员", "login": "admin", "password": "four stones in a creek", "unit": "一大队"}
    form |= {"again": form["password"], "case_numbers": "any", "time_zone": "Asia/Shanghai", "backup_folder": ""}
    address = f"http://{served.address}"
    answer = httpx.post(f"{address}/first", data=form, headers={"origin": address}, timeout=30)
    assert (answer.status_code, load_home(served.home).settings.unit) == (200, "一大队")


def test_who_dies_or_runs_by_former_settings_is_started_again_and_all_end_with_the_supervisor(served: Served) -> None:
    assert until(lambda: set(served.children()) == NAMES)
    before = served.children()
    claim(served)
    assert until(lambda: served.children().get("develop", before["develop"]).pid != before["develop"].pid)
    after = served.children()
    assert {name for name in NAMES if name in after and before[name].pid == after[name].pid} == {"sign", "web"}
    first = after["web"]
    first.kill()
    assert until(lambda: served.children().get("web", first).pid != first.pid and served.answers())
    assert until(lambda: set(served.children()) == NAMES)
    children = list(served.children().values())
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE_SECONDS) == 0
    assert not psutil.wait_procs(children, timeout=PATIENCE_SECONDS)[1]


def test_no_process_outlives_a_supervisor_that_was_killed(served: Served) -> None:
    assert until(lambda: set(served.children()) == NAMES)
    children = list(served.children().values())
    served.process.kill()
    assert not psutil.wait_procs(children, timeout=PATIENCE_SECONDS)[1]
