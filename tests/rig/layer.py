"""The project as the guest sees it: a small read-only disk made anew from the working tree for each run.

Guarantee: what runs in the guest is this working tree with exactly the distributions that `make install` put into
.venv from requirements/run.lock, laid out as an installed tree is: /opt/station with a virtual environment in it.
"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from tests.rig.errors import RigError
from tests.rig.image import ROOT, search_path

PLACE = Path("/opt/station")
FOLDERS = ("station", "firmware_profiles", "systemd", "web/dist", "web/templates", "web/locales")
FILES = ("pyproject.toml",)
_PYTHON = "python3.11"  # Debian 12's, here and in the guest
_LAUNCHER = f"""#!{PLACE}/.venv/bin/python
import sys
from station.cli import main
sys.exit(main())
"""


def make_layer(folder: Path) -> Path:
    """Make the disk below `folder`, which must not exist, and return its file; raises RigError."""
    if sys.version_info[:2] != (3, 11):
        raise RigError("the guest runs Python 3.11; `make install` makes .venv with Debian 12's")
    tree = folder / "tree"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, tree / name)
    _make_environment(tree / ".venv")
    # The disk is read-only and an emulated processor is slow: nothing is left to compile.
    _run(sys.executable, "-m", "compileall", "-q", "-s", str(tree), "-p", str(PLACE), str(tree / "station"))
    disk = folder / "layer.ext4"
    used = sum(path.lstat().st_size + 4096 for path in tree.rglob("*"))
    with disk.open("wb") as file:
        file.truncate(used + used // 4 + (16 << 20))
    options = ["-L", "station", "-O", "^has_journal", "-m", "0", "-E", "nodiscard,root_owner=0:0"]
    _run("mke2fs", "-q", "-t", "ext4", *options, "-d", str(tree), str(disk))
    shutil.rmtree(tree)
    return disk


def _make_environment(place: Path) -> None:
    """Lay out a virtual environment by hand: one made by `venv` knows its own path, which is another one here."""
    packages = place / "lib" / _PYTHON / "site-packages"
    packages.mkdir(parents=True)
    for name in locked_distributions():
        _copy_distribution(name, packages)
    (packages / "station.pth").write_text(f"{PLACE}\n")
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    programs = place / "bin"
    programs.mkdir()
    for name in ("python", "python3"):
        (programs / name).symlink_to(f"/usr/bin/{_PYTHON}")
    (programs / "station").write_text(_LAUNCHER)
    (programs / "station").chmod(0o755)


def locked_distributions() -> list[str]:
    """Return the names in requirements/run.lock."""
    lock = (ROOT / "requirements" / "run.lock").read_text()
    return re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE)


def _copy_distribution(name: str, packages: Path) -> None:
    for file in distribution(name).files or []:
        if ".." in file.parts:
            continue  # programs of the distribution, which nothing here calls
        source, target = Path(str(file.locate())), packages / file
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": search_path()})
    if done.returncode:
        raise RigError(f"{command[0]} exited with {done.returncode}: {done.stderr.strip()[-2000:]}")
