"""Runs a foreign program (ffmpeg, ffprobe, exiftool) on hostile input, confined, and waits for it.

Guarantees: the program sees its inputs only as open, read-only descriptors and writes only into the work
folder; whatever it prints is read all the time and kept within bounds; it and all it started are gone when
`run` returns, and it is when the thread or process that called `run` dies.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from station import clock
from station.errors import SandboxError
from station.sandbox.confinement import ROOT, Confinement, Limits, find_account

STDOUT_BYTES = 4 * 1024 * 1024
STDERR_TAIL_BYTES = 16 * 1024
_LINE_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_LOOK_SECONDS = 0.2
_DRAIN_SECONDS = 5.0
_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
_WORK_PREFIX = "work-"


class Ending(StrEnum):
    """Why a program is no longer running."""

    ITSELF = "itself"
    TIME = "time"
    CANCELLED = "cancelled"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Finished:
    """A program's end: its return code (negative: the signal), its bounded outputs, and how it was confined.

    `confinement` is None only where it was ended before it began.
    """

    program: str
    returncode: int
    stdout: bytes
    stderr_tail: str
    ending: Ending
    confinement: Confinement | None

    @property
    def failure(self) -> str:
        """Why it did not succeed, in words; empty when it did."""
        if self.ending is not Ending.ITSELF:
            return _ENDINGS[self.ending].format(program=self.program)
        if self.returncode < 0:
            words = _SIGNALS.get(-self.returncode, f"was ended by signal {-self.returncode}")
            return f"{self.program} {words}"
        return f"{self.program} gave up with code {self.returncode}" if self.returncode else ""


_ENDINGS = {
    Ending.TIME: "{program} took longer than it may and was ended",
    Ending.CANCELLED: "{program} was cancelled",
    Ending.OUTPUT: "{program} printed more than it may and was ended",
}
_SIGNALS: dict[int, str] = {
    signal.SIGXCPU: "used more processor time than it may",
    signal.SIGXFSZ: "wrote a larger file than it may",
    signal.SIGSYS: "made a system call of another architecture",
    signal.SIGSEGV: "crashed",
    signal.SIGABRT: "crashed",
}


@contextlib.contextmanager
def work_folder(parent: Path, user: str) -> Iterator[Path]:
    """Make a private folder in `parent` for a confined program; gone with all its content afterwards.

    It belongs to `user` where we are root. `parent` must be on the file system the results are to stay on.
    Raises SandboxError.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=parent))
        if os.geteuid() == ROOT:
            account = find_account(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
    except OSError as error:
        raise SandboxError(f"No work folder could be made in {parent}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def clear_work_folders(parent: Path) -> None:
    """Remove what a station that died left behind; only while nothing runs there."""
    for folder in parent.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(folder)


def run(
    argv: Sequence[str],
    *,
    inputs: Mapping[str, Path],
    work: Path,
    limits: Limits,
    user: str,
    readable: Sequence[Path] = (),
    on_progress: Callable[[bytes], None] | None = None,
    cancel: threading.Event | None = None,
    niceness: int = 0,
) -> Finished:
    """Run a program confined in `work` and return how it ended, however that was.

    `{name}` in `argv` stands for the input of that name: a path that works inside, naming no folder of ours.
    Inputs must be readable by `user` by their mode (the vault's are), not by their path. Started by root the
    program runs as `user`, else as whoever we are. With `on_progress` each line of stdout is handed over and
    not kept. Raises SandboxError if the program is not there or could not be confined.
    """
    program = shutil.which(argv[0], path=_SEARCH_PATH)
    if program is None:
        raise SandboxError(f"The program {argv[0]} is not installed", hint="Run `make install`")
    with contextlib.ExitStack() as stack:
        handles = {name: _open_input(path, stack) for name, path in inputs.items()}
        status_out, status_in = os.pipe()
        stack.callback(os.close, status_out)
        spec = {
            "argv": [program, *(_fill(word, handles) for word in argv[1:])],
            "environment": _environment(),
            "inputs": list(handles.values()),
            "limits": asdict(limits),
            "names": [str(path) for path in inputs.values()],
            "niceness": niceness,
            "parent": os.getpid(),
            "readable": [str(path.absolute()) for path in readable],
            "user": user,
            "work": str(work.absolute()),
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "station.sandbox.launch", json.dumps(spec), str(status_in)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(*handles.values(), status_in),
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"{argv[0]} could not be started: {error}") from error
        finally:
            os.close(status_in)
        with process:
            watch = _Watch(process, status_out, on_progress, cancel, clock.monotonic() + limits.wall_seconds)
            try:
                watch.attend()
            finally:
                _end_group(process)
            watch.drain()
    return _finish(Path(program).name, process.returncode, watch)


def _finish(program: str, returncode: int, watch: "_Watch") -> Finished:
    tail = bytes(watch.stderr).decode("utf-8", "replace").strip()
    told = json.loads(bytes(watch.told) or b"{}")
    if "confinement" not in told and watch.ending is Ending.ITSELF:
        raise SandboxError(
            told.get("error") or f"{program} could not be confined (code {returncode}): {tail[-500:]}",
            kept="The program was not started",
            hint=told.get("hint", ""),
        )
    confinement = Confinement(**told["confinement"]) if "confinement" in told else None
    return Finished(program, returncode, bytes(watch.stdout), tail, watch.ending, confinement)


def _open_input(path: Path, stack: contextlib.ExitStack) -> int:
    try:
        # Non-blocking, so that a pipe put in a file's place is refused below instead of waited for.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SandboxError(f"{path} can't be opened: {error.strerror}") from error
    stack.callback(os.close, handle)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise SandboxError(f"{path} is not a regular file")
    return handle


def _fill(word: str, handles: Mapping[str, int]) -> str:
    for name, handle in handles.items():
        word = word.replace(f"{{{name}}}", f"/proc/self/fd/{handle}")
    return word


def _environment() -> dict[str, str]:
    """Nothing of ours: our environment may hold secrets."""
    return {"PATH": _SEARCH_PATH, "HOME": ".", "TMPDIR": ".", "LANG": "C.UTF-8", "TZ": "UTC"}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program with all it started; not yet reaped, so that the group's number is still its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(slots=True)
class _Watch:
    """Reads a running program's pipes and looks at the clock until it ends or has to."""

    process: subprocess.Popen[bytes]
    status: int
    on_progress: Callable[[bytes], None] | None
    cancel: threading.Event | None
    deadline: float
    ending: Ending = Ending.ITSELF
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    told: bytearray = field(default_factory=bytearray)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def attend(self) -> None:
        """Return once the program has ended, or has to end for the reason then in `ending`."""
        pid_handle = os.pidfd_open(self.process.pid)
        try:
            self._selector.register(pid_handle, selectors.EVENT_READ, None)
            for pipe, sink in self._pipes():
                self._selector.register(pipe, selectors.EVENT_READ, sink)
            while True:
                ready = {key.fd for key in self._read(_LOOK_SECONDS)}
                if pid_handle in ready:
                    return
                self.ending = self._reason_to_end()
                if self.ending is not Ending.ITSELF:
                    return
        finally:
            self._selector.unregister(pid_handle)
            os.close(pid_handle)

    def drain(self) -> None:
        """Read what is left in the pipes of a program that has ended."""
        until = clock.monotonic() + _DRAIN_SECONDS
        while self._selector.get_map() and clock.monotonic() < until:
            self._read(_LOOK_SECONDS)
        self._selector.close()
        if self.on_progress and self.stdout:
            self.on_progress(bytes(self.stdout))
            self.stdout.clear()

    def _pipes(self) -> list[tuple[int, Callable[[bytes], None]]]:
        assert self.process.stdout is not None and self.process.stderr is not None  # noqa: S101 - for the types
        return [
            (self.process.stdout.fileno(), self._take_stdout),
            (self.process.stderr.fileno(), self._take_stderr),
            (self.status, self.told.extend),
        ]

    def _read(self, seconds: float) -> list[selectors.SelectorKey]:
        keys = [key for key, _ in self._selector.select(seconds)]
        for key in keys:
            if key.data is None:
                continue
            chunk = os.read(key.fd, _CHUNK_BYTES)
            if chunk:
                key.data(chunk)
            else:
                self._selector.unregister(key.fileobj)
        return keys

    def _take_stdout(self, chunk: bytes) -> None:
        self.stdout += chunk
        if self.on_progress is None:
            return
        *lines, rest = self.stdout.split(b"\n")
        self.stdout = rest
        for line in lines:
            self.on_progress(bytes(line))

    def _take_stderr(self, chunk: bytes) -> None:
        self.stderr += chunk
        del self.stderr[:-STDERR_TAIL_BYTES]

    def _reason_to_end(self) -> Ending:
        if self.cancel is not None and self.cancel.is_set():
            return Ending.CANCELLED
        if len(self.stdout) > (_LINE_BYTES if self.on_progress else STDOUT_BYTES):
            return Ending.OUTPUT
        return Ending.TIME if clock.monotonic() > self.deadline else Ending.ITSELF
