"""A reader of tile folders written from c2sp.org/tlog-tiles and RFC 6962 alone; it imports nothing of the station."""

import base64
import hashlib
from pathlib import Path


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def name_of(number: int) -> str:
    """1234067 is x001/x234/067."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def head_of(folder: Path) -> tuple[str, int, bytes]:
    """Origin, size and root of the checkpoint, unverified."""
    origin, size, root = (folder / "checkpoint").read_text().split("\n")[:3]
    return origin, int(size), base64.b64decode(root, validate=True)


def tiles_of(size: int) -> dict[str, tuple[int, int, int]]:
    """Path: level, index of its first hash, number of hashes; all tiles that a tree of this size has."""
    tiles: dict[str, tuple[int, int, int]] = {}
    level = 0
    while size // 256**level:
        hashes = size // 256**level
        for number in range(hashes // 256):
            tiles[f"tile/{level}/{name_of(number)}"] = (level, number * 256, 256)
        if hashes % 256:
            tiles[f"tile/{level}/{name_of(hashes // 256)}.p/{hashes % 256}"] = (
                level,
                hashes // 256 * 256,
                hashes % 256,
            )
        level += 1
    return tiles


def check_folder(folder: Path, *, with_entries: bool = False) -> list[bytes]:
    """Recompute every hash of every tile from the leaves; return the leaves. Raises AssertionError."""
    _, size, root = head_of(folder)
    content = {path: (folder / path).read_bytes() for path in tiles_of(size)}
    leaves = []
    for path, (level, _, count) in tiles_of(size).items():
        assert len(content[path]) == count * 32, path
        if level == 0:
            leaves += [content[path][at : at + 32] for at in range(0, count * 32, 32)]
    assert len(leaves) == size
    for path, (level, first, count) in tiles_of(size).items():
        span = 256**level
        expected = b"".join(root_of(leaves[at * span : (at + 1) * span]) for at in range(first, first + count))
        assert content[path] == expected, path
    assert root_of(leaves) == root
    if with_entries:
        assert [hashlib.sha256(b"\x00" + entry).digest() for entry in entries_of(folder, size)] == leaves
    return leaves


def entries_of(folder: Path, size: int) -> list[bytes]:
    """The entries of all bundles: big-endian uint16 length, entry."""
    entries = []
    for path, (level, _, count) in tiles_of(size).items():
        if level:
            continue
        raw = (folder / path.replace("tile/0/", "tile/entries/")).read_bytes()
        start = len(entries)
        while raw:
            length = int.from_bytes(raw[:2], "big")
            assert len(raw) >= 2 + length
            entries.append(raw[2 : 2 + length])
            raw = raw[2 + length :]
        assert len(entries) - start == count
    return entries
