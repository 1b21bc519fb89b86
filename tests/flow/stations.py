"""A whole station for a test: a home of its own, its signer in a thread, the command line called in this process."""

import io
import json
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from station.cli import main
from station.config import Home, load_home
from station.custody import Custody
from station.database import Database
from station.evidence.opening import open_store
from station.evidence.store import LocalStore
from station.ledger import service

SIGNER_IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Read stdout as exactly one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Docked:
    """One `station dock --json`."""

    code: int
    document: dict[str, Any]
    err: str

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """The lines by path; two of one path fail the test."""
        files = self.document["files"]
        assert len({line["path"] for line in files}) == len(files)
        return {line["path"]: line for line in files}

    @property
    def results(self) -> dict[str, str]:
        """Results by path."""
        return {path: line["result"] for path, line in self.files.items()}

    def count(self, result: str) -> int:
        """How many lines have this result."""
        return [line["result"] for line in self.document["files"]].count(result)


class Station:
    """A station in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def home(self) -> Home:
        return load_home(self.root)

    @property
    def store(self) -> LocalStore:
        return open_store(self.home)

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(self.home.database_url)
        yield database
        database.dispose()

    @contextmanager
    def custody(self) -> Iterator[Custody]:
        with self.database() as database:
            yield Custody(self.home, database)

    def run(self, *words: str | Path) -> Said:
        """Run a command in this process; whatever it raises beside SystemExit fails the test."""
        out, err = io.StringIO(), io.StringIO()
        kept, sys.argv = sys.argv, ["station", *map(str, words), "--home", str(self.root)]
        try:
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main()
        finally:
            sys.argv = kept
        code = ended.value.code
        assert isinstance(code, int)
        return Said(code, out.getvalue(), err.getvalue())

    def dock(self, source: Path, *options: str) -> Docked:
        """Dock a source, which must give an account."""
        said = self.run("dock", source, *options, "--json")
        assert said.code in (0, 1), said.err
        return Docked(said.code, said.document(), said.err)

    def verify(self) -> dict[str, Any]:
        """Verify everything; returns the document with its exit code."""
        said = self.run("verify", "--all", "--json")
        return {**said.document(), "code": said.code}

    def audit(self) -> dict[str, Any]:
        """Audit the ledger; returns the document with its exit code."""
        said = self.run("ledger", "audit", "--json")
        return {**said.document(), "code": said.code}

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Ask the database."""
        with self.database() as database, database.read() as session:
            return list(session.connection().execute(text(query), values).all())

    def clips(self) -> Counter[tuple[str, str]]:
        """How often each (path, SHA-256) is in the catalogue."""
        return Counter((row.path, row.sha256) for row in self.rows("SELECT path, sha256 FROM catalogue_clip"))

    def blobs(self) -> list[Path]:
        """All originals in the vault."""
        return sorted((self.home.vault / "originals").glob("??/*"))


@contextmanager
def signing(root: Path) -> Iterator[None]:
    """Serve the home's signer from a thread, which is quicker than a process and ends by itself."""
    ready = threading.Event()
    arguments = (load_home(root), SIGNER_IDLE_SECONDS, ready.set)
    thread = threading.Thread(target=service.serve, args=arguments, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield


def copy_home(blank: Path, root: Path) -> Path:
    """Copy a station that nothing has happened in yet; sockets are left out."""
    shutil.copytree(blank, root, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    return root
