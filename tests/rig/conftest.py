"""A guest for each test, as it was when its station had just been set up; what it logged, when a test fails.

The snapshot is taken once a run, whichever worker needs it first, and restored for each test in about a second. A
missing tool, image or machine is a failure, never a skip.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.rig.errors import RigError
from tests.rig.guest import Guest
from tests.rig.image import ROOT, find_image
from tests.rig.layer import make_layer
from tests.rig.setup import set_up
from tests.rig.vm import Machine, Snapshot

HERE = Path(__file__).parent
LOGS = ROOT / "build" / "rig"
TEST_SECONDS = 600
_SHOWN_CHARACTERS = 20_000
_RUN = "STATION_RIG_RUN"
"""The folder of this run, for all its workers."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run; who made it takes it away. Its path is short, for sockets lie in it."""
    if _RUN in os.environ:
        return
    folder = os.environ[_RUN] = tempfile.mkdtemp(prefix="rig-")

    def forget() -> None:
        del os.environ[_RUN]
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(forget)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in here, so that it runs in `make rig` alone; the guest is slow, so its tests have more time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.rig)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))  # set-up bounds itself


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, None]:
    """Keep and show what the guest logged when a test failed, while the guest is still there."""
    report = (yield).get_result()
    guest = getattr(item, "funcargs", {}).get("guest")
    if report.when != "call" or not report.failed or not isinstance(guest, Guest):
        return
    kept = LOGS / item.name.replace("/", "_")[:100]
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    try:
        journal = guest.journal()
    except (RigError, TimeoutError) as error:
        journal = f"the guest's journal is not to be had: {error}"
    (kept / "journal.log").write_text(journal)
    for name in ("console.log", "qemu.log"):
        shutil.copyfile(guest.machine.folder / name, kept / name)
    report.sections.append((f"the guest's journal, kept in {kept.relative_to(ROOT)}", journal[-_SHOWN_CHARACTERS:]))
    report.sections.append(("the guest's console and QEMU", guest.machine.logs()))


@pytest.fixture(scope="session")
def rig_folder() -> Path:
    """Return the folder of this run."""
    return Path(os.environ[_RUN])


@pytest.fixture(scope="session")
def snapshot(rig_folder: Path) -> Snapshot:
    """Return the machine as it is when its station has just been set up; the first who asks makes it."""
    kept = rig_folder / "snapshot"
    with (rig_folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            taken = _take(rig_folder)
            paths = {name: str(getattr(taken, name)) for name in ("layer", "memory", "disk")}
            kept.write_text(json.dumps({**paths, "kvm": taken.kvm}))
    told = json.loads(kept.read_text())
    return Snapshot(find_image(), Path(told["layer"]), Path(told["memory"]), Path(told["disk"]), told["kvm"])


def _take(rig_folder: Path) -> Snapshot:
    """Boot the guest with this working tree in it, set its station up, and stop it there."""
    boot = Path(tempfile.mkdtemp(dir=rig_folder))
    machine = Machine.boot_fast(boot, find_image(), make_layer(boot / "layer"))
    guest = Guest(machine)
    try:
        set_up(guest)
        return machine.save(boot)
    except RigError as error:
        raise RigError(f"{error}\n{machine.logs()}") from error
    finally:
        guest.close()


@pytest.fixture
def guest(snapshot: Snapshot, rig_folder: Path) -> Iterator[Guest]:
    """Yield the guest as it was when its station had just been set up; its clock shows the present time."""
    folder = Path(tempfile.mkdtemp(dir=rig_folder))
    guest = Guest(Machine.restore(folder, snapshot))
    try:
        guest.set_clock()
        yield guest
    finally:
        guest.close()
        shutil.rmtree(folder, ignore_errors=True)
