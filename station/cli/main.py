"""The command line's root: its groups, its exit codes, and the one place where errors become them."""

import sys
from typing import Annotated

import structlog
import typer

from station import __version__
from station.cli import (
    anchors,
    backing,
    docking,
    exporting,
    hooks,
    keeping,
    keys,
    ledger,
    people,
    profiles,
    receipts,
    recorders,
    serving,
    slots,
    tokens,
    verifying,
)
from station.cli.console import answer, complain, say, t
from station.errors import StationError

app = typer.Typer(
    name="station",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=t("The evidence station: takes in recordings from body-worn recorders and keeps them provably unaltered."),
    epilog=t(
        "Exit codes: 0 all is well; 1 something is not whole or is damaged, and is named; 2 it could not be done or"
        " checked; 130 interrupted."
    ),
)
serving.add_commands(app)
docking.add_commands(app)
verifying.add_commands(app)
keeping.add_commands(app)
backing.add_commands(app)
exporting.add_commands(app)
receipts.add_commands(app)
app.add_typer(ledger.app, name="ledger", help=t("The ledger: its head, an audit, an export"))
app.add_typer(keys.app, name="key", help=t("The log's keys: list, change, seal"))
app.add_typer(anchors.anchor_app, name="anchor", help=t("Outside anchors: witnesses and time stamps over this log"))
app.add_typer(anchors.witness_app, name="witness", help=t("Being a witness of other stations' logs"))
app.add_typer(recorders.app, name="recorder", help=t("Recorders that the dock may read"))
app.add_typer(slots.app, name="slot", help=t("Which USB port is which slot"))
app.add_typer(tokens.app, name="token", help=t("Tokens of programs: make, list, end"))
app.add_typer(hooks.app, name="hook", help=t("Systems that are told of events (webhooks): add, list, remove, test"))
app.add_typer(people.app, name="user", help=t("People who may log in"))
app.add_typer(profiles.app, name="profiles", help=t("Firmware profiles"))


def _show_version(wanted: bool) -> None:
    if wanted:
        answer(f"evidence-station {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=t("Show the version"))
    ] = False,
) -> None:
    """Hold the options of the bare command."""


def main() -> None:
    """Run the command line; the entry point of `station`."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout holds results alone
    try:
        app(standalone_mode=True)
    except StationError as error:
        complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say(t("Interrupted"))
        sys.exit(130)
