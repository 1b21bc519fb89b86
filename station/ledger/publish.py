"""Writing the log as C2SP tiles into a folder that a web server or a USB stick carries; only what is new each time.

Guarantees: every tile written has been hashed up to the signed root first; a file that is there is never changed; the
checkpoint comes last and at once, so that whoever reads the folder meanwhile finds all it names. A folder whose
checkpoint our log does not contain is refused: the log was rolled back, or the folder is another log's. Hashes may be
seen by anybody; records only go where nobody else can look (mode 0700). Reads of the database are short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sqlalchemy import select

from station import durable
from station.database import Database
from station.errors import ConflictError, DamagedError, LedgerError, StorageError
from station.ledger import log, tables
from station.ledger.entry import leaf_of
from station.ledger.merkle import HASH_BYTES
from station.ledger.note import Checkpoint, VerifierKey, verify_checkpoint
from station.ledger.tiles import (
    CHECKPOINT,
    ENTRIES,
    HEIGHT,
    TILE_BYTES,
    WIDTH,
    levels,
    make_bundle,
    range_of,
    tile_path,
    tile_root,
)

_BATCH = 16  # tiles read from the database at once
_AUDIT = "`station ledger audit` names all that is wrong"


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint the folder has now, and how many tiles and bundles were written for it."""

    checkpoint: Checkpoint
    tiles: int
    bundles: int


def publish_tiles(
    database: Database, out: Path, checkpoint: Checkpoint, *keys: VerifierKey, with_entries: bool = False
) -> Published:
    """Bring the folder `out` to `checkpoint`, one that is stored; `with_entries` writes entry bundles as well.

    Raises DamagedError if the folder's checkpoint is not a beginning of this log, or the stored tree does not lead to
    the signed root; ConflictError for an open folder that is to hold entries, or one with entries that is to be open.
    """
    verify_checkpoint(checkpoint.note, *keys)
    _prepare(out, with_entries)
    before = _published(out, keys)
    _check_contains(database, before, checkpoint)
    writer = _Writer(database, out, checkpoint.size, with_entries)
    sizes = _signed_sizes(database, checkpoint.size)
    for level, full, _ in levels(checkpoint.size):
        writer.write_full(level, before.size if before else 0, full)
        writer.write_partial(level, full, sizes)
    if range_of(checkpoint.size, writer.read).root() != checkpoint.root:
        raise DamagedError(f"The tree in the ledger does not lead to the root signed at {checkpoint.size}", hint=_AUDIT)
    durable.replace_file(out / CHECKPOINT, checkpoint.note.encode(), 0o600 if with_entries else 0o644)
    writer.drop_superseded()
    return Published(checkpoint, writer.tiles, writer.bundles)


