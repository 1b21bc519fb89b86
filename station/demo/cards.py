"""Card images of virtual recorders: a partitioned disk with one file system, made without the kernel's drivers.

Guarantees: an image under its final name is finished; what it holds is told by the image itself, not by what was asked
for; whatever was mounted or attached on the way is released again, also after a failure. Times on the card are the
recorder's local time, as FAT and exFAT store it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Literal

from station import clock, durable
from station.demo.footage import RECORDER_ZONE, DemoFile, run_program
from station.errors import DerivationError

FileSystem = Literal["fat32", "exfat"]

EXFAT_UNAVAILABLE = "This machine can't write exFAT without a kernel driver (no FUSE): the card {name} is FAT32 instead"

_SECTOR_BYTES = 512
_PARTITION_SECTOR = 2048
_PARTITION_OFFSET_BYTES = _PARTITION_SECTOR * _SECTOR_BYTES
_MIB = 1024 * 1024
# FAT32 needs 65,525 clusters of at least one sector; below that it would be FAT16 by another name.
_SMALLEST_VOLUME_BYTES = 64 * _MIB
_MOUNT_LIMIT_SECONDS = 10
_PARTITION_TYPES: dict[FileSystem, str] = {"fat32": "c", "exfat": "7"}
_LOCAL_TIME = {"TZ": RECORDER_ZONE.key, "LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}


@dataclass(frozen=True, slots=True)
class CardImage:
    """A finished card image; `note` says, in words for a person, where it is not what was asked for."""

    path: Path
    file_system: FileSystem
    note: str


def make_card(image: Path, files: Sequence[DemoFile], *, label: str, serial: str, file_system: FileSystem) -> CardImage:
    """Make a card of one partition holding `files`, or return the finished one at `image`.

    `label`: up to 11 capitals; `serial`: the volume's, eight hexadecimal digits. Where exFAT can't be written the card
    is FAT32 and `note` says so. Raises DerivationError when a program is missing or fails.
    """
    if not image.exists():
        image.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".card-", dir=image.parent) as name:
            work = Path(name)
            _make_volume(work, files, label, serial, file_system)
            unfinished = work / "card.img"
            _put_in_partition(work, unfinished)
            with unfinished.open("rb") as content:
                os.fsync(content.fileno())
            unfinished.replace(image)
        durable.sync_directory(image.parent)
    found = _file_system_of(image)
    note = "" if found == file_system else EXFAT_UNAVAILABLE.format(name=image.name)
    return CardImage(image, found, note)


def _file_system_of(image: Path) -> FileSystem:
    with image.open("rb") as content:
        content.seek(_PARTITION_OFFSET_BYTES)
        boot_sector = content.read(_SECTOR_BYTES)
    if boot_sector[3:11] == b"EXFAT   ":
        return "exfat"
    if boot_sector[82:90] == b"FAT32   ":
        return "fat32"
    raise DerivationError(f"{image} is not a sample card", hint="Delete it, and it is made afresh")


def _make_volume(work: Path, files: Sequence[DemoFile], label: str, serial: str, file_system: FileSystem) -> None:
    """Make the file system in `work`/volume.img."""
    volume = work / "volume.img"
    if file_system == "exfat":
        try:
            _make_exfat(work, volume, files, label, serial)
        except _NoFuseError:
            volume.unlink()
        else:
            return
    _make_fat32(work, volume, files, label, serial)


def _create(volume: Path, files: Sequence[DemoFile]) -> None:
    content_bytes = sum(each.source.stat().st_size for each in files)
    size_bytes = max(_SMALLEST_VOLUME_BYTES, content_bytes * 5 // 4 + 16 * _MIB)
    with volume.open("wb") as stream:
        stream.truncate(-(-size_bytes // _MIB) * _MIB)


def _folders(files: Sequence[DemoFile]) -> list[str]:
    """Return every folder of the card, parents first."""
    folders = {str(parent) for each in files for parent in each.path.parents if parent.name}
    return sorted(folders)


def _make_fat32(work: Path, volume: Path, files: Sequence[DemoFile], label: str, serial: str) -> None:
    log = work / "fat32.log"
    _create(volume, files)
    hidden = ["-h", str(_PARTITION_SECTOR)]
    run_program(["mkfs.fat", "-F", "32", "--invariant", *hidden, "-n", label, "-i", serial, str(volume)], log=log)
    for folder in _folders(files):
        run_program(["mmd", "-i", str(volume), f"::/{folder}"], log=log, env=_LOCAL_TIME)
    for each in files:
        argv = ["mcopy", "-m", "-i", str(volume), str(each.source), f"::/{each.path}"]
        run_program(argv, log=log, env=_LOCAL_TIME)


class _NoFuseError(Exception):
    """exFAT can't be mounted in user space here."""


