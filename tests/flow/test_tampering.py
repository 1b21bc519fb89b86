"""Somebody with all rights changes a bit or a row: `verify --all` names it, and `rebuild` restores the catalogue."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from station.actions.verify import check_clips
from station.catalogue.tables import metadata as catalogue_metadata
from station.custody import Custody
from station.evidence.store import LocalStore
from station.ledger import anchors, log
from station.ledger import tables as ledger_tables
from station.ledger.cosign import CosigningKey
from station.ledger.verify import audit_export
from station.records.docking_entries import HolderIssued
from station.records.entries import Actor
from tests.flow.filling import fill_all_tables
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station, copy_home, signing
from tests.unit.device.images import SECTOR, FatCard, short_entry

LEDGER = sorted(ledger_tables.metadata.tables)
CATALOGUE = sorted(catalogue_metadata.tables)
PAGE = 4096


@pytest.fixture(scope="module")
def filled_home(blank_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one station with something in every table, an original, a partial and a listing; tests take copies."""
    place = tmp_path_factory.mktemp("filled")
    root = copy_home(blank_home, place / "home")
    with signing(root):
        station = Station(root)
        docked = station.dock(write_folder(place / "card", {f"{n}.mp4": footage(n, 3000) for n in range(4)}))
        with station.custody() as custody:
            issued = {"holding": "h0", "recorder": docked.document["recorder"], "person": "li"}
            custody.append(HolderIssued(fact=HolderIssued.Fact(since="2020-01-01T00:00:00.000000Z", **issued)))
        station.dock(write_folder(place / "card", {"4.mp4": footage(4, 3000)}))
        half = FatCard()
        half.put(2, short_entry(b"HALF    MP4", cluster=200, size=20 * SECTOR))
        half.put(200, footage(9, 20 * SECTOR))
        (place / "half.img").write_bytes(half.build()[: FatCard.offset(210)])
        station.dock(place / "half.img")
        with station.custody() as custody:
            fill_all_tables(
                custody,
                station.rows("SELECT clip FROM catalogue_clip ORDER BY path")[0][0],
                LocalStore(station.home.vault),
            )
        cosign(station, 8)
        assert station.verify()["code"] == 0
        empty = [name for name in (*LEDGER, *CATALOGUE) if station.rows(f"SELECT count(*) FROM {name}") == [(0,)]]  # noqa: S608
        assert empty == ["erasure"], "every table has rows to tamper with; erasures are tests/unit/ledger's"
    return root


def cosign(station: Station, times: int) -> None:
    """Keep cosignatures of a witness over the latest checkpoint, and name the witness in the settings."""
    key = CosigningKey("witness.example/w", bytes(32))
    (station.root / "station.toml").write_text(f'[[witnesses]]\nvkey = "{key.verifier}"\n')
    with station.database() as database, database.write() as session:
        checkpoint = log.latest_checkpoint(session)
        assert checkpoint is not None
        for time in range(times):
            line = key.cosign(anchors.checkpoint_text_at(session, checkpoint.size), time).line().encode()
            said = anchors.posix_time(time)
            anchors.store_anchor(session, checkpoint.size, "cosignature", str(key.verifier), line, said)


@pytest.fixture
def filled(filled_home: Path, tmp_path: Path) -> Iterator[Station]:
    """Yield a copy of that station."""
    root = copy_home(filled_home, tmp_path / "home")
    with signing(root):
        yield Station(root)


