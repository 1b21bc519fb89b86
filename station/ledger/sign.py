"""Having the ledger signed: brings the signer up to the database's head, and starts one where none answers.

Guarantees: nothing is taken from the signer unverified: its notes are checked against the log's public key and
against the stored tree; a database that is shorter than, or other than, what was signed raises SignerRefusedError.
Calls can be repeated: an answer that was lost is found again, and nothing new gives the same checkpoint again.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select

from station import clock, durable
from station.config import Home
from station.database import Database
from station.errors import (
    DamagedError,
    DatabaseError,
    LedgerError,
    SignerRefusedError,
    SignerUnavailableError,
)
from station.ledger import log, tables
from station.ledger.frames import FrameError, read_message, send_frames, send_message
from station.ledger.halt import check_signing
from station.ledger.note import Checkpoint, VerifierKey, verify_checkpoint
from station.ledger.rotation import ROTATED, signers
from station.ledger.service import (
    LOG_FILE,
    RACED,
    REFUSED,
    SOCKET_FILE,
    UNAVAILABLE,
    create_home_key,
    home_keys,
    home_verifier,
    main,
    owns_key,
    reach,
    serve,
)

__all__ = ["Signer", "create_home_key", "home_keys", "home_verifier", "main", "remembered", "serve", "start_signer"]

_TRIES = 5
_START_SECONDS = 60.0
_CONNECT_SECONDS = 20.0
_ANSWER_SECONDS = 60.0
_IDLE_SECONDS = 10
_BATCH = 2000


class Signer:
    """A door to the home's signer; cheap to make, holds no connection between calls, safe to share."""

    def __init__(self, home: Home) -> None:
        """Remember the home and read the log's public key; raises LedgerError if there is none."""
        self.home = home
        self.key: VerifierKey = home_verifier(home)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys of the log, newest first, as the home has them now; raises LedgerError."""
        return home_keys(self.home)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.name

    def head(self) -> Checkpoint:
        """Return the last checkpoint that the signer remembers; raises SignerUnavailableError, SignerRefusedError."""
        for _ in range(_TRIES):
            try:
                with self._connected() as channel:
                    return channel.head(self.keys)
            except (OSError, FrameError) as error:
                last: Exception = error
        raise self._unavailable(last)

    def check_head(self, database: Database) -> Checkpoint:
        """Check that the database holds all that was ever signed; return the signer's checkpoint.

        Raises SignerRefusedError if the log is shorter, or has another root at that size; DamagedError if tree nodes
        are missing.
        """
        signed = self.head()
        _check_holds(database, signed)
        return signed

    def checkpoint(self, database: Database) -> Checkpoint:
        """Have everything in the database signed for, store the checkpoint, return it.

        Raises SignerRefusedError when the signer finds the ledger inconsistent with what it has signed, or a witness
        has found it so (see `halt`), SignerUnavailableError, DamagedError, DatabaseError.
        """
        check_signing(self.home.run)
        while True:
            checkpoint = self._extended(database)
            with database.read() as session:
                stored = log.checkpoint_at(session, checkpoint.size)
            if stored != checkpoint:
                with database.write() as session:
                    log.store_checkpoint(session, checkpoint.note)
            # Where keys change, that checkpoint is stored before anything after it is signed.
            if len(signers(checkpoint.note, self.keys)) < 2 or self._covers(database, checkpoint):
                return checkpoint

    def prepare(self) -> VerifierKey:
        """Have the signer make the key that is to take over, if it has none yet; raises as `head` does."""
        return VerifierKey.parse(str(self._ask("prepare")["vkey"]))

    def describe(self) -> dict[str, object]:
        """Return `store` (file, sealed, pkcs11), `vkey` and `seconds` as the signer has them; raises as `head` does."""
        return self._ask("describe")

    def _ask(self, request: str) -> dict[str, object]:
        try:
            with self._connected() as channel:
                return channel.ask(request)
        except (OSError, FrameError) as error:
            raise self._unavailable(error) from error

    def _covers(self, database: Database, checkpoint: Checkpoint) -> bool:
        with database.read() as session:
            return log.size(session) <= checkpoint.size

    def _extended(self, database: Database) -> Checkpoint:
        """Return a checkpoint over what the database held at the call, or over all up to where keys change.

        Where another client was quicker, what it had signed may already cover that; if not, it is tried again. Each
        race that is lost brings the head forward, so those who append meanwhile can't keep a caller waiting for ever.
        """
        failures, wanted = 0, 0
        deadline = clock.monotonic() + _ANSWER_SECONDS
        last: Exception = TimeoutError("the signer was busy")
        while failures < _TRIES and clock.monotonic() < deadline:
            try:
                with self._connected() as channel:
                    signed = channel.head(self.keys)
                    size = _check_holds(database, signed)
                    wanted = wanted or size
                    if signed.size >= wanted or not self._may_follow(database, signed):
                        return signed
                    size = _next_stop(database, signed.size, size)
                    extended = channel.extend(self.keys, signed.size, size, _records(database, signed.size, size))
            except (OSError, FrameError) as error:
                last, failures = error, failures + 1
                continue
            if extended is not None:
                _check_holds(database, extended)
                return extended
        raise self._unavailable(last)

    def _may_follow(self, database: Database, signed: Checkpoint) -> bool:
        if len(signers(signed.note, self.keys)) < 2:
            return True
        with database.read() as session:
            return log.checkpoint_at(session, signed.size) is not None

    @contextmanager
    def _connected(self) -> Iterator["_Channel"]:
        path = self.home.run / SOCKET_FILE
        deadline = clock.monotonic() + _CONNECT_SECONDS
        while True:
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            peer.settimeout(_ANSWER_SECONDS)
            try:
                reach(path, peer.connect)
                break
            except OSError as error:
                peer.close()
                if clock.monotonic() > deadline:
                    raise self._unavailable(error) from error
                start_signer(self.home)
        with peer, peer.makefile("rb") as stream:
            yield _Channel(peer, stream)

    def _unavailable(self, error: Exception) -> SignerUnavailableError:
        return SignerUnavailableError(
            f"No signer answers for {self.home.root}: {error}",
            kept="What was appended is kept and will be signed for later",
            hint=f"Look into {self.home.run / LOG_FILE}",
        )


def remembered(signer: Signer, database: Database) -> Checkpoint:
    """Return what the signer remembers, for an audit of `database`.

    A checkpoint that a kill kept from being stored is stored first; a database too damaged for that is audited as it
    is. Raises SignerUnavailableError, SignerRefusedError when the signer itself is in trouble.
    """
    with contextlib.suppress(DamagedError, DatabaseError, SignerRefusedError):
        signer.checkpoint(database)
    return signer.head()


class _Channel:
    def __init__(self, peer: socket.socket, stream: BinaryIO) -> None:
        self._peer = peer
        self._stream = stream

    def ask(self, request: str) -> dict[str, object]:
        send_message(self._peer, request=request)
        answer = read_message(self._stream)
        if answer is None or "error" in answer:
            raise _fault(answer)
        return answer

    def head(self, keys: Sequence[VerifierKey]) -> Checkpoint:
        send_message(self._peer, request="head")
        checkpoint = self._answer(keys)
        if checkpoint is None:
            raise FrameError("The signer answered a question with a race")
        return checkpoint

    def extend(self, keys: Sequence[VerifierKey], first: int, end: int, records: Iterator[bytes]) -> Checkpoint | None:
        send_message(self._peer, request="extend", first=first, count=end - first)
        send_frames(self._peer, records)
        checkpoint = self._answer(keys)
        if checkpoint is not None and checkpoint.size != end:
            raise DamagedError(f"The signer signed for {checkpoint.size} entries when asked for {end}")
        return checkpoint

    def _answer(self, keys: Sequence[VerifierKey]) -> Checkpoint | None:
        match read_message(self._stream):
            case {"size": int(size), "note": str(note)}:
                checkpoint = verify_checkpoint(note, *keys)
                if checkpoint.size != size:
                    raise DamagedError("The signer's note is not of the size it says")
                return checkpoint
            case {"error": code} if code == RACED:
                return None
            case answer:
                raise _fault(answer)


def _fault(answer: dict[str, object] | None) -> LedgerError:
    match answer:
        case {"error": code, "message": str(message), "hint": str(hint)} if code == REFUSED:
            return SignerRefusedError(message, hint=hint)
        case {"error": code, "message": str(message), "hint": str(hint)} if code == UNAVAILABLE:
            return SignerUnavailableError(message, kept="What was appended is kept and will be signed later", hint=hint)
        case {"error": str(), "message": str(message)}:
            return LedgerError(message, kept="Nothing was signed")
        case _:
            return FrameError("The signer ended without an answer")


def start_signer(home: Home) -> None:
    """Start a signer in the background and return when it can be reached; raises SignerUnavailableError.

    If another one is starting or serving already, this does nothing but wait a moment; so it does where the key belongs
    to another user, whose signer the service manager starts.
    """
    if home.settings.service_group and not owns_key(home):
        time.sleep(0.1)
        return
    durable.make_folder(home.run)
    command = [sys.executable, "-m", "station.ledger.service", "--home", str(home.root), "--idle", str(_IDLE_SECONDS)]
    try:
        with (home.run / LOG_FILE).open("ab") as messages:
            done = subprocess.run(
                [*command, "--detach"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                cwd=Path(__file__).resolve().parents[2],
                start_new_session=True,
                timeout=_START_SECONDS,
                check=False,
                text=True,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignerUnavailableError(f"The signer could not be started: {error}") from error
    if done.returncode:
        raise SignerUnavailableError(
            f"The signer could not be started: {done.stdout.strip()}",
            kept="What was appended is kept and will be signed for later",
            hint=f"Look into {home.run / LOG_FILE}",
        )
    time.sleep(0.02)  # another starter may hold the lock without listening yet


def _check_holds(database: Database, signed: Checkpoint) -> int:
    """Return the database's size; raises SignerRefusedError unless it holds the tree that was signed."""
    with database.read() as session:
        size = log.size(session)
        if size < signed.size:
            raise SignerRefusedError(
                f"The database holds {size} entries, but {signed.size} were signed",
                kept="Nothing was signed",
                hint="The database was rolled back or entries were removed; put the newer one back",
            )
        if log.root_at(session, signed.size) != signed.root:
            raise SignerRefusedError(
                f"The first {signed.size} entries of the database are not those that were signed",
                kept="Nothing was signed",
                hint="The database was changed behind the station; `station ledger audit` names what is wrong",
            )
    return size


def _next_stop(database: Database, start: int, end: int) -> int:
    """Return up to where may be signed for at once: a change of keys must be the last entry under its checkpoint."""
    table = tables.record
    query = select(func.min(table.c.seq)).where(log.between(table, start, end), table.c.type == ROTATED)
    with database.read() as session:
        found = session.connection().scalar(query)
    return end if found is None else int(found) + 1


def _records(database: Database, start: int, end: int) -> Iterator[bytes]:
    # Short reads, so that a long catching-up keeps nobody from writing.
    for first in range(start, end, _BATCH):
        query = (
            select(tables.record.c.record)
            .where(log.between(tables.record, first, min(first + _BATCH, end)))
            .order_by(tables.record.c.seq)
        )
        with database.read() as session:
            records = session.connection().scalars(query).all()
        if len(records) != min(_BATCH, end - first):
            raise DatabaseError(f"Entries between {first} and {end} vanished while they were read")
        yield from records


if __name__ == "__main__":
    sys.exit(main())
