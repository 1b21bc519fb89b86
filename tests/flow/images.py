"""Card images made by the tools that make real ones, small and sparse, and media bytes that are quick to make."""

import os
import random
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

MIB = 1024 * 1024
SECTOR = 512
_PARTITION_AT = MIB
_MP4_HEAD = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"


def footage(seed: int, size_bytes: int) -> bytes:
    """Return bytes that begin like an MP4 file; the same seed and size give the same bytes."""
    return (_MP4_HEAD + random.Random(seed).randbytes(max(0, size_bytes - len(_MP4_HEAD))))[:size_bytes]


def write_folder(folder: Path, files: Mapping[str, bytes], age_seconds: int = 0) -> Path:
    """Write files below a folder, all last changed at one fixed moment."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_780_000_000 - age_seconds,) * 2)
    folder.mkdir(exist_ok=True)
    return folder


def make_fat_card(path: Path, files: Mapping[str, bytes], *, partitioned: bool = False, size_mib: int = 48) -> Path:
    """Make a FAT32 card with mkfs.fat and mtools, behind a DOS partition table if `partitioned`."""
    start = _PARTITION_AT if partitioned else 0
    with path.open("wb") as image:
        image.truncate(start + size_mib * MIB)
        if partitioned:
            image.seek(446)
            image.write(struct.pack("<BBHBBHII", 0, 0, 0, 0x0C, 0, 0, start // SECTOR, size_mib * MIB // SECTOR))
            image.seek(510)
            image.write(b"\x55\xaa")
    _run(
        "mkfs.fat", "-F", "32", "-s", "1", "-n", "CARD", f"--offset={start // SECTOR}", str(path), str(size_mib * 1024)
    )
    place = f"{path}@@{start}"
    made: set[str] = set()
    for name, content in files.items():
        folders = name.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = "/".join(folders[:depth])
            if folder not in made:
                _run("mmd", "-i", place, f"::/{folder}")
                made.add(folder)
        staged = path.with_suffix(".part")
        staged.write_bytes(content)
        _run("mcopy", "-o", "-i", place, str(staged), f"::/{name}")
        staged.unlink()
    return path


def make_ntfs_card(path: Path, files: Mapping[str, bytes], *, size_mib: int = 32) -> Path:
    """Make an NTFS card with mkfs.ntfs and ntfscp; files in its root only."""
    with path.open("wb") as image:
        image.truncate(size_mib * MIB)
    _run("mkfs.ntfs", "-F", "-Q", "-L", "CARD", str(path))
    staged = path.with_suffix(".part")
    for name, content in files.items():
        staged.write_bytes(content)
        _run("ntfscp", str(path), str(staged), name)
    staged.unlink()
    return path


def make_exfat_card(path: Path, files: Mapping[str, bytes], *, size_mib: int = 32) -> Path:
    """Make an exFAT card with mkfs.exfat and exfat-fuse on a loop device; skips where there is none of these."""
    with path.open("wb") as image:
        image.truncate(size_mib * MIB)
    _run("mkfs.exfat", str(path))
    loop = subprocess.run(["losetup", "--find", "--show", str(path)], capture_output=True, text=True, check=False)
    if loop.returncode:
        pytest.skip(f"no loop device for a real exFAT card: {loop.stderr.strip()}")
    device, mounted = loop.stdout.strip(), path.with_suffix(".mounted")
    mounted.mkdir()
    try:
        mount = subprocess.run(["mount.exfat-fuse", device, str(mounted)], capture_output=True, text=True, check=False)
        if mount.returncode:
            pytest.skip(f"exfat-fuse can't mount here: {mount.stderr.strip()}")
        write_folder(mounted, files)
        _run("umount", str(mounted))
    finally:
        _run("losetup", "--detach", device)
    return path


def _run(*command: str) -> None:
    environment = os.environ | {"MTOOLS_SKIP_CHECK": "1", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
