"""Card images like a recorder's: a partition table and one file system, made without any kernel file system driver.

Guarantees: files come to lie under their names with their own times, as China's local time, as recorders write them;
the volume's label and serial are those asked for; an image appears under its name only when it is whole; what was
mounted or attached on the way is let go of, whatever happens. Needs no root, except for exFAT (a loop device).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from station.errors import SourceError

FileSystem = Literal["fat32", "exfat"]
NO_EXFAT_NOTE = "exFAT needs root, a loop device and FUSE, which are not all to be had here: this card is FAT32 instead"

_MEBIBYTE = 1024 * 1024
_START_SECTOR = 2048
_START_BYTES = _START_SECTOR * 512
# FAT32 is FAT32 only from 65,525 clusters on (Microsoft's specification, 3.5); with 2 KiB clusters that takes 128 MiB.
_SMALLEST_BYTES = 160 * _MEBIBYTE
_SECTORS_A_CLUSTER = 4
_PARTITION_TYPES: dict[FileSystem, str] = {"fat32": "c", "exfat": "7"}
_LIMIT_SECONDS = 300
_TAIL_BYTES = 400


class CardFile(Protocol):
    """One file for a card: where it goes on the card, and where its content and its time come from."""

    @property
    def path(self) -> PurePosixPath:
        """Return the path on the card, relative to its root."""

    @property
    def source(self) -> Path:
        """Return the file to copy."""


@dataclass(frozen=True, slots=True)
class CardImage:
    """A finished image, the file system that it really has, and what a person should be told, if anything."""

    path: Path
    file_system: FileSystem
    note: str = ""


def make_card(
    image: Path,
    files: Sequence[CardFile],
    *,
    label: str,
    serial: str,
    file_system: FileSystem = "fat32",
    size_bytes: int | None = None,
) -> CardImage:
    """Make the image of a card holding `files`, or return the finished one that is there already.

    exFAT falls back to FAT32, with a note, where it can't be made; the note is about what the image really holds.
    `label`: up to 11 characters; `serial`: the volume's, 8 hex digits; `size_bytes`: of the card, else as large as
    the files ask for. Raises SourceError naming the program that failed; then there is no image.
    """
    if image.exists():
        made = CardImage(image, _file_system_of(image))
    elif file_system == "exfat" and exfat_possible():
        made = make_exfat_card(image, files, label=label, serial=serial, size_bytes=size_bytes)
    else:
        made = make_fat32_card(image, files, label=label, serial=serial, size_bytes=size_bytes)
    return replace(made, note=NO_EXFAT_NOTE) if (file_system, made.file_system) == ("exfat", "fat32") else made


def make_fat32_card(
    image: Path, files: Sequence[CardFile], *, label: str, serial: str, size_bytes: int | None = None
) -> CardImage:
    """Make a FAT32 card by mkfs.fat and mtools; as `make_card`."""
    size = size_bytes or _size_for(files)
    with _new_image(image, size, "fat32") as fresh:
        blocks = str((size - _START_BYTES) // 1024)
        _run(
            *("mkfs.fat", "-F", "32", "-s", str(_SECTORS_A_CLUSTER), f"--offset={_START_SECTOR}"),
            *("-h", str(_START_SECTOR), "-n", label, "-i", serial, str(fresh), blocks),
        )
        where = f"{fresh}@@{_START_BYTES}"
        for folder in _folders(files):
            _run("mmd", "-i", where, f"::/{folder}")
        for file in files:
            _run("mcopy", "-m", "-i", where, str(file.source), f"::/{file.path}")
    return CardImage(image, "fat32")


def make_exfat_card(
    image: Path, files: Sequence[CardFile], *, label: str, serial: str, size_bytes: int | None = None
) -> CardImage:
    """Make an exFAT card by mkfs.exfat and exfat-fuse; as `make_card`, but without falling back."""
    size = size_bytes or _size_for(files)
    with _new_image(image, size, "exfat") as fresh, tempfile.TemporaryDirectory(prefix="station-card-") as name:
        volume = image.with_name(f".{image.name}.volume")
        try:
            with volume.open("wb") as stream:
                stream.truncate(size - _START_BYTES)
            _run("mkfs.exfat", "-L", label, str(volume))
            _run("exfatlabel", "-i", str(volume), f"0x{serial}")
            with _mounted(volume, Path(name)) as root:
                for file in files:
                    target = root / file.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file.source, target)
                    modified = file.source.stat().st_mtime
                    os.utime(target, (modified, modified))
            _run("dd", f"if={volume}", f"of={fresh}", "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none")
        except OSError as error:
            raise SourceError(f"The card image {image} could not be made: {error.strerror}") from error
        finally:
            volume.unlink(missing_ok=True)
    return CardImage(image, "exfat")


def exfat_possible() -> bool:
    """Tell, by trying, whether an exFAT file system can be made and mounted in user space here."""
    tools = ("mkfs.exfat", "exfatlabel", "mount.exfat-fuse", "losetup", "umount")
    if os.geteuid() != 0 or any(shutil.which(tool, path=tool_path()) is None for tool in tools):
        return False
    with tempfile.TemporaryDirectory(prefix="station-card-") as name:
        volume, root = Path(name) / "volume", Path(name) / "root"
        root.mkdir()
        with volume.open("wb") as stream:
            stream.truncate(8 * _MEBIBYTE)
        try:
            _run("mkfs.exfat", str(volume))
            with _mounted(volume, root):
                return True
        except SourceError:
            return False


def _file_system_of(image: Path) -> FileSystem:
    """Tell by its boot sector which of the two an image holds; raises SourceError for anything else."""
    try:
        with image.open("rb") as stream:
            stream.seek(_START_BYTES)
            boot_sector = stream.read(512)
    except OSError as error:
        raise SourceError(f"The card image {image} can't be read: {error.strerror}") from error
    if boot_sector[3:11] == b"EXFAT   ":
        return "exfat"
    if boot_sector[82:90] == b"FAT32   ":
        return "fat32"
    raise SourceError(f"{image} is not a sample card", kept="It was not touched", hint="Delete it; it is made afresh")


@contextmanager
def _new_image(image: Path, size_bytes: int, file_system: FileSystem) -> Iterator[Path]:
    """Yield an empty partitioned image under another name, which becomes `image` when all went well."""
    fresh = image.with_name(f".{image.name}.new")
    try:
        image.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as stream:
            stream.truncate(size_bytes)
        table = f"label: dos\nstart={_START_SECTOR}, type={_PARTITION_TYPES[file_system]}\n"
        _run("sfdisk", "-q", str(fresh), said=table)
        yield fresh
        fresh.replace(image)
    except OSError as error:
        raise SourceError(f"The card image {image} could not be made: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _mounted(volume: Path, root: Path) -> Iterator[Path]:
    """Mount an exFAT volume at `root` through FUSE; exfat-fuse insists on a block device, so through a loop device."""
    device = _run("losetup", "--find", "--show", str(volume)).strip()
    try:
        _run("mount.exfat-fuse", device, str(root))
        try:
            yield root
        finally:
            _run("umount", str(root))
    finally:
        _run("losetup", "--detach", device)


def _size_for(files: Sequence[CardFile]) -> int:
    """Return a card size with room for `files`, clusters and tables, in whole MiB."""
    content = sum(file.source.stat().st_size + 64 * 1024 for file in files)
    return max(_SMALLEST_BYTES, -(-content * 5 // 4 // _MEBIBYTE) * _MEBIBYTE + 8 * _MEBIBYTE)


def _folders(files: Sequence[CardFile]) -> list[PurePosixPath]:
    """Return all folders that `files` lie in, parents first."""
    found = {folder for file in files for folder in file.path.parents if folder.name}
    return sorted(found, key=lambda folder: (len(folder.parts), folder))


def tool_path() -> str:
    """Return where to look for programs: the makers of file systems are in sbin, which users' paths often lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _run(program: str, *arguments: str, said: str = "") -> str:
    """Run `program`, handing it `said`; returns its output; raises SourceError with the end of what it complained of.

    Output goes to a file, as exfat-fuse stays behind as a daemon and would hold a pipe open for ever.
    """
    # CST-8: China's time, whether or not the machine has zone data; MTOOLS_SKIP_CHECK: our tables are sound.
    environment = {
        "PATH": tool_path(),
        "TZ": "CST-8",
        "LC_ALL": "C.UTF-8",
        "MTOOLS_SKIP_CHECK": "1",
        "HOME": "/nonexistent",
    }
    found = shutil.which(program, path=tool_path())
    if found is None:
        raise SourceError(f"{program} is not installed", hint="Run `make install`")
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                [found, *arguments],
                input=said.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"{program} was not done after {_LIMIT_SECONDS} seconds") from error
        output.seek(0)
        text = output.read().decode(errors="replace")
    if done.returncode:
        raise SourceError(f"{program} failed: {text[-_TAIL_BYTES:].strip()}")
    return text
