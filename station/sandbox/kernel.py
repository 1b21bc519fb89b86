"""The C library's doors to the kernel that Python's `os` does not have, with errno turned into OSError.

Guarantee: every call either did what it says or raised OSError; nothing returns a code to be forgotten.
"""

import ctypes
import os

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h: two words of 32 capabilities each

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWord(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def system_call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call the kernel by number; integers go as longs, buffers as pointers; raises OSError."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *words))


def set_process_control(option: int, value: int, more: ctypes.Structure | None = None) -> None:
    """Call prctl(2) with one value, and for seccomp a structure; raises OSError."""
    pointer = ctypes.byref(more) if more is not None else ctypes.c_ulong(0)
    nothing = ctypes.c_ulong(0)
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), pointer, nothing, nothing))


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones (unshare(2)); raises OSError."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def drop_capabilities() -> None:
    """Give up every capability of the calling thread, inheritable ones included; raises OSError."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref((_CapabilityWord * 2)())))


def has_capabilities() -> bool:
    """Tell whether the calling thread holds any capability."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    words = (_CapabilityWord * 2)()
    _checked(_libc.capget(ctypes.byref(header), ctypes.byref(words)))
    return any(word.effective or word.permitted or word.inheritable for word in words)
