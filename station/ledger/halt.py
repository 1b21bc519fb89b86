"""The halt: a station that a witness has caught with a log it must not have signs nothing more until a person decides.

Guarantees: the mark is durable and lies outside the database, so that it survives a restart and whatever was rolled
back; the signer refuses while it is there, and so does everybody who wants a checkpoint. Nothing here takes it away
but `lift`, which is for a person who says why.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from station import durable
from station.errors import SignerRefusedError

HALT_FILE = "halt.json"
Reason = Literal["witness_larger_log", "witness_other_log"]


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is signed: `witness` (its vkey) told of `known_size` entries, at `at`, when we had `our_size`.

    witness_larger_log: it knows a larger log than ours. witness_other_log: it knows another one of that size.
    """

    reason: Reason
    witness: str
    known_size: int
    our_size: int
    at: str

    @property
    def message(self) -> str:
        """An English sentence without a full stop."""
        name = self.witness.partition("+")[0]
        if self.reason == "witness_larger_log":
            return f"The witness {name} knows {self.known_size} entries of this log, which has {self.our_size}"
        return f"The witness {name} knows another log than this one: its first {self.known_size} entries differ"


def stop_signing(run: Path, halt: Halt) -> None:
    """Mark the home whose run folder is given as halted; raises StorageError."""
    durable.make_folder(run)
    durable.replace_file(run / HALT_FILE, json.dumps(asdict(halt), indent=1).encode() + b"\n", 0o640)


def read_halt(run: Path) -> Halt | None:
    """Return the mark, None if signing goes on; raises SignerRefusedError for one that can't be read."""
    path = run / HALT_FILE
    try:
        return Halt(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise SignerRefusedError(f"The mark {path} that nothing be signed can't be read: {error}") from error


def check_signing(run: Path) -> None:
    """Raise SignerRefusedError while the home is halted."""
    halt = read_halt(run)
    if halt is not None:
        raise SignerRefusedError(
            halt.message,
            kept="Nothing was signed",
            hint="The database and the signer's memory were rolled back, or the key signs elsewhere too: put the newer"
            " ones back, or continue in a new log. `station anchor resume` is for a witness that was wrong",
        )


def lift(run: Path) -> bool:
    """Take the mark away; returns whether there was one."""
    path = run / HALT_FILE
    if not path.exists():
        return False
    path.unlink()
    durable.sync_directory(run)
    return True
