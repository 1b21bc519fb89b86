"""The log's Ed25519 key: made once, kept in a file of mode 0400 that only the signer opens.

Guarantees: a key is never overwritten; the private file names its log and carries the key id, so that a key of
another log is not taken for ours. The public half lies beside it as `log.vkey`. The private form is that of the
signed-note tools: `PRIVATE+KEY+name+hexkeyid+base64(01 ‖ seed)`.
"""

import os
import secrets
from base64 import b32encode
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station import durable
from station.errors import ConflictError, DamagedError, LedgerError
from station.ledger.note import ED25519, Signature, VerifierKey, decode, encode, is_key_name, parse_keys

KEY_FILE = "sign.key"
NEXT_FILE = "next.key"
VERIFIER_FILE = "log.vkey"
PENDING_FILE = "next.vkey"
STATION_PREFIX = "evidence-station"
DEMO_PREFIX = "demo.invalid"

_SCHEME = "PRIVATE+KEY+"


class PrivateKey(Protocol):
    """A key that signs, wherever it is kept."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""

    def sign(self, text: str) -> Signature:
        """Sign a note's text; raises SignerUnavailableError when whatever keeps the key does not."""


class SigningKey:
    """A private key under its log's name; signs note texts."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Build from the 32-byte Ed25519 seed (RFC 8032)."""
        if not is_key_name(name):
            raise LedgerError(f"{name!r} can't be the name of a log's key")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey(name, self._private.public_key().public_bytes_raw())

    def private_text(self) -> str:
        """Return the text of the private key file."""
        data = bytes([ED25519]) + self._private.private_bytes_raw()
        return f"{_SCHEME}{self.verifier.name}+{self.verifier.key_id.hex()}+{encode(data)}\n"

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        return Signature(self.verifier.name, self.verifier.key_id, self._private.sign(text.encode()))


def new_origin(prefix: str = STATION_PREFIX) -> str:
    """Return a fresh log name: the prefix, a slash, 26 random base32 characters in lower case."""
    return f"{prefix}/{b32encode(secrets.token_bytes(17)).decode()[:26].lower()}"


def create_key(folder: Path, origin: str) -> SigningKey:
    """Make the key of the log `origin` in `folder`; raises ConflictError if there is one already."""
    key = make_key(origin)
    save_key(folder, key)
    return key


def make_key(origin: str) -> SigningKey:
    """Return a new key for the log `origin` that is not stored yet."""
    return SigningKey(origin, secrets.token_bytes(32))


def save_key(folder: Path, key: SigningKey) -> None:
    """Write a key's private (0400) and public (0444) file into `folder`, made with mode 0700 if it is missing."""
    path = folder / KEY_FILE
    if path.exists():
        raise ConflictError(f"There is a key in {folder} already", kept="It was not touched")
    durable.make_folder(folder, 0o700)
    durable.replace_file(folder / VERIFIER_FILE, f"{key.verifier}\n".encode(), 0o444)
    durable.replace_file(path, key.private_text().encode(), 0o400)


def load_key(folder: Path) -> SigningKey:
    """Open the private key in `folder`; raises LedgerError if there is none, DamagedError if it isn't whole."""
    return read_key(folder / KEY_FILE)


def read_key(path: Path) -> SigningKey:
    """Open a private key's file; raises LedgerError if there is none, DamagedError if it isn't whole."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"The log's key {path} can't be read: {error}", hint="Only the signer may open it") from error
    name, _, rest = text.removesuffix("\n").removeprefix(_SCHEME).partition("+")
    key_id, _, encoded = rest.partition("+")
    data = decode(encoded, "private key")
    if not text.startswith(_SCHEME) or len(data) != 33 or data[0] != ED25519:
        raise DamagedError(f"{path} does not hold an Ed25519 key")
    key = SigningKey(name, data[1:])
    if key.verifier.key_id.hex() != key_id:
        raise DamagedError(f"The key in {path} does not have the id {key_id} it carries")
    return key


def load_verifier(path: Path) -> VerifierKey:
    """Return the newest key in a `log.vkey` file; raises LedgerError if it is missing, DamagedError if malformed."""
    return load_verifiers(path)[0]


def load_verifiers(path: Path) -> tuple[VerifierKey, ...]:
    """Return all keys in a `log.vkey` file, newest first; raises as `load_verifier` does."""
    try:
        return parse_keys(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"The log's public key {path} can't be read: {error}") from error


def load_trusted(root: Path) -> tuple[VerifierKey, ...]:
    """Return the keys that a home trusts, newest first, the one that is about to take over among them.

    While a rotation is under way the key before it counts as it did.
    """
    keys = load_verifiers(root / VERIFIER_FILE)
    if not (root / PENDING_FILE).exists():
        return keys
    taking_over = load_verifier(root / PENDING_FILE)
    if taking_over.name != keys[0].name:
        raise DamagedError(f"{root / PENDING_FILE} is a key of {taking_over.name}")
    return keys if taking_over in keys else (taking_over, *keys)


def announce_key(root: Path, key: VerifierKey) -> None:
    """Let a home's readers know the key that is about to take over; raises StorageError."""
    durable.replace_file(root / PENDING_FILE, f"{key}\n".encode(), 0o444)


def publish_key(root: Path, key: VerifierKey) -> None:
    """Make the key that has taken over the first of `log.vkey`; nothing changes if it is. Raises StorageError."""
    path = root / VERIFIER_FILE
    keys = load_verifiers(path)
    if key not in keys:
        before = path.stat()
        durable.replace_file(path, "".join(f"{each}\n" for each in (key, *keys)).encode(), before.st_mode & 0o777)
        if (path.stat().st_uid, path.stat().st_gid) != (before.st_uid, before.st_gid):
            os.chown(path, before.st_uid, before.st_gid)
    (root / PENDING_FILE).unlink(missing_ok=True)
    durable.sync_directory(root)
