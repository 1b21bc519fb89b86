"""The dock's side of the eraser: reaches one, hands it a ticket, hears it out, and sums up what became of the files.

Guarantees: an eraser that falls silent, breaks off or says what the protocol does not know ends as an `Ended` that is
not complete, never as an erasing that is taken for done; a file without an answer is `unknown`.
"""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from station.acquire.tickets import Composition, EraseRule
from station.config import Home
from station.digest import SHA256
from station.errors import SourceError
from station.records.entries import Actor
from station.records.erase_entries import (
    LISTED_CLIPS,
    LISTED_FILES,
    EraseAuthorised,
    EraseCompleted,
    ErasedFile,
    ErasePolicy,
)
from station.records.ticket import (
    LINE_BYTES,
    Answer,
    Ended,
    EraseProgress,
    FileAnswer,
    Refusal,
    TicketFile,
    TicketHead,
    answers,
    ticket_lines,
)

SOCKET_FILE = "erase.sock"
SILENCE_SECONDS = 120.0
_END_SECONDS = 10.0
_STOP_SECONDS = 90.0
_DETAIL_CHARACTERS = 4000


@dataclass(slots=True)
class Outcome:
    """What an eraser answered to one ticket: by the file's number, and how it ended."""

    files: dict[int, FileAnswer] = field(default_factory=dict)
    ended: Ended = field(default_factory=lambda: Ended(complete=False, reason=Refusal.DIED))

    @property
    def lied(self) -> bool:
        """Whether the recorder gave other bytes than before: it must be quarantined."""
        return any(each.reason == Refusal.DIGEST_DIFFERS for each in self.files.values())


@contextmanager
def reach_eraser(home: Home, images: Sequence[Path] = ()) -> Iterator[socket.socket]:
    """Yield a connection to an eraser for one ticket; raises SourceError where there is none.

    That is the system's socket in the home's run folder, else, for root, a process of our own; only that one can be
    allowed `images` in place of a disk.
    """
    place = home.run / SOCKET_FILE
    if place.exists() and not images:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            try:
                channel.connect(str(place))
            except OSError as error:
                raise SourceError(f"The eraser does not answer on {place}: {error.strerror}") from error
            yield channel
        return
    if os.geteuid() != 0 and not images:
        raise SourceError(
            "There is no eraser here", kept="Nothing was erased", hint="Install the system units, or serve as root"
        )
    ours, theirs = socket.socketpair()
    with ours:
        process = _start(home, images, theirs)
        try:
            yield ours
        finally:
            ours.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                _stop(process)


def erase(
    channel: socket.socket,
    head: TicketHead,
    files: tuple[TicketFile, ...],
    heard: Callable[[EraseProgress | FileAnswer], None] = lambda _: None,
    *,
    silence_seconds: float = SILENCE_SECONDS,
) -> Outcome:
    """Hand over one ticket and hear it out; `heard` is told of each answer as it comes."""
    outcome = Outcome()
    channel.settimeout(silence_seconds)
    with suppress(BrokenPipeError, ConnectionResetError):  # refused early: why is in what it said
        channel.sendall(ticket_lines(head, files))
        channel.shutdown(socket.SHUT_WR)
    for answer in _hear(channel):
        match answer:
            case Ended():
                outcome.ended = answer
                break
            case FileAnswer():
                outcome.files[answer.file] = answer
                heard(answer)
            case EraseProgress():
                heard(answer)
    return outcome


def authorised_entry(
    composition: Composition,
    rule: EraseRule,
    *,
    erasing: str,
    docking: str,
    recorder: str,
    profile: str,
    actor: Actor | None = None,
    listing: str | None = None,
) -> EraseAuthorised:
    """Return the entry to append, and have signed, before the first ticket is handed over."""
    return EraseAuthorised(
        fact=EraseAuthorised.Fact(
            erasing=erasing,
            docking=docking,
            recorder=recorder,
            profile=profile,
            policy=ErasePolicy(
                minimum_age_seconds=int(rule.minimum_age.total_seconds()),
                copies_required=rule.copies_required,
                cosignatures_required=rule.cosignatures_required,
            ),
            files=len(composition.lines),
            size_bytes=composition.size_bytes,
            left=dict(sorted(Counter(composition.left.values()).items())),
            clips=composition.clips[:LISTED_CLIPS],
            listing={SHA256: listing} if listing else None,
        ),
        actor=actor,
    )


