"""The confined reader and its parent: a whole reading, and every way it can go wrong."""

import os
import pwd
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from station.acquire.reading import Reading, open_source
from station.digest import sha256_hex
from station.errors import ReaderDiedError, SourceError
from station.records.reading import Copied, CopyOrder, CopyProgress, EntrySeen
from tests.unit.device.images import SECTOR, FatCard, short_entry

USER = "nobody"
FILES = {b"FILE0001MP4": b"one" * 1000, b"FILE0002MP4": b"two" * 2000}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Return an empty folder that the reader may write into."""
    folder = tmp_path / "inbox"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
    return folder


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a card image with two files."""
    built = FatCard()
    root = b""
    for index, (name, data) in enumerate(FILES.items()):
        built.put(10 + 100 * index, data)
        root += short_entry(name, cluster=10 + 100 * index, size=len(data))
    built.put(2, root)
    path = tmp_path / "card.img"
    path.write_bytes(built.build())
    return path


Start = Callable[..., Reading]


@pytest.fixture
def start(inbox: Path) -> Start:
    """Return what prepares a reading of a source."""
    return lambda source, **options: Reading(source, inbox, code_page="gbk", user=USER, **options)


def pretend(script: str) -> tuple[str, ...]:
    """Return a command that runs `script` in the reader's place."""
    return sys.executable, "-c", script


def entries(reading: Reading) -> list[EntrySeen]:
    return [message for message in reading.list() if isinstance(message, EntrySeen)]


def results(reading: Reading, order: CopyOrder) -> list[Copied]:
    reading.order(order)
    return [message for message in reading.results() if isinstance(message, Copied)]


def test_every_file_of_a_card_arrives_with_its_digest(start: Start, card: Path, inbox: Path) -> None:
    with start(card) as reading:
        seen = entries(reading)
        copied = results(reading, CopyOrder(copy_ids=tuple(entry.id for entry in seen)))
    by_name = {bytes.fromhex(seen[message.id].path[0].raw): message for message in copied}
    assert {name: message.sha256 for name, message in by_name.items()} == {
        name: sha256_hex(data) for name, data in FILES.items()
    }
    assert {name: (inbox / str(message.staged)).read_bytes() for name, message in by_name.items()} == FILES


def test_a_reading_writes_nothing_to_the_source(start: Start, card: Path) -> None:
    before = card.read_bytes(), card.stat().st_mtime_ns
    with start(card) as reading:
        results(reading, CopyOrder(copy_ids=tuple(entry.id for entry in entries(reading))))
    assert (card.read_bytes(), card.stat().st_mtime_ns) == before


def test_a_folder_is_read_even_where_only_its_owner_may(start: Start, tmp_path: Path, inbox: Path) -> None:
    folder = tmp_path / "recordings"
    (folder / "day").mkdir(parents=True)
    (folder / "day" / "现场.mp4").write_bytes(b"footage")
    (folder / "day" / "现场.mp4").chmod(0o400)
    folder.chmod(0o700)
    with start(folder) as reading:
        (entry,) = entries(reading)
        (copied,) = results(reading, CopyOrder(copy_ids=(entry.id,)))
    assert [name.text for name in entry.path] == ["day", "现场.mp4"]
    assert (inbox / str(copied.staged)).read_bytes() == b"footage"


def test_a_rehash_gives_digests_and_no_files(start: Start, card: Path, inbox: Path) -> None:
    with start(card) as reading:
        copied = results(reading, CopyOrder(copy_ids=(), rehash_ids=tuple(entry.id for entry in entries(reading))))
    assert {message.sha256 for message in copied} == {sha256_hex(data) for data in FILES.values()}
    assert all(message.reread for message in copied)
    assert list(inbox.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has anything to drop")
def test_started_by_root_the_reader_is_somebody_else(start: Start, card: Path) -> None:
    with start(card) as reading:
        entries(reading)
        status = Path(f"/proc/{reading.pid}/status").read_text(encoding="utf-8")
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(pwd.getpwnam(USER).pw_uid)}


def test_a_reader_killed_while_copying_ends_as_an_error_and_leaves_no_process(start: Start, tmp_path: Path) -> None:
    big = FatCard()
    big.put(2, short_entry(b"BIG     MP4", cluster=10, size=1900 * SECTOR))
    big.put(10, bytes(1900 * SECTOR))
    source = tmp_path / "big.img"
    source.write_bytes(big.build())
    with pytest.raises(ReaderDiedError), start(source) as reading:
        entries(reading)
        os.kill(reading.pid, signal.SIGKILL)
        results(reading, CopyOrder(copy_ids=(0,)))
    assert not Path(f"/proc/{reading.pid}").exists()


def test_leaving_early_ends_the_reader(start: Start, card: Path) -> None:
    with start(card) as reading:
        entries(reading)
    assert not Path(f"/proc/{reading.pid}").exists()


def test_a_silent_reader_is_ended(start: Start, card: Path) -> None:
    command = pretend("import sys; sys.stdin.read()")
    with pytest.raises(ReaderDiedError, match="silent"), start(card, silence_seconds=0.2, command=command) as reading:
        entries(reading)
    assert not Path(f"/proc/{reading.pid}").exists()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("print('hello')", "protocol"),
        ('print(\'{"event": "entry"}\')', "protocol"),
        ('print(\'{"event": "done"}\')', "'done' before"),
        ("import sys; sys.exit('out of memory')", "out of memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "exit status -11"),
        ("print('x' * 5_000_000, end='', flush=True); input()", "without end"),
    ],
    ids=["noise", "half a message", "out of order", "a death with a word", "a crash", "an endless line"],
)
def test_a_reader_that_breaks_the_protocol_is_an_error(start: Start, card: Path, script: str, complaint: str) -> None:
    with pytest.raises(ReaderDiedError, match=complaint), start(card, command=pretend(script)) as reading:
        entries(reading)


def test_a_reader_chattering_on_stderr_does_not_block(start: Start, card: Path) -> None:
    script = "import sys; sys.stderr.write('x' * 1_000_000 + 'the end'); sys.exit(3)"
    with pytest.raises(ReaderDiedError, match="the end") as caught, start(card, command=pretend(script)) as reading:
        entries(reading)
    assert len(str(caught.value)) < 6000


def test_what_holds_no_file_system_is_a_source_error_and_not_a_dead_reader(start: Start, tmp_path: Path) -> None:
    noise = tmp_path / "noise.img"
    noise.write_bytes(b"noise" * 5000)
    with pytest.raises(SourceError, match="no file system") as caught, start(noise) as reading:
        entries(reading)
    assert not isinstance(caught.value, ReaderDiedError)


def test_a_parser_user_that_does_not_exist_means_nothing_is_read(inbox: Path, card: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    with (
        pytest.raises(SourceError, match=r"no user"),
        Reading(card, inbox, code_page="gbk", user="no-such-user") as reading,
    ):
        entries(reading)


def test_a_source_that_is_not_there_is_a_source_error(start: Start, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't be opened"), start(tmp_path / "absent"):
        pass


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither"):
        open_source(tmp_path / "pipe", direct=False)


def test_progress_is_told_sparingly(start: Start, card: Path) -> None:
    with start(card) as reading:
        seen = entries(reading)
        reading.order(CopyOrder(copy_ids=tuple(entry.id for entry in seen)))
        progress = [message for message in reading.results() if isinstance(message, CopyProgress)]
    assert len(progress) <= 2
