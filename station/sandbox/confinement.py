"""Shuts the current process in, irrevocably, before it parses anything hostile.

Guarantees once `confine` returned: not root and unable to become it, no capability, no network, no core dump,
bounded in CPU time, memory, file size and descriptors; if any of these can't be had, SandboxError, and the
caller must end. Where the kernel has Landlock, no file outside the lists can be opened; where it has not, the
result says so. Call it while there is one thread only, and after importing everything that will be needed.
"""

import errno
import os
import pwd
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from station.errors import SandboxError
from station.sandbox import kernel, landlock, system_calls

ROOT = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a confined program may use at most.

    `file_size_bytes` bounds each file written; `processes` is None for no limit, 0 for threads only, else the
    number of processes and threads its user may have in all; `program.run` alone enforces `wall_seconds`.
    """

    cpu_seconds: int
    address_space_bytes: int
    file_size_bytes: int
    open_files: int = 256
    processes: int | None = 0
    wall_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Confinement:
    """How this process is confined, for the record.

    `user` is whom it runs as; `network` says what cut it off: a namespace of its own without interfaces, or
    the call filter alone; `landlock_abi` is 0 where there is no Landlock; `call_filter` tells of seccomp.
    """

    user: str
    network: Literal["namespace", "filter"]
    landlock_abi: int
    call_filter: bool


def confine(
    *,
    readable: Sequence[Path | int] = (),
    writable: Sequence[Path | int] = (),
    executable: Sequence[Path | int] = (),
    limits: Limits,
    user: str,
    die_with_parent: int | None = None,
) -> Confinement:
    """Confine the current process to the files and folders named (paths, or descriptors already open).

    Started by root it becomes `user`; started by anybody else it stays who it is. Files that `user` may not
    reach by path must be opened before. `die_with_parent` is the parent's pid: when that ends, so does this
    process. Raises SandboxError; the process may then be half confined and must end.
    """
    try:
        return _confine(readable, writable, executable, limits, user, die_with_parent)
    except OSError as error:
        raise SandboxError(
            f"This process could not be confined: {error}",
            kept="Nothing was parsed",
        ) from error


def _confine(
    readable: Sequence[Path | int],
    writable: Sequence[Path | int],
    executable: Sequence[Path | int],
    limits: Limits,
    user: str,
    parent: int | None,
) -> Confinement:
    started_by_root = os.geteuid() == ROOT
    # The account is looked up and the rules' folders are opened first: afterwards neither may be in reach.
    account = find_account(user) if started_by_root else pwd.getpwuid(os.getuid())
    abi = landlock.find_abi()
    rules = [(place, landlock.READ) for place in readable]
    rules += [(place, landlock.READ_AND_RUN) for place in executable]
    rules += [(place, landlock.WRITE) for place in writable]
    ruleset = landlock.build_ruleset(rules, abi) if abi else None

    # Leaving the network needs root's rights or, without them, /proc/self/uid_map: so before both are gone.
    own_network = _leave_network(started_by_root)
    # Before Landlock and seccomp, which the kernel grants to the unprivileged only under this promise.
    kernel.set_process_control(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if started_by_root:
        _drop_root(account)
    # After the namespace: entering a user namespace of one's own grants capabilities inside it.
    kernel.drop_capabilities()
    _verify(account, started_by_root)
    if parent is not None:
        # After the change of user, which clears it; then a look whether the parent was faster.
        kernel.set_process_control(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            raise SandboxError("The process that asked for this work has ended")
    _set_limits(limits)
    if ruleset is not None:
        landlock.restrict(ruleset)
    # Last: the filter also forbids some of the calls used above.
    call_filter = _filter_calls(may_fork=limits.processes != 0)
    if not (own_network or call_filter):
        raise SandboxError(
            "This process can't be cut off from the network: no network namespace, no seccomp",
            hint="Allow unprivileged user namespaces, or start the station as root",
        )
    return Confinement(account.pw_name, "namespace" if own_network else "filter", abi, call_filter)


def find_account(user: str) -> pwd.struct_passwd:
    """Return the account parsers run under when started by root; raises SandboxError if absent or root."""
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise SandboxError(
            f"There is no user {user!r} for parsers of hostile data",
            hint="Set parser_user to an existing one",
        ) from error
    if ROOT in (account.pw_uid, account.pw_gid):
        raise SandboxError(
            f"The user {user!r} for parsers of hostile data is root",
            hint="Set parser_user to an unprivileged one",
        )
    return account


def _leave_network(started_by_root: bool) -> bool:
    """Move to an empty network namespace; False where the system forbids it."""
    uid, gid = os.geteuid(), os.getegid()
    # As root no user namespace: with only root mapped into it there would be nobody to become.
    flags = kernel.CLONE_NEWNET if started_by_root else kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET
    try:
        kernel.unshare(flags)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOSPC, errno.EUSERS):
            return False
        raise
    if not started_by_root:
        # Owner of one's own /proc files one is only while dumpable, which a former change of user ends.
        kernel.set_process_control(kernel.PR_SET_DUMPABLE, 1)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    return True


def _drop_root(account: pwd.struct_passwd) -> None:
    # Groups first, the user last: without root's user neither groups nor group could be changed any more.
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)


def _verify(account: pwd.struct_passwd, started_by_root: bool) -> None:
    if os.getresuid() != (account.pw_uid,) * 3 or ROOT in os.getresuid():
        raise SandboxError("This process still has root's user id, or could take it back")
    if started_by_root and (os.getresgid() != (account.pw_gid,) * 3 or os.getgroups()):
        raise SandboxError("This process still has root's groups")
    if kernel.has_capabilities():
        raise SandboxError("This process still holds capabilities")
    try:
        os.setuid(ROOT)
    except OSError:
        return
    raise SandboxError("This process could become root again")


def _set_limits(limits: Limits) -> None:
    # No core dump to a collector either, which is not bound by the limit; lasts until exec.
    kernel.set_process_control(kernel.PR_SET_DUMPABLE, 0)
    _lower(resource.RLIMIT_CORE, 0, 0)
    # A second between the signal that can be told from others (SIGXCPU) and the kill.
    _lower(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _lower(resource.RLIMIT_AS, limits.address_space_bytes, limits.address_space_bytes)
    _lower(resource.RLIMIT_FSIZE, limits.file_size_bytes, limits.file_size_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)
    if limits.processes:
        _lower(resource.RLIMIT_NPROC, limits.processes, limits.processes)


def _lower(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def _filter_calls(*, may_fork: bool) -> bool:
    if not system_calls.can_filter():
        return False
    try:
        system_calls.install_filter(may_fork=may_fork)
    except OSError as error:
        if error.errno == errno.EINVAL:  # a kernel without seccomp filters
            return False
        raise
    return True
