"""A watched folder: which files in it have come to rest, so that none is taken in while it is still being written.

Guarantees: what the watching tells is only a hint to look sooner, so no event that gets lost loses a file; a file is
still if its size and its time of last change were the same for the whole span; hidden files and those that copying
programs leave half-done are not looked at.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from station.errors import SourceError

_DEPTH = 16
_POLL_SECONDS = 5
_HALF = (".part", ".partial", ".crdownload", ".tmp", ".filepart", "~")
# File systems whose changes on another machine inotify does not tell (inotify(7), "Limitations and caveats").
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph")


@dataclass(frozen=True, slots=True)
class Still:
    """What a file looks like from outside: `modified` in nanoseconds."""

    size_bytes: int
    modified: int


class Stability:
    """Which files have looked the same for `seconds`: pure, told what is there and what time it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[Still, float]] = {}

    def settled(self, present: Mapping[str, Still], now: float) -> frozenset[str]:
        """Return the paths among `present` that have come to rest; `now` is a monotonic time in seconds."""
        self._seen = {
            path: self._seen[path] if path in self._seen and self._seen[path][0] == look else (look, now)
            for path, look in present.items()
        }
        return frozenset(path for path, (_, since) in self._seen.items() if now - since >= self._seconds)

    @property
    def waiting(self) -> bool:
        """Tell whether there is anything to look at again soon."""
        return bool(self._seen)


def look(folder: Path, name_of: Callable[[bytes], str]) -> dict[str, Still]:
    """Return the regular files below a folder by their path in it; raises SourceError when it can't be listed.

    `name_of` gives a name as people read it, and as a docking's account tells it.
    """
    try:
        return dict(_files(folder, "", 0, name_of))
    except OSError as error:
        raise SourceError(f"The watched folder {folder} can't be read: {error.strerror}") from error


def _files(folder: Path, above: str, depth: int, name_of: Callable[[bytes], str]) -> Iterator[tuple[str, Still]]:
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda each: each.name):
            path = above + name_of(os.fsencode(entry.name))
            if entry.name.startswith(".") or entry.name.lower().endswith(_HALF):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEPTH:
                    yield from _files(folder / entry.name, f"{path}/", depth + 1, name_of)
            elif entry.is_file(follow_symlinks=False):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # renamed while we looked
                yield path, Still(status.st_size, status.st_mtime_ns)


class _Wake(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("created", "modified", "moved", "closed"):
            self._wake()


def watch(folder: Path, wake: Callable[[], None]) -> BaseObserver:
    """Call `wake` when something changes in a folder; by inotify, or by looking where that is not available.

    Returns what is running, to be ended with `stop`. Raises SourceError when the folder is not there.
    """
    kinds: tuple[Callable[[], BaseObserver], ...] = (lambda: Observer(), lambda: PollingObserver(timeout=_POLL_SECONDS))
    for make in kinds[1:] if _is_remote(folder) else kinds:
        observer = make()
        try:
            observer.schedule(_Wake(wake), str(folder), recursive=True)
            observer.start()
        except OSError as error:  # too many watches, or no such folder
            reason = error.strerror
            continue
        return observer
    raise SourceError(f"The watched folder {folder} can't be watched: {reason}", hint="See the setting `inbox`")


def _is_remote(folder: Path) -> bool:
    real = os.path.realpath(folder)
    mounts = []
    with Path("/proc/self/mounts").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            place, kind = line.split()[1:3]
            place = place.replace("\\040", " ")
            if real == place or real.startswith(place.rstrip("/") + "/"):
                mounts.append((len(place), kind))
    return bool(mounts) and max(mounts)[1].startswith(_REMOTE)
