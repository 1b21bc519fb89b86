"""Every table × {bit flip, row deleted, row inserted, rows swapped}: the audit names what is wrong, and where."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from station.database import Database
from station.ledger import anchors, log, tables
from station.ledger.anchors import AnchorTrust
from station.ledger.audit_source import audit_database
from station.ledger.cosign import CosigningKey
from station.ledger.entry import leaf_of, parse_record
from station.ledger.findings import MESSAGES, Finding
from station.ledger.keys import SigningKey
from station.ledger.note import checkpoint_text, make_note
from station.ledger.verify import Audit, Row, audit
from tests.databases import SWEEP
from tests.unit.ledger.samples import ORIGIN, TIME, erasing, fill, make_log

KEY = SigningKey(ORIGIN, bytes(32))
OTHER = SigningKey(ORIGIN, bytes(range(32)))
SIZE = 13
WITNESSES = (CosigningKey("witness.example/w1", bytes(range(1, 33))), CosigningKey("w2", bytes(range(2, 34))))
STRANGER = CosigningKey("w3", bytes(range(3, 35)))
TRUST = AnchorTrust(tuple(each.verifier for each in WITNESSES))


def sign(size: int, root: bytes, key: SigningKey = KEY) -> str:
    body = checkpoint_text(ORIGIN, size, root)
    return make_note(body, [key.sign(body)])


def checkpoint(database: Database) -> str:
    with database.write() as session:
        head = log.head(session)
        note = sign(head.size, head.root)
        log.store_checkpoint(session, note)
    return note


@pytest.fixture
def sealed(database: Database) -> tuple[Database, str]:
    """A log of 13 entries, numbers 8 and 9 erasing a part of 4 and of 3, with checkpoints at 4, 10 and 13.

    One witness cosigned at 4 and 13, the other at 13.
    """
    make_log(database, 4)
    checkpoint(database)
    fill(database, 4, first=4)
    with database.write() as session:
        log.append(session, [erasing(session, 4), erasing(session, 3)], origin=ORIGIN, time=TIME)
    with database.write() as session:
        log.drop_erased_parts(session)
    checkpoint(database)
    fill(database, 3, first=10)
    note = checkpoint(database)
    for witness, size in ((WITNESSES[0], 4), (WITNESSES[0], 13), (WITNESSES[1], 13)):
        anchor(database, witness, size)
    return database, note


def anchor(database: Database, witness: CosigningKey, size: int) -> None:
    with database.write() as session:
        line = witness.cosign(anchors.checkpoint_text_at(session, size), 1_800_000_000).line()
        key = str(witness.verifier)
        anchors.store_anchor(session, size, "cosignature", key, line.encode(), anchors.posix_time(1_800_000_000))


@contextmanager
def tampering(database: Database) -> Iterator[Connection]:
    """A connection of somebody with full rights: guards off while they work, and put back as they were."""
    engine = create_engine(database.url, poolclass=NullPool)  # for SQLite: foreign keys are not looked at
    with engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            return
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        for name in tables.expected_triggers("sqlite"):
            connection.execute(text(f"DROP TRIGGER {name}"))
        yield connection
        for statements in tables.expected_triggers("sqlite").values():
            connection.execute(text(statements[0]))


def look(sealed: tuple[Database, str]) -> Audit:
    database, note = sealed
    return audit_database(database, KEY.verifier, note, TRUST)


def kinds(outcome: Audit) -> set[str]:
    return {item.kind for item in outcome.findings}


def named(outcome: Audit, kind: str) -> list[int | None]:
    return [item.seq for item in outcome.findings if item.kind == kind]


def test_an_untouched_log_is_sound(sealed: tuple[Database, str]) -> None:
    outcome = look(sealed)
    assert outcome.sound
    assert (outcome.findings, outcome.notes) == ((), ())
    assert (outcome.size, outcome.signed_size) == (SIZE, SIZE)
    assert outcome.checked == {"records": 13, "payloads": 13, "parts": 22, "nodes": 10, "checkpoints": 3}


def test_an_empty_log_is_sound(database: Database) -> None:
    tables.create_tables(database)
    outcome = audit_database(database, KEY.verifier, sign(0, log.EMPTY_ROOT))
    assert kinds(outcome) == {"checkpoint.lost"}
    checkpoint(database)
    assert audit_database(database, KEY.verifier, sign(0, log.EMPTY_ROOT)).sound


def test_entries_after_the_last_checkpoint_are_told_but_no_damage(sealed: tuple[Database, str]) -> None:
    fill(sealed[0], 2, first=13)
    outcome = look(sealed)
    assert outcome.sound
    assert [item.message for item in outcome.notes] == ["The last 2 entries are not signed yet"]


def test_a_part_that_is_yet_to_be_erased_is_told_but_no_damage(database: Database) -> None:
    make_log(database, 3)
    with database.write() as session:
        log.append(session, [erasing(session, 1)], origin=ORIGIN)
    outcome = audit_database(database, KEY.verifier)
    assert outcome.sound
    assert [item.kind for item in outcome.notes] == ["part.remains", "log.unsigned"]


COLUMNS = [
    (table.name, column.name)
    for table in tables.metadata.tables.values()
    for column in table.columns
    if column.name not in ("seq", "number", "level", "index", "by_seq")
]


def flipped(value: object, bit: int) -> object:
    if isinstance(value, int):
        return value ^ 1 << bit % 20
    raw = bytearray(value if isinstance(value, bytes) else str(value).encode())
    # text stays text: flip the lowest bits of ASCII letters only
    place = bit % (len(raw) * 8) // 8 if isinstance(value, bytes) else bit % len(raw)
    raw[place] ^= 1 << (bit % 8 if isinstance(value, bytes) else 0)
    return bytes(raw) if isinstance(value, bytes) else raw.decode()


@SWEEP
@pytest.mark.parametrize("bit", [77, 1500])
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_flipped_bit_in_any_column_is_named(
    sealed: tuple[Database, str], table: str, column: str, bit: int
) -> None:
    with tampering(sealed[0]) as connection:
        rows = connection.execute(tables.metadata.tables[table].select()).all()
        row = rows[bit % len(rows)]
        keys = [key.name for key in tables.metadata.tables[table].primary_key]
        where = " AND ".join(f'"{key}" = :{key}' for key in keys)
        values = {key: getattr(row, key) for key in keys}
        values["changed"] = flipped(getattr(row, column), bit)
        connection.execute(text(f'UPDATE {table} SET "{column}" = :changed WHERE {where}'), values)  # noqa: S608
    outcome = look(sealed)
    assert not outcome.sound
    if "seq" in keys and table != "erasure":
        assert row.seq in [item.seq for item in outcome.findings]
    if table in ("record", "payload"):
        assert {item.seq for item in outcome.findings} == {row.seq}, "one change is not told of other entries"
    if table == "node":
        assert [item.params["index"] for item in outcome.findings] == [row.index]
    if table == "checkpoint":
        assert row.number in [item.params.get("number") for item in outcome.findings]


@pytest.mark.parametrize(("table", "column"), [("record", "record"), ("record", "leaf")])
@pytest.mark.parametrize("seq", [0, 5, 11, 12])
def test_the_altered_side_of_record_and_leaf_is_told(
    sealed: tuple[Database, str], table: str, column: str, seq: int
) -> None:
    with tampering(sealed[0]) as connection:
        old = connection.scalar(text(f"SELECT {column} FROM {table} WHERE seq = {seq}"))  # noqa: S608
        new = old.replace(b'"v":1', b'"v":2') if column == "record" else bytes(32)
        connection.execute(text(f"UPDATE {table} SET {column} = :new WHERE seq = {seq}"), {"new": new})  # noqa: S608
    outcome = look(sealed)
    expected = "record.altered" if column == "record" else "leaf.altered"
    if seq == 12 and column == "leaf":
        expected = "leaf.unclear"  # no successor says which of the two it was
    assert {expected} <= kinds(outcome) <= {expected, "record.form"}
    assert {item.seq for item in outcome.findings} == {seq}


@pytest.mark.parametrize("seq", [0, 5, 12])
def test_a_record_rewritten_together_with_its_leaf_is_named(sealed: tuple[Database, str], seq: int) -> None:
    with tampering(sealed[0]) as connection:
        old = connection.scalar(text(f"SELECT record FROM record WHERE seq = {seq}"))  # noqa: S608
        new = old.replace(b"2026-08-04", b"2026-08-05")
        values = {"new": new, "leaf": leaf_of(new), "time": TIME.replace("04T", "05T"), "seq": seq}
        connection.execute(text("UPDATE record SET record = :new, leaf = :leaf, time = :time WHERE seq = :seq"), values)
    outcome = look(sealed)
    if seq == 12:
        assert kinds(outcome) == {"checkpoint.root"}
        assert outcome.findings[0].params == {"first": 10, "last": 12, "size": 13}
    else:
        assert named(outcome, "record.replaced") == [seq]
        assert len(outcome.findings) == 1


def test_a_rewritten_history_does_not_lead_to_the_signed_root(sealed: tuple[Database, str]) -> None:
    with sealed[0].read() as session:
        old = list(log.entries(session))
    tree_rows = []
    prev = ""
    for entry in old:
        record = entry.record
        if entry.seq == 6:
            record = record.replace(b"2026-08-04", b"2026-08-05")
        elif entry.seq > 6:
            record = record.replace(old[entry.seq - 1].leaf.hex().encode(), prev.encode())
        prev = leaf_of(record).hex()
        tree_rows.append(Row(entry.seq, record))
    outcome = audit(tree_rows, KEY.verifier, signer_note=sealed[1], stored=False)
    assert "checkpoint.root" in kinds(outcome)


DELETED: dict[str, tuple[str, Callable[[Finding], bool]]] = {
    "record": ("seq = 5", lambda item: item.kind == "record.missing" and item.params["first"] == 5),
    "payload": ("seq = 5", lambda item: item.kind == "payload.missing" and item.seq == 5),
    "part": ("seq = 5 AND name = 'names'", lambda item: item.kind == "part.missing" and item.seq == 5),
    "node": ('level = 2 AND "index" = 1', lambda item: item.kind == "node.missing" and item.params["first"] == 1),
    "subject": ("seq = 5 AND subject = 'case:x'", lambda item: item.kind == "index.missing" and item.seq == 5),
    "checkpoint": ("number = 1", lambda item: item.kind == "checkpoint.missing" and item.params["number"] == 1),
    "anchor": ("number = 1", lambda item: item.kind == "anchor.missing" and item.params["number"] == 1),
    "erasure": ("seq = 3", lambda item: item.kind == "erasure.missing" and item.params["of"] == 3),
}


@pytest.mark.parametrize("table", tables.metadata.tables)
def test_one_deleted_row_is_named(sealed: tuple[Database, str], table: str) -> None:
    where, is_it = DELETED[table]
    with tampering(sealed[0]) as connection:
        connection.execute(text(f"DELETE FROM {table} WHERE {where}"))  # noqa: S608
    outcome = look(sealed)
    assert any(map(is_it, outcome.findings))
    damage = [item for item in outcome.findings if item.kind not in ("payload.unexpected", "part.unexpected")]
    assert len([item for item in damage if item.kind != "index.unexpected"]) == 1


def test_the_last_record_deleted_shows_against_the_signer(sealed: tuple[Database, str]) -> None:
    with tampering(sealed[0]) as connection:
        for table in ("part", "subject", "payload", "record"):
            connection.execute(text(f"DELETE FROM {table} WHERE seq = 12"))  # noqa: S608
        connection.execute(text("DELETE FROM checkpoint WHERE size = 13"))
    outcome = look(sealed)
    assert kinds(outcome) == {"log.shorter", "checkpoint.lost", "anchor.stray"}
    assert outcome.size == 12


def test_the_last_checkpoint_deleted_shows_against_the_signer(sealed: tuple[Database, str]) -> None:
    with tampering(sealed[0]) as connection:
        connection.execute(text("DELETE FROM checkpoint WHERE size = 13"))
    assert kinds(look(sealed)) == {"checkpoint.lost", "anchor.stray"}


INSERTED: dict[str, tuple[dict[str, object], set[str]]] = {
    "record": (
        {"seq": 13, "record": b"{}", "leaf": bytes(32), "type": "a.b", "time": TIME},
        {"record.form", "record.altered", "payload.missing"},
    ),
    "payload": ({"seq": 13, "payload": b"{}"}, {"payload.unexpected"}),
    "part": ({"seq": 3, "name": "place", "part": b"{}"}, {"part.unexpected"}),
    "node": ({"level": 3, "index": 1, "hash": bytes(32)}, {"node.unexpected"}),
    "subject": ({"seq": 3, "subject": "clip:none"}, {"index.unexpected"}),
    "checkpoint": ({"number": 3, "size": 12, "note": sign(12, bytes(32), OTHER)}, {"checkpoint.altered"}),
    "anchor": (
        {"number": 3, "size": 13, "kind": "cosignature", "key": "w9+00000000+BA==", "data": b"x", "time": TIME},
        {"anchor.altered"},
    ),
    "erasure": ({"seq": 5, "name": "names", "by_seq": 9}, {"erasure.unexpected"}),
}


@pytest.mark.parametrize("table", tables.metadata.tables)
def test_one_inserted_row_is_named(sealed: tuple[Database, str], table: str) -> None:
    values, expected = INSERTED[table]
    with tampering(sealed[0]) as connection:
        connection.execute(tables.metadata.tables[table].insert(), [values])
    found = kinds(look(sealed))
    assert expected <= found
    assert found <= expected | {"checkpoint.order", "checkpoint.size", "node.missing"}


def test_an_anchor_of_a_witness_that_is_not_ours_is_named(sealed: tuple[Database, str]) -> None:
    anchor(sealed[0], STRANGER, 10)
    outcome = look(sealed)
    assert [(item.kind, item.params["number"]) for item in outcome.findings] == [("anchor.foreign", 3)]


def test_without_knowing_the_witnesses_that_is_told_and_what_a_row_says_itself_is_checked(
    sealed: tuple[Database, str],
) -> None:
    outcome = audit_database(sealed[0], KEY.verifier, sealed[1])
    assert (outcome.sound, [item.kind for item in outcome.notes]) == (True, ["anchor.unchecked"])
    with tampering(sealed[0]) as connection:
        connection.execute(text("UPDATE anchor SET size = 10 WHERE number = 1"))
    outcome = audit_database(sealed[0], KEY.verifier, sealed[1])
    assert [(item.kind, item.params["number"]) for item in outcome.findings] == [("anchor.altered", 1)]


def test_a_part_deleted_under_a_made_up_erasure_is_named(sealed: tuple[Database, str]) -> None:
    with tampering(sealed[0]) as connection:
        connection.execute(text("INSERT INTO erasure (seq, name, by_seq) VALUES (5, 'names', 9)"))
        connection.execute(text("DELETE FROM part WHERE seq = 5 AND name = 'names'"))
    outcome = look(sealed)
    assert named(outcome, "part.missing") == [5]
    assert named(outcome, "erasure.unexpected") == [5]


SWAPPED = {
    "record": ("record", "seq = 5", "seq = 6", {5, 6}),
    "payload": ("payload", "seq = 5", "seq = 6", {5, 6}),
    "part": ("part", "seq = 5 AND name = 'fact'", "seq = 6 AND name = 'fact'", {5, 6}),
    "subject": ("subject", "seq = 6 AND subject = 'clip:0'", "seq = 7 AND subject = 'clip:1'", {6, 7}),
    "node": ("hash", 'level = 1 AND "index" = 0', 'level = 1 AND "index" = 1', set()),
    "checkpoint": ("note", "number = 0", "number = 1", set()),
    "anchor": ("data", "number = 0", "number = 1", set()),
    "erasure": ("by_seq", "seq = 3", "seq = 3", set()),
}


@pytest.mark.parametrize("table", [name for name in SWAPPED if name != "erasure"])
def test_two_swapped_rows_are_named(sealed: tuple[Database, str], table: str) -> None:
    column, first, second, numbers = SWAPPED[table]
    with tampering(sealed[0]) as connection:
        one = connection.scalar(text(f"SELECT {column} FROM {table} WHERE {first}"))  # noqa: S608
        two = connection.scalar(text(f"SELECT {column} FROM {table} WHERE {second}"))  # noqa: S608
        connection.execute(text(f"UPDATE {table} SET {column} = :two WHERE {first}"), {"two": two})  # noqa: S608
        connection.execute(text(f"UPDATE {table} SET {column} = :one WHERE {second}"), {"one": one})  # noqa: S608
    outcome = look(sealed)
    assert not outcome.sound
    assert {item.seq for item in outcome.findings} >= numbers
    if table == "checkpoint":
        assert {item.params["number"] for item in outcome.findings} == {0, 1}


def test_two_whole_entries_swapped_are_named(sealed: tuple[Database, str]) -> None:
    with tampering(sealed[0]) as connection:
        for old, new in ((5, 100), (6, 5), (100, 6)):
            connection.execute(text(f"UPDATE record SET seq = {new} WHERE seq = {old}"))  # noqa: S608
    outcome = look(sealed)
    assert 5 in named(outcome, "record.number")
    assert 6 in [item.seq for item in outcome.findings]


NUMBERS = [
    (table.name, column.name)
    for table in tables.metadata.tables.values()
    for column in table.columns
    if column.name in ("seq", "number", "level", "index", "by_seq")
]


@SWEEP
@pytest.mark.parametrize("bit", [0, 40])
@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_one_flipped_bit_in_a_rows_number_is_named(
    sealed: tuple[Database, str], table: str, column: str, bit: int
) -> None:
    with tampering(sealed[0]) as connection:
        primary = [key.name for key in tables.metadata.tables[table].primary_key]
        where = " AND ".join(f'"{key}" = :{key}' for key in primary)
        statement = text(f'UPDATE {table} SET "{column}" = :changed WHERE {where}')  # noqa: S608  our own names
        for row in connection.execute(tables.metadata.tables[table].select()).all():
            old = {key: getattr(row, key) for key in primary}
            try:
                with connection.begin_nested():
                    connection.execute(statement, {**old, "changed": getattr(row, column) ^ 1 << bit})
                break
            except IntegrityError:  # another row has that number already
                continue
        else:
            pytest.fail("no row could be changed")
    assert not look(sealed).sound


def test_a_missing_guard_is_named(sealed: tuple[Database, str]) -> None:
    database = sealed[0]
    with database.write() as session:
        on = "" if database.is_sqlite else " ON part"
        session.connection().execute(text(f"DROP TRIGGER ledger_part_update{on}"))
    outcome = look(sealed)
    assert [item.message for item in outcome.findings] == [
        "The guard ledger_part_update that keeps the ledger append-only is missing or was changed"
    ]


def test_a_checkpoint_of_another_key_is_named(sealed: tuple[Database, str]) -> None:
    outcome = audit_database(sealed[0], OTHER.verifier, sealed[1])
    assert kinds(outcome) == {"checkpoint.altered", "signer.note"}


def test_several_changes_are_all_named(sealed: tuple[Database, str]) -> None:
    with tampering(sealed[0]) as connection:
        connection.execute(text("UPDATE record SET time = :time WHERE seq = 1"), {"time": TIME.replace("1", "2")})
        connection.execute(text("DELETE FROM part WHERE seq = 7 AND name = 'fact'"))
        connection.execute(text("UPDATE payload SET payload = :junk WHERE seq = 11"), {"junk": b"\xff\x00"})
    outcome = look(sealed)
    assert [(item.kind, item.seq) for item in outcome.findings] == [
        ("column.time", 1),
        ("payload.altered", 11),
        ("part.missing", 7),
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], str]:
    """All rows of a log of 13 entries, and its signed checkpoint."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('whole') / 'station.db'}")
    make_log(database, SIZE)
    rows: list[Row] = []
    with database.read() as session:
        head = log.head(session)
        for entry in log.entries(session):
            subjects = sorted(parse_record(entry.record).subjects)
            rest = (entry.type, entry.time, entry.payload, entry.parts, subjects)
            rows.append(Row(entry.seq, entry.record, entry.leaf, *rest))
    return rows, sign(head.size, head.root)


