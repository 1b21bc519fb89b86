"""`station export`: a court package from the console."""

import getpass
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from station.cli.console import HomeOption, JsonOption, answer, answer_json, messages, open_station, say, t
from station.errors import RequestError
from station.evidence.opening import open_store
from station.records.entries import Actor
from station.records.export_entries import ExportReason

_POLITE = 10  # nice(2): a docking goes first


def add_commands(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command(name="export", help=t("Make a court package of a case, for anybody to check"))(_export)


def _export(
    out: Annotated[
        Path, typer.Option("--out", help=t("The folder to make it in; the package is a folder of its own there"))
    ],
    case: Annotated[str | None, typer.Option("--case", help=t("The case, by its number"))] = None,
    again: Annotated[
        str | None, typer.Option("--again", help=t("An export that was approved, to be made (again) as it was then"))
    ] = None,
    reason: Annotated[
        ExportReason,
        typer.Option(
            "--reason", help=t("What it is for: court, reconsideration, transfer, review, supervision, other")
        ),
    ] = ExportReason.COURT,
    note: Annotated[str, typer.Option("--note", help=t("The reason in words"))] = "",
    originals_only: Annotated[bool, typer.Option("--originals-only", help=t("Leave out copies for playing"))] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    from station.actions.export_state import request_at_console  # here: other commands start sooner
    from station.actions.produce import produce

    if (case is None) == (again is None):
        raise RequestError(t("Say what to export"), hint=t("Either --case NUMBER or --again EXPORT"))
    with suppress(OSError):
        os.nice(_POLITE)
    actor = Actor(via="console", strength="console", os_user=getpass.getuser())
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn())
    bar = Progress(*columns, console=messages, disable=json or not messages.is_terminal)
    with open_station(home) as (station, database, custody), bar as progress:
        store = open_store(station)
        task = progress.add_task(t("Writing the package"), total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=max(total, 1))

        export = again or request_at_console(custody, actor, case or "", reason, note, playable=not originals_only)
        made = produce(station, database, custody, store, actor, export, out.absolute(), show=show)
    if json:
        answer_json(made.document())
        return
    partial = sum(1 for each in made.clips if each.state != "whole")
    answer(t("The court package of {count} recordings lies in {folder}", count=len(made.clips), folder=made.folder))
    if partial:
        say(t("{count} of them are not whole and are labelled so", count=partial))
