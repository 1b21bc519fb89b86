"""`station verify`, `rebuild` and `health`: what keeps evidence provable."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from station.cli.console import (
    HomeOption,
    JsonOption,
    answer,
    answer_json,
    messages,
    open_database,
    open_home,
    open_station,
    say,
    t,
)
from station.errors import RequestError
from station.evidence.opening import open_store
from station.records.entries import Actor

if TYPE_CHECKING:
    from station.actions.verify import CheckResult
    from station.database import Database


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="verify", help=t("Check originals, ledger and catalogue; exit 0 sound, 1 damaged, 2 not checked"))(
        _verify
    )
    app.command(name="rebuild", help=t("Rebuild the catalogue from the ledger"))(_rebuild)
    app.command(name="health", help=t("Show disk, clock, signer and queue"))(_health)


def _verify(
    clip: Annotated[str | None, typer.Option("--clip", help=t("One clip, by its id"))] = None,
    case: Annotated[str | None, typer.Option("--case", help=t("The clips of a case, by its number"))] = None,
    everything: Annotated[bool, typer.Option("--all", help=t("The ledger, every original and the catalogue"))] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    from station.actions.verify import check_all, check_clips  # here, as below: other commands start sooner
    from station.custody import Custody

    if sum(map(bool, (clip, case, everything))) != 1:
        raise RequestError("Say what to check", hint="One of --clip ID, --case NUMBER or --all")
    station = open_home(home)
    actor = Actor(via="console", strength="console", os_user=getpass.getuser())
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn())
    bar = Progress(*columns, console=messages, disable=json or not messages.is_terminal)
    with open_database(station) as database, bar as progress:
        custody, store = Custody(station, database), open_store(station)
        task = progress.add_task(t("Reading originals"), total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=max(total, done))

        if everything:
            result = check_all(station, database, custody, store, actor, show=show)
        else:
            clips = (clip,) if clip else _clips_of(database, case or "")
            result = check_clips(
                station, database, custody, store, clips, actor, scope="clip" if clip else "case", show=show
            )
    if json:
        answer_json(result.document())
    else:
        _tell(result)
    raise typer.Exit(result.exit_code)


def _clips_of(database: "Database", number: str) -> tuple[str, ...]:
    from station.catalogue.checks import clips_of_number

    with database.read() as session:
        return clips_of_number(session, number)


def _tell(result: "CheckResult") -> None:
    for problem in (*result.damage, *result.unchecked):
        answer(problem.message)
    for note in result.notes:
        say(note.message)
    answer(t.code("check", result.outcome, originals=result.originals, size=t.size(result.size_bytes)))
    if result.outcome == "sound":
        answer(t("Unaltered since it was taken in; this says nothing of the time before"))


def _rebuild(home: HomeOption = None) -> None:
    from station.custody import rebuild

    with open_database(open_home(home)) as database:
        count = rebuild(database)
    answer(t("The catalogue was rebuilt from {count} entries", count=count))


def _health(home: HomeOption = None, json: JsonOption = False) -> None:
    from station.actions.health import examine

    with open_station(home) as (station, database, custody):
        checks = examine(station, database, custody, open_store(station))
    if json:
        answer_json({each.code: {"state": each.state, "value": each.value} for each in checks})
    else:
        for each in checks:
            value = t.code("health_value", each.value)
            if each.code in ("outside_anchor", "scrub") and value.isdigit():
                value = t("{age} ago", age=t.wait(int(value)))
            elif each.code == "chores" and each.value not in ("running", "stopped", "never"):
                value = " · ".join(t.code("chore", name) for name in each.value.split())
            answer(f"{t.code('health', each.code)}: {t.code('health_state', each.state)} {value}")
    raise typer.Exit(1 if any(each.state == "bad" for each in checks) else 0)
