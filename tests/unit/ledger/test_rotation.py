"""A log goes from one key to the next, whatever is cut short on the way, and a stolen former key is worth nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station.actions.keys import list_keys, rotate_key
from station.catalogue import project
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.digest import new_id
from station.errors import DamagedError, LedgerError, StationError, StorageError
from station.ledger import keys, log, memory, tables
from station.ledger.audit_source import audit_database
from station.ledger.extract import prove_growth
from station.ledger.growth import make_growth, verify_growth
from station.ledger.keys import load_trusted, load_verifiers, read_key
from station.ledger.keystore import FileStore
from station.ledger.memory import Extension, Memory, load_memory
from station.ledger.note import VerifierKey, checkpoint_text, make_note, parse_keys, parse_note, verify_checkpoint
from station.ledger.rotation import rotation_subjects
from station.ledger.sign import Signer, home_keys
from station.ledger.verify import audit_export
from station.records.draft import Draft
from station.records.log_entries import AlarmRaised, KeyRotated, LogStarted
from tests.unit.ledger.samples import ORIGIN, fill, make_home
from tests.unit.ledger.test_sign import serving


@pytest.fixture
def home(tmp_path: Path, database: Database) -> Home:
    tables.create_tables(database)
    project.create_tables(database)
    return make_home(tmp_path / "home", database.url)


def alarm(number: int) -> AlarmRaised:
    return AlarmRaised(fact=AlarmRaised.Fact(alarm=f"{new_id()}{number}", kind="x"))


def rotated(home: Home, database: Database) -> VerifierKey:
    custody = Custody(home, database)
    custody.append(alarm(1), alarm(2))
    new = rotate_key(home, database, custody)
    custody.append(alarm(3))
    return new


def audit(home: Home, database: Database) -> list[str]:
    found = audit_database(database, home_keys(home), Signer(home).head().note)
    return [each.kind for each in found.findings]


def test_both_keys_sign_the_one_checkpoint_that_ends_with_the_entry(home: Home, database: Database) -> None:
    old = load_verifiers(home.root / "log.vkey")[0]
    with serving(home):
        new = rotated(home, database)
        assert audit(home, database) == []
    with database.read() as session:
        found = {size: log.checkpoint_at(session, size) for size in (2, 3, 4)}
    ids = {size: [each.key_id for each in parse_note(note.note).signatures] for size, note in found.items() if note}
    assert ids == {2: [old.key_id], 3: [old.key_id, new.key_id], 4: [new.key_id]}
    assert load_verifiers(home.root / "log.vkey") == (new, old)
    assert not (home.root / keys.PENDING_FILE).exists()
    assert [line.ended_by for line in list_keys(home, database)] == [None, 2]


def test_entries_pending_before_and_after_the_entry_stay_in_their_checkpoints(home: Home, database: Database) -> None:
    custody = Custody(home, database)
    with serving(home):
        signer = Signer(home)
        custody.append(alarm(0))
        new = signer.prepare()
        keys.announce_key(home.root, new)
        fact = KeyRotated.Fact(old=str(load_verifiers(home.root / "log.vkey")[0]), new=str(new), store="file")
        custody.append(alarm(1), KeyRotated(fact=fact), alarm(2), alarm(3), seal=False)
        assert custody.seal().size == 5
        assert rotate_key(home, database, custody) == new  # ends what was begun, begins nothing
        assert audit(home, database) == []
    with database.read() as session:
        both = log.checkpoint_at(session, 3)
    assert both is not None and len(parse_note(both.note).signatures) == 2


def test_a_log_may_change_its_key_again_and_again(home: Home, database: Database) -> None:
    with serving(home):
        for _ in range(3):
            rotated(home, database)
        assert audit(home, database) == []
    assert len(load_verifiers(home.root / "log.vkey")) == 4


class CutShortError(StationError):
    """The power fails here."""


STEPS = ["prepare", "announce_key", "append_from", "store_checkpoint", "publish_key"]


@pytest.mark.trials
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_change_cut_short_at_any_step_is_ended_by_the_next_try(
    home: Home, database: Database, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    owner = {"prepare": Signer, "announce_key": keys, "append_from": Custody, "store_checkpoint": log}
    place = owner.get(step, keys)
    real = getattr(place, step)
    with serving(home):
        custody = Custody(home, database)
        custody.append(alarm(0))

        def cut(*values: object, **named: object) -> object:
            if after:
                real(*values, **named)
            raise CutShortError("cut short")

        with monkeypatch.context() as patch, pytest.raises(CutShortError):
            patch.setattr(place, step, cut)
            rotate_key(home, database, custody)
        custody.append(alarm(1))  # life goes on meanwhile
        assert audit(home, database) == []
    with serving(home):  # and after a restart
        rotate_key(home, database, Custody(home, database))
        custody.append(alarm(2))
        assert audit(home, database) == []
    trusted = load_verifiers(home.root / "log.vkey")
    with database.read() as session:
        newest = log.latest_checkpoint(session)
    assert newest is not None
    assert verify_checkpoint(newest.note, trusted[0]) == newest
    assert not (home.root / keys.PENDING_FILE).exists()


@pytest.mark.parametrize("step", ["save", "promote"])
def test_a_signer_that_dies_while_it_hands_over_is_one_or_the_other(
    home: Home, database: Database, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patch, serving(home, idle_seconds=15):
        custody = Custody(home, database)
        custody.append(alarm(0))
        real = memory.save_memory

        def save(folder: Path, made: Memory) -> None:
            if len(parse_note(made.note).signatures) > 1:
                fail()
            real(folder, made)

        if step == "save":
            patch.setattr("station.ledger.service.save_memory", save)
        else:
            patch.setattr(FileStore, "promote", fail)
        with pytest.raises(LedgerError):
            rotate_key(home, database, custody)
    with serving(home):
        rotate_key(home, database, Custody(home, database))
        assert audit(home, database) == []
    assert len(load_verifiers(home.root / "log.vkey")) == 2


# A stolen former key


@contextmanager
def stolen(home: Home, database: Database, tmp_path: Path) -> Iterator[keys.SigningKey]:
    """The former key, taken before a change that then happened."""
    shutil.copytree(home.keys, tmp_path / "stolen")
    with serving(home):
        rotated(home, database)
        yield read_key(tmp_path / "stolen" / keys.KEY_FILE)


def forged(key: keys.SigningKey, size: int, root: bytes = bytes(32)) -> str:
    text = checkpoint_text(ORIGIN, size, root)
    return make_note(text, [key.sign(text)])


def test_a_stolen_former_key_signs_nothing_after_the_change(home: Home, database: Database, tmp_path: Path) -> None:
    with stolen(home, database, tmp_path) as key:
        fork = forged(key, 9)
        for trusted in (home_keys(home), parse_keys((home.root / "log.vkey").read_text())):
            with pytest.raises(DamagedError, match="former key alone"):
                verify_checkpoint(fork, *trusted)
        found = audit_database(database, home_keys(home), fork)
        assert "signer.note" in [each.kind for each in found.findings]


def test_a_checkpoint_of_a_stolen_key_in_the_database_is_found(home: Home, database: Database, tmp_path: Path) -> None:
    with stolen(home, database, tmp_path) as key:
        with database.write() as session:
            log.append(session, [Draft("a.b", (), {"fact": {}})], origin=ORIGIN)
            root = log.head(session).root
            log.store_checkpoint(session, forged(key, 5, root))
        found = audit_database(database, home_keys(home))
        assert [each.kind for each in found.findings] == ["checkpoint.altered"]


def test_the_past_signed_anew_without_the_change_is_found(home: Home, database: Database, tmp_path: Path) -> None:
    with stolen(home, database, tmp_path) as key:
        trusted = home_keys(home)
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    tables.create_tables(other)
    fill(other, 2)
    with other.write() as session:
        log.store_checkpoint(session, forged(key, 2, log.head(session).root))
    assert [each.kind for each in audit_database(other, trusted).findings] == ["checkpoint.altered"]


def test_a_change_to_the_thiefs_key_is_found(home: Home, database: Database, tmp_path: Path) -> None:
    thief = keys.make_key(ORIGIN)
    old = read_key(home.keys / keys.KEY_FILE)
    subjects = rotation_subjects(str(old.verifier), str(thief.verifier))
    with database.write() as session:
        log.append(session, [Draft("log.key_rotated", subjects, {"fact": {}})], origin=ORIGIN)
        text = checkpoint_text(ORIGIN, 1, log.head(session).root)
        log.store_checkpoint(session, make_note(text, [old.sign(text), thief.sign(text)]))
    found = audit_database(database, home_keys(home))
    assert [each.kind for each in found.findings] == ["rotation.key", "checkpoint.altered"]
    with serving(home), pytest.raises(LedgerError, match="knows nothing"):
        Signer(home).checkpoint(database)


def test_a_change_signed_by_the_new_key_alone_is_found(home: Home, database: Database) -> None:
    old, new = keys.make_key(ORIGIN), keys.make_key(ORIGIN)
    subjects = rotation_subjects(str(old.verifier), str(new.verifier))
    with database.write() as session:
        log.append(session, [Draft("log.key_rotated", subjects, {"fact": {}})], origin=ORIGIN)
        text = checkpoint_text(ORIGIN, 1, log.head(session).root)
        log.store_checkpoint(session, make_note(text, [new.sign(text)]))
    found = audit_database(database, (new.verifier, old.verifier))
    assert [each.kind for each in found.findings] == ["rotation.unsigned"]


def test_a_signer_put_back_to_the_former_key_refuses(home: Home, database: Database, tmp_path: Path) -> None:
    with stolen(home, database, tmp_path):
        pass
    shutil.rmtree(home.keys)
    shutil.copytree(tmp_path / "stolen", home.keys)
    with serving(home), pytest.raises(LedgerError):
        Signer(home).checkpoint(database)


def test_a_memory_signed_by_the_former_key_is_not_the_new_keys(home: Home, database: Database, tmp_path: Path) -> None:
    with stolen(home, database, tmp_path):
        pass
    shutil.copy(tmp_path / "stolen" / memory.MEMORY_FILE, home.keys)
    with pytest.raises(LedgerError):
        load_memory(home.keys, keys.load_key(home.keys).verifier)


def test_nothing_may_follow_a_change_under_its_checkpoint(home: Home, database: Database) -> None:
    old, new = read_key(home.keys / keys.KEY_FILE), keys.make_key(ORIGIN)
    subjects = rotation_subjects(str(old.verifier), str(new.verifier))
    with database.write() as session:
        log.append(session, [Draft("log.key_rotated", subjects, {"fact": {}})], origin=ORIGIN)
        log.append(session, [Draft("a.b", (), {"fact": {}})], origin=ORIGIN)
    with database.read() as session:
        first, second = (entry.record for entry in log.entries(session))
    extension = Extension(load_memory(home.keys, old.verifier), ORIGIN, (old.verifier, new.verifier))
    extension.add(first)
    with pytest.raises(LedgerError, match="signed for alone"):
        extension.add(second)


# Readers across a change


def test_an_export_and_growth_are_checked_across_a_change(home: Home, database: Database, tmp_path: Path) -> None:
    with serving(home):
        new = rotated(home, database)
    with database.read() as session:
        log.export(session, tmp_path / "out", *home_keys(home))
        before, after = log.checkpoint_at(session, 2), log.latest_checkpoint(session)
        assert before is not None and after is not None
        growth = make_growth(2, prove_growth(session, 2, after.size), after.note)
    assert audit_export(tmp_path / "out").sound
    assert audit_export(tmp_path / "out", new).sound  # whoever knows the newest key alone
    published = parse_keys((home.root / "log.vkey").read_text())
    assert verify_growth(growth.encode(), before.note, published)[0].size == 2


def test_a_log_that_never_changed_has_one_key_as_before(home: Home, database: Database) -> None:
    with serving(home):
        Custody(home, database).append(LogStarted(fact=LogStarted.Fact(origin=ORIGIN, software="s")))
    assert load_trusted(home.root) == (read_key(home.keys / keys.KEY_FILE).verifier,)
    assert (home.root / "log.vkey").read_text().count("\n") == 1
