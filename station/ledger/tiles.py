"""The log as a folder of static files (c2sp.org/tlog-tiles): their names, and a check of the whole folder. Pure.

Guarantees: a folder is called sound only if its checkpoint is signed, every tile that a tree of that size has is there
and is what the tiles below hash to, every partial tile is the beginning of the wider one, the tiles lead to the signed
root, and every entry in a bundle has the leaf in the tile. Memory: the hashes of one level, 32 bytes an entry.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from station.errors import DamagedError, LedgerError
from station.ledger.merkle import HASH_BYTES, CompactRange, leaf_hash, perfect_positions
from station.ledger.note import NOTE_BYTES, Checkpoint, VerifierKey, verify_checkpoint

HEIGHT = 8
WIDTH = 1 << HEIGHT  # hashes of a full tile
TILE_BYTES = WIDTH * HASH_BYTES
ENTRIES = "entries"
CHECKPOINT = "checkpoint"
ENTRY_BYTES = 2**16 - 1  # the length prefix is a uint16
BUNDLE_BYTES = WIDTH * (ENTRY_BYTES + 2)

# Reads a tile: level, index within the level, width in hashes; returns width · 32 bytes.
TileReader = Callable[[int, int, int], bytes]


def tile_path(level: int | str, index: int, width: int = WIDTH) -> PurePosixPath:
    """Return the path of a tile, or of an entry bundle (`level` = ENTRIES), below the log's prefix."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    path = PurePosixPath("tile", str(level), *reversed(groups))
    return path if width == WIDTH else path.with_name(f"{path.name}.p") / str(width)


def levels(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield for each level of tiles its number, its full tiles, and the width of its partial one (0: none)."""
    level = 0
    while hashes := size >> HEIGHT * level:
        yield level, hashes // WIDTH, hashes % WIDTH
        level += 1


def tile_root(hashes: bytes) -> bytes:
    """Return the root of a full tile's subtree."""
    tree = CompactRange()
    for at in range(0, len(hashes), HASH_BYTES):
        tree.append(hashes[at : at + HASH_BYTES])
    return tree.root()


def range_of(size: int, read: TileReader) -> CompactRange:
    """Return the tree's compact range out of its partial tiles, which hold all that is needed for its root."""
    partial = {level: read(level, full, width) for level, full, width in levels(size) if width}
    hashes = []
    for level, index in perfect_positions(size):
        tile, depth = divmod(level, HEIGHT)
        first = (index << depth) % WIDTH
        hashes.append(tile_root(partial[tile][first * HASH_BYTES : (first + (1 << depth)) * HASH_BYTES]))
    return CompactRange(size, hashes)


def make_bundle(entries: Sequence[bytes]) -> bytes:
    """Return an entry bundle; raises LedgerError for an entry too long for its length prefix."""
    if any(len(entry) > ENTRY_BYTES for entry in entries):
        raise LedgerError(f"An entry is longer than {ENTRY_BYTES} bytes and can't stand in a bundle")
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def parse_bundle(raw: bytes) -> list[bytes]:
    """Return the entries of a bundle; raises DamagedError if it is cut off."""
    entries, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2])
        if at + 2 > len(raw) or end > len(raw):
            raise DamagedError("An entry bundle is cut off")
        entries.append(raw[at + 2 : end])
        at = end
    return entries


def verify_tiles(folder: Path, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, int]:
    """Check a whole folder; return its checkpoint and how many entries in bundles were checked.

    Raises DamagedError naming the file. Bundles are optional, but where one is there, all have to be.
    """
    checkpoint = verify_checkpoint(_read(folder / CHECKPOINT, NOTE_BYTES), *keys)
    size = checkpoint.size
    with_entries = (folder / "tile" / ENTRIES).exists()
    below = b""  # the roots of the full tiles of the level below
    checked = 0
    for level, full, width in levels(size):
        roots = bytearray()
        for index in range(full + (width > 0)):
            wide = WIDTH if index < full else width
            tile = _tile(folder, level, index, wide)
            at = index * TILE_BYTES
            if level and tile != below[at : at + len(tile)]:
                raise DamagedError(f"The tile {tile_path(level, index, wide)} is not what the tiles below it hash to")
            if wide == WIDTH:
                roots += tile_root(tile)
            _check_beginnings(folder, level, index, tile)
            if with_entries and level == 0:
                checked += _check_bundle(folder, index, wide, tile)
        below = bytes(roots)
    if range_of(size, lambda level, index, wide: _tile(folder, level, index, wide)).root() != checkpoint.root:
        raise DamagedError("The tiles do not lead to the signed root")
    return checkpoint, checked


def _tile(folder: Path, level: int, index: int, width: int) -> bytes:
    path = tile_path(level, index, width)
    tile = _read(folder / path, TILE_BYTES)
    if len(tile) != width * HASH_BYTES:
        raise DamagedError(f"The tile {path} is {len(tile)} bytes long, not {width * HASH_BYTES}")
    return tile


def _check_beginnings(folder: Path, level: int | str, index: int, whole: bytes) -> None:
    # Narrower ones stay for whoever holds an earlier checkpoint, a wider one may come before its checkpoint.
    for path in _partials(folder, level, index):
        name = path.relative_to(folder)
        other = _read(path, BUNDLE_BYTES if level == ENTRIES else TILE_BYTES)
        if not (path.name.isascii() and path.name.isdigit() and 0 < int(path.name) < WIDTH):
            raise DamagedError(f"{name} is not the name of a partial tile")
        width = len(parse_bundle(other)) if level == ENTRIES else len(other) / HASH_BYTES
        if width != int(path.name):
            raise DamagedError(f"The tile {name} is not as wide as its name says")
        if not (whole.startswith(other) or other.startswith(whole)):
            raise DamagedError(f"The tile {name} does not agree with the one of another width")


def _partials(folder: Path, level: int | str, index: int) -> list[Path]:
    full = folder / tile_path(level, index)
    beside = full.with_name(f"{full.name}.p")
    try:
        return sorted(beside.iterdir()) if beside.is_dir() else []
    except OSError as error:
        raise LedgerError(f"{beside} can't be read: {error.strerror}") from error


def _check_bundle(folder: Path, index: int, width: int, tile: bytes) -> int:
    path = tile_path(ENTRIES, index, width)
    raw = _read(folder / path, BUNDLE_BYTES)
    entries = parse_bundle(raw)
    if b"".join(map(leaf_hash, entries)) != tile:
        raise DamagedError(f"The entries in {path} are not those whose leaves are in the tile")
    _check_beginnings(folder, ENTRIES, index, raw)
    return len(entries)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except FileNotFoundError as error:
        raise DamagedError(f"{path} is missing") from error
    except OSError as error:
        raise LedgerError(f"{path} can't be read: {error.strerror}") from error
    if len(raw) > most:
        raise DamagedError(f"{path} is longer than any that is honest")
    return raw
