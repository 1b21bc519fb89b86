"""Taking a document into the vault: copied into a staging folder, settled, read back and linked like footage.

Guarantee: nothing of it is parsed; what it is, its first bytes say. The file it comes from is only read.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from station.acquire.settle import Settled, settle
from station.digest import CHUNK_BYTES, SHA256, new_hasher, new_id
from station.errors import StorageError
from station.evidence.store import LocalStore
from station.records.document_entries import DocumentKind
from station.records.reading import Copied

# Sources: ISO 32000-1, 7.5.2 (the header of a PDF file); ISO/IEC 10918-1, B.1.1 (SOI); RFC 2083, 3.1 (PNG).
_MAGIC: Final[tuple[tuple[bytes, DocumentKind], ...]] = (
    (b"%PDF-", "pdf"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)


def kind_of(path: Path) -> DocumentKind | None:
    """Tell what a document is by its first bytes, None for what is taken as none; raises OSError."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def keep(store: LocalStore, path: Path, further: Sequence[str] = ()) -> Settled:
    """Keep a copy of a file in the vault; `further` names the digests to take beside SHA-256.

    Raises NoSpaceError, ReadbackError, DamagedError, StorageError.
    """
    store.reserve(path.stat().st_size)
    with store.staging(new_id()) as staging:
        name = secrets.token_hex(16)
        copied = _copy(path, staging.inbox / name, further)
        settled = settle(staging.inbox, copied, parser_gid=store.parser_gid, further=further)
        store.adopt(settled.path, settled.sha256)
    return settled


def _copy(source: Path, target: Path, further: Sequence[str]) -> Copied:
    hashers = {algorithm: new_hasher(algorithm) for algorithm in (SHA256, *further)}
    size = 0
    try:
        with source.open("rb") as reading, target.open("xb") as writing:
            while data := reading.read(CHUNK_BYTES):
                for hasher in hashers.values():
                    hasher.update(data)
                size += writing.write(data)
            writing.flush()
            os.fsync(writing.fileno())
    except OSError as error:
        raise StorageError(f"{source} can't be copied into the vault: {error.strerror}") from error
    digests = {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}
    return Copied(id=0, staged=target.name, sha256=digests.pop(SHA256), size_bytes=size, further_digests=digests)
