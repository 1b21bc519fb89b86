"""Having checkpoints anchored outside: asking witnesses and the time stamping authority, and keeping what they answer.

Guarantees: one process of a home at a time asks, always for the newest checkpoint; an anchor is kept only after it was
verified. A witness that knows a larger log than ours, or another one, ends all signing (station.ledger.halt) and raises
an alarm; nothing here ever mends such a difference. A witness that does not answer is told of, and nothing more.
Source: c2sp.org/tlog-witness, RFC 3161 section 3.4.
"""

import atexit
import fcntl
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from station import clock, durable
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import ConfigError, DamagedError, LedgerError, SignerRefusedError
from station.ledger import halt, log
from station.ledger.anchors import (
    Anchor,
    AnchorTrust,
    Kind,
    cosigned_note,
    latest_anchors,
    latest_by,
    posix_time,
    store_anchor,
)
from station.ledger.cosign import CosignerKey, read_cosignatures
from station.ledger.merkle import consistency_proof
from station.ledger.note import NOTE_BYTES, Checkpoint, parse_note
from station.ledger.timestamps import QUERY_TYPE, RESPONSE_BYTES, load_certificates, make_query, verify_timestamp
from station.ledger.witness import make_request
from station.records.log_entries import AlarmRaised

if TYPE_CHECKING:
    import httpx

