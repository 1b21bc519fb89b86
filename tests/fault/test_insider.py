"""A day of somebody with every right on the box: whatever he does to the log is found, by its audit or by a witness.

The audit finds all that the signer's memory or the log's own signatures contradict. Whoever has the key and the memory
as well can make a log that is sound in itself; that one is found by whoever holds an earlier checkpoint: a witness, a
folder of tiles, a proof of growth. Nothing that he does to the past is found by nobody.
"""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from station.errors import DamagedError, StationError
from station.evidence.store import LocalStore
from station.ledger import log
from station.ledger.extract import prove_growth
from station.ledger.growth import make_growth, verify_growth
from station.ledger.keys import load_verifier
from station.ledger.note import Checkpoint, VerifierKey, parse_checkpoint
from station.ledger.publish import publish_tiles
from station.ledger.witness_state import Evidence, Witness, WitnessFolder
from tests.fault.insider import Insider, Told, cut, retold, run_sql, swapped, unchanged, with_another, without
from tests.flow.filling import fill_all_tables
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station, copy_home, signing

pytestmark = pytest.mark.fault

Attack = Callable[[Insider, "Town"], None]

FORGED = Told(
    "clip.classified",
    "2026-08-04T10:00:00.000000Z",
    ("clip:forged",),
    {"fact": {"clip": "forged", "sensitivity": "ordinary"}},
)


@dataclass(frozen=True, slots=True)
class Town:
    """A station at the day's end, as it was at noon, and what people outside have of it."""

    evening: Path
    noon: Path
    outside: Path
    key: VerifierKey
    checkpoint: Checkpoint


