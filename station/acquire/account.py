"""The account of a docking: what became of every file, in the form of `station dock --json` and of the sealed listing.

Guarantee: every listed thing is in it once, with the reason whenever it was not kept whole.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from station.acquire.listing import Listing
from station.records.terms import FileResult

NOT_WHOLE = (FileResult.CHANGED, FileResult.INCOMPLETE, FileResult.FAILED)


@dataclass(frozen=True, slots=True)
class FileAccount:
    """One line: `path` for people, `sha256` and `clip` where there are any, `reason` a stable code."""

    path: str
    size_bytes: int
    sha256: str | None
    clip: str | None
    result: FileResult
    reason: str | None

    def document(self) -> dict[str, str | int | None]:
        """Return the line as JSON."""
        return {
            "path": self.path,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "clip": self.clip,
            "result": self.result.value,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Account:
    """A docking as it stands; `problem` says what kept it from going on, None when nothing did.

    `taken_out` tells that the recorder was gone from the dock before the end. `listing` is what the source held, in
    this session; `faults` are troubles with the source or our disk in plain English, for the log and the terminal.
    """

    docking: str
    recorder: str
    profile: str
    files: list[FileAccount] = field(default_factory=list)
    listing_whole: bool = True
    problem: str | None = None
    taken_out: bool = False
    faults: tuple[str, ...] = ()
    checkpoint: str | None = None
    listing: Listing | None = None

    @property
    def counts(self) -> dict[FileResult, int]:
        """How many files had each result; results that did not occur are 0."""
        found = Counter(line.result for line in self.files)
        return {result: found[result] for result in FileResult}

    @property
    def whole(self) -> bool:
        """True when everything that may be a recording is kept whole."""
        return self.listing_whole and self.problem is None and not any(self.counts[each] for each in NOT_WHOLE)

    @property
    def size_bytes(self) -> int:
        """Bytes of the clips newly kept."""
        return sum(line.size_bytes for line in self.files if line.result == FileResult.NEW)

    def document(self) -> dict[str, object]:
        """Return the account as JSON (design, Command line)."""
        return {
            "docking": self.docking,
            "recorder": self.recorder,
            "profile": self.profile,
            "files": [line.document() for line in self.files],
            "checkpoint": self.checkpoint,
        }


def listing_bytes(files: Sequence[FileAccount]) -> bytes:
    """Return the listing that is sealed with the docking: one JSON object a line, keys sorted, UTF-8."""
    lines = (json.dumps(line.document(), sort_keys=True, ensure_ascii=False) for line in files)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
