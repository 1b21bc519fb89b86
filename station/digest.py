"""Digests of evidence: SHA-256 (FIPS 180-4), and SM3 (GB/T 32905) beside it where settings ask for it, never instead.

A digest in a record is a mapping {algorithm: lower-case hex}, so that one can be added and none replaced. Content is
referred to by its SHA-256 alone.
"""

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from station.errors import ConfigError

SHA256: Final = "sha256"
SM3: Final = "sm3"
FURTHER: Final = (SM3,)
"""The algorithms that may stand beside SHA-256 in a digest."""
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


class Hasher(Protocol):
    """A digest in the making."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes taken in, as lower-case hex; called once, at the end."""


class _Sm3:
    """SM3 by the package `cryptography`, which brings an OpenSSL of its own."""

    def __init__(self) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm  # here: nobody else waits for it to load
        from cryptography.hazmat.primitives import hashes

        try:
            self._hash = hashes.Hash(hashes.SM3())
        except UnsupportedAlgorithm as error:
            raise ConfigError(
                "This machine computes no SM3: neither Python's OpenSSL nor the package cryptography offers it"
            ) from error

    def update(self, data: bytes | memoryview, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.finalize().hex()


def new_hasher(algorithm: str) -> Hasher:
    """Return a hasher of `sha256` or one of FURTHER; raises ConfigError where this machine can't compute it."""
    if algorithm == SHA256:
        return hashlib.sha256()
    if algorithm != SM3:
        raise ConfigError(f"{algorithm!r} is no digest that the station computes")
    try:
        return hashlib.new(SM3)
    except ValueError:  # an OpenSSL built without it, or kept from it by its settings
        return _Sm3()


def further_of(digest: Mapping[str, str]) -> dict[str, str]:
    """Return what stands beside the SHA-256 in a fact's digest and can be checked here."""
    return {algorithm: digest[algorithm] for algorithm in FURTHER if algorithm in digest}


def is_sha256(text: str) -> bool:
    """Tell whether `text` is 64 lower-case hex digits, and so safe as a file name."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def new_id() -> str:
    """Return a random opaque id: 26 lower-case base32 characters (RFC 4648), 130 bits of which 128 are random."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id that `new_id` makes."""
    return len(text) == 26 and not set(text) - set("abcdefghijklmnopqrstuvwxyz234567")
