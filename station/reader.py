"""The confined reader: `python -m station.reader OPTIONS`, started by `station.acquire.reading` for one docking.

Guarantees: confined before it looks at a single byte of the source, or it ends without looking; it writes nothing but
files of random names in the folder it was started in; whatever a hostile card does to it ends this docking only.
Speaks `station.records.reading` on stdin and stdout. Exit code 0 after `done`; 2 with one line on stderr otherwise.
"""

import codecs
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext

from station.acquire.copy import Copier
from station.device.folder import Folder
from station.device.mtp import Mtp
from station.device.opener import Opener, start_opener
from station.device.usbfs import Usbfs
from station.device.volume import Card, Source
from station.digest import new_hasher
from station.errors import StationError
from station.records.reading import CopyOrder, Done, Fault, Listed, Message, ReaderOptions
from station.sandbox.confinement import Limits, confine

_LIMITS = Limits(
    # A day: the card's size decides how long an honest copy takes; silence is what the parent punishes.
    cpu_seconds=24 * 3600,
    address_space_bytes=1024**3,
    file_size_bytes=2 * 1024**4,
)
_STACK_BYTES = 512 * 1024
# Codecs are modules, loaded when first used: they must be in memory before the files are out of reach.
_CODECS = ("utf-8", "utf-16-le", "ascii")


def main(arguments: list[str]) -> int:
    """Read one source as the options say; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    try:
        _run(ReaderOptions.model_validate_json(arguments[0]))
    except BrokenPipeError:
        return 2  # the parent is gone; nobody to tell
    except (StationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(options: ReaderOptions) -> None:
    os.environ["TZ"] = "UTC"  # The Sleuth Kit turns stored times with the process's zone
    time.tzset()
    threading.stack_size(_STACK_BYTES)
    for name in (*_CODECS, options.code_page):
        codecs.lookup(name)
    for algorithm in options.further_digests:
        new_hasher(algorithm)  # loads what it needs, and refuses before anything is read
    staging = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with start_opener(options.source) if options.kind == "folder" else nullcontext() as opener:
        confine(
            # The node of a recorder that speaks MTP is open already, and is never to be opened again.
            readable=[] if options.kind == "mtp" else [options.source],
            writable=[staging],
            limits=_LIMITS,
            user=options.user,
            die_with_parent=options.parent,
        )
        with _open(options, opener) as source:
            _list(source)
            order = CopyOrder.model_validate_json(sys.stdin.buffer.readline())
            _copy(source, order, staging, options.further_digests)
        _say(Done())


@contextmanager
def _open(options: ReaderOptions, opener: Opener | None) -> Iterator[Source]:
    if opener is not None:
        yield Folder(opener, direct=options.direct)
    elif options.kind == "mtp":
        with closing(Usbfs(options.source)) as pipe, closing(Mtp(pipe)) as recorder:
            yield recorder
    else:
        yield Card(options.source, options.code_page)


def _say(message: Message) -> None:
    sys.stdout.buffer.write(message.model_dump_json().encode() + b"\n")
    sys.stdout.buffer.flush()


def _list(source: Source) -> None:
    for volume in source.volumes():
        _say(volume)
    count = 0
    for message in source.entries():
        count += not isinstance(message, Fault)
        _say(message)
    _say(Listed(entries=count, whole=source.whole))


def _copy(source: Source, order: CopyOrder, staging: int, further: tuple[str, ...]) -> None:
    with Copier(staging, _say, further) as copier:
        for ids, take in ((order.copy_ids, copier.copy), (order.rehash_ids, copier.rehash)):
            for entry_id in ids:
                try:
                    content = source.open_content(entry_id)
                except (OSError, RuntimeError, OverflowError, ValueError) as error:
                    copier.fail(entry_id, f"it can't be opened: {error}")
                    continue
                take(entry_id, content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
