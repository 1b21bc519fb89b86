"""A recorder that shows its files by MTP: storages, folders and files as one tree, read and never written.

Guarantees: only `ptp.Operation` is ever sent; nothing listed is dropped without `whole` becoming False; loops, absurd
depth and absurd counts end the walk there, said so in the listing; a file is read as long as the recorder said it is,
or fails. One that falls silent or goes away ends like a card that is pulled out: what was read stays, the rest fails.

Object handles last for one session only (MTP 1.1, section 3.4.1), so a file's address, which has to be the same when
the recorder comes again, is its number among those of the same path: 0 but for names that a folder holds twice.
"""

import errno
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from station.device.content import sniff_content
from station.device.mtp_content import PartialContent, StreamContent
from station.device.mtp_info import ObjectInfo, read_object_info
from station.device.names import make_text, utf16_name
from station.device.ptp import UNKNOWN_LENGTH, DataSet, Operation, Pipe, Session
from station.device.tree import Content
from station.errors import SourceError
from station.records.reading import EntrySeen, Fault, RawName, VolumeSeen

MAX_DEPTH = 64
MAX_ENTRIES = 1_000_000
_OBJECT_SIZE = 0xDC04  # the property that holds 64 bits of it
_AT_ROOT = 0xFFFFFFFF
_ANY_FORMAT = 0
_FIRST_STORAGE = 0x00010001


@dataclass(frozen=True, slots=True)
class _Folder:
    storage: int
    handle: int
    path: tuple[RawName, ...]


@dataclass(frozen=True, slots=True)
class _Listed:
    handle: int
    size_bytes: int | None


