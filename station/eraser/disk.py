"""The disk of a ticket, made writable for as long as it takes, and by nobody else.

Guarantees: only a whole disk that is still the one the ticket means (by the kernel's diskseq, asked of the open
descriptor, so that nothing can be swapped in between) and that was write-protected until now is ever made writable;
the protection is put back whatever happens, as long as there is a disk.
"""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from station.device.erase.formats import RefusedError
from station.device.image import GONE
from station.records.ticket import Refusal, TicketHead

# linux/fs.h
_BLKROSET, _BLKROGET, _BLKGETDISKSEQ = 0x125D, 0x125E, 0x80081280
_WRITING = os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC
_OPENING = {
    errno.EBUSY: Refusal.BUSY,
    errno.EINVAL: Refusal.NOT_DIRECT,
    errno.EROFS: Refusal.NOT_READ_ONLY,
}


@contextmanager
def open_disk(head: TicketHead, images: Collection[Path]) -> Iterator[int]:
    """Yield the disk's descriptor, for direct reading and writing, exclusively; raises RefusedError.

    `images` are image files that this process was allowed at its start; they have no diskseq and no protection.
    """
    path = Path(head.device)
    if path in images:
        handle = _open(path, _WRITING)
        try:
            yield handle
        finally:
            os.close(handle)
        return
    look = _open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check(look, head)
        with _unprotected(look):
            handle = _open(Path(f"/proc/self/fd/{look}"), _WRITING | os.O_EXCL)
            try:
                _check_sequence(handle, head)
                yield handle
            finally:
                os.close(handle)
    finally:
        os.close(look)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        reason = _OPENING.get(error.errno or 0, Refusal.NO_SUCH_DEVICE)
        raise RefusedError(reason, f"{path} can't be opened: {error.strerror}") from error


def _check(look: int, head: TicketHead) -> None:
    status = os.fstat(look)
    if not stat.S_ISBLK(status.st_mode):
        raise RefusedError(Refusal.NOT_A_DISK, f"{head.device} is no block device")
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if Path(f"/sys/dev/block/{number}/partition").exists():
        raise RefusedError(Refusal.NOT_A_DISK, f"{head.device} is a partition, not a whole disk")
    _check_sequence(look, head)
    try:
        protected = struct.unpack("i", fcntl.ioctl(look, _BLKROGET, struct.pack("i", 0)))[0]
    except OSError as error:
        raise RefusedError(Refusal.NO_SUCH_DEVICE, f"{head.device} does not answer: {error.strerror}") from error
    if not protected:
        raise RefusedError(Refusal.NOT_READ_ONLY, f"{head.device} was not write-protected")


def _check_sequence(handle: int, head: TicketHead) -> None:
    try:
        sequence = struct.unpack("=Q", fcntl.ioctl(handle, _BLKGETDISKSEQ, bytes(8)))[0]
    except OSError as error:
        raise RefusedError(Refusal.NO_SUCH_DEVICE, f"{head.device} does not answer: {error.strerror}") from error
    if sequence != head.diskseq:
        raise RefusedError(Refusal.DEVICE_CHANGED, f"{head.device} is disk number {sequence}, not {head.diskseq}")


@contextmanager
def _unprotected(look: int) -> Iterator[None]:
    try:
        _set_protected(look, False)
        yield
    finally:
        try:
            _set_protected(look, True)
        except OSError as error:
            if error.errno not in GONE:  # nothing is left to protect
                raise


def _set_protected(look: int, wanted: bool) -> None:
    fcntl.ioctl(look, _BLKROSET, struct.pack("i", wanted))
