"""Opens what lies in a folder, and nothing else, for a reader that may no longer open anything itself.

A confined reader is nobody; folders and files of people often can be read by their owner alone. So when root starts
it, a helper process made before the confinement keeps the right to open: it parses nothing, it only hands out
read-only descriptors. Guarantees: never a symbolic link followed, never out of the folder, never across a mount.
"""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Steps = tuple[bytes, ...]
Opener = Callable[[Steps], int]

_MAX_REQUEST_BYTES = 128 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def start_opener(root: int) -> Iterator[Opener]:
    """Give what opens below the folder `root`: a helper process for root, a plain function for anybody else.

    The opener takes the names from the folder down and returns a descriptor: readable for directories and regular
    files, O_PATH (good for fstat alone) for all else. It raises OSError. Call this while there is one thread only.
    """
    if os.geteuid() != 0:
        yield lambda steps: open_below(root, steps)
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    helper = os.fork()
    if helper == 0:
        ours.close()
        _serve(root, theirs)
    theirs.close()
    try:
        yield lambda steps: _ask(ours, steps)
    finally:
        ours.close()  # which is what the helper ends at
        os.waitpid(helper, 0)


def open_below(root: int, steps: Steps) -> int:
    """Open one thing below `root`, step by step; raises OSError."""
    if any(step in (b"", b".", b"..") or b"/" in step for step in steps):
        raise OSError(22, "not a plain name")
    device = os.fstat(root).st_dev
    folder = os.open(".", _DIRECTORY, dir_fd=root)
    try:
        for step in steps[:-1]:
            below = os.open(step, _DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = below
        if not steps:
            return os.dup(folder)
        return _open_last(folder, steps[-1], device)
    finally:
        os.close(folder)


def _open_last(folder: int, name: bytes, device: int) -> int:
    # First a look that touches nothing: opening a device node or a pipe for reading can have effects.
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    status = os.fstat(handle)
    if status.st_dev != device:
        os.close(handle)
        raise OSError(18, "another file system is mounted there")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return handle
    try:
        return _open_quietly(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def _open_quietly(path: str) -> int:
    """Open for reading without leaving an access time behind, where we may."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def _serve(root: int, channel: socket.socket) -> None:
    """Answer requests until the reader is gone; never returns."""
    status = 0
    try:
        for standard in (0, 1):
            os.close(standard)
        while request := channel.recv(_MAX_REQUEST_BYTES):
            steps = tuple(request[1:].split(b"/")) if len(request) > 1 else ()
            try:
                handle = open_below(root, steps)
            except OSError as error:
                channel.send(str(error.errno or 5).encode())
                continue
            socket.send_fds(channel, [b"0"], [handle])
            os.close(handle)
    except OSError:
        status = 1
    finally:
        os._exit(status)


def _ask(channel: socket.socket, steps: Steps) -> int:
    channel.send(b"/" + b"/".join(steps))
    answer, handles, _, _ = socket.recv_fds(channel, 16, 1)
    if not handles:
        number = int(answer or b"5")
        raise OSError(number, os.strerror(number))
    return handles[0]
