"""Witnesses' cosignatures over checkpoints (c2sp.org/tlog-cosignature, Ed25519, "cosignature/v1").

Guarantees: what is signed begins with its own header, so that a cosignature can never be taken for another kind of
signature, and states a time; a line counts only if name and key id are those of a known key and its signature verifies.
A cosignature says that its cosigner, at that time, knew of no larger tree of this log, and of no other. Pure.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from station.errors import DamagedError, LedgerError
from station.ledger.note import Note, Signature, decode, encode, is_key_name, parse_note

COSIGNATURE = 0x04  # signature type of c2sp.org/signed-note
SCHEME = "PRIVATE+KEY+"

_KEY_BYTES = 32
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One verified cosignature: by whom (the key's text), when (POSIX seconds), and its signature line."""

    key: str
    time: int
    line: str


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """A witness's public key under its name: `name+hexkeyid+base64(04 ‖ public key)`."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ 04 ‖ public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([COSIGNATURE]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode(bytes([COSIGNATURE]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a witness key's text, with or without a final newline; raises DamagedError."""
        name, key_id, data = _split_key(text.removesuffix("\n"), "witness key")
        key = cls(name, data)
        if key_id != key.key_id.hex():
            raise DamagedError(f"The witness key of {name} carries the key id {key_id}, not its own")
        return key

    def verify(self, text: str, signature: bytes) -> int:
        """Check what follows the key id in a line, over a checkpoint's text; return the POSIX time it states.

        Raises DamagedError.
        """
        if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
            raise DamagedError(f"The cosignature of {self.name} is not {_TIME_BYTES + _SIGNATURE_BYTES} bytes long")
        time = int.from_bytes(signature[:_TIME_BYTES])
        if time > _LATEST:
            raise DamagedError(f"The cosignature of {self.name} states a time that can't be")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(
                signature[_TIME_BYTES:], cosigned_message(text, time)
            )
        except (InvalidSignature, ValueError) as error:
            raise DamagedError(f"The cosignature of {self.name} does not verify") from error
        return time


class CosigningKey:
    """A witness's private key under its name."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Build from the 32-byte Ed25519 seed (RFC 8032)."""
        if not is_key_name(name):
            raise LedgerError(f"{name!r} can't be the name of a witness's key")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = CosignerKey(name, self._private.public_key().public_bytes_raw())

    @classmethod
    def make(cls, name: str) -> Self:
        """Return a new key."""
        return cls(name, secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `private_text` wrote; raises DamagedError."""
        if not text.startswith(SCHEME):
            raise DamagedError("This is not the text of a private key")
        name, key_id, seed = _split_key(text.removesuffix("\n").removeprefix(SCHEME), "witness's private key")
        key = cls(name, seed)
        if key_id != key.verifier.key_id.hex():
            raise DamagedError(f"The private key of {name} carries the key id {key_id}, not its own")
        return key

    def private_text(self) -> str:
        """Return the text of the private key file."""
        data = bytes([COSIGNATURE]) + self._private.private_bytes_raw()
        return f"{SCHEME}{self.verifier.name}+{self.verifier.key_id.hex()}+{encode(data)}\n"

    def cosign(self, text: str, time: int) -> Signature:
        """Cosign a checkpoint's text as of `time` (POSIX seconds)."""
        signature = self._private.sign(cosigned_message(text, time))
        return Signature(self.verifier.name, self.verifier.key_id, time.to_bytes(_TIME_BYTES) + signature)


def cosigned_message(text: str, time: int) -> bytes:
    """Return what an Ed25519 cosignature signs: header line, time line, the checkpoint's text with its newline."""
    if not 0 <= time <= _LATEST or not text.endswith("\n"):
        raise ValueError("a cosignature is over whole lines, at a time from 0 to 2^63 - 1")
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def verify_cosignatures(note: Note | str, keys: Iterable[CosignerKey]) -> dict[str, Cosignature]:
    """Return the cosignatures of known keys, by the key's text; of two by one key the later.

    Lines of unknown keys are ignored; raises DamagedError if a line of a known key does not verify.
    """
    parsed = note if isinstance(note, Note) else parse_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[str, Cosignature] = {}
    for signature in parsed.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        time = key.verify(parsed.text, signature.signature)
        if str(key) not in found or found[str(key)].time < time:
            found[str(key)] = Cosignature(str(key), time, signature.line())
    return found


def read_cosignatures(body: bytes | str, text: str, keys: Iterable[CosignerKey]) -> dict[str, Cosignature]:
    """Read the signature lines that a witness answered with, over a checkpoint's `text`; see `verify_cosignatures`."""
    try:
        lines = body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise DamagedError("A witness's answer is not UTF-8") from error
    return verify_cosignatures(parse_note(f"{text}\n{lines}"), keys)


def _split_key(text: str, what: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    data = decode(encoded, what)
    if not is_key_name(name) or len(data) != _KEY_BYTES + 1 or data[0] != COSIGNATURE:
        raise DamagedError(f"This is not the text of an Ed25519 {what} (type 04)")
    return name, key_id, data[1:]
