"""Both verifiers as functions from a package to what they said."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
SHELL = ROOT / "station/package/verify.sh"
ESBUILD = ROOT / "web/node_modules/.bin/esbuild"


@dataclass(frozen=True)
class Verdict:
    """Exit status, the files named, and everything that was said."""

    status: int
    named: frozenset[str]
    said: str


def shell(folder: Path, *options: str, lang: str = "en_US.UTF-8") -> Verdict:
    found = subprocess.run(
        ["bash", SHELL, *options, folder],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LANG": lang, "TZ": "Asia/Shanghai"},
    )
    named = frozenset(line.split(": ")[0] for line in found.stdout.splitlines()[1:] if ": " in line)
    return Verdict(found.returncode, named, found.stdout + found.stderr)


def bundle(folder: Path) -> Path:
    """Return the check of verify.html as one module that node can run."""
    out = folder / "check.mjs"
    source = ROOT / "web/src/verify/check.js"
    arguments = [ESBUILD, source, "--bundle", "--format=esm", f"--outfile={out}", "--log-level=warning"]
    subprocess.run(arguments, check=True)
    return out


class Script:
    """The JavaScript check in a node that stays: thousands of packages a minute."""

    def __init__(self, module: Path) -> None:
        self._node = subprocess.Popen(
            ["node", ROOT / "tests/package/runner.mjs", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._node.communicate()

    def judge(
        self,
        folder: Path,
        *,
        change: Mapping[str, bytes] | None = None,
        remove: Iterable[str] = (),
        keys: Iterable[str] = (),
        witnesses: Iterable[str] = (),
        software: bool = False,
    ) -> Verdict:
        assert self._node.stdin and self._node.stdout
        request = {
            "folder": str(folder),
            "keys": list(keys),
            "witnesses": list(witnesses),
            "set": {path: base64.b64encode(content).decode() for path, content in (change or {}).items()},
            "remove": list(remove),
            "software": software,
        }
        self._node.stdin.write(json.dumps(request) + "\n")
        self._node.stdin.flush()
        report: dict[str, Any] = json.loads(self._node.stdout.readline())
        assert "crash" not in report, report["crash"]
        named = frozenset(each["path"] for each in (*report["findings"], *report["failures"]))
        return Verdict(report["status"], named, json.dumps(report))
