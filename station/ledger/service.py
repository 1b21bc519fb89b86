"""The signer: the one process that opens the log's key (FORMAT.md, section Checkpoint). Its client is `sign.py`.

Guarantees: one signer a home (flock); it answers only its own user, root, and where the setting `service_group` names
one, members of that group, by what the kernel says of the peer; it recomputes every leaf and the root
from the records themselves, and makes its memory durable before a signature leaves it (memory.py). Requests can't
disturb each other: each extends a copy, and a copy that another request has overtaken is refused. A client that
is silent, breaks off or sends nonsense ends its own conversation only.

Run as `python -m station.ledger.service --home DIR [--idle SECONDS] [--detach]`.
"""

import argparse
import fcntl
import grp
import logging
import os
import resource
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from station import clock, durable, notify
from station.config import Home, load_home
from station.errors import (
    ConflictError,
    LedgerError,
    SignerRefusedError,
    SignerUnavailableError,
    StationError,
    StorageError,
)
from station.ledger import keys, keystore
from station.ledger.frames import FrameError, read_frame, read_message, send_message
from station.ledger.halt import check_signing
from station.ledger.keys import PrivateKey
from station.ledger.keystore import FileStore, KeyStore
from station.ledger.memory import Extension, Memory, first_memory, load_memory, save_memory, signed_last
from station.ledger.note import VerifierKey
from station.ledger.second import SecondKey, open_seconds

if TYPE_CHECKING:
    from station.ledger.token import TokenStore

SOCKET_FILE = "sign.sock"
LOCK_FILE = "sign.lock"
LOG_FILE = "sign.log"
RACED = "raced"
REFUSED = "refused"
FAILED = "failed"
UNAVAILABLE = "unavailable"

_SILENCE_SECONDS = 60.0
_POLL_SECONDS = 0.5
_CONVERSATIONS = 16
_SOCKET_PATH_BYTES = 100
_SO_PEERGROUPS = 59  # asm-generic/socket.h: the peer's supplementary groups when it connected
_MOST_GROUPS = 256  # Python's getsockopt takes no more; a peer in more groups than that is no process of ours

_log = logging.getLogger("station.sign")


def create_home_key(home: Home, origin: str) -> VerifierKey:
    """Make the key and the signer's first memory for a new log; raises ConflictError if the home has a key.

    The public key also goes to `log.vkey` in the home's root, for everybody. The key comes last: a home with a key
    has a memory, and a key without one never signs.
    """
    if (home.keys / keys.KEY_FILE).exists():
        raise ConflictError(f"There is a key in {home.keys} already", kept="It was not touched")
    durable.make_folder(home.keys, 0o700)
    if home.settings.key_store == "pkcs11":
        key: PrivateKey = _token(home).make_first(origin)
    else:
        key = keys.make_key(origin)
    durable.replace_file(home.root / keys.VERIFIER_FILE, f"{key.verifier}\n".encode(), 0o444)
    save_memory(home.keys, first_memory(key, open_seconds(home, origin)))
    if isinstance(key, keys.SigningKey):
        keystore.save_first(home.keys, key)
    return key.verifier


def _token(home: Home) -> "TokenStore":
    from station.ledger.token import TokenStore  # with its library 9 MB, for those who have a token

    return TokenStore(home)


def home_verifier(home: Home) -> VerifierKey:
    """Return the newest public key of the home's log; its `name` is the log's origin. Raises LedgerError."""
    return keys.load_verifier(home.root / keys.VERIFIER_FILE)


def home_keys(home: Home) -> tuple[VerifierKey, ...]:
    """Return all public keys of the home's log, newest first; former ones count as `note.parse_keys` says.

    The key that a rotation under way brings in is among them. Raises LedgerError.
    """
    return keys.load_trusted(home.root)


