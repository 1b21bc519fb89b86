"""An entry and its projection: together or not at all; the catalogue compared and rebuilt, on both engines."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from station.actions.setup import create_tables
from station.catalogue.tables import PROJECTION_VERSION
from station.custody import Custody, compare, keep_projection, rebuild
from station.database import Database, Session
from station.errors import ConflictError, DamagedError, DatabaseError, LedgerError, SignerUnavailableError
from station.ledger import log
from station.ledger.note import Checkpoint
from station.records.case_entries import ClipClassified
from station.records.entries import Entry
from station.records.log_entries import AlarmRaised, CheckCompleted
from station.records.terms import Sensitivity
from tests.databases import SWEEP
from tests.flow.filling import entries_about
from tests.unit.ledger.samples import make_home


class Unsigned(Custody):
    """The real pen with nobody to sign."""

    sealed = 0

    def seal(self) -> Checkpoint:
        self.sealed += 1
        raise SignerUnavailableError("nobody signs in this test")


@pytest.fixture
def custody(database: Database, tmp_path: Path) -> Unsigned:
    create_tables(database)
    return Unsigned(make_home(tmp_path / "home"), database)


def alarm(number: int, text: str = "x") -> AlarmRaised:
    return AlarmRaised(fact=AlarmRaised.Fact(alarm=f"a{number}", kind="k"), detail=AlarmRaised.Detail(text=text))


def count(database: Database, table: str) -> int:
    with database.read() as session:
        return int(session.connection().scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


def change(database: Database, statement: str) -> None:
    with database.write() as session:
        session.connection().execute(text(statement))


def test_what_was_appended_is_in_the_ledger_and_in_the_catalogue(custody: Unsigned, database: Database) -> None:
    appended = custody.append(alarm(1), alarm(2))
    assert [each.seq for each in appended] == [0, 1]
    assert (count(database, "record"), count(database, "catalogue_alarm")) == (2, 2)


def test_what_a_guard_refuses_leaves_no_trace(custody: Unsigned, database: Database) -> None:
    def refuse(session: Session) -> None:
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        custody.append(alarm(1), guard=refuse)
    assert (count(database, "record"), count(database, "catalogue_alarm")) == (0, 0)


def test_an_entry_that_can_not_be_projected_is_not_in_the_ledger_either(custody: Unsigned, database: Database) -> None:
    custody.append(alarm(1))
    with pytest.raises(DatabaseError):
        custody.append(alarm(2), alarm(1))  # the same alarm twice
    assert (count(database, "record"), count(database, "catalogue_alarm")) == (1, 1)
    custody.append(alarm(3))
    assert count(database, "record") == 2


def test_an_entry_that_the_ledger_refuses_is_not_in_the_catalogue_either(custody: Unsigned, database: Database) -> None:
    with pytest.raises(LedgerError):
        custody.append(alarm(1), alarm(2, "x" * 70_000))
    assert (count(database, "record"), count(database, "catalogue_alarm")) == (0, 0)


def test_composing_sees_what_is_there_and_may_append_nothing(custody: Unsigned, database: Database) -> None:
    def compose(session: Session) -> Sequence[Entry]:
        return () if log.size(session) else (alarm(1),)

    assert len(custody.append_from(compose)) == 1
    assert custody.append_from(compose) == ()
    assert count(database, "record") == 1


def test_a_missing_signer_does_not_undo_what_was_appended(custody: Unsigned, database: Database) -> None:
    custody.append(alarm(1))
    assert (custody.sealed, count(database, "record")) == (1, 1)


def test_nothing_is_asked_of_the_signer_for_nothing_or_when_told_not_to(custody: Unsigned) -> None:
    custody.append()
    custody.append(alarm(1), seal=False)
    assert custody.sealed == 0


def test_an_untouched_catalogue_differs_in_nothing(custody: Unsigned, database: Database, tmp_path: Path) -> None:
    custody.append(*entries_about("c1", "r1"))
    assert compare(database, tmp_path) == []


@SWEEP
@pytest.mark.parametrize(
    ("statement", "table", "rows"),
    [
        ("UPDATE catalogue_person SET name = 'x'", "catalogue_person", 2),
        ("DELETE FROM catalogue_handler", "catalogue_handler", 1),
        ("INSERT INTO catalogue_companion (clip, person) VALUES ('c1', 'p')", "catalogue_companion", 1),
        ("UPDATE catalogue_meta SET entries = entries - 1", "catalogue_meta", 2),
        ("UPDATE catalogue_meta SET entries = entries + 1", "catalogue_meta", 2),
        ("UPDATE catalogue_meta SET version = 99", "catalogue_meta", 2),
        ("DELETE FROM catalogue_meta", "catalogue_meta", 1),
    ],
)
def test_each_changed_row_is_told_as_it_is_and_as_it_is_due(
    custody: Unsigned, database: Database, tmp_path: Path, statement: str, table: str, rows: int
) -> None:
    custody.append(*entries_about("c1", "r1"))
    change(database, statement)
    found = compare(database, tmp_path)
    assert {each.table for each in found} == {table}
    assert len(found) == rows
    rebuild(database)
    assert compare(database, tmp_path) == []


def test_a_dropped_table_is_told_and_rebuilt(custody: Unsigned, database: Database, tmp_path: Path) -> None:
    custody.append(*entries_about("c1", "r1"))
    change(database, "DROP TABLE catalogue_target")
    (found,) = compare(database, tmp_path)
    assert found.table == "catalogue_target"
    assert found.fault is not None
    assert rebuild(database) == len(entries_about("c1", "r1"))
    assert compare(database, tmp_path) == []


def test_a_catalogue_of_an_older_version_is_not_compared_but_kept_up(
    custody: Unsigned, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    custody.append(alarm(1))
    monkeypatch.setattr("station.catalogue.project.PROJECTION_VERSION", PROJECTION_VERSION + 1)
    with pytest.raises(DatabaseError, match="version"):
        compare(database, tmp_path)
    assert keep_projection(database) is True
    assert keep_projection(database) is False
    assert compare(database, tmp_path) == []


def test_a_rebuild_over_a_damaged_entry_names_it_and_leaves_the_catalogue(
    custody: Unsigned, database: Database
) -> None:
    custody.append(alarm(1), alarm(2))
    with database.write() as session:
        connection = session.connection()
        if database.is_sqlite:
            connection.execute(text("DROP TRIGGER ledger_part_update"))
        else:
            connection.execute(text("ALTER TABLE part DISABLE TRIGGER ledger_part_update"))
        part = connection.scalar(text("SELECT part FROM part WHERE seq = 1 AND name = 'detail'"))
        forged = bytes(part).replace(b'"text":"x"', b'"text":"y"')
        connection.execute(text("UPDATE part SET part = :part WHERE seq = 1 AND name = 'detail'"), {"part": forged})
    with pytest.raises(DamagedError, match="part detail of entry 1"):
        rebuild(database)
    assert count(database, "catalogue_alarm") == 2


def test_a_check_of_more_clips_than_one_entry_holds_can_still_be_entered(custody: Unsigned) -> None:
    clips = tuple(f"{number:026}" for number in range(400))
    checked = CheckCompleted.Fact(
        check="c", scope="case", clips=clips, originals_checked=0, outcome="sound", log_size=0, readback="direct"
    )
    assert len(custody.append(CheckCompleted(fact=checked))) == 1


def test_entries_of_one_call_come_in_their_order(custody: Unsigned, database: Database) -> None:
    classes = (Sensitivity.PRIVACY, Sensitivity.SUSPECTED_SECRET, Sensitivity.ORDINARY)
    custody.append(
        *(ClipClassified(fact=ClipClassified.Fact(clip="c1", sensitivity=each)) for each in classes), seal=False
    )
    with database.read() as session:
        found = [each.values()["fact"] for each in log.subject_entries(session, "clip:c1")]
    assert [each["sensitivity"] for each in found] == [each.value for each in classes]  # type: ignore[index,call-overload]
