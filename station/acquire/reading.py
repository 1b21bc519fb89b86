"""The parent's side of the confined reader: starts it on one source, hears it out, always buries it.

Guarantees: the source is opened read-only and nothing of it is parsed here; a reader that dies, falls silent or says
what the protocol does not know ends as ReaderDiedError and is killed, and so is one whose recorder was taken out; no
process outlives the `with` block but one that the kernel itself holds on to.
"""

import fcntl
import os
import selectors
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import structlog
from pydantic import ValidationError

from station import clock
from station.direct import set_direct
from station.errors import ReaderDiedError, SourceError
from station.records.reading import (
    Copied,
    CopyOrder,
    CopyProgress,
    Done,
    EntrySeen,
    Fault,
    Listed,
    ReaderMessage,
    ReaderOptions,
    VolumeSeen,
    reader_messages,
)

_logger = structlog.get_logger(__name__)
SILENCE_SECONDS = 120.0
READER: tuple[str, ...] = (sys.executable, "-P", "-m", "station.reader")
_MAX_LINE_BYTES = 4 * 1024 * 1024
_STDERR_TAIL_BYTES = 4096
_PIPE_BYTES = 64 * 1024
_BLKROGET = 0x125E  # linux/fs.h
_USB_MAJOR = 189  # Linux, admin-guide/devices.txt
_READER_KINDS: dict[str, Literal["card", "folder", "mtp"]] = {
    "device": "card",
    "image": "card",
    "folder": "folder",
    "mtp": "mtp",
}
_END_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_LAST_WORDS_SECONDS = 3.0
_REFUSED = 2  # the reader's exit status when it ended by its own decision, having said why on stderr


@dataclass(frozen=True, slots=True)
class OpenSource:
    """An opened source: its descriptor, what it is, and for a block device whether the kernel holds it read-only."""

    handle: int
    kind: Literal["device", "image", "folder", "mtp"]
    read_only: bool | None
    size_bytes: int | None


