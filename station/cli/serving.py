"""`station init`, `serve` and `demo`, and the single processes that `serve` supervises."""

from pathlib import Path
from typing import Annotated

import typer

from station.cli.console import HomeOption, answer, messages, open_home, open_station, say, t
from station.config import Home, home_folder, read_text


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="init", help=t("Make a station: keys, database, vault; prints a one-time code"))(_init)
    app.command(name="serve", help=t("Run the whole station until it is stopped"))(_serve)
    app.command(name="demo", help=t("Try it out: sample recorders, people and cases, on this machine only"))(_demo)
    app.command(name="web", help=t("Only the web pages (one of the processes of `serve`)"))(_web)
    app.command(name="develop", help=t("Only the copies for playing (one of the processes of `serve`)"))(_develop)
    app.command(name="watch", help=t("Only the dock (one of the processes of `serve`)"))(_watch)
    app.command(name="tend", help=t("Only what the clock starts (one of the processes of `serve`)"))(_tend)
    app.command(name="sign", help=t("Only the signer of checkpoints (one of the processes of `serve`)"))(_sign)


def _init(
    settings: Annotated[Path | None, typer.Option("--settings", help=t("A station.toml to begin with"))] = None,
    home: HomeOption = None,
) -> None:
    from station.actions.login import issue_console_code  # here, as below: other commands start sooner
    from station.actions.setup import default_settings, make_home
    from station.database import Database

    text = default_settings() if settings is None else read_text(settings)
    station = make_home(home_folder(home), settings=text)
    database = Database(station.database_url)
    answer(t("There is a station in {folder} now", folder=station.root))
    answer(_code_line(issue_console_code(database, "first_admin")))
    say(t("Start it with: station serve --home {folder}", folder=station.root))


def _serve(home: HomeOption = None) -> None:
    from station import daemon

    with open_station(home) as (station, _, _custody):
        pass  # brings the catalogue to this version before anybody reads it
    raise typer.Exit(daemon.supervise(station, lambda: _tell(station, *_claim_lines(station))))


def _web(home: HomeOption = None) -> None:
    from station import daemon

    daemon.run_web(open_home(home))


def _watch(home: HomeOption = None) -> None:
    from station import daemon

    daemon.run_watch(open_home(home))


def _tend(
    chores: Annotated[list[str] | None, typer.Argument(help=t("Which chores (default: all)"))] = None,
    once: Annotated[bool, typer.Option("--once", help=t("Do each of them now, once"))] = False,
    home: HomeOption = None,
) -> None:
    from station import daemon

    if not daemon.run_tend(open_home(home), tuple(chores or ()), once=once):
        raise typer.Exit(1)


def _sign(home: HomeOption = None) -> None:
    from station import daemon

    daemon.run_sign(open_home(home))


def _develop(
    once: Annotated[bool, typer.Option("--once", help=t("Stop when there is nothing left to do"))] = False,
    home: HomeOption = None,
) -> None:
    from station import daemon

    daemon.run_develop(open_home(home), once=once)


def _demo(
    home: Annotated[Path | None, typer.Option("--home", help=t("Its home (default: ./var/demo)"))] = None,
    listen: Annotated[str | None, typer.Option(help=t("Address and port on this machine"))] = None,
) -> None:
    from station import daemon
    from station.demo.tour import prepare_tour  # the tour needs programs that a station in service does not

    station, links = prepare_tour(home or home_folder() / "demo", listen, messages, t)
    raise typer.Exit(
        daemon.supervise(station, lambda: _tell(station, *links, *_claim_lines(station)), logs=station.root / "log")
    )


def _claim_lines(station: Home) -> tuple[str, ...]:
    """Return what a station that nobody has claimed says where only those at the machine read it: its one-time code."""
    from station.actions.login import admin_exists, issue_console_code
    from station.database import Database

    database = Database(station.database_url)
    try:
        if admin_exists(database):
            return ()
        code = issue_console_code(database, "first_admin")
    finally:
        database.dispose()
    where = t("Nobody administers this station yet: open http://{address}/first", address=station.settings.listen)
    return (where, _code_line(code))


def _code_line(code: str) -> str:
    return t("One-time code for the first administrator, good for 30 minutes: {code}", code=code)


def _tell(station: Home, *lines: str) -> None:
    address = station.settings.listen
    for line in ("", t("The station is served at http://{address}; stop it with Ctrl-C", address=address), *lines):
        say(line)
