"""Landlock (Linux 5.13 and later): which files this process may still reach, decided by itself, irrevocably.

Guarantee: once `restrict` returned, every file right this kernel's ABI knows is denied outside the rules, TCP
is denied (ABI 4), and so are signals and abstract sockets to processes outside (ABI 6). Descriptors opened
before keep working. Names and numbers: linux/landlock.h; the three calls have one number on every machine.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from station.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = _READ_FILE | _READ_DIR
READ_AND_RUN = READ | _EXECUTE
# No device nodes, sockets, pipes or symbolic links: nothing that leads whoever collects the results astray.
WRITE = READ | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _REMOVE_FILE | _MAKE_DIR | _REMOVE_DIR | _REFER
_RIGHTS_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

# ABI: how many file rights it knows. A right the kernel doesn't know makes it refuse the whole ruleset.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NEWEST_FILE_RIGHTS = 16
_NETWORK_RIGHTS = 0b11  # bind and connect TCP
_SCOPES = 0b11  # abstract sockets, signals

Rules = Sequence[tuple[Path | int, int]]


def find_abi() -> int:
    """Return the kernel's Landlock ABI, 0 where it is not built in or not switched on."""
    try:
        return kernel.system_call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            return 0
        raise


def build_ruleset(rules: Rules, abi: int) -> int:
    """Return a ruleset's descriptor allowing `rules`: pairs of a path (or open descriptor) and its rights.

    Opens the paths, so it belongs before root is dropped; a path that is not there raises OSError.
    """
    known = (1 << _FILE_RIGHTS.get(abi, _NEWEST_FILE_RIGHTS)) - 1
    words = [known]
    if abi >= 4:
        words.append(_NETWORK_RIGHTS)
    if abi >= 6:
        words.append(_SCOPES)
    attributes = ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words), 8 * len(words))
    ruleset = kernel.system_call(_CREATE_RULESET, attributes, 8 * len(words), 0)
    os.set_inheritable(ruleset, False)
    try:
        for place, rights in rules:
            _allow(ruleset, place, rights & known, known)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def _allow(ruleset: int, place: Path | int, rights: int, known: int) -> None:
    handle = place if isinstance(place, int) else os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISDIR(mode):
            rights &= _RIGHTS_OF_A_FILE
        if stat.S_ISBLK(mode):
            rights |= _IOCTL_DEV & known  # a disk named outright may be asked its size
        attributes = ctypes.create_string_buffer(struct.pack("=Qi", rights, handle), 12)
        kernel.system_call(_ADD_RULE, ruleset, _PATH_BENEATH, attributes, 0)
    finally:
        if not isinstance(place, int):
            os.close(handle)


def restrict(ruleset: int) -> None:
    """Put this thread and all it starts under `ruleset` for good, and close it.

    Needs no_new_privs; raises OSError.
    """
    try:
        kernel.system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