class Mtp:
    """One recorder behind its two pipes."""

    def __init__(self, pipe: Pipe) -> None:
        """Open a session; raises SourceError."""
        self.whole = True
        self._listed: list[_Listed] = []
        self._volumes: dict[int, int] = {}
        self._seen: dict[int, int] = {}  # which folder each handle lies in
        self._alike: Counter[tuple[int, tuple[str, ...]]] = Counter()
        try:
            self._session = Session(pipe)
            self._supported = self._session.supported
            storages = DataSet(self._session.ask(Operation.GET_STORAGE_IDS)).numbers(4)
        except OSError as error:
            raise SourceError(f"The recorder can't be spoken to by MTP: {error.strerror}") from error
        # The lower half is 0 where a card could be and is not (MTP 1.1, section 5.2.1).
        self._storages = [storage for storage in dict.fromkeys(storages) if storage & 0xFFFF]

    def volumes(self) -> Iterator[VolumeSeen]:
        """Name the storages, by numbers that stay the same; raises SourceError when there is none."""
        if not self._storages:
            raise SourceError("The recorder shows no storage: it may be locked, or not ready yet")
        for storage in self._storages:
            self._volumes[storage] = (storage - _FIRST_STORAGE) % 2**32
            yield VolumeSeen(
                volume=self._volumes[storage], offset_bytes=0, file_system="mtp", label=self._read_label(storage)
            )

    def entries(self) -> Iterator[EntrySeen | Fault]:
        """List every storage's tree once, in the recorder's order."""
        for storage in self._storages:
            stack = [_Folder(storage, _AT_ROOT, ())]
            while stack:
                below: list[_Folder] = []
                yield from self._list_folder(stack.pop(), below)
                stack += reversed(below)

    def open_content(self, entry_id: int) -> Content:
        """Open the bytes of one file; raises OSError."""
        listed = self._listed[entry_id]
        if listed.size_bytes is None:
            raise OSError(errno.EOVERFLOW, "it is larger than 4 GiB, and the recorder does not say how large")
        partial = self._choose_partial(listed.size_bytes)
        if partial is not None:
            return PartialContent(self._session, partial, listed.handle, listed.size_bytes)
        if Operation.GET_OBJECT in self._supported:
            return StreamContent(self._session, listed.handle, listed.size_bytes)
        raise OSError(errno.EOPNOTSUPP, "the recorder has no way to read a file as large as that")

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _choose_partial(self, size_bytes: int) -> Operation | None:
        if Operation.GET_PARTIAL_OBJECT_64 in self._supported:
            return Operation.GET_PARTIAL_OBJECT_64
        fits = size_bytes <= UNKNOWN_LENGTH  # it takes offsets of 32 bits
        return Operation.GET_PARTIAL_OBJECT if fits and Operation.GET_PARTIAL_OBJECT in self._supported else None

    def _read_label(self, storage: int) -> str | None:
        try:
            fields = DataSet(self._session.ask(Operation.GET_STORAGE_INFO, storage))
            fields.skip(26)
            texts = [fields.text(), fields.text()]
        except OSError:
            return None  # if it matters, listing the storage fails too and says so
        label = next((text for text in reversed(texts) if text), b"")
        return make_text(label.decode("utf-16-le", "replace")) or None

    def _list_folder(self, folder: _Folder, below: list[_Folder]) -> Iterator[EntrySeen | Fault]:
        """List one folder, adding the folders in it to `below`."""
        try:
            if len(folder.path) > MAX_DEPTH or len(self._seen) > MAX_ENTRIES:
                raise OSError(errno.ELOOP, "it is too deep, or too much was listed already")
            asked = (folder.storage, _ANY_FORMAT, folder.handle)
            handles = DataSet(self._session.ask(Operation.GET_OBJECT_HANDLES, *asked)).numbers(4)
        except OSError as error:
            yield self._add_damaged(folder, error.strerror)
            return
        infos: dict[int, ObjectInfo] = {}
        elsewhere, refused = 0, list[str]()
        for handle in dict.fromkeys(handles):
            if handle in self._seen:
                elsewhere += self._seen[handle] != folder.handle
                continue
            try:
                info = self._read_info(handle)
            except OSError as error:
                refused.append(f"object {handle:#x} can't be described: {error.strerror}")
                if error.errno == errno.ENODEV:
                    break
                continue
            if folder.handle == _AT_ROOT:
                infos[handle] = info
            else:  # one by one: a folder may be large, and whoever listens must not take us for dead
                yield from self._add_all(folder, {handle: info}, below)
        if refused:
            self.whole = False
            yield Fault(what=f"{_show(folder.path)}: {refused[0]}, and so {len(refused)} in all")
        if elsewhere:
            yield self._add_damaged(folder, f"{elsewhere} of its entries lie in other folders: a loop or a cross-link")
        yield from self._add_all(folder, infos, below)

    def _add_all(
        self, folder: _Folder, infos: dict[int, ObjectInfo], below: list[_Folder]
    ) -> Iterator[EntrySeen | Fault]:
        # Asked for what lies at the root, some list everything at once; then what an object says of its folder counts.
        flat = folder.handle == _AT_ROOT and {each.parent for each in infos.values()} & infos.keys()
        for handle, info in infos.items():
            chain = _find_chain(handle, infos) if flat else ()
            if chain is None or len(self._seen) > MAX_ENTRIES:
                yield self._add_damaged(folder, f"object {handle:#x} lies in itself, or too much was listed already")
                continue
            self._seen[handle] = chain[-1] if chain else folder.handle
            path = (*folder.path, *(utf16_name(infos[each].name) for each in (*chain, handle)))
            if info.folder:
                below.append(_Folder(folder.storage, handle, path))
            else:
                yield self._add(folder.storage, handle, path, info)

    def _add(self, storage: int, handle: int, path: tuple[RawName, ...], info: ObjectInfo) -> EntrySeen:
        size = self._read_size(handle) if info.size_bytes == UNKNOWN_LENGTH else info.size_bytes
        entry_id = len(self._listed)
        self._listed.append(_Listed(handle, size))
        media = container = None
        note = None if size is not None else "the recorder does not say how large it is"
        # Without reading in parts, looking at a beginning would mean reading the whole file.
        if size and self._choose_partial(size) is not None:
            media, container, note = sniff_content(size, lambda: self.open_content(entry_id))
        return EntrySeen(
            id=entry_id,
            volume=self._volumes[storage],
            path=path,
            address=self._number(storage, path),
            state="empty" if size == 0 else "file",
            size_bytes=UNKNOWN_LENGTH if size is None else size,
            times=info.times,
            media=media,
            container=container,
            note=note,
        )

    def _add_damaged(self, folder: _Folder, note: str | None) -> EntrySeen:
        self.whole = False
        entry_id = len(self._listed)
        self._listed.append(_Listed(folder.handle, None))
        return EntrySeen(
            id=entry_id,
            volume=self._volumes[folder.storage],
            path=folder.path,
            address=self._number(folder.storage, folder.path),
            state="directory_damaged",
            size_bytes=0,
            note=note,
        )

    def _number(self, storage: int, path: tuple[RawName, ...]) -> int:
        key = (storage, tuple(name.raw for name in path))
        self._alike[key] += 1
        return self._alike[key] - 1

    def _read_info(self, handle: int) -> ObjectInfo:
        return read_object_info(self._session.ask(Operation.GET_OBJECT_INFO, handle))

    def _read_size(self, handle: int) -> int | None:
        """Return a size that 32 bits don't hold; None where the recorder does not tell."""
        if Operation.GET_OBJECT_PROP_VALUE not in self._supported:
            return None
        try:
            size = DataSet(self._session.ask(Operation.GET_OBJECT_PROP_VALUE, handle, _OBJECT_SIZE)).number(8)
        except OSError:
            return None  # told in the listing, and when the file is to be opened
        return size if UNKNOWN_LENGTH <= size < 2**62 else None


def _find_chain(handle: int, infos: dict[int, ObjectInfo]) -> tuple[int, ...] | None:
    """Return the folders above an object of a flat listing, from the root down; None where they form a loop."""
    chain: list[int] = []
    above = infos[handle].parent
    while above in infos:
        if above == handle or above in chain or len(chain) > MAX_DEPTH:
            return None
        chain.append(above)
        above = infos[above].parent
    return tuple(reversed(chain))


def _show(path: tuple[RawName, ...]) -> str:
    return "/".join(name.text for name in path) or "/"