def open_source(path: Path, *, direct: bool, usb: bool = False) -> OpenSource:
    """Open a block device, image file or folder read-only; raises SourceError.

    With `direct` a card is read past the page cache wherever its file system allows that. With `usb` the path may also
    be the usbfs node of a recorder that speaks MTP, which the kernel wants open for writing to carry questions too.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SourceError(f"{path} can't be opened: {error.strerror}") from error
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            return OpenSource(handle, "folder", None, None)
        if usb and stat.S_ISCHR(mode) and os.major(os.fstat(handle).st_rdev) == _USB_MAJOR:
            node = os.open(f"/proc/self/fd/{handle}", os.O_RDWR | os.O_CLOEXEC)
            os.close(handle)
            return OpenSource(node, "mtp", None, None)
        if not (stat.S_ISBLK(mode) or stat.S_ISREG(mode)):
            raise SourceError(f"{path} is neither a block device, nor an image file, nor a folder")
        if direct:
            set_direct(handle, True)
        size = os.lseek(handle, 0, os.SEEK_END)
        if stat.S_ISREG(mode):
            return OpenSource(handle, "image", None, size)
        answer = fcntl.ioctl(handle, _BLKROGET, struct.pack("i", 0))
        return OpenSource(handle, "device", bool(struct.unpack("i", answer)[0]), size)
    except OSError as error:
        os.close(handle)
        raise SourceError(f"{path} can't be examined: {error.strerror}") from error
    except SourceError:
        os.close(handle)
        raise


class Reading:
    """One reader on one source. Use as a context manager: `list`, then `order`, then `results`."""

    def __init__(
        self,
        source: Path,
        inbox: Path,
        *,
        code_page: str,
        user: str,
        direct: bool = True,
        writable: bool = True,
        usb: bool = False,
        silence_seconds: float = SILENCE_SECONDS,
        gone: Callable[[], bool] = lambda: False,
        further_digests: tuple[str, ...] = (),
        command: tuple[str, ...] | None = None,
    ) -> None:
        """Prepare to read `source` into the empty folder `inbox`, which belongs to `user` when root starts this.

        With `writable` False a block device is read only if the kernel refuses writes to it; `usb`: see `open_source`.
        `code_page` decodes FAT short names for display; `further_digests` are taken beside SHA-256. `command` is the
        reader's program, for tests.
        """
        self.source = source
        self._inbox = inbox
        self._code_page = code_page
        self._user = user
        self._direct = direct
        self._writable = writable
        self._usb = usb
        self._silence_seconds = silence_seconds
        self._gone = gone
        self._further_digests = further_digests
        self._gone_at: float | None = None
        self._command = command or READER
        self._lines = bytearray()
        self._stderr = bytearray()
        self._done = False

    def __enter__(self) -> Self:
        """Open the source and start the reader; raises SourceError."""
        self.opened = open_source(self.source, direct=self._direct, usb=self._usb)
        if not self._writable and self.opened.read_only is False:
            os.close(self.opened.handle)
            raise SourceError(
                f"{self.source} is not read-only",
                kept="It was not read, and nothing was written to it",
                hint="Install the station's udev rules (`make install-system`), then plug it in anew",
            )
        try:
            self._process = self._start(self.opened)
        except OSError as error:
            raise SourceError(f"The reader for {self.source} could not be started: {error.strerror}") from error
        finally:
            os.close(self.opened.handle)
        self._selector = selectors.DefaultSelector()
        for pipe, name in ((self._process.stdout, "stdout"), (self._process.stderr, "stderr")):
            assert pipe is not None  # noqa: S101 - narrows types only
            self._selector.register(pipe, selectors.EVENT_READ, name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the reader, by force unless it has said `done`, and wait for it."""
        if self._done and kind is None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._bury()
        else:
            self._bury()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # an order that a dead reader did not take is still in the buffer
                    pipe.close()

    @property
    def pid(self) -> int:
        """The reader's process id."""
        return self._process.pid

    def list(self) -> Iterator[VolumeSeen | EntrySeen | Fault | Listed]:
        """Yield what lies on the source; the last message is `Listed`. Raises ReaderDiedError."""
        while True:
            message = self._next()
            if not isinstance(message, VolumeSeen | EntrySeen | Fault | Listed):
                raise self._died(f"it said {message.event!r} before the listing was over")
            yield message
            if isinstance(message, Listed):
                return

    def order(self, order: CopyOrder) -> None:
        """Tell the reader what to copy and what to hash; raises ReaderDiedError."""
        assert self._process.stdin is not None  # noqa: S101 - narrows types only
        try:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died("it no longer listened") from None

    def results(self) -> Iterator[CopyProgress | Copied | Fault]:
        """Yield progress and results until the reader is done. Raises ReaderDiedError."""
        while True:
            message = self._next()
            if isinstance(message, Done):
                self._done = True
                return
            if not isinstance(message, CopyProgress | Copied | Fault):
                raise self._died(f"it said {message.event!r} while copying")
            yield message

    def _start(self, opened: OpenSource) -> "subprocess.Popen[bytes]":
        options = ReaderOptions(
            source=opened.handle,
            kind=_READER_KINDS[opened.kind],
            direct=self._direct,
            code_page=self._code_page,
            user=self._user,
            parent=os.getpid(),
            further_digests=self._further_digests,
        )
        # Nothing of our environment: it may hold the database's password.
        environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "MALLOC_ARENA_MAX": "2",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYDANTIC_DISABLE_PLUGINS": "__all__",  # no foreign code beside a hostile card
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        return subprocess.Popen(
            [*self._command, options.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._inbox,
            env=environment,
            pass_fds=[opened.handle],
        )

    def _next(self) -> ReaderMessage:
        deadline = clock.monotonic() + self._silence_seconds
        while (end := self._lines.find(b"\n")) < 0:
            if len(self._lines) > _MAX_LINE_BYTES:
                raise self._died("it sent a line without end")
            self._hear(deadline)
        line = bytes(self._lines[:end])
        del self._lines[: end + 1]
        try:
            return reader_messages.validate_json(line)
        except ValidationError as error:
            raise self._died("it said what the protocol does not know") from error

    def _hear(self, deadline: float) -> None:
        now = clock.monotonic()
        events = self._selector.select(max(0.0, min(deadline - now, _LOOK_SECONDS)))
        if self._is_left(heard=bool(events)):
            raise self._died("the recorder was taken out")
        if not events and clock.monotonic() >= deadline:
            raise self._died(f"it was silent for {self._silence_seconds:.0f} seconds")
        for key, _ in events:
            data = os.read(key.fd, _PIPE_BYTES)
            if key.data == "stderr":
                self._stderr = (self._stderr + data)[-_STDERR_TAIL_BYTES:]
            else:
                self._lines += data
            if not data:
                self._selector.unregister(key.fileobj)
                if key.data == "stdout":
                    raise self._ended(deadline)

    def _is_left(self, *, heard: bool) -> bool:
        """Tell whether the source is gone and the reader has had its time to say what it had read until then."""
        if not self._gone():
            return False
        self._gone_at = self._gone_at if self._gone_at is not None else clock.monotonic()
        return not heard or clock.monotonic() - self._gone_at > _LAST_WORDS_SECONDS

    def _bury(self) -> int | None:
        """End the reader by force; None when the kernel does not let it go yet: a disk that hangs holds it."""
        self._process.kill()
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            _logger.error("reader not buried", pid=self._process.pid, source=str(self.source))
            return None

    def _ended(self, deadline: float) -> SourceError:
        self._drain_stderr(deadline)
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        if code == _REFUSED:
            said = self._stderr.decode("utf-8", "replace").strip()
            return SourceError(f"{self.source} can't be read: {said}", kept="Nothing was taken in from it")
        return self._died("it ended early")

    def _drain_stderr(self, deadline: float) -> None:
        while self._selector.get_map() and self._selector.select(max(0.0, deadline - clock.monotonic())):
            key = next(iter(self._selector.get_map().values()))
            data = os.read(key.fd, _PIPE_BYTES)
            self._stderr = (self._stderr + data)[-_STDERR_TAIL_BYTES:]
            if not data:
                self._selector.unregister(key.fileobj)

    def _died(self, what: str) -> ReaderDiedError:
        code = self._bury()
        said = self._stderr.decode("utf-8", "replace").strip()
        detail = f", saying: {said}" if said else ""
        return ReaderDiedError(
            f"The reader of {self.source} failed: {what} (exit status {code}{detail})",
            kept="What was already taken in is kept; the source is untouched",
            hint="Dock it again; if it happens again, read the card on another machine",
        )
