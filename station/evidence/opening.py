"""The vault of a home, opened with the settings of that home."""

import os

from station.config import Home
from station.evidence.store import LocalStore
from station.sandbox.confinement import find_account


def open_store(home: Home) -> LocalStore:
    """Return the home's vault; raises VaultMissingError when its disk is not there, SandboxError for no such user.

    Started by root, parsers become the settings' user, who then may fill inboxes and read originals.
    """
    account = find_account(home.settings.parser_user) if os.geteuid() == 0 else None
    store = LocalStore(
        home.vault,
        parser_uid=account.pw_uid if account else None,
        parser_gid=account.pw_gid if account else None,
        reserve_bytes=home.settings.reserve_bytes,
    )
    store.check_identity()
    return store
