"""Where the log's private key is kept: a file, a file that systemd has sealed, or a PKCS#11 token (`token.py`).

Guarantees: a key that is to take over is durable before anybody is told of it, and asking again gives the same one;
the former key is given up only after the new one has signed. Which key is the log's now is told by the signer's
memory, never by which files are there.
"""

import os
from pathlib import Path
from typing import Literal, Protocol

from station import durable
from station.errors import ConflictError, LedgerError
from station.ledger import keys
from station.ledger.keys import PrivateKey, SigningKey

Kind = Literal["file", "sealed", "pkcs11"]
SEALED_FOLDER = "sealed"
CREDENTIAL = "log-key"  # LoadCredentialEncrypted=log-key:<home>/keys/sealed makes log-key_<file> of each file


class KeyStore(Protocol):
    """What the signer asks of the place where keys are."""

    kind: Kind

    def current(self) -> tuple[PrivateKey, ...]:
        """Return the keys that may be the log's, the one kept as such last; raises LedgerError if there is none."""

    def waiting(self) -> PrivateKey | None:
        """Return the key that is to take over, None if none was made."""

    def make_next(self, origin: str) -> PrivateKey:
        """Return the key that is to take over, made and durable; raises StorageError, SignerUnavailableError."""

    def promote(self, key: PrivateKey) -> None:
        """Keep `key`, which has signed, as the log's, and give up the one before; repeating it does nothing."""


class FileStore:
    """Keys in files of mode 0400, or handed over by systemd as credentials."""

    def __init__(self, folder: Path) -> None:
        """Keep keys in `folder`."""
        self._folder = folder
        self.kind: Kind = "file"

    def current(self) -> tuple[PrivateKey, ...]:
        """Return the sealed keys that systemd has opened for us, and the key in the plain file; raises LedgerError."""
        plain = self._folder / keys.KEY_FILE
        found = [keys.read_key(path) for path in _credentials()]
        self.kind = "sealed" if found and not plain.exists() else "file"
        if plain.exists() or not found:
            found.append(keys.load_key(self._folder))
        return tuple(found)

    def waiting(self) -> PrivateKey | None:
        """Return the key in `next.key`."""
        path = self._folder / keys.NEXT_FILE
        return keys.read_key(path) if path.exists() else None

    def make_next(self, origin: str) -> PrivateKey:
        """Return the key in `next.key`, made if there is none."""
        made = self.waiting()
        if made is None:
            key = keys.make_key(origin)
            durable.replace_file(self._folder / keys.NEXT_FILE, key.private_text().encode(), 0o400)
            made = key
        return made

    def promote(self, key: PrivateKey) -> None:
        """Put `next.key` in the place of `sign.key`."""
        path = self._folder / keys.NEXT_FILE
        if path.exists() and keys.read_key(path).verifier == key.verifier:
            path.replace(self._folder / keys.KEY_FILE)
            durable.sync_directory(self._folder)
        self.kind = "file"


def _credentials() -> list[Path]:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return sorted(Path(folder).glob(f"{CREDENTIAL}_*")) if folder else []


def save_first(folder: Path, key: SigningKey) -> None:
    """Keep the first key of a new log; raises ConflictError."""
    if (folder / keys.KEY_FILE).exists() or any((folder / SEALED_FOLDER).glob("*")):
        raise ConflictError(f"There is a key in {folder} already", kept="It was not touched")
    keys.save_key(folder, key)


def chosen(candidates: tuple[PrivateKey, ...], key_id: bytes) -> PrivateKey:
    """Return the candidate with this id; raises LedgerError: the memory was signed by a key that is not here."""
    for each in candidates:
        if each.verifier.key_id == key_id:
            return each
    raise LedgerError(
        f"The key {key_id.hex()}, which the log was signed with last, is not here",
        kept="Nothing is signed",
        hint="Put the token or the sealed file back, or begin a new log with `station restore`",
    )
