"""What a test sees of the dock in the guest: its board, its ledger, its recorders."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.flow.images import make_fat_card
from tests.rig.errors import RigError
from tests.rig.guest import HOME, Guest

LONGEST_SECONDS = 120.0
"""A docking takes 20 to 60 s in the emulated guest."""
DONE = ("done", "partly", "failed", "quarantined")


class Dock:
    """The board and the command line of the station in a guest."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def lines(self) -> dict[str, dict[str, Any]]:
        """Return the board's lines by the recorder's name."""
        told = self.guest.run(f"exec grep -hs '' {HOME}/run/board/*.json", codes=(0, 1, 2)).out  # one process, not many
        found = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        return {line["recorder_name"] or f"slot {line['slot']}": line for line in found}

    def wait(self, name: str, *states: str, seconds: float = LONGEST_SECONDS) -> dict[str, Any]:
        """Wait until the line of a recorder is in one of the states (or has ended anyhow); return it."""

        def look() -> dict[str, Any] | None:
            line = self.lines().get(name)
            return line if line is not None and line["state"] in states else None

        try:
            return self.guest.wait(look, seconds, f"{name} to be {' or '.join(states)}")
        except RigError as error:
            raise RigError(f"{error}; the board: {self.lines()}") from error

    def wait_end(self, name: str, seconds: float = LONGEST_SECONDS) -> dict[str, Any]:
        """Wait until nothing more happens to a recorder; return its line."""
        return self.wait(name, *DONE, seconds=seconds)

    def enrol(self, *serials: str, profile: str = "acme-control") -> None:
        """Enrol recorders by serial number."""
        given = " ".join(f"--serial {serial}" for serial in serials)
        self.guest.run(f"station recorder enrol {given} --profile {profile}", seconds=120)

    def clips(self) -> dict[str, str]:
        """Return the digest of every clip in the catalogue by its file's name and recorder."""
        query = (
            "select r.serial || '/' || c.file_name, c.sha256, c.stage"
            " from catalogue_clip c join catalogue_recorder r using (recorder)"
        )
        return {name: digest for name, digest, stage in self.rows(query) if stage != "incomplete"}

    def rows(self, query: str) -> list[list[Any]]:
        """Return what a query of the station's database finds."""
        program = (
            "import json,sqlite3,sys;"
            f"rows=sqlite3.connect('file:{HOME}/database/station.db?mode=ro',uri=True).execute(sys.argv[1]).fetchall();"
            "print(json.dumps(rows))"
        )
        rows: list[list[Any]] = self.guest.json(f'python3 -c "{program}" "{query}"')
        return rows

    def entries(self, kind: str) -> int:
        """Return how many entries of a type the ledger has."""
        return [name for (name,) in self.rows("select type from record")].count(kind)


def digests(serial: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what `Dock.clips` should show of a recorder with these files."""
    return {
        f"{serial}/{path.rpartition('/')[2]}": hashlib.sha256(content).hexdigest() for path, content in files.items()
    }


def make_card(folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Make a small partitioned FAT32 card."""
    return make_fat_card(folder / f"{name}.img", files, partitioned=True)
