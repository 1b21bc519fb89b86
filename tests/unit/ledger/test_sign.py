"""The signer signs one history only, whatever becomes of the database, its clients or itself."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from station import durable
from station.config import Home
from station.database import Database
from station.errors import (
    ConflictError,
    DamagedError,
    LedgerError,
    SignerRefusedError,
    SignerUnavailableError,
    StorageError,
)
from station.ledger import keys, log, tables
from station.ledger.entry import make_record
from station.ledger.frames import frame, read_message, send_message
from station.ledger.memory import MEMORY_FILE, Extension, Memory, first_memory, load_memory, save_memory
from station.ledger.merkle import CompactRange, leaf_hash
from station.ledger.note import verify_checkpoint
from station.ledger.service import LOCK_FILE, Service, converse, create_home_key, home_verifier, main, reach, serve
from station.ledger.sign import Signer
from tests.unit.ledger.samples import ORIGIN, TIME, draft, fill, make_home


@contextmanager
def serving(home: Home, idle_seconds: float = 0.2) -> Iterator[None]:
    """A signer in a thread, until the block ends and it has been idle for a moment, or until it breaks.

    On a busy machine a step may take longer than that moment, and a process of its own take the signer's place: this
    waits for that one's end before it begins. Where it must be this very signer that answers, `idle_seconds` is long.
    """
    ready, given_up = threading.Event(), threading.Event()

    def run() -> None:
        while not serve(home, idle_seconds, ready.set) and not given_up.wait(0.1):
            pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        given_up.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def home(tmp_path: Path, database: Database) -> Home:
    tables.create_tables(database)
    return make_home(tmp_path / "home", database.url)


@pytest.fixture
def small(tmp_path: Path) -> tuple[Home, Database]:
    """A home on SQLite whose database file can be copied and put back."""
    home = make_home(tmp_path / "home")
    database = Database(home.database_url)
    tables.create_tables(database)
    return home, database


def records(database: Database, start: int = 0) -> list[bytes]:
    with database.read() as session:
        return [entry.record for entry in log.entries(session, start)]


# What the client and the signer do together


def test_a_checkpoint_covers_everything_and_is_stored(home: Home, database: Database) -> None:
    fill(database, 5)
    with serving(home):
        signer = Signer(home)
        checkpoint = signer.checkpoint(database)
        assert signer.head() == signer.check_head(database) == checkpoint
    with database.read() as session:
        assert log.latest_checkpoint(session) == checkpoint
        assert (checkpoint.size, checkpoint.root) == (5, log.head(session).root)
    assert verify_checkpoint(checkpoint.note, home_verifier(home)).origin == ORIGIN


def test_nothing_new_gives_the_same_checkpoint_again(home: Home, database: Database) -> None:
    with serving(home):
        signer = Signer(home)
        assert signer.checkpoint(database).size == 0
        fill(database, 3)
        assert signer.checkpoint(database) == signer.checkpoint(database)
        fill(database, 4, first=3)
        assert signer.checkpoint(database).size == 7
    with database.read() as session:
        count = session.connection().scalar(text("SELECT count(*) FROM checkpoint"))
    assert count == 3


def test_an_answer_that_was_lost_is_found_again(home: Home, database: Database) -> None:
    fill(database, 3)
    with serving(home):
        signer = Signer(home)
        with signer._connected() as channel:  # the client dies here, before it stores what it got
            lost = channel.extend(signer.keys, 0, 3, iter(records(database)))
        with database.read() as session:
            assert log.latest_checkpoint(session) is None
        assert signer.checkpoint(database) == lost


def test_many_entries_are_signed_in_bounded_frames(small: tuple[Home, Database]) -> None:
    home, database = small
    fill(database, 5000)
    with serving(home):
        assert Signer(home).checkpoint(database).size == 5000


def test_clients_at_the_same_time_all_get_a_checkpoint_that_covers_them(small: tuple[Home, Database]) -> None:
    home, database = small
    sizes: list[int] = []

    def work() -> None:
        signer = Signer(home)
        for _ in range(3):
            appended = fill(database, 1)
            sizes.append(signer.checkpoint(database).size - appended[0].seq)

    with serving(home):
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(sizes) == 12
    assert min(sizes) >= 1


# What the signer refuses


def test_a_database_that_was_rolled_back_is_refused(small: tuple[Home, Database]) -> None:
    home, database = small
    path = home.root / "station.db"
    with serving(home):
        signer = Signer(home)
        fill(database, 3)
        signer.checkpoint(database)
        shutil.copy(path, home.root / "old.db")
        fill(database, 3, first=3)
        signed = signer.checkpoint(database)
        shutil.copy(home.root / "old.db", path)
        with pytest.raises(SignerRefusedError, match="holds 3 entries, but 6 were signed"):
            signer.checkpoint(database)
        with pytest.raises(SignerRefusedError):
            signer.check_head(database)
        fill(database, 5, first=50)  # another history, longer than what was signed
        with pytest.raises(SignerRefusedError, match="not those that were signed"):
            signer.checkpoint(database)
        assert signer.head() == signed


def test_an_entry_changed_after_signing_is_refused(small: tuple[Home, Database]) -> None:
    home, database = small
    with serving(home):
        signer = Signer(home)
        fill(database, 3)
        signer.checkpoint(database)
        with database.write() as session:
            session.connection().execute(text("DROP TRIGGER ledger_node_update"))
            session.connection().execute(text("UPDATE node SET hash = :hash"), {"hash": bytes(32)})
        with pytest.raises(SignerRefusedError):
            signer.check_head(database)


def a_key() -> keys.SigningKey:
    return keys.SigningKey(ORIGIN, bytes(32))


def a_record(seq: int, prev: str, log: str = ORIGIN) -> bytes:
    return make_record(log=log, seq=seq, prev=prev, type="a.b", time=TIME, payload="00" * 32, subjects={})


def extended(memory: Memory, *raw: bytes) -> Memory:
    extension = Extension(memory, ORIGIN)
    for record in raw:
        extension.add(record)
    return extension.finish(a_key())


def test_the_memory_grows_record_by_record() -> None:
    memory = first_memory(a_key())
    first = a_record(0, memory.leaf)
    second = a_record(1, leaf_hash(first).hex())
    together, apart = extended(memory, first, second), extended(extended(memory, first), second)
    assert together == apart or together.serialise() == apart.serialise()
    assert together.size == 2
    assert Memory.parse(together.serialise(), a_key().verifier).serialise() == together.serialise()


@pytest.mark.parametrize(
    "flaw",
    [
        lambda prev: a_record(2, prev),
        lambda prev: a_record(0, prev),
        lambda prev: a_record(1, "00" * 32),
        lambda prev: a_record(1, prev, "evidence-station/other"),
        lambda prev: a_record(1, prev) + b"\n",
        lambda prev: b"",
        lambda prev: b"\xff" * 60000,
    ],
    ids=["gap", "repeated", "fork", "other-log", "trailing-newline", "empty", "garbage"],
)
def test_a_record_that_does_not_continue_the_log_is_refused(flaw: Callable[[str], bytes]) -> None:
    memory = first_memory(a_key())
    first = a_record(0, memory.leaf)
    memory = extended(memory, first)
    with pytest.raises(SignerRefusedError):
        extended(memory, flaw(memory.leaf))
    assert memory.size == 1


def test_a_memory_that_is_not_what_was_signed_is_refused(tmp_path: Path) -> None:
    key = a_key()
    memory = extended(first_memory(key), a_record(0, first_memory(key).leaf))
    other = Memory(CompactRange(1, [bytes(32)]), memory.leaf, memory.note)
    for bad in (other.serialise(), b"{}", b"", b"[", memory.serialise().replace(b'"v": 1', b'"v": 2')):
        (tmp_path / MEMORY_FILE).write_bytes(bad)
        with pytest.raises(SignerRefusedError):
            load_memory(tmp_path, key.verifier)
    save_memory(tmp_path, memory)
    assert load_memory(tmp_path, key.verifier).serialise() == memory.serialise()
    with pytest.raises(SignerRefusedError):
        load_memory(tmp_path, keys.SigningKey(ORIGIN, b"1" * 32).verifier)


def test_a_key_without_its_memory_never_signs(small: tuple[Home, Database]) -> None:
    home, _ = small
    (home.keys / MEMORY_FILE).unlink()
    with pytest.raises(SignerRefusedError, match="memory"):
        serve(home, 0.1, lambda: pytest.fail("it must not serve"))


def test_a_home_gets_one_key(small: tuple[Home, Database]) -> None:
    home, _ = small
    key = home_verifier(home)
    with pytest.raises(ConflictError):
        create_home_key(home, "evidence-station/second")
    assert home_verifier(home) == key
    assert (home.keys / keys.KEY_FILE).stat().st_mode & 0o777 == 0o400


# Crashes


def test_no_signature_is_released_that_is_not_remembered(
    small: tuple[Home, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, database = small
    fill(database, 2)
    before = (home.keys / MEMORY_FILE).read_bytes()

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with serving(home):
        signer = Signer(home)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "replace_file", full)
            with pytest.raises(LedgerError, match="disk is full"):
                signer.checkpoint(database)
        assert (home.keys / MEMORY_FILE).read_bytes() == before
    with serving(home):  # the broken one has ended by itself
        assert Signer(home).checkpoint(database).size == 2


def test_a_signer_that_died_between_saving_and_answering_tells_it_later(small: tuple[Home, Database]) -> None:
    home, database = small
    fill(database, 2)
    key = keys.load_key(home.keys)
    service = Service(home.keys, key, load_memory(home.keys, key.verifier))
    extension = service.begin()
    for record in records(database):
        extension.add(record)
    signed = service.commit(extension)  # saved; the process ends here
    assert signed is not None
    with serving(home):
        checkpoint = Signer(home).checkpoint(database)
    assert (checkpoint.size, checkpoint.note) == (2, signed.note)


def test_of_two_requests_on_one_state_the_second_is_told_to_try_again(small: tuple[Home, Database]) -> None:
    home, _ = small
    key = keys.load_key(home.keys)
    service = Service(home.keys, key, load_memory(home.keys, key.verifier))
    one, two = service.begin(), service.begin()
    one.add(a_record(0, service.head().leaf))
    two.add(a_record(0, service.head().leaf))
    assert service.commit(one) is not None
    assert service.commit(two) is None
    assert service.head().size == 1


# Conversations


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00",
        frame(b"{"),
        frame(b"[]"),
        frame(b'{"request":"sign"}'),
        frame(b'{"request":"extend","first":0,"count":0}'),
        frame(b'{"request":"extend","first":0,"count":"9"}'),
        frame(b'{"request":"extend","first":0,"count":2}') + frame(b"{}"),
        frame(b'{"request":"extend","first":0,"count":1}') + b"\x00\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_client_that_talks_nonsense_ends_only_its_own_conversation(small: tuple[Home, Database], sent: bytes) -> None:
    home, database = small
    with serving(home):
        peer = socket.socket(socket.AF_UNIX)
        reach(home.run / "sign.sock", peer.connect)
        with peer:
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            peer.settimeout(10)
            assert peer.recv(10) == b""
        fill(database, 1)
        assert Signer(home).checkpoint(database).size == 1


def test_a_refusal_is_answered_after_all_frames_were_read(small: tuple[Home, Database]) -> None:
    home, _ = small
    key = keys.load_key(home.keys)
    service = Service(home.keys, key, load_memory(home.keys, key.verifier))
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=converse, args=(service, theirs))
    thread.start()
    with ours, theirs, ours.makefile("rb") as stream:
        send_message(ours, request="extend", first=0, count=3)
        for _ in range(3):
            ours.sendall(frame(b"{}"))
        answer = read_message(stream)
        assert answer is not None
        assert answer["error"] == "refused"
        send_message(ours, request="head")
        again = read_message(stream)
        assert again is not None
        assert again["size"] == 0
        ours.shutdown(socket.SHUT_WR)
        thread.join(10)


def test_a_signer_that_lies_is_not_believed(small: tuple[Home, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    home, database = small
    fill(database, 1)
    liar = keys.SigningKey(ORIGIN, b"liar" * 8)
    with serving(home):
        signer = Signer(home)
        monkeypatch.setattr("station.ledger.sign.home_keys", lambda _: (liar.verifier,))
        with pytest.raises(DamagedError):
            signer.checkpoint(database)


def test_a_socket_path_longer_than_the_kernel_takes_still_works(tmp_path: Path) -> None:
    home = make_home(tmp_path / ("long" * 40))
    database = Database(home.database_url)
    tables.create_tables(database)
    with serving(home):
        assert Signer(home).checkpoint(database).size == 0


# Processes


def stop_signer(home: Home) -> None:
    """End the background signer of this home, found by who holds its lock."""
    inode = (home.run / LOCK_FILE).stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            os.kill(int(fields[4]), signal.SIGKILL)


def test_where_no_signer_answers_one_is_started_and_after_its_death_another(small: tuple[Home, Database]) -> None:
    home, database = small
    fill(database, 2)
    signer = Signer(home)
    try:
        assert signer.checkpoint(database).size == 2
        assert (home.run / "sign.sock").stat().st_mode & 0o777 == 0o600
        stop_signer(home)
        fill(database, 1, first=2)
        assert signer.checkpoint(database).size == 3
    finally:
        stop_signer(home)


def test_two_starters_at_once_give_one_signer(small: tuple[Home, Database]) -> None:
    home, database = small
    command = [sys.executable, "-m", "station.ledger.service", "--home", str(home.root), "--idle", "5", "--detach"]
    starters = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    try:
        assert [starter.wait(60) for starter in starters] == [0, 0, 0]
        fill(database, 1)
        assert Signer(home).checkpoint(database).size == 1
    finally:
        stop_signer(home)


def test_a_second_signer_of_a_home_steps_back(small: tuple[Home, Database]) -> None:
    home, _ = small
    with serving(home):
        assert serve(home, 5.0, lambda: pytest.fail("there is one already")) is False


def test_a_signer_that_cannot_start_says_why(small: tuple[Home, Database]) -> None:
    home, database = small
    (home.keys / MEMORY_FILE).unlink()
    with pytest.raises(SignerUnavailableError, match="memory"):
        Signer(home).checkpoint(database)


def test_the_program_ends_with_2_where_there_is_no_station(tmp_path: Path) -> None:
    assert main(["--home", str(tmp_path)]) == 2


def test_a_draft_is_signed_on_either_engine_in_order(home: Home, database: Database) -> None:
    with serving(home):
        signer = Signer(home)
        for number in range(4):
            with database.write() as session:
                log.append(session, [draft(number)], origin=signer.origin)
            assert signer.checkpoint(database).size == number + 1
