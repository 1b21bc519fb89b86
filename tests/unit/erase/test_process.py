"""The eraser as a process: what it refuses before it looks at a card, whom it lets look, and that disks end protected.

Real disks are loop devices, which only root can make.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from station.records.ticket import Ended, FileAnswer, Refusal, TicketHead, answers, ticket_lines
from tests.unit.erase.cards import Files, check, read_card, run
from tests.unit.erase.warrants import Book, take_in_card

PATH, OTHER = "SHORT1.MP4", "DCIM/A.MP4"


@pytest.fixture
def vkey(tmp_path: Path) -> Path:
    return tmp_path / "log.vkey"


def start(vkey: Path, *options: str | Path) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", "station.eraser", "--vkey", str(vkey), "--user", "nobody", *map(str, options)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    return subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd="/"
    )


def ask(vkey: Path, ticket: bytes, *options: str | Path) -> tuple[list[Any], int]:
    """Return what the eraser answered, and its exit code."""
    process = start(vkey, *options)
    out, errors = process.communicate(ticket, timeout=60)
    assert not errors, errors.decode()
    return [answers.validate_json(line) for line in out.splitlines()], process.returncode


def ticket(book: Book, device: Path, *paths: str, **other: object) -> bytes:
    return ticket_lines(book.head(device, len(paths), **other), tuple(book.file(path) for path in paths))


@pytest.fixture
def taken_in(make, vkey: Path) -> tuple[Path, Files, Book]:
    image, files = make("fat32")
    book = take_in_card(image, files)
    vkey.write_text(f"{book.key.verifier}\n")
    return image, files, book


def test_a_proven_file_of_an_allowed_image_is_erased(taken_in, vkey):
    image, files, book = taken_in
    said, code = ask(vkey, ticket(book, image, PATH, OTHER), "--image", image)
    assert [each.result for each in said[:-1]] == ["erased", "erased"]
    assert said[-1].complete and code == 0
    assert read_card(image) == {path: data for path, data in files.items() if path not in (PATH, OTHER)}
    assert check(image) == ""


def test_an_image_that_was_not_allowed_at_the_start_is_refused(taken_in, vkey):
    image, files, book = taken_in
    said, code = ask(vkey, ticket(book, image, PATH))
    assert [(each.reason, each.complete) for each in said] == [(Refusal.NOT_A_DISK, False)] and code == 1
    assert read_card(image) == files


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"", Refusal.MALFORMED),
        (b"{}\n", Refusal.MALFORMED),
        (b"x" * 3_000_000, Refusal.MALFORMED),
        (json.dumps({"kind": "ticket", "more": 1}).encode() + b"\n", Refusal.MALFORMED),
    ],
)
def test_what_is_no_ticket_is_refused(taken_in, vkey, lines, reason):
    said, code = ask(vkey, lines)
    assert [each.reason for each in said] == [reason] and code == 1


def test_without_the_log_s_key_nothing_is_done(taken_in, tmp_path):
    image, _, book = taken_in
    said, code = ask(tmp_path / "nothing", ticket(book, image, PATH), "--image", image)
    assert [each.reason for each in said] == [Refusal.NO_LOG_KEY] and code == 1


def test_the_key_and_the_user_are_those_of_the_home(taken_in, vkey, tmp_path):
    image, _, book = taken_in
    (tmp_path / "station.toml").write_text('parser_user = "nobody"\n')
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "station.eraser", "--image", str(image)],
        input=ticket(book, image, PATH),
        capture_output=True,
        env=environment | {"STATION_HOME": str(tmp_path)},
        cwd="/",
    )
    assert [answers.validate_json(line).event for line in done.stdout.splitlines()] == ["file", "ended"], done.stderr


def test_a_disk_that_is_not_there_is_told(taken_in, vkey, tmp_path):
    _, _, book = taken_in
    said, _ = ask(vkey, ticket(book, tmp_path / "sdx", PATH))
    assert [each.reason for each in said] == [Refusal.NO_SUCH_DEVICE]


class Disk:
    """A loop device over an image."""

    def __init__(self, image: Path) -> None:
        # Found and taken in one call; other tests may take loop devices too.
        self.node = Path(run("losetup", "--find", "--show", image).strip())
        self.sequence = int(Path(f"/sys/block/{self.node.name}/diskseq").read_text())
        self.protect(True)

    def protect(self, wanted: bool) -> None:
        run("blockdev", "--setro" if wanted else "--setrw", self.node)

    @property
    def protected(self) -> bool:
        return run("blockdev", "--getro", self.node).strip() == "1"

    def remove(self) -> None:
        self.protect(False)  # the flag would stay with the loop device, for whoever takes it next
        run("losetup", "--detach", self.node)


@pytest.fixture
def disk(taken_in: tuple[Path, Files, Book]) -> Iterator[Disk]:
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("loop devices need root and losetup")
    try:
        made = Disk(taken_in[0])
    except (AssertionError, OSError) as error:
        pytest.skip(f"no loop device to be had here: {error}")
    yield made
    made.remove()


def test_a_protected_disk_is_written_once_and_protected_again(taken_in, vkey, disk):
    image, files, book = taken_in
    said, code = ask(vkey, ticket(book, disk.node, PATH, diskseq=disk.sequence))
    assert [each.result for each in said if isinstance(each, FileAnswer)] == ["erased"] and code == 0
    assert disk.protected
    run("blockdev", "--flushbufs", disk.node)
    assert read_card(image) == {path: data for path, data in files.items() if path != PATH}
    assert check(image) == ""


def test_another_disk_at_the_same_node_is_refused(taken_in, vkey, disk):
    image, files, book = taken_in
    said, _ = ask(vkey, ticket(book, disk.node, PATH, diskseq=disk.sequence + 1))
    assert [each.reason for each in said] == [Refusal.DEVICE_CHANGED]
    assert disk.protected and read_card(image) == files


def test_a_disk_that_was_not_protected_is_refused(taken_in, vkey, disk):
    image, files, book = taken_in
    disk.protect(False)
    said, _ = ask(vkey, ticket(book, disk.node, PATH, diskseq=disk.sequence))
    assert [each.reason for each in said] == [Refusal.NOT_READ_ONLY]
    assert read_card(image) == files


def test_a_disk_that_somebody_else_holds_is_refused(taken_in, vkey, disk):
    _, _, book = taken_in
    held = os.open(disk.node, os.O_RDONLY | os.O_EXCL)
    try:
        said, _ = ask(vkey, ticket(book, disk.node, PATH, diskseq=disk.sequence))
    finally:
        os.close(held)
    assert [each.reason for each in said] == [Refusal.BUSY]
    assert disk.protected


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_child(pid: int) -> int:
    """Wait until the confined child is there, which is waiting for the ticket's second line."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in children(pid):
            if "Seccomp:\t2" in Path(f"/proc/{child}/status").read_text():
                return child
        time.sleep(0.02)
    raise AssertionError("no confined child appeared")


