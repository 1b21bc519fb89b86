"""The log as tiles: what others read is what the ledger holds, old files never change, and nothing false is written."""

import shutil
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from station.database import Database
from station.errors import ConflictError, DamagedError, LedgerError
from station.ledger import log, tables
from station.ledger.keys import SigningKey
from station.ledger.note import Checkpoint, checkpoint_text, make_note, parse_checkpoint
from station.ledger.publish import Published, publish_tiles
from station.ledger.tiles import levels, make_bundle, parse_bundle, tile_path, verify_tiles
from tests.unit.ledger.samples import ORIGIN, fill
from tests.unit.ledger.tile_reader import check_folder, head_of, name_of, tiles_of

KEY = SigningKey(ORIGIN, bytes(32))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'ledger.db'}")


def sign(database: Database, size: int) -> Checkpoint:
    with database.write() as session:
        body = checkpoint_text(ORIGIN, size, log.root_at(session, size))
        note = make_note(body, [KEY.sign(body)])
        log.store_checkpoint(session, note)
    return parse_checkpoint(note)


def publish(database: Database, out: Path, size: int, *, with_entries: bool = False) -> Published:
    with database.read() as session:
        held = log.size(session)
    if size > held:
        fill(database, size - held, first=held)
    return publish_tiles(database, out, sign(database, size), KEY.verifier, with_entries=with_entries)


def make(database: Database, count: int) -> None:
    tables.create_tables(database)
    if count:
        fill(database, count)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(database: Database, statement: str) -> None:
    with database.write() as session:
        for name in tables.installed_triggers(session.connection()):
            session.connection().execute(text(f"DROP TRIGGER {name}"))
        for each in statement.split(";"):
            session.connection().execute(text(each))


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (1000, 256, "tile/0/x001/000"),
        (999, 3, "tile/0/999.p/3"),
        (273, 112, "tile/0/273.p/112"),
    ],
)
def test_tiles_are_named_as_the_specification_says(index: int, width: int, path: str) -> None:
    assert (
        str(tile_path(0, index, width)) == path == f"tile/0/{name_of(index)}" + (f".p/{width}" if width < 256 else "")
    )


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    assert list(levels(70_000)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(levels(256)) == [(0, 1, 0), (1, 0, 1)]
    assert len(tiles_of(70_000)) == 273 + 1 + 1 + 1 + 1


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700])
def test_an_independent_reader_recomputes_every_tile(database: Database, tmp_path: Path, size: int) -> None:
    make(database, size)
    publish(database, tmp_path / "out", size)
    leaves = check_folder(tmp_path / "out")
    with database.read() as session:
        assert leaves == [entry.leaf for entry in log.entries(session)]
    assert verify_tiles(tmp_path / "out", [KEY.verifier])[0].size == size


def test_an_empty_log_is_only_a_checkpoint(database: Database, tmp_path: Path) -> None:
    make(database, 0)
    publish(database, tmp_path / "out", 0)
    assert set(content(tmp_path / "out")) == {"checkpoint"}
    assert verify_tiles(tmp_path / "out", [KEY.verifier])[0].size == 0


@pytest.mark.trials
def test_a_level_above_255_tiles_is_right_too(database: Database, tmp_path: Path) -> None:
    size = 256 * 256 + 300
    tables.create_tables(database)
    for first in range(0, size, 4096):
        fill(database, min(4096, size - first), first=first)
    publish(database, tmp_path / "out", size)
    check_folder(tmp_path / "out")
    assert {"tile/2/000.p/1", "tile/1/000", "tile/1/001.p/1", "tile/0/257.p/44"} <= set(content(tmp_path / "out"))


def test_a_second_run_writes_only_what_is_new_and_changes_nothing_that_was_there(
    database: Database, tmp_path: Path
) -> None:
    make(database, 300)
    out = tmp_path / "out"
    publish(database, out, 300)
    before = content(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    done = publish(database, out, 400)
    after = content(out)
    assert done.tiles == 1
    assert {name for name in after if before.get(name) != after[name]} == {"checkpoint", "tile/0/001.p/144"}
    assert all(path.stat().st_mtime_ns == time for path, time in times.items() if path.name != "checkpoint")
    check_folder(out)
    assert publish(database, out, 400).tiles == 0


def test_partial_tiles_of_every_signed_head_are_there_until_the_full_one_is(database: Database, tmp_path: Path) -> None:
    make(database, 3)
    out = tmp_path / "out"
    for size in (3, 7, 9):
        publish(database, out, size)
    fresh = tmp_path / "fresh"
    publish(database, fresh, 9)
    assert content(out) == content(fresh)
    assert {"tile/0/000.p/3", "tile/0/000.p/7", "tile/0/000.p/9"} <= set(content(fresh))
    publish(database, out, 256)
    assert set(content(out)) == {"checkpoint", "tile/0/000", "tile/1/000.p/1"}
    check_folder(out)


def test_hashes_and_checkpoint_are_for_everybody_and_records_are_not_among_them(
    database: Database, tmp_path: Path
) -> None:
    make(database, 300)
    publish(database, tmp_path / "out", 300)
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)
    assert not any(b"clip.ingested" in raw for raw in content(tmp_path / "out").values())
    assert not (tmp_path / "out" / "tile" / "entries").exists()