def connect(station: Station) -> "closing[sqlite3.Connection]":
    """Open the database as one who knows how to switch off its guards."""
    connection = sqlite3.connect(station.root / "station.db", isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return closing(connection)


def put_guards_back(connection: sqlite3.Connection) -> None:
    for statements in ledger_tables.expected_triggers("sqlite").values():
        connection.execute(statements[0])


def named(document: dict[str, object]) -> str:
    """Return all that was said of damage."""
    assert document["code"] == 1, document
    assert document["outcome"] == "damaged"
    damage = document["damage"]
    assert isinstance(damage, list) and damage
    return "\n".join(f"{each['code']} {each['about']} {each['message']}" for each in damage)


def flip(path: Path, bit: int) -> None:
    mode = path.stat().st_mode
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.chmod(0o640)
    path.write_bytes(data)
    path.chmod(mode)


@pytest.mark.parametrize("bit", [0, 11_111])
def test_one_flipped_bit_in_an_original_is_named_with_its_clip(filled: Station, bit: int) -> None:
    ((clip, digest),) = filled.rows("SELECT clip, sha256 FROM catalogue_clip WHERE path = '2.mp4'")
    flip(filled.store.path(digest), bit)
    report = named(filled.verify())
    assert digest in report
    assert clip in report
    assert "0.mp4" not in report
    one = filled.run("verify", "--clip", clip)
    assert one.code == 1
    assert digest in one.out
    ((other,),) = filled.rows("SELECT clip FROM catalogue_clip WHERE path = '1.mp4'")
    assert filled.run("verify", "--clip", other).code == 0


def test_one_flipped_bit_in_a_partial_is_named(filled: Station) -> None:
    ((clip, digest),) = filled.rows("SELECT clip, sha256 FROM catalogue_clip WHERE stage = 'incomplete'")
    flip(filled.store.partial_path(digest), 4000)
    report = named(filled.verify())
    assert digest in report
    assert clip in report


def test_one_flipped_bit_in_a_listing_is_named(filled: Station) -> None:
    digest = filled.rows("SELECT listing FROM catalogue_docking ORDER BY started_at")[0][0]
    flip(filled.store.path(digest), 100)
    assert digest in named(filled.verify())


@pytest.mark.parametrize("what", ["gone", "cut", "link", "folder", "pipe"])
def test_an_original_that_is_no_longer_its_file_is_named(filled: Station, tmp_path: Path, what: str) -> None:
    ((digest,),) = filled.rows("SELECT sha256 FROM catalogue_clip WHERE path = '2.mp4'")
    path = filled.store.path(digest)
    data = path.read_bytes()
    path.unlink()
    if what == "cut":
        path.write_bytes(data[:-1])
    elif what == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        subprocess.run(["mkfifo", str(path)], check=True)
    assert digest in named(filled.verify())


def test_a_blob_that_no_entry_names_is_told_but_no_damage(filled: Station) -> None:
    stray = b"left by a docking cut short"
    path = filled.store.path(sha256(stray).hexdigest())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(stray)
    document = filled.verify()
    assert document["code"] == 0
    assert sha256(stray).hexdigest() in json.dumps(document["notes"])


def changed(value: object) -> object:
    """Change a value as little as one can."""
    match value:
        case None:
            return 1
        case int():
            return value ^ 1
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case str():
            return (value[:-1] + chr(ord(value[-1]) ^ 1)) if value else "x"
    raise AssertionError(value)


@pytest.mark.parametrize("table", [name for name in LEDGER if name != "erasure"])
def test_one_changed_row_of_the_ledger_is_named_by_verify_and_audit(filled: Station, table: str) -> None:
    columns = {"record": "record", "payload": "payload", "part": "part", "subject": "subject", "node": "hash"}
    columns["anchor"] = "data"
    column = columns.get(table, "note")
    with connect(filled) as connection:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        row = dict(zip(names, rows[len(rows) // 2], strict=True))
        where = " AND ".join(f'"{key}" = ?' for key in keys)
        values = (changed(row[column]), *(row[key] for key in keys))
        connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE {where}', values)  # noqa: S608
        put_guards_back(connection)
    report = named(filled.verify())
    audit = filled.audit()
    assert audit["code"] == 1
    said = "\n".join(finding["message"] for finding in audit["findings"])
    number = str(row.get("seq", row.get("index", row.get("number"))))
    assert number in said
    assert all(finding["message"] in report for finding in audit["findings"])


@pytest.mark.parametrize("table", [name for name in LEDGER if name != "erasure"])
def test_one_deleted_row_of_the_ledger_is_named_by_verify_and_audit(filled: Station, table: str) -> None:
    with connect(filled) as connection:
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        order = ", ".join(f'"{key}"' for key in keys)
        row = connection.execute(f"SELECT {order} FROM {table} ORDER BY {order} LIMIT 1 OFFSET 5").fetchone()  # noqa: S608
        where = " AND ".join(f'"{key}" = ?' for key in keys)
        connection.execute(f"DELETE FROM {table} WHERE {where}", row)  # noqa: S608
        put_guards_back(connection)
    assert filled.audit()["code"] == 1
    named(filled.verify())


def test_a_guard_of_the_ledger_that_was_switched_off_is_named(filled: Station) -> None:
    with connect(filled):
        pass
    assert "ledger_record_update" in named(filled.verify())


@pytest.mark.trials
@pytest.mark.parametrize("table", CATALOGUE)
def test_one_changed_row_of_the_catalogue_is_named_and_rebuild_restores_it(filled: Station, table: str) -> None:
    with connect(filled) as connection:
        columns = [row[1:] for row in connection.execute(f"PRAGMA table_info({table})")]
        column = [name for name, *_ in columns if name != "id"][-1]
        ((value,),) = connection.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchall()  # noqa: S608
        typed = next(kind for name, kind, *_ in columns if name == column)
        new = changed(value) if value is not None or typed == "INTEGER" else "x"
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {one_row(connection, table)}", (new,))  # noqa: S608
        put_guards_back(connection)
    assert table in named(filled.verify())
    restored(filled)


def one_row(connection: sqlite3.Connection, table: str) -> str:
    """Return the condition of one row, whether the table has row ids or not."""
    keys = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5])
    return f"({keys}) = (SELECT {keys} FROM {table} LIMIT 1)"  # noqa: S608


@pytest.mark.parametrize("how", ["DELETE FROM {0} WHERE {1}", "DROP TABLE {0}"])
def test_deleted_rows_and_dropped_tables_are_all_named_and_rebuild_restores_them(filled: Station, how: str) -> None:
    with connect(filled) as connection:
        for table in CATALOGUE:
            connection.execute(how.format(table, one_row(connection, table)))
        put_guards_back(connection)
    report = named(filled.verify())
    assert [table for table in CATALOGUE if f"table {table} " not in report] == []
    restored(filled)


def restored(station: Station) -> None:
    said = station.run("rebuild")
    assert said.code == 0, said.err
    document = station.verify()
    assert document["code"] == 0, document


def test_a_catalogue_that_says_it_stands_earlier_is_named(filled: Station) -> None:
    with connect(filled) as connection:
        connection.execute("UPDATE catalogue_meta SET entries = entries - 1")
        put_guards_back(connection)
    assert "catalogue_meta" in named(filled.verify())
    restored(filled)


def test_a_truth_that_is_neither_true_nor_false_is_named(filled: Station) -> None:
    with connect(filled) as connection:
        connection.execute("UPDATE catalogue_clip SET tagged = 2 WHERE tagged = 1")
        put_guards_back(connection)
    assert "catalogue_clip" in named(filled.verify())


def pages_of(station: Station, name: str) -> list[int]:
    """List the pages of a table or index, in file order."""
    with closing(sqlite3.connect(station.root / "station.db")) as connection:
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno", (name,)).fetchall()
    return [number for (number,) in rows]


def has_dbstat() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        return ("ENABLE_DBSTAT_VTAB",) in connection.execute("PRAGMA compile_options").fetchall()


@pytest.mark.trials
@pytest.mark.skipif(not has_dbstat(), reason="this SQLite has no dbstat, which tells which pages are a table's")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("table", ["catalogue_clip", "catalogue_history", "catalogue_clip_list", "record", "part"])
def test_flipped_bits_in_the_pages_of_a_table_are_named_and_the_catalogue_restored(
    filled: Station, table: str, seed: int
) -> None:
    chance = random.Random(f"{table} {seed}")
    page = chance.choice(pages_of(filled, table))
    with (filled.root / "station.db").open("r+b") as file:
        file.seek((page - 1) * PAGE)
        content = file.read(PAGE)
        # Cells lie at the end of a page, from where its header says; zeros there may be used by nothing.
        cells = int.from_bytes(content[5:7], "big")
        used = [at for at in range(cells, PAGE) if content[at]] if cells < PAGE else list(range(PAGE))
        at = chance.randrange(8) if seed == 0 else chance.choice(used)
        file.seek((page - 1) * PAGE + at)
        file.write(bytes([content[at] ^ 1 << chance.randrange(8)]))
    report = named(filled.verify())
    if table in LEDGER:
        assert filled.audit()["code"] == 1
        return
    assert table.removesuffix("_list") in report
    restored(filled)
    assert filled.audit()["code"] == 0


def test_a_catalogue_that_can_hardly_be_read_at_all_is_restored(filled: Station) -> None:
    with (filled.root / "station.db").open("r+b") as file:
        for table in ("catalogue_clip", "catalogue_history", "catalogue_clip_list", "catalogue_sighting"):
            for page in pages_of(filled, table) if has_dbstat() else ():
                file.seek((page - 1) * PAGE)
                file.write(random.Random(page).randbytes(PAGE))
    if has_dbstat():
        assert "catalogue_clip" in named(filled.verify())
    restored(filled)


def test_a_database_rolled_back_to_an_older_copy_is_told_and_takes_nothing_more(
    filled: Station, tmp_path: Path
) -> None:
    older = tmp_path / "older.db"
    shutil.copy(filled.root / "station.db", older)
    folder = write_folder(tmp_path / "card", {"late.mp4": footage(77, 3000)})
    filled.dock(folder)
    newer = tmp_path / "newer.db"
    shutil.copy(filled.root / "station.db", newer)
    shutil.copy(older, filled.root / "station.db")
    size = filled.rows("SELECT count(*) FROM record")
    audit = filled.audit()
    assert audit["code"] == 1
    assert "log.shorter" in [finding["kind"] for finding in audit["findings"]]
    assert "log.shorter" in named(filled.verify())
    shutil.copy(older, filled.root / "station.db")
    said = filled.run("dock", folder, "--json")
    assert (said.code, said.out) == (2, "")
    assert filled.rows("SELECT count(*) FROM record") == size, "nothing is appended to the shorter log"
    shutil.copy(newer, filled.root / "station.db")
    assert filled.dock(folder).count("held") == 1
    assert filled.verify()["code"] == 0


def test_without_the_signers_memory_a_log_is_not_called_sound(filled: Station, tmp_path: Path) -> None:
    root = copy_home(filled.root, tmp_path / "other")
    for path in (root / "keys").iterdir():
        if path.name != "log.key":
            path.unlink()
    lost = Station(root)
    assert lost.audit()["code"] == 2
    assert lost.verify()["code"] == 2


def test_rebuild_believes_no_part_that_the_ledger_does_not_promise(filled: Station) -> None:
    with connect(filled) as connection:
        ((part,),) = connection.execute("SELECT part FROM part WHERE name = 'names' LIMIT 1").fetchall()
        forged = part.replace(b'"salt":"', b'"salt":"0', 1)[: len(part)]
        forged = part[:-10] + bytes([part[-10] ^ 1]) + part[-9:]
        connection.execute("UPDATE part SET part = ? WHERE name = 'names' AND part = ?", (forged, part))
        put_guards_back(connection)
    before = filled.rows("SELECT * FROM catalogue_recorder")
    said = filled.run("rebuild")
    assert said.code == 1
    assert "altered" in said.err
    assert filled.rows("SELECT * FROM catalogue_recorder") == before, "the old catalogue stays"


def test_an_export_of_a_docked_station_is_checked_by_a_program_of_its_own(filled: Station, tmp_path: Path) -> None:
    out = tmp_path / "export"
    assert filled.run("ledger", "export", "--out", out).code == 0
    key = (filled.root / "log.vkey").read_text().strip()
    command = [sys.executable, "-m", "station.ledger.verify", str(out), key]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ((size,),) = filled.rows("SELECT count(*) FROM record")
    assert f"{size} entries" in done.stdout
    assert audit_export(out).sound
    lines = (out / "records.jsonl").read_bytes().splitlines()
    lines[size // 2] = lines[size // 2].replace(b'"type":"', b'"type":"x', 1)
    (out / "records.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    assert not audit_export(out).sound


def test_a_check_of_very_many_clips_is_entered_in_several_entries(filled: Station) -> None:
    with filled.database() as database:
        custody = Custody(filled.home, database)
        clips = [f"{number:026}" for number in range(900)]
        actor = Actor(via="console")
        result = check_clips(filled.home, database, custody, filled.store, clips, actor, scope="case")
    assert (result.outcome, result.unchecked) == ("damaged", [])
    ((entered,),) = filled.rows("SELECT count(*) FROM record WHERE type = 'check.completed'")
    assert entered >= 3
    assert filled.audit()["code"] == 0
