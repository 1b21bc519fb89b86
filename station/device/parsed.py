"""NTFS and ext, whose directories are trees and whose times are UTC: listed and read through The Sleuth Kit.

Guarantees: the file system's own metadata files are left out, named streams are listed, raw NTFS names come from the
$FILE_NAME attributes. Times are the stored UTC ones, so their offset is 0.
Source of the NTFS layouts: Linux-NTFS project documentation, $FILE_NAME (30h) and $DATA (80h).
"""

import errno
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytsk3

from station.device.content import ParsedContent, find_runs
from station.device.image import Image
from station.device.names import byte_name, utf16_name
from station.device.tree import Content, Listing, Node, NodeKind
from station.records.reading import RawName, RawTimes

_FIRST_USER_RECORD = 24  # NTFS keeps records 0 to 23 for itself
_NTFS_ROOT = 5
_FILE_NAME, _DATA = 48, 128
_MAX_FILE_NAME_BYTES = 66 + 2 * 255
_ENCRYPTED = 0x10
_REPARSE_POINT = 192
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_KINDS: dict[int, NodeKind] = {
    int(pytsk3.TSK_FS_META_TYPE_REG): "file",
    int(pytsk3.TSK_FS_META_TYPE_DIR): "directory",
    int(pytsk3.TSK_FS_META_TYPE_LNK): "symlink",
}
_DETECTORS = {"ntfs": pytsk3.TSK_FS_TYPE_NTFS_DETECT, "ext": pytsk3.TSK_FS_TYPE_EXT_DETECT}
_VIRTUAL = {int(pytsk3.TSK_FS_META_TYPE_VIRT), int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR)}


class Parsed:
    """One file system of a card as The Sleuth Kit understands it."""

    label: str | None = None

    def __init__(self, image: Image, offset_bytes: int, kind: str) -> None:
        """Open the file system of that kind at `offset_bytes`; raises OSError or RuntimeError when there is none."""
        parsed = pytsk3.FS_Info(image, offset=offset_bytes, type=_DETECTORS[kind])
        self.offset_bytes = offset_bytes
        self.kind = kind
        self._image = image
        self._parsed = parsed
        used = bytes(parsed.info.fs_id)[: parsed.info.fs_id_used]
        self.serial: str | None = bytes(reversed(used)).hex() if kind == "ntfs" else used.hex() or None
        if kind == "ntfs":
            self.label = self._find_label()

    def root(self) -> Node:
        """Return the root directory's node."""
        address = int(self._parsed.info.root_inum)
        return Node(RawName(raw="", encoding="none", text=""), address, "directory", identity=address)

    def list_directory(self, directory: Node) -> Listing:
        """List one directory; raises OSError when nothing of it can be read."""
        nodes: list[Node] = []
        bad_before = len(self._image.bad)
        try:
            for file in self._parsed.open_dir(inode=directory.address):
                nodes += self._read_nodes(file, directory.address)
        except RuntimeError as error:  # what pytsk3 makes of an OSError in our own read
            raise OSError(errno.EIO, str(error)) from error
        damage = "sectors of it can't be read" if len(self._image.bad) > bad_before else None
        return Listing(tuple(nodes), damage)

    def open_content(self, node: Node) -> Content:
        """Open a file's bytes by metadata address, or one named stream of it; raises OSError."""
        try:
            file = self._parsed.open_meta(node.address)
            attribute = node.stream or _find_data(file, self.kind)
            runs = find_runs(file, self.offset_bytes, self._parsed.info.block_size, attribute)
        except RuntimeError as error:
            raise OSError(errno.EIO, str(error)) from error
        return ParsedContent(self._image, file, node.size_bytes, attribute, runs)

    def _find_label(self) -> str | None:
        try:
            volume = self._parsed.open_meta(3)
            for attribute in volume:
                if int(attribute.info.type) == 96 and attribute.info.size:  # $VOLUME_NAME
                    raw = volume.read_random(0, attribute.info.size, 96, attribute.info.id)
                    return utf16_name(raw).text
        except (OSError, RuntimeError):
            return None
        return None

    def _is_own(self, address: int, name: bytes, parent: int) -> bool:
        if name in (b".", b".."):
            return True
        if self.kind == "ntfs":
            return address < _FIRST_USER_RECORD or parent == 11  # 11 is $Extend
        return parent == int(self._parsed.info.root_inum) and name == b"lost+found"

    def _is_stale(self, entry: Any) -> bool:
        """Tell whether an NTFS name outlived its file: the record is free, or serves another file by now.

        A freed index block keeps its names, and The Sleuth Kit takes them for names in use.
        """
        if self.kind != "ntfs":
            return False
        try:
            record = self._parsed.open_meta(int(entry.meta_addr)).info.meta
        except (OSError, RuntimeError):
            return False
        unused = int(record.flags) & int(pytsk3.TSK_FS_META_FLAG_UNALLOC)
        return bool(unused) or int(record.seq) != int(entry.meta_seq)

    def _read_nodes(self, file: Any, parent: int) -> Iterator[Node]:
        entry, meta = file.info.name, file.info.meta
        address = int(entry.meta_addr)
        if self._is_own(address, bytes(entry.name), parent):
            return
        deleted = bool(int(entry.flags) & int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC))
        if meta is None:
            deleted = deleted or self._is_stale(entry)
            kind: NodeKind = "deleted" if deleted else "directory_damaged"
            yield Node(byte_name(bytes(entry.name)), address, kind, note="its metadata can't be read")
            return
        if int(meta.type) in _VIRTUAL:
            return
        kind = "deleted" if deleted else _KINDS.get(int(meta.type), "special")
        attributes = list(file) if self.kind == "ntfs" else []
        name = byte_name(bytes(entry.name))
        if attributes and not deleted:
            name = _find_ntfs_name(file, attributes, bytes(entry.name), parent) or name
            if any(int(attribute.info.type) == _REPARSE_POINT for attribute in attributes):
                kind = "symlink" if not _is_plain_reparse(meta) else kind
        times = _read_times(meta)
        size = 0 if kind == "directory" else int(meta.size)
        note = None
        if kind == "file" and size == 0:
            kind = "empty"
            if any(_holds_clusters(attribute) for attribute in attributes):
                kind, note = "unclosed", "size 0, but clusters are allocated to it"
        yield Node(name, address, kind, size, times, identity=address, note=note)
        if not deleted:
            yield from _read_streams(attributes, name, address, times)