LOCK_FILE = "anchor.lock"
WANTED_FILE = "anchor.wanted"
_TRIES = 3
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 15.0  # for the process that may use the network to notice that somebody waits
_logger = structlog.get_logger(__name__)
_clients: "dict[float, httpx.Client]" = {}
_clients_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Witness:
    """A configured witness: its key, and the address it is asked at, empty for one that is asked no more."""

    key: CosignerKey
    url: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of asking one witness or authority (`key` as in an anchor). `problem` is empty when it went well."""

    kind: Kind
    key: str
    problem: str = ""
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One round of asking: over which checkpoint, and with what outcome."""

    checkpoint: Checkpoint
    attempts: tuple[Attempt, ...]

    @property
    def failed(self) -> bool:
        """Whether any of those asked gave no anchor."""
        return any(attempt.problem for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with its cosignatures: the whole note, and how many of our witnesses have cosigned it."""

    checkpoint: Checkpoint
    witnesses: int


class _ConflictFoundError(Exception):
    """A witness knows a log that ours is not."""

    def __init__(self, reason: halt.Reason, witness: str, known_size: int) -> None:
        super().__init__(reason)
        self.reason, self.witness, self.known_size = reason, witness, known_size


def witnesses_of(home: Home) -> tuple[Witness, ...]:
    """Return the witnesses of the settings; raises ConfigError for a key that is none, or named twice."""
    witnesses = []
    for number, setting in enumerate(home.settings.witnesses):
        try:
            witnesses.append(Witness(CosignerKey.parse(setting.vkey), setting.url.rstrip("/")))
        except DamagedError as error:
            raise ConfigError(
                f"The setting witnesses.{number}.vkey is wrong: {error.message}", hint="Correct it in station.toml"
            ) from error
    if len({each.key.public for each in witnesses}) != len(witnesses):
        raise ConfigError("A witness's key stands in the settings twice", hint="Each witness needs a key of its own")
    return tuple(witnesses)


def anchor_trust(home: Home) -> AnchorTrust:
    """Return whose anchors are believed, by the settings; raises ConfigError."""
    path = home.settings.timestamp_certificates
    certificates = load_certificates(home.root / path) if path else ()
    return AnchorTrust(tuple(each.key for each in witnesses_of(home)), certificates)


def has_network() -> bool:
    """Tell whether this process may open sockets to other machines; the units of the dock and the signer may not."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def gather_anchors(home: Home, database: Database, custody: Custody, *, stamp: bool = True) -> Round:
    """Have the newest checkpoint cosigned by every witness, with `stamp` also time stamped, and keep the anchors.

    Raises SignerRefusedError, after it has stopped all signing, when a witness knows a larger log than ours or another
    one; SignerUnavailableError, ConfigError, DatabaseError.
    """
    asked = [each for each in witnesses_of(home) if each.url]
    trust = anchor_trust(home)
    with _alone(home):
        checkpoint = custody.seal()
        with database.read() as session:  # one reading for all: opening the database costs more than asking it
            first = [_first_size(session, each, checkpoint) for each in asked]
            proofs = {size: consistency_proof(size, checkpoint.size, log.nodes(session)) for size in first}
        jobs: list[Callable[[], Attempt]] = [
            _job(home, database, each, checkpoint, size, proofs[size]) for each, size in zip(asked, first, strict=True)
        ]
        if stamp and home.settings.timestamp_authority:
            jobs.append(lambda: _stamp(home, database, trust, checkpoint))
        try:
            attempts = _all_at_once(jobs)
        except _ConflictFoundError as conflict:
            raise _stop(home, custody, conflict, checkpoint) from conflict
        kept = [attempt.anchor for attempt in attempts if attempt.anchor is not None]
        if kept:
            with database.write() as session:
                for each in kept:
                    store_anchor(session, each.size, each.kind, each.key, each.data, each.time)
    for attempt in attempts:
        if attempt.problem:
            _logger.error("not anchored", kind=attempt.kind, key=attempt.key, reason=attempt.problem)
    return Round(checkpoint, tuple(attempts))


def await_cosigned(home: Home, database: Database, custody: Custody, required: int) -> Cosigned:
    """Return a checkpoint over everything appended until now, with as many cosignatures as could be had.

    Where this process may not use the network, the one that may is told, and waited for. Raises SignerRefusedError,
    LedgerError, ConfigError.
    """
    wanted = custody.seal()
    deadline = clock.monotonic() + _PATIENCE_SECONDS + home.settings.witness_timeout_seconds
    if has_network():
        gather_anchors(home, database, custody, stamp=False)
        deadline = clock.monotonic()
    else:
        want_anchor(home, wanted.size)
    while True:
        halt.check_signing(home.run)
        with database.read() as session:
            best = _best(session, home, wanted)
        if best.witnesses >= required or clock.monotonic() >= deadline:
            return best
        time.sleep(_POLL_SECONDS)


def is_older(anchor: Anchor, hours: float) -> bool:
    """Tell whether an anchor states a time longer ago than that."""
    return clock.now() - clock.parse_time(anchor.time) > timedelta(hours=hours)


def want_anchor(home: Home, size: int) -> None:
    """Tell the process that may use the network that a checkpoint of `size` entries or more is to be anchored now."""
    durable.replace_volatile(home.run / WANTED_FILE, str(size).encode())


def wanted_size(home: Home) -> int:
    """Return the size that somebody waits for to be anchored, 0 if nobody ever did."""
    try:
        return int((home.run / WANTED_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _best(session: Session, home: Home, wanted: Checkpoint) -> Cosigned:
    """Return the checkpoint of `wanted`'s size or more that most of our witnesses have cosigned."""
    keys = [each.key for each in witnesses_of(home)]
    known = set(map(str, keys))
    sizes: dict[int, set[str]] = {}
    for anchor in latest_anchors(session, limit=8 * max(len(keys), 1)):
        if anchor.kind == "cosignature" and anchor.size >= wanted.size and anchor.key in known:
            sizes.setdefault(anchor.size, set()).add(anchor.key)
    size = max(sizes, key=lambda each: len(sizes[each]), default=wanted.size)
    checkpoint = log.checkpoint_at(session, size) or wanted
    note = cosigned_note(session, size, keys)
    found = {each.public for each in keys if str(each) in sizes.get(size, ())}
    return Cosigned(Checkpoint(wanted.origin, size, checkpoint.root, checkpoint.extensions, note), len(found))


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    durable.make_folder(home.run)
    path = home.run / LOCK_FILE
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _all_at_once(jobs: Sequence[Callable[[], Attempt]]) -> list[Attempt]:
    if len(jobs) < 2:
        return [job() for job in jobs]
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def _first_size(session: Session, witness: Witness, checkpoint: Checkpoint) -> int:
    """Return the size that a witness cosigned last, as far as we know."""
    last = latest_by(session, str(witness.key))
    return min(last.size, checkpoint.size) if last else 0


def _job(
    home: Home, database: Database, witness: Witness, checkpoint: Checkpoint, old: int, proof: Sequence[bytes]
) -> Callable[[], Attempt]:
    return lambda: _cosign(home, database, witness, checkpoint, old, proof)


def _cosign(
    home: Home, database: Database, witness: Witness, checkpoint: Checkpoint, old: int, proof: Sequence[bytes]
) -> Attempt:
    """Ask one witness, first with the size it cosigned last as far as we know; raises _ConflictFoundError."""
    key = str(witness.key)
    problem = "it named a size again and again"
    for _ in range(_TRIES):
        try:
            status, body = _post(home, f"{witness.url}/add-checkpoint", make_request(old, proof, checkpoint.note))
        except LedgerError as error:
            return Attempt("cosignature", key, error.message)
        if status == 200:
            return _believe(witness, checkpoint, body)
        if status == 422:  # our proof is from our own tree: the one it remembers is another
            raise _ConflictFoundError("witness_other_log", key, old)
        known = _size(body) if status == 409 else None
        if known is None:
            problem = f"it answered {status}: {body[:200].decode(errors='replace').strip()}"
            break
        if known > checkpoint.size:
            raise _ConflictFoundError("witness_larger_log", key, known)
        if known == old:  # the size was right, so the root was not
            raise _ConflictFoundError("witness_other_log", key, known)
        old = known
        with database.read() as session:
            proof = consistency_proof(old, checkpoint.size, log.nodes(session))
    return Attempt("cosignature", key, problem)


def _believe(witness: Witness, checkpoint: Checkpoint, body: bytes) -> Attempt:
    key = str(witness.key)
    try:
        found = read_cosignatures(body, parse_note(checkpoint.note).text, [witness.key]).get(key)
        if found is None:
            raise DamagedError("its answer holds no cosignature by its key")
        anchor = Anchor(-1, checkpoint.size, "cosignature", key, found.line.encode(), posix_time(found.time))
    except DamagedError as error:
        return Attempt("cosignature", key, error.message)
    return Attempt("cosignature", key, anchor=anchor)


def _stamp(home: Home, database: Database, trust: AnchorTrust, checkpoint: Checkpoint) -> Attempt:
    url = home.settings.timestamp_authority
    if not trust.certificates:
        return Attempt("timestamp", url, "timestamp_certificates is not set, so no time stamp can be believed")
    with database.read() as session:
        last = latest_by(session, url)
    if last is not None and last.size == checkpoint.size and not is_older(last, home.settings.anchor_warn_hours / 2):
        return Attempt("timestamp", url)
    text = parse_note(checkpoint.note).text
    query = make_query(text)
    try:
        status, body = _post(home, url, query.body, QUERY_TYPE)
        if status != 200:
            return Attempt("timestamp", url, f"it answered {status}")
        stamped = verify_timestamp(body, text, trust.certificates, query.nonce)
    except LedgerError as error:
        return Attempt("timestamp", url, error.message)
    return Attempt("timestamp", url, anchor=Anchor(-1, checkpoint.size, "timestamp", url, body, stamped))


def _stop(home: Home, custody: Custody, conflict: _ConflictFoundError, checkpoint: Checkpoint) -> SignerRefusedError:
    mark = halt.Halt(conflict.reason, conflict.witness, conflict.known_size, checkpoint.size, clock.timestamp())
    halt.stop_signing(home.run, mark)
    _logger.error("signing stopped", reason=mark.reason, witness=mark.witness, known=mark.known_size)
    fact = AlarmRaised.Fact(alarm=new_id(), kind=mark.reason)
    custody.append(AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text=mark.message)), seal=False)
    return SignerRefusedError(
        mark.message,
        kept="Nothing more is signed",
        hint="Find out which log is the true one before anything else; see docs/THREATS.md",
    )


def _size(body: bytes) -> int | None:
    text = body.decode("ascii", "replace").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _post(home: Home, url: str, body: str | bytes, content_type: str = "text/plain") -> tuple[int, bytes]:
    """Send and return status and body; raises LedgerError when there is no answer, or one longer than is honest."""
    import httpx  # here: only who asks carries it

    content = body.encode() if isinstance(body, str) else body
    most, timeout = max(NOTE_BYTES, RESPONSE_BYTES), home.settings.witness_timeout_seconds
    deadline = clock.monotonic() + timeout  # httpx bounds each step alone: drop by drop an answer could last for ever
    try:
        with _client(timeout).stream("POST", url, content=content, headers={"content-type": content_type}) as answer:
            received = bytearray()
            for piece in answer.iter_bytes():
                received += piece
                if len(received) > most or clock.monotonic() > deadline:
                    raise LedgerError("its answer is longer, or takes longer, than any that is honest")
            return answer.status_code, bytes(received)
    except httpx.HTTPError as error:
        raise LedgerError(f"it could not be asked: {str(error) or type(error).__name__}") from error


def _client(timeout_seconds: float) -> "httpx.Client":
    """Return this process's client: connections are kept, since setting one up costs more than asking."""
    import httpx

    with _clients_lock:
        client = _clients.get(timeout_seconds)
        if client is None:
            # Proxies of the environment are not asked: whom this station talks to stands in its settings.
            client = httpx.Client(timeout=timeout_seconds, trust_env=False, follow_redirects=False)
            atexit.register(client.close)
            _clients[timeout_seconds] = client
        return client
