"""Settling a file that the confined reader left: from its hands into ours, then checked against the disk.

Order that must hold: moved out of the reader's folder (it can no longer swap the name), looked at, owner and mode
taken (it can no longer open it), proven to have no writer left (it can no longer change it), and only then read back
past the page cache and compared. Guarantee: what `settle` returns is on the disk with exactly the digests claimed.
"""

import errno
import fcntl
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from station.direct import Readback, reread
from station.errors import ReadbackError, StorageError
from station.records.reading import Copied

_STAGED_NAME = re.compile(r"[0-9a-f]{32}")
_NO_LEASES = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS}
MODE = 0o440


@dataclass(frozen=True, slots=True)
class Settled:
    """A staged file that is ours: where it lies now, its proven digest and size, and how it was read back.

    `further` maps the algorithms asked for beside SHA-256 to their digests, proven alike.
    `sole` tells that the kernel vouched for no writer being left; False where the file system has no leases.
    """

    path: Path
    sha256: str
    size_bytes: int
    readback: Readback
    sole: bool
    further: dict[str, str] = field(default_factory=dict)


def settle(inbox: Path, copied: Copied, *, parser_gid: int | None, further: Sequence[str] = ()) -> Settled:
    """Take over what `copied` claims to have left in `inbox`; it moves to the folder above, under the same name.

    `parser_gid`: when root runs this, the group that may read originals later (confined ffmpeg); None leaves the
    group as it is. `further` names the digests that are due beside SHA-256. Raises ReadbackError when the disk gives
    something else than the reader claimed, StorageError for everything else that is wrong with it.
    """
    name, sha256 = copied.staged, copied.sha256
    if name is None or sha256 is None or not _STAGED_NAME.fullmatch(name):
        raise StorageError(f"The reader named {name!r} as a staged file, which is no name of its own making")
    place = inbox.parent / name
    try:
        (inbox / name).rename(place)
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(f"The staged file {inbox / name} can't be taken over: {error.strerror}") from error
    try:
        sole = _take_over(handle, place, parser_gid)
        found = reread(handle, further=further)
    except OSError as error:
        raise StorageError(f"The staged file {place} can't be read back: {error.strerror}") from error
    finally:
        os.close(handle)
    if (found.sha256, found.size_bytes) != (sha256, copied.size_bytes):
        raise ReadbackError(
            f"{place} reads back as {found.size_bytes} bytes with SHA-256 {found.sha256}, "
            f"but {copied.size_bytes} bytes with {sha256} were written",
            kept="The recording is still on the recorder",
            hint="Check the vault's disk before docking again",
        )
    if found.further != copied.further_digests:
        raise ReadbackError(
            f"{place} reads back with the digests {found.further}, but {copied.further_digests} were reported",
            kept="The recording is still on the recorder",
            hint="Check the vault's disk before docking again",
        )
    return Settled(place, found.sha256, found.size_bytes, found.mode, sole, found.further)


def _take_over(handle: int, place: Path, parser_gid: int | None) -> bool:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise StorageError(f"{place} is not a plain file of its own")
    if os.geteuid() == 0:
        os.fchown(handle, 0, -1 if parser_gid is None else parser_gid)
    os.fchmod(handle, MODE)
    return _prove_no_writer(handle, place)


def _prove_no_writer(handle: int, place: Path) -> bool:
    """Take a read lease, which the kernel refuses while anybody has the file open for writing, and give it back."""
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise StorageError(f"Somebody still has {place} open for writing") from error
        if error.errno in _NO_LEASES:
            return False
        raise
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return True
