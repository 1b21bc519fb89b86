"""A seccomp filter: system calls that no parser of recordings needs fail with EPERM.

Guarantee: after `install_filter` no socket of any family can be made (Landlock does not stop a connection to
a socket file such as the signer's), no file's mode changed (which Landlock does not stop either: the owner of
an original could make it writable), no other process traced or signalled by pid, no namespace entered, no
kernel interface with a history of holes reached. Another architecture's calls end the process.
"""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from station.sandbox import kernel

_NAMES = """
    socket io_uring_setup io_uring_enter io_uring_register
    ptrace process_vm_readv process_vm_writev kill tkill
    pidfd_open pidfd_getfd pidfd_send_signal bpf perf_event_open userfaultfd add_key request_key keyctl
    mount umount2 pivot_root chroot move_mount open_tree fsopen unshare setns
    init_module finit_module delete_module kexec_load open_by_handle_at name_to_handle_at
    swapon swapoff reboot acct settimeofday clock_settime personality
    fchmod fchmodat fchmodat2
"""


@dataclass(frozen=True, slots=True)
class _Machine:
    audit_arch: int
    numbers: dict[str, int]  # of the calls in `_NAMES`
    clone: int
    older: tuple[int, ...]  # further calls to the same ends: chmod
    forks: tuple[int, ...]  # calls that can only make a new process
    first_foreign: int | None  # from here on the numbers of a second ABI (x32)


def _numbers(text: str) -> dict[str, int]:
    return dict(zip(_NAMES.split(), map(int, text.split()), strict=True))


# From the kernel's syscall_64.tbl and asm-generic/unistd.h; audit architectures from linux/audit.h.
_MACHINES = {
    "x86_64": _Machine(
        audit_arch=0xC000003E,
        numbers=_numbers(
            "41 425 426 427 101 310 311 62 200 434 438 424 321 298 323 248 249 250 165 166 "
            "155 161 429 428 430 272 308 175 313 176 246 304 303 167 168 169 163 164 227 135 "
            "91 268 452"
        ),
        clone=56,
        older=(90,),
        forks=(57, 58),
        first_foreign=0x40000000,
    ),
    "aarch64": _Machine(
        audit_arch=0xC00000B7,
        numbers=_numbers(
            "198 425 426 427 117 270 271 129 130 434 438 424 280 241 282 217 218 219 40 39 "
            "41 51 429 428 430 97 268 105 273 106 104 265 264 224 225 142 89 170 112 92 "
            "52 53 452"
        ),
        clone=220,
        older=(),
        forks=(),
        first_foreign=None,
    ),
}
_CLONE3 = 435  # everywhere; its flags lie in memory, where a filter can't look, so libc is sent to clone
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
_AT_NUMBER, _AT_ARCH, _AT_FIRST_ARGUMENT = 0, 4, 16  # struct seccomp_data, little endian
_ALLOW, _FAIL, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_MODE_FILTER = 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def can_filter() -> bool:
    """Tell whether this machine's call numbers are in the table."""
    return os.uname().machine in _MACHINES


def install_filter(*, may_fork: bool) -> None:
    """Filter this thread's calls and those of all it starts, for good; needs no_new_privs; raises OSError.

    Without `may_fork` threads can still be started, processes can't.
    """
    instructions = _assemble(_MACHINES[os.uname().machine], may_fork)
    program = _Program(len(instructions), b"".join(instructions))
    kernel.set_process_control(kernel.PR_SET_SECCOMP, _MODE_FILTER, program)


def _assemble(machine: _Machine, may_fork: bool) -> list[bytes]:
    refuse = _FAIL | errno.EPERM
    absent = _FAIL | errno.ENOSYS
    code = [_step(_LOAD, _AT_ARCH), _step(_IF_EQUAL, machine.audit_arch, 1, 0), _step(_RETURN, _KILL_PROCESS)]
    code.append(_step(_LOAD, _AT_NUMBER))
    if machine.first_foreign is not None:
        code += [_step(_IF_AT_LEAST, machine.first_foreign, 0, 1), _step(_RETURN, absent)]
    denied = sorted({*machine.numbers.values(), *machine.older, *(() if may_fork else machine.forks)})
    for number in denied:
        code += [_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, refuse)]
    code += [_step(_IF_EQUAL, _CLONE3, 0, 1), _step(_RETURN, absent)]
    code += [_step(_IF_EQUAL, machine.clone, 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, _AT_FIRST_ARGUMENT)]
    code += [_step(_IF_BITS, _CLONE_NAMESPACES, 0, 1), _step(_RETURN, refuse)]
    if not may_fork:
        code += [_step(_IF_BITS, _CLONE_THREAD, 1, 0), _step(_RETURN, refuse)]
    code.append(_step(_RETURN, _ALLOW))
    return code


def _step(code: int, value: int, skip_if_true: int = 0, skip_if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, skip_if_true, skip_if_false, value)
