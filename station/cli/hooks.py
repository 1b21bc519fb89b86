"""`station hook …`: systems that are told of events (webhooks), from the console of the machine itself."""

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_station, say, t
from station.errors import NotFoundError
from station.records.entries import Actor

if TYPE_CHECKING:
    from station.state.hooks import HookView

app = typer.Typer(no_args_is_help=True)
HookArgument = Annotated[str, typer.Argument(help=t("The hook's id, as `station hook list` shows it"))]


def _actor() -> Actor:
    return Actor(via="console", strength="console", os_user=getpass.getuser())


@app.command(help=t("Have a system told of events, and print the secret of its signatures, once"))
def add(
    name: Annotated[str, typer.Argument(help=t("What the system is called"))],
    url: Annotated[str, typer.Argument(help=t("Where it is told, by https; the setting hook_hosts names its host"))],
    login: Annotated[str, typer.Option("--for", help=t("Log-in name of the person: it is told what they may see"))],
    event: Annotated[list[str], typer.Option(help=t("clip.sealed or case.bound; may be given several times"))],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a hook."""
    from station.actions.hooks import NewHook, add_hook  # here: other commands start sooner
    from station.catalogue import checks
    from station.state.tables import create_tables

    with open_station(home) as (station_home, database, custody):
        create_tables(database)
        with database.read() as session:
            person = checks.person_of_login(session, login)
        if person is None:
            raise NotFoundError(f"Nobody here has the log-in name {login!r}")
        made = add_hook(custody, station_home, _actor(), NewHook(name, url, tuple(event), person.person))
    if json:
        answer_json(_document(made) | {"secret": made.secret})
        return
    say(t("{hook} is told from now on. The secret is shown once, here and now.", hook=made.hook))
    answer(made.secret)


@app.command(name="list", help=t("List the systems that are told of events, and how each fares"))
def list_hooks(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each hook."""
    from station.state import hooks  # here: other commands start sooner
    from station.state.tables import create_tables

    with open_station(home) as (_, database, _custody):
        create_tables(database)
        with database.read() as session:
            found = hooks.list_all(session)
    if json:
        answer_json({"hooks": [_document(each) for each in found]})
        return
    for each in found:
        state = t.code("hook_state", each.state) + (f": {t.code('problem', each.problem)}" if each.problem else "")
        answer(f"{each.hook}  {each.name}  {each.url}  {' '.join(each.events)}  {state}")


@app.command(help=t("Tell a system no more"))
def remove(hook: HookArgument, home: HomeOption = None) -> None:
    """Remove a hook."""
    from station.actions.hooks import remove_hook  # here: other commands start sooner
    from station.state.tables import create_tables

    with open_station(home) as (_, database, custody):
        create_tables(database)
        remove_hook(custody, _actor(), hook)


@app.command(help=t("Send a system a test message; one that was given up goes on from where it stopped"))
def test(hook: HookArgument, home: HomeOption = None) -> None:
    """Try a hook out: exit code 0 when the system took the message, 1 when it did not."""
    from station.actions.hooks import test_hook  # here: other commands start sooner
    from station.state.tables import create_tables

    with open_station(home) as (station_home, database, _custody):
        create_tables(database)
        outcome = test_hook(station_home, database, hook)
    if outcome.problem is not None:
        say(t.code("problem", outcome.problem))
        raise typer.Exit(1)
    say(t("The system took the test message"))


def _document(hook: "HookView") -> dict[str, object]:
    return {name: value for name, value in asdict(hook).items() if name != "secret"} | {"state": hook.state}