junk_rows = st.builds(
    Row,
    seq=st.integers(-3, 2**60),
    record=st.none() | st.binary(max_size=50),
    leaf=st.none() | st.binary(max_size=40),
    type=st.text(max_size=5),
    time=st.text(max_size=5),
    payload=st.none() | st.binary(max_size=50),
    parts=st.dictionaries(st.text(max_size=4), st.binary(max_size=20), max_size=2),
    subjects=st.lists(st.text(max_size=4), max_size=2),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(junk_rows, max_size=5),
    st.lists(st.tuples(st.integers(), st.integers(), st.text(max_size=20)), max_size=3),
    st.lists(st.tuples(st.integers(), st.integers(), st.binary(max_size=40)), max_size=3),
)
def test_garbage_never_crashes_the_audit(
    rows: list[Row], checkpoints: list[tuple[int, int, str]], nodes: list[tuple[int, int, bytes]]
) -> None:
    outcome = audit(
        rows,
        KEY.verifier,
        checkpoints=checkpoints,
        nodes=lambda size: nodes,
        erasures=[(0, "x", 0)],
        signer_note="\x00",
    )
    assert not outcome.sound
    assert all(item.message for item in outcome.findings)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_anywhere_in_a_row_is_named(whole: tuple[list[Row], str], data: st.DataObject) -> None:
    rows, note = whole
    victim = data.draw(st.integers(0, len(rows) - 1))
    row = rows[victim]
    assert row.record is not None
    assert row.leaf is not None
    assert row.payload is not None
    raw = {"record": row.record, "leaf": row.leaf, "payload": row.payload, **row.parts}
    what = data.draw(st.sampled_from(sorted(raw)))
    bent = bytearray(raw[what])
    bit = data.draw(st.integers(0, len(bent) * 8 - 1))
    bent[bit // 8] ^= 1 << bit % 8
    raw[what] = bytes(bent)
    changed = Row(
        row.seq, raw["record"], raw["leaf"], row.type, row.time, raw["payload"],
        {name: raw[name] for name in row.parts}, row.subjects,
    )  # fmt: skip
    outcome = audit([*rows[:victim], changed, *rows[victim + 1 :]], KEY.verifier, signer_note=note, stored=False)
    assert {item.seq for item in outcome.findings if item.kind != "checkpoint.root"} == {victim}


def test_every_sentence_can_be_filled() -> None:
    assert all(kind.count(".") == 1 and sentence[0].isupper() for kind, sentence in MESSAGES.items())


def test_a_log_signed_anew_with_the_stolen_key_is_not_what_the_signer_remembers(tmp_path: Path) -> None:
    def made(name: str) -> tuple[Database, str]:
        database = Database(f"sqlite:///{tmp_path / name}")
        make_log(database, 5)
        with database.write() as session:
            text = checkpoint_text(ORIGIN, 5, log.root_at(session, 5))
            note = make_note(text, [KEY.sign(text)])
            log.store_checkpoint(session, note)
        return database, note

    (honest, signed), (forged, _) = made("honest.db"), made("forged.db")  # the same drafts, other salts
    assert audit_database(honest, KEY.verifier, signed).sound
    assert [finding.kind for finding in audit_database(forged, KEY.verifier, signed).findings] == ["signer.differs"]
    honest.dispose()
    forged.dispose()
