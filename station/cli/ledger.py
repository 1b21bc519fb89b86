"""`station ledger …`: the head, the audit, the export; proofs and tiles are in `proving`."""

from pathlib import Path
from typing import Annotated

import typer

from station.cli import proving
from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_database, open_home, say, t
from station.errors import NotFoundError, SignerUnavailableError

app = typer.Typer(no_args_is_help=True)
proving.add_commands(app)


@app.command(help=t("Show the log's size, root and last signed checkpoint"))
def head(home: HomeOption = None, json: JsonOption = False) -> None:
    """Show the head; brings the signature up to it first."""
    from station.ledger import log  # here, as below: other commands start sooner
    from station.ledger.sign import Signer, home_verifier

    station = open_home(home)
    with open_database(station) as database:
        checkpoint = Signer(station).checkpoint(database)
        with database.read() as session:
            found, note = log.head(session), log.latest_checkpoint(session)
    if note is None:
        raise NotFoundError("The log has no signed checkpoint yet")
    if json:
        answer_json(
            {
                "origin": checkpoint.origin,
                "size": found.size,
                "root": found.root.hex(),
                "checkpoint": checkpoint.note,
                "verifier_key": str(home_verifier(station)),
            }
        )
        return
    answer(checkpoint.note)


@app.command(help=t("Check every entry, link, tree node and signature of the log"))
def audit(home: HomeOption = None, json: JsonOption = False) -> None:
    """Audit the whole log; exit 0 sound, 1 damaged, 2 could not check."""
    from station.ledger.audit_source import audit_database
    from station.ledger.sign import Signer, home_keys, remembered
    from station.stages.anchoring import anchor_trust

    station = open_home(home)
    with open_database(station) as database:
        try:
            signed: str | None = remembered(Signer(station), database).note
        except SignerUnavailableError as error:
            say(t("No signer answers, so the log is checked without its memory: {reason}", reason=error.message))
            signed = None
        result = audit_database(database, home_keys(station), signed, anchor_trust(station))
    if json:
        answer_json(
            {
                "sound": result.sound,
                "size": result.size,
                "root": result.root.hex() if result.root else None,
                "findings": [{"kind": each.kind, "seq": each.seq, "message": each.message} for each in result.findings],
            }
        )
    else:
        for finding in result.findings:
            answer(finding.message)
        for note in result.notes:
            say(note.message)
        if result.sound and signed is not None:
            answer(t("The log is sound: {count} entries, every link and signature checked", count=result.size))
    # Without the signer's memory a log that was rolled back looks sound: then it is not called so.
    raise typer.Exit(1 if not result.sound else 2 if signed is None else 0)


@app.command(help=t("Write records.jsonl, checkpoint and log.vkey into a folder, for anybody to check"))
def export(
    out: Annotated[Path, typer.Option("--out", help=t("The folder to write into; made if it is missing"))],
    home: HomeOption = None,
) -> None:
    """Export the log."""
    from station.ledger import log
    from station.ledger.sign import Signer, home_keys

    station = open_home(home)
    with open_database(station) as database:
        Signer(station).checkpoint(database)
        with database.read() as session:
            log.export(session, out, *home_keys(station))
    say(t("The log lies in {folder}", folder=out))
