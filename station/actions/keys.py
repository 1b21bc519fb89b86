"""Changing the log's key, and saying which keys it has had.

Guarantees: at whatever instant a change is cut short, the log goes on under the key before it or the one after it, and
`rotate_key` run again ends what was begun; the entry and the one checkpoint that both keys sign tell outsiders so.
"""

from dataclasses import dataclass
from typing import Literal, cast

from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.errors import ConflictError, DamagedError
from station.ledger import keys, log
from station.ledger.entry import parse_record
from station.ledger.note import VerifierKey
from station.ledger.rotation import ROTATED, Rotation, read_rotation, signers
from station.ledger.sign import Signer, home_verifier
from station.records.entries import Actor, Entry
from station.records.log_entries import KeyRotated


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key of the log: its text, the entry that ended it, None for the one that signs now."""

    vkey: str
    ended_by: int | None


def rotate_key(home: Home, database: Database, custody: Custody, actor: Actor | None = None) -> VerifierKey:
    """Hand the log over to a new key and return it; ends a change that was cut short, if there was one.

    Whoever calls must be able to write the home's folder. Raises SignerUnavailableError, SignerRefusedError,
    StorageError, ConflictError when another change came first.
    """
    signer = Signer(home)
    before = _end(home, database, custody)
    if before is not None:
        return before
    custody.seal()
    old = home_verifier(home)
    new = signer.prepare()
    keys.announce_key(home.root, new)
    store = cast(Literal["file", "sealed", "pkcs11"], signer.describe()["store"])
    entry = KeyRotated(fact=KeyRotated.Fact(old=str(old), new=str(new), store=store), actor=actor)

    def compose(session: Session) -> list[Entry]:
        known = rotations(session)
        if known and known[-1][2] != old:
            raise ConflictError("The log's key was changed meanwhile", kept="Nothing was appended")
        return [entry]

    custody.append_from(compose, seal=False)
    ended = _end(home, database, custody)
    if ended != new:
        raise DamagedError("The log was not handed over to the new key", hint="Run `station ledger audit`")
    return new


def list_keys(home: Home, database: Database) -> tuple[KeyLine, ...]:
    """Return the keys of the log, newest first."""
    with database.read() as session:
        ended = {str(old): seq for seq, old, _ in rotations(session)}
    return tuple(KeyLine(str(key), ended.get(str(key))) for key in keys.load_verifiers(home.root / keys.VERIFIER_FILE))


def rotations(session: Session) -> tuple[Rotation, ...]:
    """Return the changes of keys in the log, oldest first; raises DamagedError."""
    found = (read_rotation(parse_record(each.record)) for each in log.typed_entries(session, [ROTATED]))
    return tuple(each for each in found if each is not None)


def _end(home: Home, database: Database, custody: Custody) -> VerifierKey | None:
    """Have a change that is in the log signed and published; return its key, None if there is nothing to end."""
    with database.read() as session:
        known = rotations(session)
    if not known or not (home.root / keys.PENDING_FILE).exists():
        return None
    seq, old, new = known[-1]
    if keys.load_verifier(home.root / keys.PENDING_FILE) != new:
        return None
    custody.seal()
    with database.read() as session:
        stored = log.checkpoint_at(session, seq + 1)
    if stored is None or set(signers(stored.note, (old, new))) != {old, new}:
        raise DamagedError(f"The change of keys in entry {seq} is not signed by both keys")
    keys.publish_key(home.root, new)
    return new
