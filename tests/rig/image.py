"""The guest's image: Debian 12 with its stock kernel, built once and kept in a cache.

Guarantee: an image is used only if the recipe, the list of packages and the version of each that this machine's apt
offers are those it was built from; a build that failed leaves nothing that could be taken for an image.

`python -m tests.rig.image` builds it, if need be, and prints where it is.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from station import clock
from tests.rig.errors import RigError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECIPE = ("image.sh", "vmlinux.py", "guest")

GUEST_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "procps",
    "python3",
    "qemu-guest-agent",
    "usbutils",
)
# Of the station's own packages these stay out: tests of the rig dock and erase, they develop no copies and serve
# no Chinese fonts. They would triple the image.
LEFT_OUT = frozenset(
    {"exfat-fuse", "ffmpeg", "fonts-noto-cjk", "forensics-samples-files", "mtools", "nodejs", "npm", "python3-venv"}
    | {"libharfbuzz-subset0", "libpango-1.0-0", "libpangoft2-1.0-0"}  # what certificates are drawn with
)
TOOLS = (
    "apt-get",
    "busybox",
    "cpio",
    "depmod",
    "dpkg-deb",
    "make",
    "mke2fs",
    "mmdebstrap",
    "qemu-img",
    "qemu-system-x86_64",
    "setpriv",
)
BUILD_SECONDS = 900.0
KEPT_IMAGES = 2


@dataclass(frozen=True, slots=True)
class Image:
    """A built guest."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The stock kernel, unpacked to its ELF file."""
        return self.folder / "vmlinux"

    @property
    def initrd(self) -> Path:
        """A busybox that mounts the root disk."""
        return self.folder / "initrd"

    @property
    def disk(self) -> Path:
        """The root disk, raw ext4; only ever used below an overlay."""
        return self.folder / "root.ext4"


def cache_folder() -> Path:
    """Return where images are kept: below $XDG_CACHE_HOME or ~/.cache, so that all clones share them."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "evidence-station-rig"


def find_image() -> Image:
    """Return the image for this working tree and machine, built now unless the cache has it; raises RigError."""
    check_tools()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    kernel = _newest_kernel()
    packages = guest_packages()
    folder = cache / _key(kernel, packages)
    with _locked(cache / "lock"):
        if not folder.is_dir():
            _build(folder, kernel, packages)
        os.utime(folder)
        _forget_old_images(cache)
    return Image(folder)


def check_tools() -> None:
    """Raise RigError naming every tool that is missing."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=search_path()) is None]
    if missing:
        raise RigError(f"the rig needs {', '.join(missing)}: `make rig` installs them")


def search_path() -> str:
    """Return $PATH and the folders of administrators' tools."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def guest_packages() -> tuple[str, ...]:
    """Return the Debian packages asked for in the guest: the station's own, but for those left out, and the rig's."""
    told = _output("make", "--silent", "--directory", str(ROOT), "run-packages").split()
    return tuple(sorted({*told, *GUEST_PACKAGES} - LEFT_OUT))


def _newest_kernel() -> str:
    found = re.search(r"Depends: (linux-image-\S+)", _apt("depends", "linux-image-amd64"))
    if found is None:
        raise RigError("apt knows no linux-image-amd64")
    return found[1]


def _key(kernel: str, packages: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in RECIPE:
        path = HERE / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(HERE)} {file.stat().st_mode & 0o111}\n".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    versions = _apt("show", "--no-all-versions", kernel, *packages)
    digest.update("\n".join(re.findall(r"^(?:Package|Version): .*", versions, re.MULTILINE)).encode())
    return digest.hexdigest()[:24]


def _apt(*arguments: str) -> str:
    try:
        return _output("apt-cache", *arguments)
    except RigError:
        # A container's image often comes without apt's lists.
        _output(*([] if os.geteuid() == 0 else ["sudo", "-E"]), "apt-get", "-q", "update")
        return _output("apt-cache", *arguments)


def _build(folder: Path, kernel: str, packages: tuple[str, ...]) -> None:
    started = clock.monotonic()
    sys.stdout.write(f"building the rig's guest ({kernel}, {len(packages)} packages asked for)\n")
    sys.stdout.flush()
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
    try:
        made.chmod(0o755)
        command = [str(HERE / "image.sh"), str(made), kernel, ",".join(packages)]
        environment = os.environ | {"PATH": search_path(), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, env=environment, check=False, timeout=BUILD_SECONDS)
        if done.returncode:
            raise RigError(f"the guest could not be built: image.sh exited with {done.returncode}")
        made.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise RigError(f"the guest was not built within {BUILD_SECONDS:.0f} s") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    sys.stdout.write(f"built in {clock.monotonic() - started:.0f} s\n")


def _forget_old_images(cache: Path) -> None:
    images = [path for path in cache.iterdir() if re.fullmatch(r"[0-9a-f]{24}", path.name)]
    for path in sorted(images, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_IMAGES:]:
        shutil.rmtree(path)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RigError(f"{' '.join(command[:3])} exited with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.stdout.write(f"the rig's guest: {find_image().folder}\n")
