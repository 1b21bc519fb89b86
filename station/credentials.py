"""Recorders' passwords: from systemd's credentials, else from the settings; never from a profile, never in a log.

Guarantee: a password leaves this module only inside `SecretStr`, whose repr and str hide it; an error names where a
password was looked for and never what was found.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from station.errors import ConfigError

# The first form is for a credential of its own in a drop-in; the second is what systemd makes of the file <profile>
# in a folder loaded as `recorder` or `recorder-encrypted` (LoadCredential= in systemd.exec(5)).
_NAMES = ("recorder-{}", "recorder_{}", "recorder-encrypted_{}")
_PROFILE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_MAX_BYTES = 1024


def recorder_password(profile: str, configured: Mapping[str, SecretStr]) -> SecretStr | None:
    """Return the password of the recorders of one profile, None where none is set.

    `configured` is what the settings hold by profile id; a credential goes before it. Raises ConfigError when a
    credential is there but can't be used.
    """
    if not _PROFILE_ID.fullmatch(profile):
        raise ConfigError(f"{profile!r} can't be the id of a profile")
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    for name in _NAMES if folder else ():
        found = _read(Path(folder or "") / name.format(profile))
        if found is not None:
            return found
    return configured.get(profile)


def _read(path: Path) -> SecretStr | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"The credential {path} can't be read: {error.strerror}") from error
    text = content.removesuffix(b"\n").removesuffix(b"\r")
    # `from None`: the decoder's error would carry the bytes.
    try:
        password = text.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"The credential {path} is not UTF-8 text") from None
    if not 0 < len(text) <= _MAX_BYTES or not password.isprintable():
        raise ConfigError(f"The credential {path} is not one line of at most {_MAX_BYTES} bytes")
    return SecretStr(password)
