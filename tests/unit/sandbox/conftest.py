"""Runs snippets inside a confined child, started by whoever runs the tests and, if that is root, by `nobody` too."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
_PRELUDE = """
import errno, json, os, sys, threading
from pathlib import Path
from station.errors import SandboxError
from station.sandbox import kernel, landlock, system_calls
from station.sandbox.confinement import Limits, confine
from station.sandbox.program import run, work_folder

folder = Path(sys.argv[1])
limits = Limits(cpu_seconds=20, address_space_bytes=1 << 31, file_size_bytes=1 << 20, wall_seconds=60)

def enter(**more):
    return confine(**{"readable": [Path("/usr")], "writable": [folder], "limits": limits, "user": "nobody"} | more)

def refused(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
    except SandboxError as error:
        return error.message
    return "done"

def tell(value):
    print(json.dumps(value), flush=True)

"""


class Child:
    """A Python of its own in which a snippet is run after the prelude, with a folder it may write to."""

    def __init__(self, prefix: list[str], folder: Path) -> None:
        self.prefix = prefix
        self.folder = folder

    def start(self, snippet: str) -> subprocess.Popen[str]:
        argv = [*self.prefix, sys.executable, "-c", _PRELUDE + snippet, str(self.folder)]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")

    def ask(self, snippet: str) -> Any:
        """Return what the snippet told."""
        out, errors = self.start(snippet).communicate(timeout=60)
        assert out, errors
        return json.loads(out.splitlines()[-1])


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _why_not_as_nobody() -> str:
    if os.geteuid() != 0:
        return "only root can start a program as somebody else"
    if shutil.which("setpriv") is None:
        return "setpriv is not installed"
    attempt = subprocess.run([*_as_nobody(), sys.executable, "-c", "import station"], cwd="/", capture_output=True)
    return "nobody can't read this virtual environment" if attempt.returncode else ""


@pytest.fixture
def make_child() -> Iterator[Callable[[str], Child]]:
    """Make children by who starts them; their folders are outside pytest's, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="station-sandbox-"))

    def make(started_by: str) -> Child:
        if started_by == "nobody":
            reason = _why_not_as_nobody()
            if reason:
                pytest.skip(reason)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        return Child(_as_nobody() if started_by == "nobody" else [], folder)

    yield make
    shutil.rmtree(folder)


@pytest.fixture(params=["us", "nobody"] if os.geteuid() == 0 else ["us"])
def child(request: pytest.FixtureRequest, make_child: Callable[[str], Child]) -> Child:
    """A child started by us (root, on most test machines) and one started by an unprivileged user."""
    return make_child(request.param)


@pytest.fixture
def child_of_root(make_child: Callable[[str], Child]) -> Child:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return make_child("us")