@pytest.fixture(scope="module")
def town(blank_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Make a day with dockings, people, cases and looks; outsiders hold its last checkpoint."""
    place = tmp_path_factory.mktemp("town")
    root = copy_home(blank_home, place / "evening")
    with signing(root):
        station = Station(root)
        station.dock(write_folder(place / "card", {f"{n}.mp4": footage(n, 3000) for n in range(3)}))
        with station.custody() as custody:
            fill_all_tables(
                custody,
                station.rows("SELECT clip FROM catalogue_clip ORDER BY path")[0][0],
                LocalStore(station.home.vault),
            )
        noon = copy_home(root, place / "noon")
        station.dock(write_folder(place / "card", {"3.mp4": footage(3, 3000)}))
        station.dock(write_folder(place / "card", {"4.mp4": footage(4, 3000)}))
        checkpoint = parse_checkpoint(station.run("ledger", "head", "--json").document()["checkpoint"])
        assert station.audit()["code"] == 0
        made = Town(root, noon, place / "outside", load_verifier(root / "log.vkey"), checkpoint)
        with station.database() as database:
            publish_tiles(database, made.outside / "tiles", checkpoint, made.key)
    folder = WitnessFolder(made.outside / "witness")
    folder.create_key("witness.example/w")
    folder.trust(made.key)
    asked = Witness(folder).add_checkpoint(make_growth(0, [], checkpoint.note).encode())
    assert asked.status == 200, asked.body
    return made


def sql(script: str) -> Attack:
    def attack(insider: Insider, town: Town) -> None:
        with insider.sql() as connection:
            assert run_sql(connection, script)

    return attack


def everything(where: str) -> str:
    """SQL that deletes entries and all that hangs on them."""
    tables = ("subject", "part", "payload", "record")
    return "; ".join(f"DELETE FROM {each} WHERE seq IN (SELECT seq FROM record WHERE {where})" for each in tables)  # noqa: S608


def edited(table: str, column: str, old: str, new: str) -> Attack:
    """Replace text in a column of entry 4."""
    value = f"CAST(replace(CAST({column} AS TEXT), '{old}', '{new}') AS BLOB)"
    return sql(f"UPDATE {table} SET {column} = {value} WHERE seq = 4")  # noqa: S608


def drop(where: str) -> Attack:
    """Delete entries with all that hangs on them, and make the tree anew."""

    def attack(insider: Insider, town: Town) -> None:
        with insider.sql() as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            assert run_sql(connection, everything(where))
            insider.replant(connection)

    return attack


def renumber(connection: sqlite3.Connection, moves: list[tuple[int, int]]) -> None:
    for old, new in moves:
        for table in ("record", "payload", "part", "subject"):
            connection.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", [new, old])  # noqa: S608


def swap_rows(insider: Insider, town: Town) -> None:
    with insider.sql() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        renumber(connection, [(5, -9), (6, 5), (-9, 6)])
        insider.replant(connection)


def alter_in_place(insider: Insider, town: Town) -> None:
    insider.alter_in_place(4, lambda record: record.replace(b'"time":"20', b'"time":"19'))


def alter_last(insider: Insider, town: Town) -> None:
    insider.alter_in_place(town.checkpoint.size - 1, lambda record: record.replace(b'"time":"20', b'"time":"19'))


def truncate(insider: Insider, town: Town) -> None:
    with insider.sql() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        last = town.checkpoint.size - 3
        run_sql(connection, everything(f"seq >= {last}"))
        connection.execute("DELETE FROM checkpoint WHERE size > ?", [last])
        insider.replant(connection)


def rewritten(change: Callable[[list[Told]], list[Told]]) -> Attack:
    return lambda insider, town: insider.rewrite(change)


def signed_again(change: Callable[[list[Told]], list[Told]]) -> Attack:
    return lambda insider, town: insider.rewrite(change, key=insider.stolen_key())


def remembered(change: Callable[[list[Told]], list[Told]]) -> Attack:
    return lambda insider, town: insider.rewrite(change, key=insider.stolen_key(), remember=True)


def rolled_back_database(insider: Insider, town: Town) -> None:
    shutil.copy(town.noon / "station.db", insider.root / "station.db")


def rolled_back_all(insider: Insider, town: Town) -> None:
    rolled_back_database(insider, town)
    shutil.rmtree(insider.root / "keys")
    shutil.copytree(town.noon / "keys", insider.root / "keys")


def rolled_back_and_gone_on(insider: Insider, town: Town) -> None:
    rolled_back_all(insider, town)
    more = [FORGED] * (town.checkpoint.size + 1)
    insider.rewrite(lambda told: [*told, *more], key=insider.stolen_key(), remember=True)


def under_another_key(insider: Insider, town: Town) -> None:
    insider.rewrite(without(4), key=insider.change_key(), remember=True)


def forgotten(insider: Insider, town: Town) -> None:
    (insider.root / "keys" / "signer.json").unlink()


AUDIT, WITNESS = "audit", "witness"

# What he does, and who finds it at the latest. The audit alone would do for all but the last ones.
ATTACKS: dict[str, tuple[Attack, str]] = {
    # edit
    "edit a part": (edited("part", "part", '"size_bytes":', '"size_bytes":1'), AUDIT),
    "edit a payload": (edited("payload", "payload", "a", "b"), AUDIT),
    "edit a record": (edited("record", "record", '"v":1', '"v":2'), AUDIT),
    "edit a leaf": (sql("UPDATE record SET leaf = zeroblob(32) WHERE seq = 4"), AUDIT),
    "edit a time beside the record": (sql("UPDATE record SET time = replace(time, '20', '19') WHERE seq = 4"), AUDIT),
    "edit a type beside the record": (sql("UPDATE record SET type = 'clip.bound' WHERE seq = 0"), AUDIT),
    "edit the index of subjects": (
        sql("UPDATE subject SET subject = 'clip:other' WHERE seq = 4 AND subject LIKE 'clip:%'"),
        AUDIT,
    ),
    "edit a node of the tree": (sql('UPDATE node SET hash = zeroblob(32) WHERE level = 2 AND "index" = 1'), AUDIT),
    "edit a checkpoint": (sql("UPDATE checkpoint SET note = replace(note, '=', 'A') WHERE number = 1"), AUDIT),
    "edit a record, its leaf and the tree": (alter_in_place, AUDIT),
    "edit the last record, its leaf and the tree": (alter_last, AUDIT),
    "retell an entry and rebuild all after it": (rewritten(retold(4, size_bytes=1)), AUDIT),
    # drop
    "drop a part": (sql("DELETE FROM part WHERE seq = 4 AND name = 'fact'"), AUDIT),
    "drop a payload": (sql("DELETE FROM payload WHERE seq = 4"), AUDIT),
    "drop an index row": (sql("DELETE FROM subject WHERE seq = 4"), AUDIT),
    "drop the nodes of a level": (sql("DELETE FROM node WHERE level = 1"), AUDIT),
    "drop a checkpoint": (sql("DELETE FROM checkpoint WHERE number = 1"), AUDIT),
    "drop an entry and leave a gap": (drop("seq = 4"), AUDIT),
    "drop an entry and rebuild all after it": (rewritten(without(4)), AUDIT),
    "drop every look": (drop("type LIKE 'access.%'"), AUDIT),
    # reorder, insert, truncate
    "swap two entries": (swap_rows, AUDIT),
    "swap two entries and rebuild all after them": (rewritten(swapped(5, 6)), AUDIT),
    "insert an entry and rebuild all after it": (rewritten(with_another(4, FORGED)), AUDIT),
    "truncate": (truncate, AUDIT),
    "truncate and rebuild": (rewritten(cut(3)), AUDIT),
    "take the guards away": (lambda insider, town: _without_guards(insider), AUDIT),
    # with the stolen key, but not the signer's memory
    "re-sign a changed log": (signed_again(retold(4, size_bytes=1)), AUDIT),
    "re-sign a log without an entry": (signed_again(without(4)), AUDIT),
    "re-sign a shortened log": (signed_again(cut(3)), AUDIT),
    "re-sign the same with other salts": (signed_again(unchanged), AUDIT),
    "roll back the database": (rolled_back_database, AUDIT),
    "take the signer's memory away": (forgotten, AUDIT),
    # with everything that the box has
    "roll back database, key and memory": (rolled_back_all, WITNESS),
    "roll back all and go on to a larger log": (rolled_back_and_gone_on, WITNESS),
    "re-sign a changed log and the memory": (remembered(retold(4, size_bytes=1)), WITNESS),
    "re-sign a log without an entry, and the memory": (remembered(without(4)), WITNESS),
    "re-sign swapped entries and the memory": (remembered(swapped(5, 6)), WITNESS),
    "re-sign an inserted entry and the memory": (remembered(with_another(4, FORGED)), WITNESS),
    "re-sign a shortened log and the memory": (remembered(cut(3)), WITNESS),
    "re-sign the same with other salts, and the memory": (remembered(unchanged), WITNESS),
    "put another key in place and sign all anew": (under_another_key, WITNESS),
}


def _without_guards(insider: Insider) -> None:
    connection = sqlite3.connect(insider.root / "station.db")
    connection.execute("DROP TRIGGER ledger_record_update")
    connection.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_whatever_an_insider_does_to_the_past_is_found(name: str, town: Town, tmp_path: Path) -> None:
    attack, finder = ATTACKS[name]
    root = copy_home(town.evening, tmp_path / "home")
    attack(Insider(root), town)
    if name == "take the signer's memory away":
        station = Station(root)
        assert station.audit()["code"] == 2, "what can't be checked is not called sound"
        return
    with signing(root):
        station = Station(root)
        outcome = station.audit()
        if finder == AUDIT:
            assert outcome["code"] == 1, outcome
            assert outcome["findings"]
            return
        assert outcome["code"] == 0, "he did well: only somebody outside can tell"
        found = seen_from_outside(station, town, tmp_path)
        assert found == {"witness", "proof of growth", "tiles"}


def seen_from_outside(station: Station, town: Town, place: Path) -> set[str]:
    """Return who, of those that hold the evening's checkpoint, refuses what the station shows now."""
    found: set[str] = set()
    shutil.copytree(town.outside, place / "outside")
    head = parse_checkpoint(station.run("ledger", "head", "--json").document()["checkpoint"])
    kept = town.checkpoint
    with station.database() as database:
        with database.read() as session:
            held = min(kept.size, log.size(session))
            path = prove_growth(session, held, head.size) if head.size >= held else []
        growth = make_growth(kept.size, path, head.note).encode()
        evidence: list[Evidence] = []
        folder = WitnessFolder(place / "outside" / "witness")
        answer = Witness(folder, evidence.append).add_checkpoint(growth)
        if answer.status != 200:
            assert answer.status in (400, 403, 409, 422)
            found.add("witness")
        try:
            verify_growth(growth, kept.note, [town.key])
        except DamagedError:
            found.add("proof of growth")
        try:
            publish_tiles(database, place / "outside" / "tiles", head, load_verifier(station.root / "log.vkey"))
        except StationError:
            found.add("tiles")
    return found


def test_an_honest_day_is_found_by_nobody(town: Town, tmp_path: Path) -> None:
    root = copy_home(town.evening, tmp_path / "home")
    with signing(root):
        station = Station(root)
        station.dock(write_folder(tmp_path / "card", {"5.mp4": footage(5, 3000)}))
        assert station.audit()["code"] == 0
        assert seen_from_outside(station, town, tmp_path) == set()


def test_every_kind_of_attack_that_the_issue_names_is_tried() -> None:
    for kind in (
        "edit",
        "drop",
        "swap",
        "insert",
        "truncate",
        "re-sign",
        "roll back the database",
        "roll back database",
    ):
        assert any(name.startswith(kind) for name in ATTACKS), kind
    assert {finder for _, finder in ATTACKS.values()} == {AUDIT, WITNESS}
