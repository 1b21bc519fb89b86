"""A guest for each test, as it was when its station had just been set up; what it logged, when a test fails.

The snapshot is taken once a run and restored for each test in about a second. A missing tool, image or machine is
a failure, never a skip.
"""

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
TEST_SECONDS = 300
_SHOWN_CHARACTERS = 20_000


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
def rig_folder() -> Iterator[Path]:
    """Yield a folder for this run; its path is short, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def snapshot(rig_folder: Path) -> Snapshot:
    """Boot the guest with this working tree in it, set its station up, and stop it there."""
    image = find_image()
    layer = make_layer(rig_folder / "layer")
    boot = rig_folder / "boot"
    boot.mkdir()
    machine = Machine.boot_fast(boot, image, layer)
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
