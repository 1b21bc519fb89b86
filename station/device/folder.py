"""A folder as a source: recordings that somebody copied by hand, or a recorder that shows up as one.

Guarantees: nothing is followed out of the folder (see `opener`); a file that changed between listing and reading is
not read; no access time is left behind where that can be avoided.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from station.device.content import sniff_content
from station.device.names import byte_name
from station.device.opener import Opener, Steps
from station.device.tree import Content
from station.direct import read_into, set_direct
from station.records.reading import EntrySeen, EntryState, Fault, RawTimes, VolumeSeen

MAX_DEPTH = 64
MAX_ENTRIES = 1_000_000
_ADDRESS_MASK = 2**53 - 1  # the ledger's JSON (RFC 8785) holds no larger integers; some network file systems do
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: the text carries its offset beside it


@dataclass(frozen=True, slots=True)
class _Listed:
    steps: Steps
    identity: tuple[int, int, int, int]


class FolderContent:
    """The bytes of one file of the folder."""

    missing: tuple[tuple[int, int], ...] = ()
    concurrent = True

    def __init__(self, handle: int) -> None:
        """Take an open descriptor, which stays the caller's."""
        self._handle = handle
        self.size_bytes = os.fstat(handle).st_size

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` from `offset`; raises OSError, also when the file has become shorter."""
        if read_into(self._handle, offset, target) != len(target):
            raise OSError(errno.EIO, "the file became shorter while it was read")


class Folder:
    """Everything below one folder, as one volume."""

    def __init__(self, opener: Opener, *, direct: bool = False) -> None:
        """Take what opens below the folder; with `direct` contents are read past the page cache where possible."""
        self.whole = True
        self._opener = opener
        self._direct = direct
        self._listed: list[_Listed] = []
        self._content_handle: int | None = None

    def volumes(self) -> Iterator[VolumeSeen]:
        """Name the one volume."""
        yield VolumeSeen(volume=0, offset_bytes=0, file_system="folder")

    def entries(self) -> Iterator[EntrySeen | Fault]:
        """List everything once, sorted by name within each folder."""
        stack: list[Steps] = [()]
        while stack:
            folder = stack.pop()
            try:
                if len(folder) > MAX_DEPTH or len(self._listed) > MAX_ENTRIES:
                    raise OSError(errno.ELOOP, "the folder is too deep or too large")
                names = self._list_names(folder)
            except OSError as error:
                self.whole = False
                yield self._add(folder, None, "directory_damaged", note=error.strerror)
                continue
            below = []
            for name in names:
                steps = (*folder, name)
                entry = self._look(steps)
                if entry is None:
                    below.append(steps)
                else:
                    yield entry
            stack += reversed(below)

    def open_content(self, entry_id: int) -> Content:
        """Open one file, closing the one before; raises OSError when it is not the file that was listed."""
        listed = self._listed[entry_id]
        if self._content_handle is not None:
            os.close(self._content_handle)
            self._content_handle = None
        handle = self._opener(listed.steps)
        self._content_handle = handle
        if _identify(os.fstat(handle)) != listed.identity:
            raise OSError(errno.ESTALE, "it changed after it was listed")
        if not (self._direct and set_direct(handle, True)):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED if self._direct else os.POSIX_FADV_SEQUENTIAL)
        return FolderContent(handle)

    def _list_names(self, folder: Steps) -> list[bytes]:
        handle = self._opener(folder)
        try:
            with os.scandir(handle) as found:
                return sorted(os.fsencode(entry.name) for entry in found)
        finally:
            os.close(handle)

    def _look(self, steps: Steps) -> EntrySeen | None:
        """Describe one entry; None for a directory."""
        try:
            handle = self._opener(steps)
        except OSError as error:
            if error.errno == errno.EXDEV:
                self.whole = False
                return self._add(steps, None, "directory_damaged", note="another file system is mounted there")
            return self._add(steps, None, "file", note=f"it can't be opened: {error.strerror}")
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                return None
            if stat.S_ISLNK(status.st_mode):
                return self._add(steps, status, "symlink")
            if not stat.S_ISREG(status.st_mode):
                return self._add(steps, status, "special")
            if not status.st_size:
                return self._add(steps, status, "empty")
            return self._add(steps, status, "file", handle=handle)
        finally:
            os.close(handle)

    def _add(
        self,
        steps: Steps,
        status: os.stat_result | None,
        state: EntryState,
        *,
        note: str | None = None,
        handle: int | None = None,
    ) -> EntrySeen:
        entry_id = len(self._listed)
        self._listed.append(_Listed(steps, _identify(status) if status else (0, 0, 0, 0)))
        size = status.st_size if status and stat.S_ISREG(status.st_mode) else 0
        media = container = None
        if handle is not None:
            content = FolderContent(handle)
            media, container, note = sniff_content(size, lambda: content)
        return EntrySeen(
            id=entry_id,
            volume=0,
            path=tuple(byte_name(step) for step in steps),
            address=status.st_ino & _ADDRESS_MASK if status else 0,
            state=state,
            size_bytes=size,
            times=_read_times(status),
            media=media,
            container=container,
            note=note,
        )


def _identify(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_times(status: os.stat_result | None) -> RawTimes:
    if status is None:
        return RawTimes()
    # No access time: our own reading may change it, and a sighting must look the same tomorrow.
    modified = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    return RawTimes(modified=modified.isoformat(), zone_offset_minutes=0)
