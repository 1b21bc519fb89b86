"""Sealing the key's file with systemd credentials, so that it opens on this machine alone (systemd-creds(1)).

Guarantees: the plain file goes only after the sealed one was opened again and found the same; cut short at any point,
the key is there in one form or both, and the signer finds it (`ledger.keystore`).
"""

import shutil
import subprocess
from pathlib import Path

from station import durable
from station.config import Home
from station.errors import ConflictError, StorageError
from station.ledger.keys import KEY_FILE, load_key
from station.ledger.keystore import CREDENTIAL, SEALED_FOLDER

_SECONDS = 60


def can_seal() -> bool:
    """Tell whether this machine has systemd's tool for it."""
    return shutil.which("systemd-creds") is not None


def seal_key(home: Home) -> Path:
    """Seal `sign.key`, remove the plain file and former sealed ones, return the sealed file.

    Raises ConflictError where there is no plain file or no tool, StorageError when sealing fails; then the plain file
    stays.
    """
    plain = home.keys / KEY_FILE
    if home.settings.key_store != "file" or not plain.exists():
        raise ConflictError("There is no key in a plain file to seal", kept="Nothing was changed")
    if not can_seal():
        raise ConflictError("systemd-creds is not installed here", kept="The key stays in its file, for its owner only")
    key = load_key(home.keys)
    content = key.private_text().encode()
    name = key.verifier.key_id.hex()
    folder = home.keys / SEALED_FOLDER
    target = folder / name
    # A credential of a folder has the name <id of the folder>_<file>, and a sealed one opens under its name only.
    sealed = _creds("encrypt", f"--name={CREDENTIAL}_{name}", data=content)
    if _creds("decrypt", f"--name={CREDENTIAL}_{name}", data=sealed) != content:
        raise StorageError("What systemd-creds sealed does not open as the same", kept="The key stays in its file")
    durable.make_folder(folder, 0o700)
    durable.replace_file(target, sealed, 0o400)
    for former in folder.iterdir():
        if former != target:
            former.unlink()
    plain.unlink()
    durable.sync_directory(home.keys)
    return target


def _creds(verb: str, option: str, *, data: bytes) -> bytes:
    command = ["systemd-creds", verb, option, "-", "-"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StorageError(f"systemd-creds could not be run: {error}", kept="The key stays in its file") from error
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise StorageError(
            f"systemd-creds {verb} failed: {told[-1] if told else done.returncode}", kept="The key stays in its file"
        )
    return done.stdout