class Service:
    """The key and the memory behind a lock; requests of all conversations come together here."""

    def __init__(
        self,
        folder: Path,
        key: PrivateKey,
        memory: Memory,
        store: KeyStore | None = None,
        seconds: Sequence[SecondKey] = (),
    ) -> None:
        """Serve the log of `key`, keeping its memory in `folder` and further keys in `store`."""
        self._folder = folder
        self._key = key
        self._memory = memory
        self._store: KeyStore = store or FileStore(folder)
        self._seconds = tuple(seconds)
        self._taking_over = self._store.waiting()
        self._lock = threading.Lock()
        self._broken: str | None = None

    @property
    def broken(self) -> bool:
        """Whether saving has failed: then what is on the disk is unknown, and only a new start may find out."""
        return self._broken is not None

    def head(self) -> Memory:
        """Return the last signed tree; raises LedgerError when broken."""
        with self._lock:
            self._check_whole()
            return self._memory

    def begin(self) -> Extension:
        """Begin to extend the last signed tree."""
        with self._lock:
            self._check_whole()
            waiting = self._taking_over
            handover = (self._key.verifier, waiting.verifier) if waiting else None
            return Extension(self._memory, self._key.verifier.name, handover)

    def prepare(self) -> VerifierKey:
        """Have the key ready that is to take over; return its public half, the same one until it has."""
        with self._lock:
            self._check_whole()
            if self._taking_over is None:
                self._taking_over = self._store.make_next(self._key.verifier.name)
            return self._taking_over.verifier

    def describe(self) -> dict[str, object]:
        """Return where the key is kept, its public half, and the public halves of the second signatures."""
        with self._lock:
            return {
                "store": self._store.kind,
                "vkey": str(self._key.verifier),
                "seconds": [each.vkey for each in self._seconds],
            }

    def halted(self) -> SignerRefusedError | None:
        """Return why nothing may be signed now, None if it may (see `halt`)."""
        try:
            check_signing(self._folder.parent / "run")
        except SignerRefusedError as error:
            return error
        return None

    def commit(self, extension: Extension) -> Memory | None:
        """Sign, save, and return the new memory; None if another request was faster. Raises StorageError."""
        with self._lock:
            self._check_whole()
            if extension.first != self._memory.size:
                return None
            memory = extension.finish(self._key, self._taking_over, self._seconds)
            try:
                save_memory(self._folder, memory)  # for a change of keys, too, this is the moment of no return
                if extension.hands_over and self._taking_over is not None:
                    self._store.promote(self._taking_over)
                    self._key, self._taking_over = self._taking_over, None
            except (StorageError, OSError) as error:
                self._broken = str(error)
                raise
            self._memory = memory
            return memory

    def _check_whole(self) -> None:
        if self._broken is not None:
            raise LedgerError(f"The signer could not save its memory: {self._broken}")


def converse(service: Service, peer: socket.socket) -> None:
    """Answer one client until it ends; raises FrameError or OSError when it misbehaves or is gone."""
    peer.settimeout(_SILENCE_SECONDS)
    with peer.makefile("rb") as stream:
        while (message := read_message(stream)) is not None:
            try:
                memory = _answer(service, message, stream)
            except SignerUnavailableError as error:
                _log.error("not signed: %s", error)
                send_message(peer, error=UNAVAILABLE, message=error.message, hint=error.hint)
                continue
            except SignerRefusedError as error:
                send_message(peer, error=REFUSED, message=error.message, hint=error.hint)
                continue
            except FrameError:
                raise
            except StationError as error:
                send_message(peer, error=FAILED, message=error.message)
                return
            if memory is None:
                send_message(peer, error=RACED, message="Another request was faster")
            elif isinstance(memory, dict):
                send_message(peer, **memory)
            else:
                send_message(peer, size=memory.size, note=memory.note)


def _answer(service: Service, message: dict[str, object], stream: BinaryIO) -> Memory | dict[str, object] | None:
    match message:
        case {"request": "head"}:
            return service.head()
        case {"request": "prepare"}:
            return {"vkey": str(service.prepare())}
        case {"request": "describe"}:
            return service.describe()
        case {"request": "extend", "first": int(first), "count": int(count)} if count > 0:
            return _extend(service, first, count, stream)
        case _:
            raise FrameError("The signer knows no such request")


def _extend(service: Service, first: int, count: int, stream: BinaryIO) -> Memory | None:
    # Every announced frame is read even after a refusal: answering into a full socket would lose the answer.
    extension = service.begin()
    fault = service.halted()
    raced = extension.first != first
    for _ in range(count):
        raw = read_frame(stream)
        if raw is None:
            raise FrameError("The client ended before all records were sent")
        if fault is None and not raced:
            try:
                extension.add(raw)
            except SignerRefusedError as error:
                fault = error
    if fault is not None:
        _log.error("refused: %s", fault)
        raise fault
    return None if raced else service.commit(extension)


def serve(home: Home, idle_seconds: float | None, ready: Callable[[], None]) -> bool:
    """Serve the home's signer until `idle_seconds` pass without a client (None: for ever).

    Calls `ready` once when clients can connect; returns False at once if another signer serves this home. Raises
    SignerRefusedError if the memory is missing or damaged, LedgerError if there is no usable key or no such group.
    """
    group = service_group(home)
    if group is not None and not owns_key(home):
        raise LedgerError(
            f"The keys in {home.keys} are another user's", hint="Start the signer as its unit: station-sign.service"
        )
    durable.make_folder(home.run)
    with (home.run / LOCK_FILE).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        service, key = _open_service(home)
        with listening(home.run, group) as listener:
            ready()
            _log.info("signing for %s", key.verifier.name)
            try:
                _accept(service, listener, idle_seconds, group)
            finally:
                (home.run / SOCKET_FILE).unlink(missing_ok=True)
    return True


