"""`station user …`: people, from the console of the machine itself."""

import getpass
from typing import Annotated

import typer

from station.cli.console import HomeOption, answer, open_station, t
from station.errors import NotFoundError
from station.records.entries import Actor

app = typer.Typer(no_args_is_help=True)


@app.command(help=t("Print a one-time code: for the first administrator, or in place of a second one"))
def code(home: HomeOption = None) -> None:
    """Issue a console code for what it is needed for now."""
    from station.actions.login import admin_exists, issue_console_code  # here: other commands start sooner

    with open_station(home) as (_, database, _custody):
        answer(issue_console_code(database, "second_admin" if admin_exists(database) else "first_admin"))


@app.command(help=t("Print a single-use log-in link for a person who is no administrator"))
def link(
    login: Annotated[str, typer.Argument(help=t("The person's log-in name"))],
    home: HomeOption = None,
) -> None:
    """Issue a log-in link; the page behind it asks for a new password."""
    from station.actions.people import NOBODY, issue_link  # here: other commands start sooner
    from station.catalogue import checks

    with open_station(home) as (station, database, custody):
        with database.read() as session:
            person = checks.person_of_login(session, login)
        if person is None:
            raise NotFoundError(f"Nobody here has the log-in name {login!r}")
        actor = Actor(via="console", strength="console", os_user=getpass.getuser())
        token = issue_link(custody, database, actor, person.person, NOBODY)
        answer(f"http://{station.settings.listen}/welcome/{token}")
