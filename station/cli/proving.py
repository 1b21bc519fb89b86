"""`station ledger proof|consistency|tiles|check`: what outsiders are given, and the check of what they bring."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_database, open_home, say, t
from station.errors import DamagedError, LedgerError, NotFoundError, RequestError

if TYPE_CHECKING:
    from station.ledger.note import VerifierKey

OutOption = Annotated[Path, typer.Option("--out", help=t("The folder to write into; made if it is missing"))]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `station ledger`."""
    app.command(name="proof", help=t("Write the proven entries about clips, a case or an entry into a folder"))(proof)
    app.command(name="consistency", help=t("Prove that the log only grew between two heads"))(consistency)
    app.command(name="tiles", help=t("Bring a folder of C2SP tiles up to date, for a web server or a USB stick"))(tiles)
    app.command(name="check", help=t("Check what a station handed out; exit 0 sound, 1 damaged, 2 not checked"))(check)


def proof(
    out: OutOption,
    clip: Annotated[list[str] | None, typer.Option("--clip", help=t("A clip, by its id; may be repeated"))] = None,
    case: Annotated[str | None, typer.Option("--case", help=t("The case it is for, by its number"))] = None,
    entry: Annotated[list[int] | None, typer.Option("--entry", help=t("An entry, by its number"))] = None,
    size: Annotated[int | None, typer.Option("--size", help=t("Under the checkpoint of so many entries"))] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write an extract of the log."""
    from station.actions.proofs import Wanted, write_proof  # here, as below: other commands start sooner
    from station.ledger.sign import Signer, home_keys

    station = open_home(home)
    wanted = Wanted(tuple(clip or ()), case, tuple(entry or ()))
    with open_database(station) as database:
        if size is None:
            Signer(station).checkpoint(database)
        checkpoint, extract = write_proof(database, out, wanted, home_keys(station), size=size)
    numbers = sorted({*extract.others, *(seq for found in extract.clips.values() for seq in found)})
    if json:
        answer_json(
            {
                "log": checkpoint.origin,
                "log_size": checkpoint.size,
                "clips": {name: list(found) for name, found in extract.clips.items()},
                "entries": numbers,
                "withheld": extract.withheld,
                "folder": str(out),
            }
        )
        return
    say(t("{count} entries with their proofs lie in {folder}", count=len(numbers), folder=out))
    if extract.withheld:
        say(t("{count} parts were withheld; the proofs hold without them", count=extract.withheld))


def consistency(
    start: Annotated[int, typer.Option("--from", min=0, help=t("Entries under the earlier head"))],
    end: Annotated[
        int | None, typer.Option("--to", help=t("Entries under the later head (default: the newest)"))
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help=t("The file to write (default: standard output)"))] = None,
    home: HomeOption = None,
) -> None:
    """Write a proof of growth."""
    from station import durable
    from station.actions.proofs import anchored
    from station.ledger.extract import prove_growth
    from station.ledger.growth import make_growth
    from station.ledger.sign import Signer

    station = open_home(home)
    with open_database(station) as database:
        if end is None:
            Signer(station).checkpoint(database)
        with database.read() as session:
            checkpoint, _, _ = anchored(session, end)
            if start > checkpoint.size:
                raise NotFoundError(f"The head of {checkpoint.size} entries does not contain one of {start}")
            text = make_growth(start, prove_growth(session, start, checkpoint.size), checkpoint.note)
    if out is None:
        answer(text.removesuffix("\n"))
    else:
        durable.replace_file(out, text.encode())
        say(t("The proof lies in {file}", file=out))


def tiles(
    out: OutOption,
    with_entries: Annotated[
        bool,
        typer.Option("--with-entries", help=t("The records as well, for your eyes only: the folder gets mode 0700")),
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Publish the log as tiles."""
    from station.actions.proofs import anchored
    from station.ledger.publish import publish_tiles
    from station.ledger.sign import Signer, home_keys

    station = open_home(home)
    with open_database(station) as database:
        Signer(station).checkpoint(database)
        with database.read() as session:
            checkpoint, _, _ = anchored(session)
        done = publish_tiles(database, out, checkpoint, *home_keys(station), with_entries=with_entries)
    if json:
        answer_json({"log_size": checkpoint.size, "tiles": done.tiles, "bundles": done.bundles, "folder": str(out)})
        return
    say(
        t(
            "{folder} shows the log of {count} entries; new files: {tiles}",
            folder=out,
            count=checkpoint.size,
            tiles=done.tiles + done.bundles,
        )
    )


def check(
    path: Annotated[Path, typer.Argument(help=t("A folder (export, proof, tiles) or a file (proof of growth)"))],
    key: Annotated[str | None, typer.Option("--key", help=t("The log's public key, or a file with it"))] = None,
    old: Annotated[
        Path | None, typer.Option("--old", help=t("The checkpoint that you kept, for a proof of growth"))
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check what was handed out; needs no station but for its key, when none is given."""
    keys, taken = _keys(path, key, home)
    try:
        document = _check(path, keys, old)
    except DamagedError as error:
        document = {"sound": False, "problems": [error.message]}
    document["key_from"] = taken
    if json:
        answer_json(document)
    else:
        for problem in document["problems"]:
            answer(problem)
        answer(t("Sound") if document["sound"] else t("DAMAGED"))
        if taken == "itself":
            say(t("The key was taken from what was checked: compare it with the one the station publishes"))
    raise typer.Exit(0 if document["sound"] else 1)


def _keys(path: Path, given: str | None, home: Path | None) -> "tuple[Sequence[VerifierKey], str]":
    """Return the log's keys and where they are from: `given`, `itself` (lies in the folder), or `station`."""
    from station.ledger.sign import home_keys

    inside = path / "log.vkey"
    try:
        if given is not None:
            text = Path(given).read_text(encoding="utf-8") if Path(given).is_file() else given
            return _parse_keys(text), "given"
        if inside.is_file():
            return _parse_keys(inside.read_text(encoding="utf-8")), "itself"
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"The log's public key can't be read: {error}") from error
    return home_keys(open_home(home)), "station"


def _parse_keys(text: str) -> "Sequence[VerifierKey]":
    from station.ledger.note import parse_keys

    if not text.strip():
        raise LedgerError("There is no public key to check with")
    return parse_keys(text.strip())


def _check(path: Path, keys: "Sequence[VerifierKey]", old: Path | None) -> dict[str, Any]:
    from station.ledger.growth import verify_growth
    from station.ledger.tiles import verify_tiles
    from station.ledger.verify import audit_export
    from station.ledger.verify_extract import verify_extract

    if (path / "records.jsonl").exists():
        outcome = audit_export(path, keys)
        problems = [finding.message for finding in outcome.findings]
        return {"kind": "export", "sound": outcome.sound, "problems": problems, "log_size": outcome.signed_size}
    if (path / "entries").is_dir():
        extracted = verify_extract(path, keys)
        return {
            "kind": "proof",
            "sound": True,
            "problems": [],
            "log_size": extracted.checkpoint.size,
            "entries": list(extracted.entries),
            "clips": {name: list(numbers) for name, numbers in extracted.clips.items()},
            "withheld": extracted.withheld,
            "cosignatures": extracted.cosignatures,
            "timestamps_not_checked": extracted.timestamps,
        }
    if path.is_dir():
        checkpoint, entries = verify_tiles(path, keys)
        return {"kind": "tiles", "sound": True, "problems": [], "log_size": checkpoint.size, "entries_checked": entries}
    if not path.is_file() or old is None:
        raise RequestError(
            f"{path} can't be checked", hint="Name a folder; or a proof of growth, and the kept checkpoint by --old"
        )
    before, after = verify_growth(path.read_bytes(), old.read_bytes(), keys)
    return {"kind": "consistency", "sound": True, "problems": [], "from": before.size, "log_size": after.size}