def test_entries_lie_where_nobody_else_can_look(database: Database, tmp_path: Path) -> None:
    make(database, 300)
    out = tmp_path / "out"
    assert publish(database, out, 300, with_entries=True).bundles == 2
    for path in (out, *out.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    check_folder(out, with_entries=True)
    assert verify_tiles(out, [KEY.verifier])[1] == 300
    assert publish(database, out, 301, with_entries=True).bundles == 1
    check_folder(out, with_entries=True)


def test_an_open_folder_does_not_get_entries(database: Database, tmp_path: Path) -> None:
    make(database, 3)
    publish(database, tmp_path / "out", 3)
    with pytest.raises(ConflictError):
        publish(database, tmp_path / "out", 3, with_entries=True)
    assert not (tmp_path / "out" / "tile" / "entries").exists()


def test_a_folder_with_entries_is_not_taken_for_an_open_one(database: Database, tmp_path: Path) -> None:
    make(database, 3)
    publish(database, tmp_path / "out", 3, with_entries=True)
    with pytest.raises(ConflictError):
        publish(database, tmp_path / "out", 3)


def test_a_log_that_was_rolled_back_is_found_by_the_folder(database: Database, tmp_path: Path) -> None:
    make(database, 9)
    out = tmp_path / "out"
    publish(database, out, 9)
    kept = content(out)
    database.dispose()
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    tables.create_tables(other)
    fill(other, 20)  # the same drafts, other salts
    with pytest.raises(DamagedError, match="does not contain"):
        publish(other, out, 20)
    with pytest.raises(DamagedError, match="does not contain"):
        publish(other, out, 20)
    assert content(out) == kept


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET leaf = randomblob(32) WHERE seq = 100",
        "UPDATE record SET leaf = randomblob(32) WHERE seq = 299",
        "UPDATE node SET hash = randomblob(32) WHERE level = 8",
        "DELETE FROM node WHERE level = 8",
        "; ".join(f"DELETE FROM {table} WHERE seq = 299" for table in ("subject", "part", "payload", "record")),  # noqa: S608  our own names
    ],
)
def test_a_damaged_tree_is_never_published(database: Database, tmp_path: Path, statement: str) -> None:
    make(database, 300)
    checkpoint = sign(database, 300)
    damage(database, statement)
    with pytest.raises((DamagedError, LedgerError)):
        publish_tiles(database, tmp_path / "out", checkpoint, KEY.verifier)
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_an_altered_record_is_never_put_into_a_bundle(database: Database, tmp_path: Path) -> None:
    make(database, 300)
    checkpoint = sign(database, 300)
    damage(database, "UPDATE record SET record = zeroblob(9) WHERE seq = 100")
    with pytest.raises(DamagedError):
        publish_tiles(database, tmp_path / "out", checkpoint, KEY.verifier, with_entries=True)
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_a_run_that_was_cut_off_is_simply_repeated(database: Database, tmp_path: Path) -> None:
    make(database, 600)
    publish(database, tmp_path / "whole", 600)
    for name in sorted(content(tmp_path / "whole")):
        out = tmp_path / "cut"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", out)
        (out / name).unlink()
        (out / "checkpoint").unlink(missing_ok=True)  # it comes last
        publish(database, out, 600)
        assert content(out) == content(tmp_path / "whole")


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "checkpoint", "tile/entries/000"])
def test_a_changed_or_missing_file_is_found_and_named(database: Database, tmp_path: Path, name: str) -> None:
    make(database, 300)
    out = tmp_path / "out"
    publish(database, out, 300, with_entries=True)
    whole = (out / name).read_bytes()
    for broken in (bytes([whole[0] ^ 1]) + whole[1:], whole[:-1], whole + b"\0", b""):
        (out / name).write_bytes(broken)
        with pytest.raises(DamagedError):
            verify_tiles(out, [KEY.verifier])
    (out / name).unlink()
    with pytest.raises(DamagedError, match=name.rpartition("/")[2]):
        verify_tiles(out, [KEY.verifier])


def test_a_tile_that_does_not_agree_with_a_wider_one_is_found(database: Database, tmp_path: Path) -> None:
    make(database, 9)
    out = tmp_path / "out"
    publish(database, out, 7)
    publish(database, out, 9)
    (out / "tile/0/000.p/7").write_bytes(bytes(7 * 32))
    with pytest.raises(DamagedError, match="another width"):
        verify_tiles(out, [KEY.verifier])


def test_a_bundle_reads_back_as_it_was_written() -> None:
    entries = [b"", b"a", b"b" * 65535]
    assert parse_bundle(make_bundle(entries)) == entries
    with pytest.raises(LedgerError):
        make_bundle([b"b" * 65536])
    with pytest.raises(DamagedError):
        parse_bundle(make_bundle(entries)[:-1])
    with pytest.raises(DamagedError):
        parse_bundle(b"\0")


def test_the_checkpoint_is_that_of_the_log(database: Database, tmp_path: Path) -> None:
    make(database, 5)
    publish(database, tmp_path / "out", 5)
    assert head_of(tmp_path / "out")[:2] == (ORIGIN, 5)
