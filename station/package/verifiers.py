"""The two verifiers that go with every package: a shell script, and a page that works from disk without a network.

Guarantee: a package is made with both or not at all; whoever gets it needs nothing of ours beside it.
"""

from pathlib import Path
from typing import Final

from station.errors import ConfigError

VERIFIERS: Final = {
    "verify.sh": Path(__file__).resolve().parent / "verify.sh",
    "verify.html": Path(__file__).resolve().parents[2] / "web" / "dist" / "verify.html",
}


def read_verifiers() -> dict[str, bytes]:
    """Return their bytes by name; raises ConfigError where this installation lacks one."""
    found = {}
    for name, path in VERIFIERS.items():
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"The verifier {path} can't be read: {error.strerror}",
                kept="No package was made",
                hint="`make install` builds it",
            ) from error
    return found
