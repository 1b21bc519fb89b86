"""Taking files out of the vault for good: the only code that does.

Guarantees: called only after the entry that allows it is in the ledger (its caller's duty); repeating a removal does no
harm; what is gone is durably gone when a call returns.
"""

import shutil
from pathlib import Path

from station.durable import sync_directory
from station.errors import StorageError
from station.evidence.store import LocalStore


def remove_original(store: LocalStore, sha256: str) -> bool:
    """Remove an original; returns whether it was there. Raises VaultMissingError, StorageError."""
    store.check_identity()
    return remove_file(store.path(sha256))


def remove_partial(store: LocalStore, sha256: str) -> bool:
    """Remove an incomplete recording; returns whether it was there. Raises VaultMissingError, StorageError."""
    store.check_identity()
    return remove_file(store.partial_path(sha256))


def remove_quarantined(store: LocalStore, sha256: str) -> int:
    """Remove bytes that once contradicted an original of that digest; returns how many files."""
    store.check_identity()
    return sum(remove_file(path) for path in sorted((store.root / "quarantine").glob(f"{sha256}.*")))


def remove_file(path: Path) -> bool:
    """Remove one file durably; returns whether it was there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"{path} can't be removed: {error.strerror}", kept="The rest is removed later") from error
    sync_directory(path.parent)
    return True


def remove_folder(folder: Path) -> int:
    """Remove a folder of files that can be made again; returns how many files it held."""
    if not folder.is_dir():
        return 0
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"{folder} can't be removed: {error.strerror}", kept="The rest is removed later") from error
    sync_directory(folder.parent)
    return count
