"""What the pages of the first run are given: the code, the sheet, and what is told once at its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from station.actions.first import Found, Head


@dataclass(frozen=True, slots=True)
class FirstPage:
    """first.html: whoever has the code comes in. Problems: code_wrong, admin_exists (nothing but that is shown)."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SheetPage:
    """first_sheet.html: all that is to be said once. `values` are what was typed or is in force, never a password.

    `changeable` are the settings that may be set here, `file` where the others are set; `own_pattern` is the unit's own
    form of case numbers, "" for none. Problems are those of `actions.first.claim`.
    """

    code: str
    found: Found
    values: Mapping[str, str]
    changeable: frozenset[str]
    file: str
    zones: tuple[str, ...]
    own_pattern: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedPage:
    """first_done.html, shown once: `link` lets `second` in."""

    name: str
    found: Found
    head: Head | None
    backup_folders: tuple[str, ...]
    second: str = ""
    link: str = ""
