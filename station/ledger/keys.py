"""The log's Ed25519 key: made once, kept in a file of mode 0400 that only the signer opens.

Guarantees: a key is never overwritten; the private file names its log and carries the key id, so that a key of
another log is not taken for ours. The public half lies beside it as `log.vkey`. The private form is that of the
signed-note tools: `PRIVATE+KEY+name+hexkeyid+base64(01 ‖ seed)`.
"""

import secrets
from base64 import b32encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station import durable
from station.errors import ConflictError, DamagedError, LedgerError
from station.ledger.note import ED25519, Signature, VerifierKey, decode, encode, is_key_name

KEY_FILE = "sign.key"
VERIFIER_FILE = "log.vkey"
STATION_PREFIX = "evidence-station"
DEMO_PREFIX = "demo.invalid"

_SCHEME = "PRIVATE+KEY+"


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
    path = folder / KEY_FILE
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
    """Read a `log.vkey` file; raises LedgerError if it is missing, DamagedError if malformed."""
    try:
        return VerifierKey.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"The log's public key {path} can't be read: {error}") from error
