"""An extract holds what its recipient may see, all of what proves it, and nothing that does not lead to the root."""

from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from station.database import Database
from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError
from station.ledger import log, tables
from station.ledger.entry import Record, parse_payload, parse_record
from station.ledger.extract import Extract, prove_growth, write_evidence
from station.ledger.keys import SigningKey
from station.ledger.merkle import verify_consistency
from station.ledger.note import Checkpoint, checkpoint_text, make_note, parse_checkpoint
from station.ledger.proof import verify_proof
from tests.unit.ledger.samples import ORIGIN, erasing, fill, make_log

KEY = SigningKey(ORIGIN, bytes(32))


def checkpoint_of(database: Database, size: int) -> Checkpoint:
    with database.read() as session:
        body = checkpoint_text(ORIGIN, size, log.root_at(session, size))
    return parse_checkpoint(make_note(body, [KEY.sign(body)]))


def facts_only(record: Record) -> tuple[str, ...]:
    return ("fact",)


def write(database: Database, out: Path, size: int = 13, clips: tuple[str, ...] = ("1",)) -> Extract:
    checkpoint = checkpoint_of(database, size)
    with database.read() as session:
        return write_evidence(session, out, clips, checkpoint, facts_only, keys=[KEY.verifier], others=[4])


def test_every_entry_about_the_clip_is_there_and_proven(database: Database, tmp_path: Path) -> None:
    make_log(database)
    extract = write(database, tmp_path / "out")
    with database.read() as session:
        about = [entry.seq for entry in log.subject_entries(session, "clip:1")]
    assert list(extract.clips["1"]) == about
    assert extract.others == (4,)
    folder = tmp_path / "out" / "entries"
    before = None
    for seq in sorted({*about, 4}):
        record = (folder / f"{seq}.record").read_bytes()
        index, checkpoint = verify_proof((folder / f"{seq}.tlog-proof").read_bytes(), record, KEY.verifier)
        assert (index, checkpoint.note) == (seq, (tmp_path / "out" / "checkpoint").read_text())
        payload = (folder / f"{seq}.payload").read_bytes()
        assert sha256(payload).hexdigest() == parse_record(record).payload
        part = (folder / f"{seq}.fact.part").read_bytes()
        assert sha256(part).hexdigest() == parse_payload(payload)["fact"]
        if seq in about:
            assert parse_record(record).subjects["clip:1"] == before
            before = sha256(b"\x00" + record).hexdigest()


def test_parts_that_are_not_disclosed_are_not_written(database: Database, tmp_path: Path) -> None:
    make_log(database)
    extract = write(database, tmp_path / "out")
    names = {path.name.split(".")[1] for path in (tmp_path / "out" / "entries").glob("*.part")}
    assert names == {"fact"}
    assert extract.withheld == len(extract.clips["1"]) + 1


def test_an_erased_part_is_absent_even_if_it_may_be_seen(database: Database, tmp_path: Path) -> None:
    make_log(database)
    with database.write() as session:
        log.append(session, [erasing(session, 4)], origin=ORIGIN)
        log.drop_erased_parts(session)
    checkpoint = checkpoint_of(database, 14)
    with database.read() as session:
        write_evidence(
            session, tmp_path / "out", ["1"], checkpoint, lambda _: ("fact", "names"), keys=[KEY.verifier], others=[4]
        )
    folder = tmp_path / "out" / "entries"
    assert not (folder / "4.names.part").exists()
    assert (folder / "4.fact.part").exists()
    assert "names" in parse_payload((folder / "4.payload").read_bytes())


def test_what_came_after_the_checkpoint_does_not_change_a_byte(database: Database, tmp_path: Path) -> None:
    make_log(database)
    write(database, tmp_path / "one", 9)
    fill(database, 20, first=13)
    write(database, tmp_path / "two", 9)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two
    assert not any(int(name.split(".")[0]) >= 9 for name in one if name[0].isdigit())


def test_a_folder_that_holds_entries_already_is_refused(database: Database, tmp_path: Path) -> None:
    make_log(database)
    write(database, tmp_path / "out")
    with pytest.raises(ConflictError):
        write(database, tmp_path / "out")


def test_a_clip_that_the_ledger_does_not_know_is_refused(database: Database, tmp_path: Path) -> None:
    make_log(database)
    with pytest.raises(NotFoundError):
        write(database, tmp_path / "out", clips=("unknown",))


def test_an_entry_beyond_the_checkpoint_is_refused(database: Database, tmp_path: Path) -> None:
    make_log(database)
    with pytest.raises(NotFoundError):
        write(database, tmp_path / "out", size=4)


def test_a_key_of_another_log_is_refused(database: Database, tmp_path: Path) -> None:
    make_log(database)
    other = SigningKey("evidence-station/other", bytes(32))
    with database.read() as session, pytest.raises(LedgerError):
        write_evidence(session, tmp_path, ["1"], checkpoint_of(database, 13), facts_only, keys=[other.verifier])


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET record = CAST(replace(CAST(record AS TEXT), 'case:x', 'case:y') AS BLOB) WHERE seq = 1",
        "UPDATE record SET leaf = zeroblob(32) WHERE seq = 1",
        "UPDATE payload SET payload = zeroblob(9) WHERE seq = 1",
        "UPDATE part SET part = zeroblob(9) WHERE seq = 1 AND name = 'fact'",
        "UPDATE part SET part = zeroblob(9) WHERE seq = 1 AND name = 'names'",
        "DELETE FROM subject WHERE seq = 1",
        "DELETE FROM node WHERE level = 1",
        'UPDATE node SET hash = zeroblob(32) WHERE level = 2 AND "index" = 1',
    ],
)
def test_nothing_damaged_is_handed_out(damage: str, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    make_log(database)
    checkpoint = checkpoint_of(database, 13)
    with database.write() as session:
        for name in tables.installed_triggers(session.connection()):
            session.connection().execute(text(f"DROP TRIGGER {name}"))
        session.connection().execute(text(damage))
    with database.read() as session, pytest.raises(DamagedError):
        write_evidence(session, tmp_path / "out", ["1"], checkpoint, facts_only, keys=[KEY.verifier])
    database.dispose()


@pytest.mark.parametrize(("first", "second"), [(0, 13), (1, 13), (6, 7), (8, 13), (13, 13), (5, 12)])
def test_the_log_proves_that_it_only_grew(database: Database, first: int, second: int) -> None:
    make_log(database)
    with database.read() as session:
        proof = prove_growth(session, first, second)
        verify_consistency(first, second, log.root_at(session, first), log.root_at(session, second), proof)
