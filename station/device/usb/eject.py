"""Asking a recorder to put its card away, after which it shows its charging face again.

Guarantee: the one command sent is START STOP UNIT with the eject bit (SCSI Block Commands, "START STOP UNIT command");
no byte of storage is written, and the disk is opened for reading only.
"""

import fcntl
import os

from station.device.watch.errors import LinkError

# linux/cdrom.h. For any SCSI disk the kernel makes that one command of it (drivers/scsi/scsi_ioctl.c), also for a user
# who may only read the disk, as the dock's; the same command by SG_IO needs the right to write.
_CDROMEJECT = 0x5309


def eject(node: str) -> None:
    """Eject the disk `node`; raises LinkError when it can't be opened or refuses."""
    try:
        handle = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            refused = fcntl.ioctl(handle, _CDROMEJECT)
        finally:
            os.close(handle)
    except OSError as error:
        raise LinkError(f"{node} can't be ejected: {error.strerror}") from error
    if refused:
        raise LinkError(f"{node} refused to be ejected")