class _Writer:
    def __init__(self, database: Database, out: Path, size: int, with_entries: bool) -> None:
        self.tiles = 0
        self.bundles = 0
        self._database = database
        self._out = out
        self._size = size
        self._with_entries = with_entries

    def read(self, level: int, index: int, width: int) -> bytes:
        first = index * WIDTH
        return b"".join(self._hashes(level, first, first + width))

    def write_full(self, level: int, published: int, full: int) -> None:
        """Write the full tiles that were not there at `published` entries, and any that was lost since."""
        known = published >> HEIGHT * (level + 1)
        missing = [index for index in range(full) if index >= known or not self._has(level, index)]
        for run in _runs(missing):
            hashes = self._hashes(level, run[0] * WIDTH, (run[-1] + 1) * WIDTH)
            above = self._hashes(level + 1, run[0], run[-1] + 1)
            for at, index in enumerate(run):
                tile = b"".join(hashes[at * WIDTH : (at + 1) * WIDTH])
                if tile_root(tile) != above[at]:
                    raise DamagedError(f"The ledger's tree is damaged within {tile_path(level, index)}", hint=_AUDIT)
                self._put(tile_path(level, index), tile)
                if level == 0 and self._with_entries:
                    self._put_bundle(index, WIDTH, tile)

    def write_partial(self, level: int, full: int, sizes: list[int]) -> None:
        """Write the last tile in every width that a signed head of this tile has (c2sp.org/tlog-tiles)."""
        shift = HEIGHT * level
        widths = {(size >> shift) % WIDTH for size in sizes if size >> shift + HEIGHT == full} - {0}
        if not widths:
            return
        tile = self.read(level, full, max(widths))
        for width in sorted(widths):
            self._put(tile_path(level, full, width), tile[: width * HASH_BYTES])
            if level == 0 and self._with_entries:
                self._put_bundle(full, width, tile[: width * HASH_BYTES])

    def drop_superseded(self) -> None:
        """Remove partial tiles whose full tile is there."""
        for path in sorted((self._out / "tile").rglob("*.p")):
            if path.with_suffix("").is_file():
                for partial in path.iterdir():
                    partial.unlink()
                path.rmdir()

    def _has(self, level: int, index: int) -> bool:
        if level == 0 and self._with_entries and not (self._out / tile_path(ENTRIES, index)).is_file():
            return False
        try:
            return (self._out / tile_path(level, index)).stat().st_size == TILE_BYTES
        except OSError:
            return False

    def _hashes(self, level: int, first: int, end: int) -> list[bytes]:
        """Read what tiles of `level` hold, from hash `first` of that level to before `end`."""
        height = HEIGHT * level
        leaf, node = tables.record.c, tables.node.c
        query = (
            select(leaf.leaf).where(leaf.seq >= first, leaf.seq < end).order_by(leaf.seq)
            if height == 0
            else select(node.hash)
            .where(node.level == height, node.index >= first, node.index < end)
            .order_by(node.index)
        )
        with self._database.read() as session:
            hashes = list(session.connection().scalars(query))
        if len(hashes) != end - first or any(len(item) != HASH_BYTES for item in hashes):
            raise DamagedError(f"Nodes of level {height} are missing in the ledger's tree", hint=_AUDIT)
        return hashes

    def _put_bundle(self, index: int, width: int, tile: bytes) -> None:
        path = self._out / tile_path(ENTRIES, index, width)
        if path.is_file():
            return
        first = index * WIDTH
        record = tables.record.c
        query = select(record.record).where(record.seq >= first, record.seq < first + width).order_by(record.seq)
        with self._database.read() as session:
            records = list(session.connection().scalars(query))
        if b"".join(map(leaf_of, records)) != tile:
            raise DamagedError(f"Records from {first} on are not those whose leaves are in the tree", hint=_AUDIT)
        durable.make_folder(path.parent, 0o700)
        durable.replace_file(path, make_bundle(records), 0o600)
        self.bundles += 1

    def _put(self, path: PurePosixPath, content: bytes) -> None:
        where = self._out / path
        if where.is_file():
            if where.read_bytes() != content:
                raise DamagedError(
                    f"{where} is not what the log has there",
                    kept="It was not changed",
                    hint="Compare it with a copy of the folder that somebody else holds; then name a new folder",
                )
            return
        durable.make_folder(where.parent, 0o700 if self._with_entries else 0o755)
        durable.replace_file(where, content, 0o600 if self._with_entries else 0o644)
        self.tiles += 1


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and (number != run[-1] + 1 or len(run) == _BATCH):
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _prepare(out: Path, with_entries: bool) -> None:
    if not out.exists():
        durable.make_folder(out, 0o700 if with_entries else 0o755)
        return
    try:
        is_open = bool(out.stat().st_mode & 0o077)
        occupied = any(out.iterdir())
        if with_entries and is_open and occupied:
            raise ConflictError(
                f"Others may look into {out}", kept="No entry was written", hint="Name a new folder for the entries"
            )
        if with_entries and is_open:
            out.chmod(0o700)
    except OSError as error:
        raise StorageError(f"{out} can't be used: {error.strerror}") from error
    if not with_entries and (out / "tile" / ENTRIES).exists():
        raise ConflictError(
            f"{out} holds entries, which are not for everybody", hint="Go on with --with-entries, or name a new folder"
        )


def _published(out: Path, keys: tuple[VerifierKey, ...]) -> Checkpoint | None:
    try:
        # It may be a former key's; whether this log contains it is checked against the tree.
        return verify_checkpoint((out / CHECKPOINT).read_bytes(), *(replace(key, until=None) for key in keys))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(f"{out / CHECKPOINT} can't be read: {error.strerror}") from error


def _check_contains(database: Database, before: Checkpoint | None, checkpoint: Checkpoint) -> None:
    if before is None:
        return
    with database.read() as session:
        held = before.size <= checkpoint.size and log.root_at(session, before.size) == before.root
    if not held:
        raise DamagedError(
            f"The folder holds a signed checkpoint of {before.size} entries that this log does not contain",
            kept="Nothing was written",
            hint="The log was rolled back or there are two of it: keep that checkpoint, it is the proof",
        )


def _signed_sizes(database: Database, size: int) -> list[int]:
    table = tables.checkpoint
    with database.read() as session:
        known = session.connection().scalars(select(table.c.size).where(table.c.size <= size)).all()
    return [*known, size]
