"""Digests of evidence: SHA-256 (FIPS 180-4) now, further algorithms beside it later, never instead of it.

A digest in a record is a mapping {algorithm: lower-case hex}, so that one can be added and none replaced.
"""

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Iterable

SHA256 = "sha256"
CHUNK_BYTES = 4 * 1024 * 1024


def sha256_hex(data: bytes | memoryview) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(chunks: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 of the concatenation of `chunks` as hex."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.hexdigest()


def is_sha256(text: str) -> bool:
    """Tell whether `text` is 64 lower-case hex digits, and so safe as a file name."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def new_id() -> str:
    """Return a random opaque id: 26 lower-case base32 characters (RFC 4648), 130 bits of which 128 are random."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id that `new_id` makes."""
    return len(text) == 26 and not set(text) - set("abcdefghijklmnopqrstuvwxyz234567")