def _open_service(home: Home) -> tuple[Service, PrivateKey]:
    """Open key and memory, and end a change of keys that was cut short after the new one had signed."""
    store: KeyStore = _token(home) if home.settings.key_store == "pkcs11" else FileStore(home.keys)
    signed = signed_last(home.keys)
    waiting = store.waiting()
    if waiting is not None and waiting.verifier.key_id == signed:
        store.promote(waiting)
    candidates = store.current()
    key = candidates[-1] if signed is None else keystore.chosen(candidates, signed)
    memory = load_memory(home.keys, key.verifier)
    return Service(home.keys, key, memory, store, open_seconds(home, key.verifier.name)), key


def service_group(home: Home) -> int | None:
    """Return the number of the group that may talk to the signer, None where only its user may; raises LedgerError."""
    name = home.settings.service_group
    if not name:
        return None
    try:
        group = grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise LedgerError(f"There is no group {name!r}", hint="Correct service_group in station.toml") from error
    if group == 0:
        raise LedgerError("The group root can't be the service_group", hint="Correct service_group in station.toml")
    return group


def owns_key(home: Home) -> bool:
    """Tell whether this process's user is the one the key belongs to: nobody else may leave files beside it."""
    return home.keys.is_dir() and home.keys.stat().st_uid == os.geteuid()


def listening(folder: Path, group: int | None = None) -> socket.socket:
    """Return the listening socket in `folder`, for the owner only, or for its owner and `group`."""
    path = folder / SOCKET_FILE
    path.unlink(missing_ok=True)  # the lock is ours, so its owner is dead
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        reach(path, listener.bind)
    finally:
        os.umask(mask)
    if group is not None:
        if path.stat().st_gid != group:  # in a folder that hands its group on nothing is left to do
            os.chown(path, -1, group)
        path.chmod(0o660)  # after the group: else it would be open to the wrong one for a moment
    listener.listen(64)
    return listener


def reach(path: Path, act: Callable[[str], None]) -> None:
    """Bind or connect to a socket's path, also where it is longer than the 108 bytes of sun_path."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        act(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        act(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _accept(service: Service, listener: socket.socket, idle_seconds: float | None, group: int | None) -> None:
    listener.settimeout(_POLL_SECONDS if idle_seconds is None else min(_POLL_SECONDS, idle_seconds))
    conversations: list[threading.Thread] = []
    last_client = clock.monotonic()
    while not service.broken:
        notify.tell_alive()
        conversations = [thread for thread in conversations if thread.is_alive()]
        if conversations:
            last_client = clock.monotonic()
        elif idle_seconds is not None and clock.monotonic() - last_client > idle_seconds:
            return
        if len(conversations) >= _CONVERSATIONS:
            conversations[0].join(_POLL_SECONDS)
            continue
        try:
            peer, _ = listener.accept()
        except TimeoutError:
            continue
        thread = threading.Thread(target=_attend, args=(service, peer, group), daemon=True)
        thread.start()
        conversations.append(thread)


def _attend(service: Service, peer: socket.socket, group: int | None) -> None:
    with peer:
        try:
            if _is_trusted(peer, group):
                converse(service, peer)
        except (FrameError, OSError) as error:
            _log.warning("a conversation broke off: %s", error)


def _is_trusted(peer: socket.socket, group: int | None) -> bool:
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, main_group = struct.unpack("3i", credentials)
    if user in (0, os.geteuid()) or (group is not None and group in (main_group, *_peer_groups(peer))):
        return True
    _log.error("turned away user %d", user)
    return False


def _peer_groups(peer: socket.socket) -> tuple[int, ...]:
    numbers = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * struct.calcsize("I"))
    return struct.unpack(f"{len(numbers) // struct.calcsize('I')}I", numbers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the signer; returns 0 when it ended idle or another one serves the home, 2 when it could not start."""
    parser = argparse.ArgumentParser(prog="station.ledger.service", description="Sign the ledger of one home.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=None, help="end after so many seconds without a client")
    parser.add_argument("--detach", action="store_true", help="return when the signer in the background is ready")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s sign[%(process)d] %(levelname)s %(message)s")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the key must not lie about in a core dump
    if options.detach:
        return _detach(options.home, options.idle)
    outcome: list[str] = []
    return _run(options.home, options.idle, outcome.append)


def _run(root: Path, idle_seconds: float | None, report: Callable[[str], None]) -> int:
    try:
        if not serve(load_home(root), idle_seconds, lambda: report("")):
            _log.info("another signer serves this home")
            report("")
    except StationError as error:
        _log.error("%s; %s", error, error.hint)
        report(f"{error}. {error.hint}")
        return 2
    return 0


def _detach(root: Path, idle_seconds: float | None) -> int:
    # The parent ends as soon as the child can be reached, so whoever waits for it needs no polling and no reaping.
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            fault = stream.read()
        sys.stdout.write(fault.decode(errors="replace")[1:])
        return 0 if fault == b"." else 2
    os.close(reading)
    os.setsid()
    with Path(os.devnull).open("r+b") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)

    def report(fault: str) -> None:
        os.write(writing, f".{fault}".encode())
        os.close(writing)

    code = _run(root, idle_seconds, report)
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
