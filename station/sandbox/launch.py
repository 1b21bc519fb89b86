"""Confines itself, then becomes the program it is told: `python -I -m station.sandbox.launch SPEC STATUS`.

SPEC is one JSON document (see `program.py`, its only caller), STATUS a pipe's descriptor. Guarantee: there
goes {"confinement": …} just before the program replaces this one, or {"error": …}; the program itself can't
write to it, since the pipe closes at exec. Light on imports: it starts once for every poster and every copy.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from station.errors import SandboxError
from station.sandbox.confinement import Limits, confine

# The dynamic linker's and fontconfig's files; what a system lacks is left out.
_SYSTEM_PROGRAMS = ("/usr", "/lib", "/lib64", "/lib32", "/bin")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/dev/zero", "/dev/urandom")
_EXIT_NOT_CONFINED = 125


def main() -> None:
    """Become the program; returns only by ending the process."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    status = int(sys.argv[2])
    os.set_inheritable(status, False)
    try:
        os.write(status, json.dumps({"confinement": _enter(spec)}).encode())
        os.execve(spec["argv"][0], spec["argv"], spec["environment"])  # noqa: S606 - no shell is the point
    except SandboxError as error:
        os.write(status, json.dumps({"error": error.message, "hint": error.hint}).encode())
    except OSError as error:
        os.write(status, json.dumps({"error": f"{spec['argv'][0]} could not be started: {error}"}).encode())
    os._exit(_EXIT_NOT_CONFINED)


def _enter(spec: dict[str, Any]) -> dict[str, Any]:
    # While still privileged: below a home that only root may enter, no path leads to the work folder later.
    os.chdir(spec["work"])
    if spec["niceness"]:
        os.nice(spec["niceness"])
    # Python ignores these two, and a program would inherit that: writing beyond a limit must end it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    readable = [*_present(_SYSTEM_FILES), *map(Path, spec["readable"]), *spec["inputs"]]
    confinement = confine(
        readable=readable,
        writable=[Path(), Path("/dev/null")],
        executable=[*_present(_SYSTEM_PROGRAMS), Path(spec["argv"][0])],
        limits=Limits(**spec["limits"]),
        user=spec["user"],
        die_with_parent=spec["parent"],
    )
    for name, handle in zip(spec["names"], spec["inputs"], strict=True):
        _check_readable(name, handle, confinement.user)
    return {
        "user": confinement.user,
        "network": confinement.network,
        "landlock_abi": confinement.landlock_abi,
        "call_filter": confinement.call_filter,
    }


def _present(places: tuple[str, ...]) -> list[Path]:
    return [Path(place) for place in places if Path(place).exists()]


def _check_readable(name: str, handle: int, user: str) -> None:
    """See that the program can open its input anew: media need a descriptor with a position of their own."""
    try:
        os.close(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY))
    except OSError as error:
        raise SandboxError(
            f"The user {user} may not read {name}: {error.strerror}",
            hint="Files for parsers need their group and mode 0440",
        ) from error


if __name__ == "__main__":
    main()
