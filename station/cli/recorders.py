"""`station recorder …`: which recorders the dock may read, from the console of the machine itself."""

import getpass
from dataclasses import asdict
from typing import Annotated

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_station, t
from station.errors import RequestError
from station.records.entries import Actor

app = typer.Typer(no_args_is_help=True)


def _actor() -> Actor:
    return Actor(via="console", strength="console", os_user=getpass.getuser())


@app.command(name="list", help=t("List the recorders, and what was turned away at the dock"))
def list_all(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each recorder and each thing in quarantine."""
    from station.catalogue.recorders import list_quarantine, list_recorders  # here: other commands start sooner

    with open_station(home) as (_, database, _custody), database.read() as session:
        recorders, turned_away = list_recorders(session), list_quarantine(session)
    if json:
        answer_json(
            {"recorders": [asdict(each) for each in recorders], "quarantine": [asdict(each) for each in turned_away]}
        )
        return
    for recorder in recorders:
        state = t("enrolled") if recorder.enrolled else t("not enrolled")
        answer(f"{recorder.recorder}  {recorder.name}  {recorder.profile}  {state}")
    for seen in turned_away:
        name = seen.serial or seen.label or seen.product or seen.device
        answer(f"{seen.quarantine}  {name}  {seen.profile or '-'}  {t.code('slot_problem', seen.reason)}")


@app.command(help=t("Have the dock read a recorder: one that was turned away, or by serial number before it comes"))
def enrol(
    quarantine: Annotated[str | None, typer.Argument(help=t("The id under which it was turned away"))] = None,
    serial: Annotated[list[str] | None, typer.Option(help=t("Its serial number; may be given several times"))] = None,
    profile: Annotated[str | None, typer.Option(help=t("Its firmware profile"))] = None,
    home: HomeOption = None,
) -> None:
    """Enrol recorders and print their ids."""
    from station.actions import recorders  # here: other commands start sooner

    with open_station(home) as (station, _database, custody):
        if quarantine is not None and not serial and profile is None:
            answer(recorders.enrol_quarantined(custody, _actor(), quarantine))
        elif quarantine is None and serial and profile is not None:
            for each in serial:
                answer(recorders.enrol_serial(custody, station, _actor(), each, profile))
        else:
            raise RequestError(
                "A recorder is enrolled by the id under which it was turned away, or by --serial and --profile",
                hint="`station recorder list` shows what was turned away",
            )


@app.command(help=t("Have the dock read a recorder no longer; what was taken in from it stays"))
def withdraw(
    recorder: Annotated[str, typer.Argument(help=t("The recorder's id"))],
    home: HomeOption = None,
) -> None:
    """Withdraw a recorder."""
    from station.actions import recorders  # here: other commands start sooner

    with open_station(home) as (_, _database, custody):
        recorders.withdraw(custody, _actor(), recorder)