def completed_entry(
    composition: Composition,
    outcomes: Sequence[tuple[int, Outcome]],
    *,
    erasing: str,
    docking: str,
    recorder: str,
    listing: str | None = None,
) -> EraseCompleted:
    """Return the entry that says what became of all files; `outcomes` are (number of files on the ticket, outcome).

    They belong to the composition's lines in their order; tickets that were never handed over are simply missing.
    """
    files = erased_files(composition, outcomes)
    counts = Counter(file.result for file in files)
    early = next((outcome.ended for _, outcome in outcomes if not outcome.ended.complete), None)
    details = [early.detail if early else None]
    details += [answer.detail for _, outcome in outcomes for answer in outcome.files.values()]
    text = "\n".join(dict.fromkeys(each for each in details if each))[:_DETAIL_CHARACTERS]
    erased = {file.clip for file in files if file.result == "erased"}
    named = zip(composition.clips, composition.lines, strict=True)
    return EraseCompleted(
        fact=EraseCompleted.Fact(
            erasing=erasing,
            docking=docking,
            recorder=recorder,
            erased=counts["erased"],
            gone=counts["gone"],
            unknown=counts["unknown"],
            refused=Counter(file.reason for file in files if file.result == "refused" and file.reason),
            size_bytes=sum(line.size_bytes for clip, line in named if clip in erased),
            reason=early.reason if early else None,
            files=tuple(files[:LISTED_FILES]),
            listing={SHA256: listing} if listing else None,
        ),
        detail=EraseCompleted.Detail(text=text) if text else None,
    )


def erased_files(composition: Composition, outcomes: Sequence[tuple[int, Outcome]]) -> list[ErasedFile]:
    """Return what became of each clip, in the composition's order."""
    told: list[FileAnswer | None] = []
    for count, outcome in outcomes:
        told += [outcome.files.get(number) for number in range(count)]
    told += [None] * (len(composition.clips) - len(told))
    return [
        ErasedFile(clip=clip, result=answer.result if answer else "unknown", reason=answer.reason if answer else None)
        for clip, answer in zip(composition.clips, told, strict=True)
    ]


def _start(home: Home, images: Sequence[Path], theirs: socket.socket) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", "station.eraser", "--home", str(home.root)]
    for image in images:
        argv += ["--image", str(image)]
    # Nothing of our environment: it may hold the database's password.
    environment = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    with theirs:
        return subprocess.Popen(argv, stdin=theirs.fileno(), stdout=theirs.fileno(), env=environment)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()  # which protects the disk again before it ends
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # the disk does not even answer that
        process.kill()
        process.wait()


def _hear(channel: socket.socket) -> Iterator[Answer]:
    """Yield answers until the other side ends, is silent for too long, or is not understood."""
    held = bytearray()
    while True:
        while (end := held.find(b"\n")) >= 0:
            line = bytes(held[:end])
            del held[: end + 1]
            try:
                answer = answers.validate_json(line)
            except ValidationError:
                yield Ended(complete=False, reason=Refusal.DIED, detail="The eraser said what the protocol lacks")
                return
            yield answer
        try:
            piece = channel.recv(64 * 1024)
        except OSError as error:  # a time-out among them
            yield Ended(complete=False, reason=Refusal.DIED, detail=f"The eraser was not heard: {error}")
            return
        held += piece
        if not piece or len(held) > LINE_BYTES:
            yield Ended(complete=False, reason=Refusal.DIED, detail="The eraser ended before it was done")
            return