def _make_exfat(work: Path, volume: Path, files: Sequence[DemoFile], label: str, serial: str) -> None:
    log = work / "exfat.log"
    if shutil.which("mkfs.exfat") is None or shutil.which("mount.exfat-fuse") is None:
        _create(volume, files)
        raise _NoFuseError
    _create(volume, files)
    run_program(["mkfs.exfat", "-L", label, str(volume)], log=log)
    run_program(["tune.exfat", "-I", f"0x{serial}", str(volume)], log=log)
    with _mounted(work, volume) as root:
        for folder in _folders(files):
            (root / folder).mkdir()
        for each in files:
            shutil.copyfile(each.source, root / each.path)
            modified = each.source.stat().st_mtime
            os.utime(root / each.path, (modified, modified))


@contextmanager
def _mounted(work: Path, volume: Path) -> Iterator[Path]:
    """Mount an exFAT volume through FUSE; on leaving, everything is written and released. Raises _NoFuseError."""
    root = work / "root"
    root.mkdir()
    with ExitStack() as cleanup:
        source = volume
        if os.geteuid() == 0:
            # For root exfat-fuse insists on a block device.
            source = cleanup.enter_context(_loop_device(work, volume))
        log = cleanup.enter_context((work / "mount.log").open("wb"))
        # -d keeps it in the foreground: its end, not umount's, is when the last byte is written.
        daemon = subprocess.Popen(
            ["mount.exfat-fuse", "-d", str(source), str(root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **_LOCAL_TIME},
        )
        cleanup.callback(_unmount, daemon, root, work / "unmount.log")
        deadline = clock.monotonic() + _MOUNT_LIMIT_SECONDS
        while not root.is_mount():
            if daemon.poll() is not None or clock.monotonic() > deadline:
                raise _NoFuseError
            sleep(0.05)
        yield root


def _unmount(daemon: "subprocess.Popen[bytes]", root: Path, log: Path) -> None:
    try:
        if root.is_mount():
            argv = ["umount", str(root)] if os.geteuid() == 0 else ["fusermount", "-u", str(root)]
            run_program(argv, log=log)
        elif daemon.poll() is None:
            daemon.terminate()
        status = daemon.wait(timeout=_MOUNT_LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        daemon.kill()
        daemon.wait()
        raise DerivationError("exFAT could not be unmounted in time") from error
    if status > 0 and root.is_mount():
        raise DerivationError(f"exFAT was not written: mount.exfat-fuse ended with status {status}")


@contextmanager
def _loop_device(work: Path, volume: Path) -> Iterator[Path]:
    """Attach `volume` to a loop device; raises _NoFuseError where there is none."""
    log = work / "losetup.log"
    try:
        device = run_program(["losetup", "--find", "--show", str(volume)], log=log).strip()
    except DerivationError as error:
        raise _NoFuseError from error
    try:
        yield Path(device)
    finally:
        run_program(["losetup", "--detach", device], log=log)


def _put_in_partition(work: Path, image: Path) -> None:
    """Write a disk image with `work`/volume.img as its only partition, keeping holes as holes."""
    volume = work / "volume.img"
    with volume.open("rb") as content:
        kind: FileSystem = "exfat" if content.read(11)[3:] == b"EXFAT   " else "fat32"
    size_bytes = volume.stat().st_size
    with image.open("wb") as stream:
        stream.truncate(_PARTITION_OFFSET_BYTES + size_bytes)
    table = (
        "label: dos\nlabel-id: 0x00947000\n"
        f"start={_PARTITION_SECTOR}, size={size_bytes // _SECTOR_BYTES}, type={_PARTITION_TYPES[kind]}\n"
    )
    run_program(["sfdisk", "--quiet", str(image)], log=work / "sfdisk.log", stdin=table)
    with volume.open("rb") as source, image.open("r+b") as target:
        target.seek(_PARTITION_OFFSET_BYTES)
        while block := source.read(_MIB):
            if block.count(0) == len(block):
                target.seek(len(block), os.SEEK_CUR)
            else:
                target.write(block)
