"""Appending chains everything or nothing; reading gives back the exact bytes."""

import threading
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from station import clock
from station.database import Database
from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError
from station.ledger import log, tables
from station.ledger.entry import FIRST_PREV, leaf_of, parse_payload, parse_record
from station.ledger.keys import SigningKey
from station.ledger.merkle import EMPTY_ROOT, CompactRange, inclusion_proof, verify_inclusion
from station.ledger.note import checkpoint_text, make_note
from station.records.draft import Draft
from tests.unit.ledger.samples import ORIGIN, TIME, draft, erasing, fill, make_log

KEY = SigningKey(ORIGIN, bytes(32))


def note_at(database: Database, size: int) -> str:
    with database.read() as session:
        return one_note(size, log.root_at(session, size))


def one_note(size: int, root: bytes) -> str:
    body = checkpoint_text(ORIGIN, size, root)
    return make_note(body, [KEY.sign(body)])


def test_an_empty_log_has_the_empty_root(database: Database) -> None:
    tables.create_tables(database)
    with database.read() as session:
        assert log.head(session) == log.Head(0, EMPTY_ROOT, None)
        assert list(log.entries(session)) == []
        assert log.latest_checkpoint(session) is None
        assert log.append(session, [], origin=ORIGIN) == []


def test_each_record_names_the_leaf_before_it_and_the_last_about_each_subject(database: Database) -> None:
    make_log(database, 7)
    fill(database, 6, first=7)
    prev = FIRST_PREV
    latest: dict[str, str] = {}
    with database.read() as session:
        entries = list(log.entries(session))
    assert [entry.seq for entry in entries] == list(range(13))
    for entry in entries:
        record = parse_record(entry.record)
        assert (record.seq, record.log, record.prev) == (entry.seq, ORIGIN, prev)
        assert (record.type, record.time) == (entry.type, entry.time) == (draft(entry.seq).type, TIME)
        assert record.subjects == {name: latest.get(name) for name in draft(entry.seq).subjects}
        assert record.payload == sha256(entry.payload).hexdigest()
        assert parse_payload(entry.payload) == {name: sha256(part).hexdigest() for name, part in entry.parts.items()}
        assert entry.values() == draft(entry.seq).parts
        prev = leaf_of(entry.record).hex()
        assert entry.leaf.hex() == prev
        latest |= dict.fromkeys(record.subjects, prev)


@pytest.mark.parametrize("groups", [[13], [1] * 13, [5, 1, 7]])
def test_however_drafts_are_grouped_the_tree_is_that_of_the_leaves(database: Database, groups: list[int]) -> None:
    tables.create_tables(database)
    tree, first = CompactRange(), 0
    for count in groups:
        for appended in fill(database, count, first):
            tree.append(appended.leaf)
        first += count
        with database.read() as session:
            head = log.head(session)
        assert (head.size, head.root) == (tree.size, tree.root())
    with database.read() as session:
        read = log.nodes(session)
        for entry in log.entries(session):
            verify_inclusion(entry.leaf, entry.seq, 13, inclusion_proof(entry.seq, 13, read), tree.root())
        assert log.root_at(session, 8) == read(3, 0)


def test_what_was_appended_is_told(database: Database) -> None:
    tables.create_tables(database)
    first, second = fill(database, 2)
    assert (first.seq, second.seq, first.time, second.draft) == (0, 1, TIME, draft(1))
    with database.write() as session:
        (third,) = log.append(session, [draft(2)], origin=ORIGIN)
    assert clock.parse_time(third.time) <= clock.now()


def test_nothing_is_there_unless_the_caller_commits(database: Database) -> None:
    make_log(database, 3)
    with pytest.raises(NotFoundError), database.write() as session:
        log.append(session, [draft(3)], origin=ORIGIN)
        raise NotFoundError("changed their mind")
    with database.read() as session:
        assert log.size(session) == 3
    fill(database, 1, first=3)
    with database.read() as session:
        assert log.head(session).size == 4


@pytest.mark.parametrize(
    "bad",
    [
        Draft("clip", (), {"fact": 1}),
        Draft("clip.bound", ("clip:a", "clip:a"), {"fact": 1}),
        Draft("clip.bound", ("clip",), {"fact": 1}),
        Draft("clip.bound", (), {"fact": 1.5}),  # type: ignore[dict-item]
        Draft("clip.bound", (), {}),
        Draft("clip.bound", (), {"fact": "x" * 70000}),
    ],
    ids=lambda bad: repr(bad)[:50],
)
def test_a_draft_that_the_format_does_not_allow_is_refused(database: Database, bad: Draft) -> None:
    tables.create_tables(database)
    with pytest.raises(LedgerError), database.write() as session:
        log.append(session, [draft(0), bad], origin=ORIGIN)
    with database.read() as session:
        assert log.size(session) == 0


def test_another_log_cannot_be_appended_to(database: Database) -> None:
    make_log(database, 1)
    with pytest.raises(LedgerError, match="not evidence-station/other"), database.write() as session:
        log.append(session, [draft(1)], origin="evidence-station/other")


def test_nothing_is_appended_after_a_damaged_entry(database: Database) -> None:
    make_log(database, 3)
    with database.write() as session:
        switch = "DROP TRIGGER ledger_record_update" + ("" if database.is_sqlite else " ON record")
        session.connection().execute(text(switch))
        session.connection().execute(text("UPDATE record SET leaf = :leaf WHERE seq = 2"), {"leaf": bytes(32)})
    with pytest.raises(DamagedError):
        fill(database, 1, first=3)


