"""The vault of a home, opened with the settings of that home."""

import os

from station.config import Home
from station.durable import replace_file
from station.errors import HomeError
from station.evidence.store import LocalStore
from station.sandbox.confinement import find_account

VAULT_FILE = "vault.id"


def create_store(home: Home) -> None:
    """Make the home's vault and remember which it is, so that another disk in its place is noticed."""
    identity = LocalStore.create(home.vault)
    replace_file(home.root / VAULT_FILE, f"{identity}\n".encode())


def _known_identity(home: Home) -> str:
    path = home.root / VAULT_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise HomeError(f"{path} can't be read: {error.strerror}", hint="It holds the vault's id") from error


def open_store(home: Home) -> LocalStore:
    """Return the home's vault; raises VaultMissingError when its disk is not there, SandboxError for no such user.

    Started by root, parsers become the settings' user, who then may fill inboxes and read originals. Where the
    processes have users of their own, root is turned away with HomeError: what it made they could not write to.
    """
    if home.settings.service_group and os.geteuid() == 0:
        raise HomeError(
            f"The vault of {home.root} belongs to the users of the station's units, not to root",
            kept="Nothing was written",
            hint="Use /usr/local/bin/station, which becomes the right user",
        )
    account = find_account(home.settings.parser_user) if os.geteuid() == 0 else None
    store = LocalStore(
        home.vault,
        identity=_known_identity(home),
        parser_uid=account.pw_uid if account else None,
        parser_gid=account.pw_gid if account else None,
        reserve_bytes=home.settings.reserve_bytes,
    )
    store.check_identity()
    return store
