"""C2SP signed notes and tlog checkpoints: making, strict parsing, verifying (c2sp.org/signed-note, tlog-checkpoint).

Guarantees: a note parses only if writing it again gives the same bytes; sizes are bounded; a signature line of a
known key (name and id) must verify or the whole note is refused; lines of unknown keys are ignored. Pure.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from station.errors import DamagedError, LedgerError
from station.ledger.merkle import HASH_BYTES

ED25519 = 0x01  # signature type of c2sp.org/signed-note
NOTE_BYTES = 256 * 1024
SIGNATURES = 64
SUPERSEDED = -1

_KEY_ID_BYTES = 4
_number = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name and 4-byte id, and what follows them."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line with its newline."""
        return f"— {self.name} {encode(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; `text` ends in a newline and is what the signatures cover."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key under a name: `name+hexkeyid+base64(01 ‖ public key)`.

    `until` is the largest tree that its line alone vouches for: None without a limit, SUPERSEDED for a former key of
    which it is not known when it was replaced (FORMAT.md, section Rotation).
    """

    name: str
    public: bytes
    until: int | None = field(default=None, compare=False)

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ 01 ‖ public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode(bytes([ED25519]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key's text, with or without a final newline; raises DamagedError."""
        name, _, rest = text.removesuffix("\n").partition("+")
        key_id, _, encoded = rest.partition("+")
        data = decode(encoded, "verifier key")
        if not is_key_name(name) or len(data) != 33 or data[0] != ED25519:
            raise DamagedError("This is not the text of an Ed25519 verifier key")
        key = cls(name, data[1:])
        if key_id != key.key_id.hex():
            raise DamagedError(f"The verifier key of {name} carries the key id {key_id}, not its own")
        return key

    def verify(self, text: str, signature: bytes) -> None:
        """Check an Ed25519 signature over a note's text; raises DamagedError."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise DamagedError(f"A signature of {self.name} does not verify") from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: a tree of `size` leaves has `root`; `note` is the whole signed note."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    note: str


def encode(data: bytes) -> str:
    """Return standard base64 with padding."""
    return b64encode(data).decode()


def decode(text: str, what: str) -> bytes:
    """Read standard base64 in its one canonical form; raises DamagedError naming `what`."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise DamagedError(f"The base64 of a {what} is malformed") from error
    if encode(data) != text:
        raise DamagedError(f"The base64 of a {what} is not canonical")
    return data


def is_key_name(name: str) -> bool:
    """Tell whether a key may be called so: not empty, no Unicode space, no plus, no control character."""
    return bool(name) and "+" not in name and not any(char.isspace() or char < " " for char in name)


def make_note(text: str, signatures: Sequence[Signature]) -> str:
    """Return a signed note; raises LedgerError unless `text` is complete lines and there is a signature."""
    if not text.endswith("\n") or not signatures:
        raise LedgerError("A note needs a text of whole lines and at least one signature")
    return f"{text}\n{''.join(signature.line() for signature in signatures)}"


def parse_note(raw: bytes | str) -> Note:
    """Read a signed note without verifying it; raises DamagedError."""
    try:
        whole = raw.decode() if isinstance(raw, bytes) else raw
        length = len(whole.encode())
    except UnicodeError as error:
        raise DamagedError("A note is not UTF-8") from error
    if length > NOTE_BYTES:
        raise DamagedError(f"A note is longer than {NOTE_BYTES} bytes")
    if any(char < " " and char != "\n" for char in whole):
        raise DamagedError("A note holds control characters")
    text, separator, lines = whole.rpartition("\n\n")
    if not separator or not text or not lines.endswith("\n"):
        raise DamagedError("A note has no signature lines after an empty line")
    rows = lines[:-1].split("\n")
    if len(rows) > SIGNATURES:
        raise DamagedError(f"A note has more than {SIGNATURES} signatures")
    return Note(f"{text}\n", tuple(map(_parse_signature, rows)))


def verify_note(raw: bytes | str, keys: Iterable[VerifierKey]) -> Note:
    """Read a note and check it against the known keys; raises DamagedError if none, or a wrong one, has signed."""
    note = parse_note(raw)
    known = {(key.name, key.key_id): key for key in keys}
    verified = 0
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            key.verify(note.text, signature.signature)
            verified += 1
    if not verified:
        raise DamagedError("No known key has signed this note")
    return note


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint without extension lines."""
    return f"{origin}\n{size}\n{encode(root)}\n"


def parse_checkpoint(raw: bytes | str) -> Checkpoint:
    """Read a checkpoint without verifying its signatures; raises DamagedError."""
    return _read_checkpoint(parse_note(raw), raw)


def parse_keys(text: str) -> tuple[VerifierKey, ...]:
    """Read a `log.vkey`: one key a line, newest first; raises DamagedError.

    A former key's line alone counts for nothing: whoever stole it could have written it (see `rotation.bounded`).
    """
    newest, *former = (VerifierKey.parse(line) for line in text.removesuffix("\n").split("\n"))
    if len({newest, *former}) != 1 + len(former) or any(key.name != newest.name for key in former):
        raise DamagedError("The public keys of a log must be different ones of one name")
    return (newest, *(replace(key, until=SUPERSEDED) for key in former))


def verify_checkpoint(raw: bytes | str, *keys: VerifierKey) -> Checkpoint:
    """Read a checkpoint signed by one of the log's keys or more, whose name is its origin; raises DamagedError.

    It needs the line of a key that still counts at its size.
    """
    note = verify_note(raw, keys)
    checkpoint = _read_checkpoint(note, raw)
    for key in keys:
        if checkpoint.origin != key.name:
            raise DamagedError(f"The checkpoint is of the log {checkpoint.origin}, not of {key.name}")
    signed = {(each.name, each.key_id) for each in note.signatures}
    present = [key for key in keys if (key.name, key.key_id) in signed]
    if not any(key.until is None or checkpoint.size <= key.until for key in present):
        raise DamagedError(
            f"The checkpoint of {checkpoint.size} entries is signed by a former key alone,"
            " which whoever stole that key could have done"
        )
    return checkpoint


def _read_checkpoint(note: Note, raw: bytes | str) -> Checkpoint:
    origin, *rest = note.text[:-1].split("\n")
    if len(rest) < 2 or not origin or not all(rest) or not _number.fullmatch(rest[0]):
        raise DamagedError("A note is no checkpoint: it needs origin, size and root, each on a line of its own")
    root = decode(rest[1], "checkpoint root")
    if len(root) != HASH_BYTES:
        raise DamagedError("A checkpoint's root is not 32 bytes long")
    whole = raw.decode() if isinstance(raw, bytes) else raw
    return Checkpoint(origin, int(rest[0]), root, tuple(rest[2:]), whole)


def _parse_signature(row: str) -> Signature:
    mark, _, rest = row.partition(" ")
    name, _, encoded = rest.partition(" ")
    if mark != "—" or not is_key_name(name):
        raise DamagedError("A signature line is not of the form: em dash, key name, base64")
    data = decode(encoded, "signature line")
    if len(data) <= _KEY_ID_BYTES:
        raise DamagedError(f"The signature of {name} is empty")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])