def test_an_erasure_of_a_part_that_is_not_there_is_refused(database: Database) -> None:
    make_log(database, 3)
    fact = {"seq": 1, "part": "actor", "digest": "00" * 32}
    for change in ({}, {"part": "names"}):  # no such part; another content
        with pytest.raises(ConflictError), database.write() as session:
            log.append(session, [Draft("payload.erased", (), {"fact": {**fact, **change}})], origin=ORIGIN)


def test_a_part_is_erased_once(database: Database) -> None:
    make_log(database, 3)
    with database.write() as session:
        log.append(session, [erasing(session, 1)], origin=ORIGIN)
    with pytest.raises(ConflictError), database.write() as session:
        log.append(session, [erasing(session, 1)], origin=ORIGIN)


def test_entries_of_a_subject_come_oldest_first(database: Database) -> None:
    make_log(database)
    with database.read() as session:
        found = [entry.seq for entry in log.subject_entries(session, "case:x")]
    assert found == [number for number in range(13) if "case:x" in draft(number).subjects]


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_a_stretch_of_entries_is_the_same_in_any_batches(database: Database, batch: int) -> None:
    make_log(database)
    with database.read() as session:
        assert [entry.seq for entry in log.entries(session, 3, 9, batch=batch)] == [3, 4, 5, 6, 7, 8]
        assert [entry.seq for entry in log.entries(session, 11, batch=batch)] == [11, 12]
        assert [entry.seq for entry in log.entries(session, 11, 99, batch=batch)] == [11, 12]


@pytest.mark.parametrize("table", ["record", "payload"])
def test_reading_stops_where_a_row_is_missing(database: Database, table: str) -> None:
    make_log(database, 6)
    with database.write() as session:
        connection = session.connection()
        if database.is_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            connection.execute(text(f"DROP TRIGGER ledger_{table}_delete"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for name in ("part", "subject", "payload", "record") if table == "record" else ("payload",):
            if database.is_sqlite:
                connection.execute(text(f"DROP TRIGGER IF EXISTS ledger_{name}_delete"))
            connection.execute(text(f"DELETE FROM {name} WHERE seq = 5"))  # noqa: S608  our own names
        if table == "record":  # a later one makes it a gap
            if database.is_sqlite:
                connection.execute(text("DROP TRIGGER ledger_record_insert"))
            values = {"record": b"x", "leaf": bytes(32), "time": TIME}
            statement = "INSERT INTO record (seq, record, leaf, type, time) VALUES (6, :record, :leaf, 'a.b', :time)"
            connection.execute(text(statement), values)
    with database.read() as session, pytest.raises(DamagedError):
        list(log.entries(session, batch=2))


def test_an_unknown_entry_is_not_found(database: Database) -> None:
    make_log(database, 2)
    with database.read() as session, pytest.raises(NotFoundError):
        log.entry(session, 2)


def test_checkpoints_are_kept_once_and_the_newest_counts(database: Database) -> None:
    make_log(database, 5)
    notes = {size: note_at(database, size) for size in (2, 3, 5)}
    for size in (2, 5, 5, 3):
        with database.write() as session:
            log.store_checkpoint(session, notes[size])
    with database.read() as session:
        newest = log.latest_checkpoint(session)
        assert newest is not None
        assert newest.note == notes[5]
        assert log.checkpoint_at(session, 3) is None


def test_a_second_history_of_one_size_is_refused(database: Database) -> None:
    make_log(database, 2)
    with database.write() as session:
        log.store_checkpoint(session, one_note(2, b"1" * 32))
    with pytest.raises(LedgerError), database.write() as session:
        log.store_checkpoint(session, one_note(2, b"2" * 32))


def test_an_export_holds_exact_records_under_the_newest_checkpoint(database: Database, tmp_path: Path) -> None:
    make_log(database, 5)
    note = note_at(database, 4)
    with database.write() as session:
        log.store_checkpoint(session, note)
    with database.read() as session:
        head = log.export(session, tmp_path / "out", KEY.verifier)
        records = [entry.record for entry in log.entries(session, end=4)]
    assert head.size == 4
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == b"".join(record + b"\n" for record in records)
    assert (tmp_path / "out" / "checkpoint").read_text() == note
    assert (tmp_path / "out" / "log.vkey").read_text() == f"{KEY.verifier}\n"


def test_nothing_unsigned_is_exported(database: Database, tmp_path: Path) -> None:
    make_log(database, 2)
    with database.read() as session, pytest.raises(LedgerError, match="signed"):
        log.export(session, tmp_path, KEY.verifier)


def test_writers_at_the_same_time_make_one_chain(database: Database) -> None:
    tables.create_tables(database)
    writers = [threading.Thread(target=lambda: [fill(database, 2) for _ in range(5)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.read() as session:
        entries = list(log.entries(session))
    assert len(entries) == 40
    assert [parse_record(entry.record).prev for entry in entries[1:]] == [entry.leaf.hex() for entry in entries[:-1]]


def test_many_subjects_at_once_are_all_chained(database: Database) -> None:
    tables.create_tables(database)
    drafts = [Draft("clip.ingested", (f"clip:{number}",), {"fact": number}) for number in range(1200)]
    for _ in range(2):
        with database.write() as session:
            appended = log.append(session, drafts, origin=ORIGIN)
    with database.read() as session:
        first = log.entry(session, 700)
        second = log.entry(session, 1900)
    assert parse_record(second.record).subjects == {"clip:700": first.leaf.hex()}
    assert appended[-1].seq == 2399