def first_line(book: Book, disk: Disk) -> bytes:
    head: TicketHead = book.head(disk.node, 1, diskseq=disk.sequence)
    return ticket_lines(head, ())


def begin(book: Book, vkey: Path, disk: Disk) -> "tuple[subprocess.Popen[bytes], int]":
    process = start(vkey)
    assert process.stdin is not None
    process.stdin.write(first_line(book, disk))
    process.stdin.flush()
    return process, wait_for_child(process.pid)


def test_the_child_that_looks_at_the_card_has_neither_root_nor_more_than_the_card(taken_in, vkey, disk):
    _, _, book = taken_in
    process, child = begin(book, vkey, disk)
    try:
        status = Path(f"/proc/{child}/status").read_text()
        opened = {str(each.readlink()) for each in Path(f"/proc/{child}/fd").iterdir()}
    finally:
        process.communicate(timeout=30)
    assert "Uid:\t65534\t65534\t65534\t65534" in status and "CapEff:\t0000000000000000" in status
    assert {each for each in opened if not each.startswith(("pipe:", "socket:"))} == {str(disk.node)}
    assert disk.protected


@pytest.mark.parametrize("whom", ["child", "parent"])
def test_a_disk_is_protected_again_when_the_work_is_ended_by_force(taken_in, vkey, disk, whom):
    image, files, book = taken_in
    process, child = begin(book, vkey, disk)
    assert not disk.protected
    os.kill(*((child, signal.SIGKILL) if whom == "child" else (process.pid, signal.SIGTERM)))
    process.wait(30)  # before its stdin is closed, which would end the ticket by itself
    out, _ = process.communicate()
    end = answers.validate_json(out.splitlines()[-1])
    assert isinstance(end, Ended) and not end.complete
    assert end.reason == (Refusal.DIED if whom == "child" else Refusal.STOPPED)
    assert disk.protected and not Path(f"/proc/{child}").exists()
    assert read_card(image) == files
