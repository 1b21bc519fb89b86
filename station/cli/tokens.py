"""`station token …`: tokens of programs for /api/v1, from the console of the machine itself."""

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_station, say, t
from station.errors import NotFoundError
from station.records.entries import Actor

if TYPE_CHECKING:
    from station.state.tokens import TokenView

app = typer.Typer(no_args_is_help=True)


def _actor() -> Actor:
    return Actor(via="console", strength="console", os_user=getpass.getuser())


@app.command(help=t("Make a token and print its secret, once; whoever has it can do what its scopes say"))
def issue(
    name: Annotated[str, typer.Argument(help=t("What the token is for, as the name of the system that gets it"))],
    login: Annotated[str, typer.Option("--for", help=t("Log-in name of the person whose rights it has at most"))],
    scope: Annotated[list[str], typer.Option(help=t("What it may be used for; may be given several times"))],
    days: Annotated[int, typer.Option(help=t("In how many days it ends"))] = 90,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token; the console stands for the second person."""
    from station.actions.tokens import Wanted, issue_token  # here: other commands start sooner
    from station.catalogue import checks
    from station.state.tables import create_tables

    with open_station(home) as (_, database, custody):
        create_tables(database)
        with database.read() as session:
            person = checks.person_of_login(session, login)
        if person is None:
            raise NotFoundError(f"Nobody here has the log-in name {login!r}")
        wanted = Wanted(name, person.person, tuple(scope), days)
        token, secret = issue_token(custody, database, _actor(), wanted)
    if json:
        answer_json(_document(token) | {"secret": secret})
        return
    say(t("Shown once, here and now. It ends on {date}.", date=t.date(token.expires_at)))
    answer(secret)


@app.command(name="list", help=t("List the tokens, without their secrets"))
def list_tokens(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each token there ever was."""
    from station.state import tokens  # here: other commands start sooner
    from station.state.tables import create_tables

    with open_station(home) as (_, database, _custody):
        create_tables(database)
        with database.read() as session:
            found = tokens.list_all(session)
    if json:
        answer_json({"tokens": [_document(each) for each in found]})
        return
    for each in found:
        end = each.revoked_at or each.expires_at
        state = t.code("token_state", "revoked") if each.revoked_at else t.code("token_state", "until")
        answer(f"{each.token}  {each.name}  {' '.join(each.scopes)}  {state} {t.moment(end)}")


@app.command(help=t("End a token at once"))
def revoke(
    token: Annotated[str, typer.Argument(help=t("The token's id, as `station token list` shows it"))],
    home: HomeOption = None,
) -> None:
    """End a token."""
    from station.actions.tokens import revoke_token  # here: other commands start sooner
    from station.state.tables import create_tables

    with open_station(home) as (_, database, custody):
        create_tables(database)
        revoke_token(custody, _actor(), token)


def _document(token: "TokenView") -> dict[str, object]:
    return {name: value for name, value in asdict(token).items() if name != "stale"}
