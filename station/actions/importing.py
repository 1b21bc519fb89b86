"""CSV import: from a file as spreadsheets save it to lines by column, and what each line would change.

Guarantees: nothing is changed by looking; what is confirmed is what was shown, or nothing (the plan's digest is
compared in the transaction that carries it out); a line that can't be taken says why and holds no other up; the same
file again changes nothing.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from station.actions.people import NOBODY, Second, agree, verify_second
from station.actions.problems import ProblemError
from station.custody import Custody
from station.database import Database, Session
from station.digest import sha256_hex
from station.i18n import LOCALES, translator
from station.records.entries import Actor, Entry

Outcome = Literal["new", "changed", "unchanged", "refused"]
ROWS_MOST = 2000
TEXT_BYTES = 300_000
_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: `number` as a spreadsheet counts, the header being 1; `cells` by column, only those given."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What a line changes: a column, what it said before ("" for nothing), what it will say."""

    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of a line: `problem` is a code of the group `problem` where it is refused.

    `two`: it needs a second person. `entries` are what is appended for it, `subject` the id of what it leads to.
    """

    line: int
    outcome: Outcome
    title: str
    changes: tuple[Change, ...] = ()
    problem: str | None = None
    two: bool = False
    entries: tuple[Entry, ...] = ()
    subject: str | None = None


Plan = Callable[[Session, Actor, str | None], tuple[Planned, ...]]
"""Judges all lines in a session, for an actor and whoever agreed (None: nobody yet)."""


def decode(content: bytes) -> str:
    """Return a file's text: UTF-8, else GB18030 (GB 18030-2022, what Excel saves in China).

    Raises ProblemError (csv_encoding, csv_large).
    """
    if len(content) > TEXT_BYTES:
        raise ProblemError("csv_large", f"A file has {TEXT_BYTES} bytes at most")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise ProblemError("csv_encoding", "This file is neither UTF-8 nor GB18030 text")


def read_lines(text: str, columns: Sequence[str], required: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines of a table whose header names columns, by code or in any language of the station.

    Raises ProblemError (csv_header: a column is unknown, twice or missing; csv_broken, csv_empty, csv_rows).
    """
    if not text.strip():
        raise ProblemError("csv_empty", "There is nothing in this file")
    first = text.lstrip("\r\n").splitlines()[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise ProblemError("csv_broken", f"This is no CSV: {error}") from error
    numbered = [(number, row) for number, row in enumerate(table, 1) if any(cell.strip() for cell in row)]
    if len(numbered) < 2:
        raise ProblemError("csv_empty", "There is no line below the header")
    if len(numbered) - 1 > ROWS_MOST:
        raise ProblemError("csv_rows", f"A file has {ROWS_MOST} lines at most")
    header = _header(numbered[0][1], columns)
    if not set(required) <= set(header):
        raise ProblemError("csv_header", f"The header lacks one of {', '.join(required)}")
    return tuple(
        Line(number, {column: _plain(cell) for column, cell in zip(header, row, strict=False) if column})
        for number, row in numbered[1:]
    )


def _header(cells: Sequence[str], columns: Sequence[str]) -> list[str]:
    words = {column: column for column in columns}
    for locale in LOCALES:
        words |= {translator(locale).code("import_column", column).lower(): column for column in columns}
    found = [words.get(cell.strip().lower(), "?" if cell.strip() else "") for cell in cells]
    named = [column for column in found if column]
    if "?" in named or len(set(named)) != len(named):
        raise ProblemError("csv_header", "The header has a column that is unknown, or there twice")
    return found


def _plain(cell: str) -> str:
    """Return a cell as it was meant: without the sign that keeps a spreadsheet from taking it for a formula."""
    text = " ".join(cell.split())
    return text[1:] if text[:1] == "'" and text[1:2] in "=+-@" else text


def choose_word(text: str, group: str, codes: Sequence[str]) -> str | None:
    """Return the code that `text` is, or whose words in some language it is; None for none."""
    folded = text.strip().lower()
    for code in codes:
        if folded == code or any(folded == translator(locale).code(group, code).lower() for locale in LOCALES):
            return code
    return None


def plan_digest(rows: Sequence[Planned]) -> str:
    """Return what stands for a plan between its being shown and its being confirmed."""
    shown = [
        [row.line, row.outcome, row.title, [[c.column, c.before, c.after] for c in row.changes], row.problem, row.two]
        for row in rows
    ]
    return sha256_hex(json.dumps(shown, ensure_ascii=False).encode())


def preview(database: Database, plan: Plan, actor: Actor) -> tuple[Planned, ...]:
    """Return what would become of each line now."""
    with database.read() as session:
        return plan(session, actor, None)


def carry_out(
    custody: Custody, database: Database, plan: Plan, actor: Actor, digest: str, second: Second = NOBODY
) -> tuple[Planned, ...]:
    """Do what was shown under `digest`, in one transaction; returns the lines as they were done.

    Raises ProblemError (changed_meanwhile: the plan is another by now; nothing_changes; second_missing, second_wrong,
    code_wrong where a line gives or takes away an admin's rights).
    """
    agreeing = verify_second(database, second)
    done: tuple[Planned, ...] = ()

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal done
        done = plan(session, actor, None)
        if plan_digest(done) != digest:
            raise ProblemError("changed_meanwhile", "Somebody changed what this list is about")
        if any(row.two and row.entries for row in done):
            done = plan(session, actor, agree(session, actor, second, agreeing))
        entries = [entry for row in done for entry in row.entries]
        if not entries:
            raise ProblemError("nothing_changes", "No line of it changes anything")
        return entries

    custody.append_from(compose)
    return done


def carry_out_at_once(custody: Custody, plan: Plan, actor: Actor) -> tuple[Planned, ...]:
    """Do what can be done of the lines, in one transaction, for a program that reads what became of each."""
    done: tuple[Planned, ...] = ()

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal done
        done = plan(session, actor, None)
        return [entry for row in done for entry in row.entries]

    custody.append_from(compose)
    return done