def _is_plain_reparse(meta: Any) -> bool:
    # The Sleuth Kit knows no reparse tags: a regular file with data keeps its kind, only its data is read.
    return int(meta.type) == int(pytsk3.TSK_FS_META_TYPE_REG)


def _holds_clusters(attribute: Any) -> bool:
    return int(attribute.info.type) == _DATA and not attribute.info.name and any(True for _ in attribute)


def _read_streams(attributes: list[Any], name: RawName, address: int, times: RawTimes) -> Iterator[Node]:
    for attribute in attributes:
        stream_name = attribute.info.name
        if int(attribute.info.type) != _DATA or not stream_name:
            continue
        label = bytes(stream_name).decode("utf-8", "replace")
        raw = bytes.fromhex(name.raw) + f":{label}".encode("utf-16-le")
        yield Node(
            utf16_name(raw),
            address,
            "stream",
            int(attribute.info.size),
            times,
            stream=(_DATA, int(attribute.info.id)),
        )


def _find_ntfs_name(file: Any, attributes: list[Any], listed: bytes, parent: int) -> RawName | None:
    """Find the stored UTF-16 name that The Sleuth Kit shows as `listed` among the file's hard links."""
    for attribute in attributes:
        if int(attribute.info.type) != _FILE_NAME:
            continue
        try:
            stored = file.read_random(
                0, min(int(attribute.info.size), _MAX_FILE_NAME_BYTES), _FILE_NAME, attribute.info.id
            )
        except (OSError, RuntimeError):
            continue
        raw = stored[66 : 66 + 2 * stored[64]] if len(stored) >= 66 else b""
        same_parent = int.from_bytes(stored[:6], "little") == parent
        if same_parent and raw.decode("utf-16-le", "replace") == listed.decode("utf-8", "replace"):
            return utf16_name(raw)
    return None


def _find_data(file: Any, kind: str) -> tuple[int, int] | None:
    if kind != "ntfs":
        return None
    for attribute in file:
        if int(attribute.info.type) == _DATA and not attribute.info.name:
            return _DATA, int(attribute.info.id)
    return None


def _read_times(meta: Any) -> RawTimes:
    def moment(seconds: int, nanoseconds: int) -> str | None:
        if not seconds:
            return None
        try:
            when = _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
        except OverflowError:
            return None
        return when.replace(tzinfo=None).isoformat()

    return RawTimes(
        modified=moment(meta.mtime, meta.mtime_nano),
        created=moment(meta.crtime, meta.crtime_nano),
        accessed=moment(meta.atime, meta.atime_nano),
        zone_offset_minutes=0,
    )
