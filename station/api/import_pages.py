"""What import.html is given."""

from dataclasses import dataclass
from typing import Literal

from station.actions.importing import Planned


@dataclass(frozen=True, slots=True)
class ImportPage:
    """import.html: choosing a file, looking at what it would do, and what it did.

    With `rows` and a `digest` it asks for the confirmation, `text` being the file; with `rows` and no digest it was
    done. `second_needed` as in PeoplePage, None where no line needs two people.
    """

    kind: Literal["people", "recorders", "cases"]
    columns: tuple[str, ...]
    required: tuple[str, ...]
    rows: tuple[Planned, ...] = ()
    counts: dict[str, int] | None = None
    text: str = ""
    digest: str = ""
    second_needed: Literal["password", "console"] | None = None
    problem: str | None = None
