"""Speaking on the terminal: the language of LANG on stderr, results on stdout, errors with what to do next."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from station.config import Home, home_folder, load_home
from station.errors import StationError
from station.i18n import Translator, negotiate, translator

# What speaks to the database is loaded by the command that needs it, so that every command starts soon.
if TYPE_CHECKING:
    from station.custody import Custody
    from station.database import Database

messages = Console(stderr=True, highlight=False, soft_wrap=True)


def _speak() -> Translator:
    chosen = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    return translator(negotiate([each for each in chosen if each][:1], default="en"))


t = _speak()

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help=t("The station's home (default: $STATION_HOME, else ./var)"), show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help=t("Print one JSON document and nothing else"))]


def say(text: str) -> None:
    """Tell the person at the terminal something, on stderr."""
    messages.print(text, markup=False)


def answer(text: str) -> None:
    """Print a result on stdout."""
    sys.stdout.write(f"{text}\n")


def answer_json(document: Any) -> None:
    """Print the one JSON document of a command on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def complain(error: StationError) -> None:
    """Say on stderr what went wrong, what is safe and what to do."""
    # Errors of single modules are told by the name of the kind they belong to in station.errors.
    kind = next(each for each in type(error).__mro__ if each.__module__ == StationError.__module__)
    messages.print(f"{t.code('error', kind.__name__)}: ", style="bold red", end="", markup=False)
    messages.print(error.message, markup=False)
    if error.kept:
        messages.print(f"  {t('Kept')}: {error.kept}", markup=False)
    if error.hint:
        messages.print(f"  {t('Next')}: {error.hint}", markup=False)


def open_home(given: Path | None) -> Home:
    """Return the home named, or the default one; raises HomeError where no station lives."""
    return load_home(home_folder(given))


@contextmanager
def open_database(home: Home) -> "Iterator[Database]":
    """Open a home's database as it is, and close it."""
    from station.database import Database

    database = Database(home.database_url)
    try:
        yield database
    finally:
        database.dispose()


@contextmanager
def open_custody(home: Home) -> "Iterator[tuple[Database, Custody]]":
    """Open a home's database and pen; the catalogue is brought to this version first."""
    from station.custody import Custody, keep_projection

    with open_database(home) as database:
        keep_projection(database)
        yield database, Custody(home, database)


@contextmanager
def open_station(given: Path | None) -> "Iterator[tuple[Home, Database, Custody]]":
    """Open a station's home, database and pen; see `open_custody`."""
    home = open_home(given)
    with open_custody(home) as (database, custody):
        yield home, database, custody
