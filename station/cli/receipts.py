"""`station receipt`: what a docking took in, with the checkpoint as a QR code, on paper or as text."""

from pathlib import Path
from typing import Annotated

import typer

from station.cli.console import HomeOption, answer, open_database, open_home, say, t
from station.errors import RequestError


def add_commands(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command(name="receipt", help=t("Print the receipt of a finished docking, with its checkpoint as a QR code"))(
        _receipt
    )


def _receipt(
    docking: Annotated[str, typer.Argument(help=t("The docking's id"), show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", help=t("A .pdf, a .svg (the code alone) or a .txt; without it, text on the terminal")),
    ] = None,
    home: HomeOption = None,
) -> None:
    from station import durable, i18n  # here: other commands start sooner
    from station.actions.receipt import make_receipt, qr_picture, receipt_text
    from station.api.printing import receipt_pdf

    station = open_home(home)
    translate = i18n.translator(t.locale, station.zone)
    with open_database(station) as database, database.read() as session:
        receipt = make_receipt(station, session, docking)
    if out is None:
        answer(receipt_text(receipt, translate).removesuffix("\n"))
        return
    match out.suffix.lower():
        case ".pdf":
            content = receipt_pdf(receipt, translate, demo=station.settings.demo)
        case ".svg":
            content = qr_picture(receipt.checkpoint)
        case ".txt":
            content = receipt_text(receipt, translate).encode()
        case _:
            raise RequestError(f"{out} is none of .pdf, .svg and .txt", hint="The ending says what is written")
    durable.replace_file(out, content)
    say(t("The receipt lies in {path}", path=out))
