"""What a backup is made of: one folder with a manifest, which is written last and names all the rest.

    manifest.json             what is there, with digests; the only file that is believed by itself
    backup.json               whose folder this is, from the first moment on
    database-<random>.db      the database, always SQLite; the manifest says which
    station.toml vault.id log.vkey checkpoint        never the key, never the signer's memory
    continued/                logs that this one continues
    vault/originals|partials  the footage, where wanted

Guarantee: a kill at any point leaves the former manifest with all that it names, or the new one.
"""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from station import durable
from station.digest import sha256_hex
from station.direct import reread
from station.errors import DamagedError, NotFoundError
from station.evidence.removing import remove_file

MANIFEST, OWNER = "manifest.json", "backup.json"
_DATABASE = "database-"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class File:
    """A file's hex SHA-256 and size."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: `files` by path; originals are named by their digests and not in it, only counted."""

    backup: str
    origin: str
    log_size: int
    checkpoint: str
    made_at: str
    database: str
    vault: bool
    originals: int
    originals_bytes: int
    files: dict[str, File] = field(default_factory=dict)

    def serialise(self) -> bytes:
        """Return the manifest's text."""
        document = {"v": _VERSION, **asdict(self)}
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Read a backup's manifest; raises NotFoundError where there is none, DamagedError for one that is none."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("v") != _VERSION:
            raise DamagedError(f"{path} is of another version", hint="Use the version of the station that wrote it")
        files = {name: File(**value) for name, value in document.pop("files").items()}
        return Manifest(**document, files=files)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no whole backup in {folder}: {MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} is no manifest of a backup: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Put a manifest in place and remove databases that it does not name; returns its digest."""
    content = manifest.serialise()
    durable.replace_file(folder / MANIFEST, content)
    for path in sorted(folder.glob(f"{_DATABASE}*")):
        if path.name != manifest.database:
            remove_file(path)
    return sha256_hex(content)


def new_database_name() -> str:
    """Return a name for a database that no manifest names yet."""
    return f"{_DATABASE}{secrets.token_hex(6)}.db"


def file_of(path: Path) -> File:
    """Return what the manifest says of a file, read from the disk."""
    with path.open("rb") as stream:
        found = reread(stream.fileno())
    return File(found.sha256, found.size_bytes)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise DamagedError naming the first file that is missing or not as the manifest says."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise DamagedError(f"The backup's file {path} is missing", kept="Nothing was restored from it")
        if file_of(path) != expected:
            raise DamagedError(f"The backup's file {path} was altered", kept="Nothing was restored from it")


def owner_of(folder: Path) -> tuple[str, str] | None:
    """Return (backup, origin) of a folder that a backup was begun in, None for any other; raises DamagedError."""
    path = folder / OWNER
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return str(document["backup"]), str(document["origin"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} can't be read: {error}") from error
