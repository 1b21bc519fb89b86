"""`station backup`, `restore`, `erase` and `disposal`: what leaves a copy, and what makes things go."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_station, say, t
from station.config import home_folder
from station.errors import RequestError
from station.evidence.opening import open_store
from station.records.entries import Actor

_WAYS = ("link", "copy")


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="backup", help=t("Copy database, settings and public key, and the footage where wanted"))(_backup)
    app.command(name="restore", help=t("Make a new home out of a backup, with a new log that continues the old one"))(
        _restore
    )
    app.command(name="erase", help=t("Erase parts of ledger entries by law, wherever they are"))(_erase)
    app.command(name="dispose", help=t("Remove what was decided to be destroyed, and finish what was cut short"))(
        _dispose
    )


def _actor() -> Actor:
    return Actor(via="console", strength="console", os_user=getpass.getuser())


def _way(given: str | None) -> str | None:
    if given is not None and given not in _WAYS:
        raise RequestError(f"{given!r} is no way to bring footage", hint="link or copy")
    return given


def _backup(
    out: Annotated[Path | None, typer.Option("--out", help=t("The folder; brought up to date if one is there"))] = None,
    vault: Annotated[
        str | None, typer.Option("--with-vault", help=t("The footage too: copy, or link on the same disk"))
    ] = None,
    forget: Annotated[
        str | None, typer.Option("--forget", help=t("The id of a backup that was destroyed, with --reason"))
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help=t("Why"))] = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    from station.actions.backup import make_backup  # here, as below: other commands start sooner
    from station.actions.backups import forget_backup, known_backups

    with open_station(home) as (station, database, custody):
        if forget is not None:
            forget_backup(custody, _actor(), forget, reason)
        if out is None:
            with database.read() as session:
                known = known_backups(session)
            if json:
                answer_json([{"backup": each.backup, "folder": str(each.folder or "")} for each in known])
            else:
                for each in known:
                    answer(f"{each.backup} {each.folder or ''} {each.completed_at or t('never completed')}")
            return
        way = _way(vault)
        done = make_backup(
            station,
            database,
            custody,
            open_store(station),
            _actor(),
            out,
            vault="copy" if way == "copy" else "link" if way == "link" else None,
        )
    if json:
        answer_json({"backup": done.backup, "log_size": done.log_size, "size_bytes": done.size_bytes})
    else:
        answer(t("Backed up to {folder}: {count} entries", folder=done.folder, count=done.log_size))
        say(t("It holds neither the key nor the signer's memory, and what it does hold is not encrypted"))


def _restore(
    backup: Annotated[Path, typer.Argument(help=t("The folder of the backup"))],
    home: HomeOption = None,
    vault: Annotated[Path | None, typer.Option("--vault", help=t("Go on with this vault, where it is"))] = None,
    link: Annotated[bool, typer.Option("--link", help=t("Link the footage instead of copying it"))] = False,
    database_url: Annotated[str, typer.Option("--database-url", help=t("Where the new database goes"))] = "",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help=t("A later checkpoint of the old log, or its signer.json"))
    ] = None,
    json: JsonOption = False,
) -> None:
    from station.actions.restore import newest_checkpoint, restore

    text = newest_checkpoint(checkpoint.read_text(encoding="utf-8")) if checkpoint else ""
    done = restore(
        backup,
        home_folder(home),
        _actor(),
        vault=vault,
        way="link" if link else "copy",
        database_url=database_url,
        last_checkpoint=text,
    )
    if json:
        answer_json(
            {
                "origin": done.origin,
                "continues": done.continued,
                "carried": done.carried,
                "lost": done.lost,
                "originals": done.originals,
            }
        )
        return
    answer(t("A new log, {origin}, continues {old}: {count} entries", origin=done.origin, old=done.continued,
             count=done.carried))  # fmt: skip
    if done.lost:
        answer(t("The old log had {count} entries more, which the backup does not hold", count=done.lost))
    say(t("The old home must not be used any more. Give the new verifier key to whoever checks, and verify everything"))


def _erase(
    part: Annotated[list[str], typer.Argument(help=t("What to erase: the entry's number, a colon, the part's name"))],
    ground: Annotated[str, typer.Option("--ground", help=t("The legal ground, as a code"))],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    from station.actions.erasure import Part, erase
    from station.records.disposal_entries import Ground

    if ground not in {each.value for each in Ground}:
        raise RequestError(f"{ground!r} is no ground", hint=", ".join(each.value for each in Ground))
    chosen = []
    for each in part:
        number, _, name = each.partition(":")
        if not number.isdecimal() or not name:
            raise RequestError(f"{each!r} names no part", hint="For example 42:names")
        chosen.append(Part(int(number), name))
    with open_station(home) as (station, database, custody):
        done = erase(station, database, custody, open_store(station), _actor(), chosen, Ground(ground)).fact
    if json:
        answer_json(done.model_dump(mode="json"))
    else:
        answer(t("Erased: {count} parts. Backups cleared: {cleared}", count=done.parts, cleared=len(done.backups)))
        for backup in done.unreached:
            answer(t("Not reached, and still holding it: backup {backup}", backup=backup))
    raise typer.Exit(1 if done.unreached else 0)


def _dispose(home: HomeOption = None, json: JsonOption = False) -> None:
    from station.actions import disposal, disposal_run, erasure

    with open_station(home) as (station, database, custody):
        store = open_store(station)
        erasure.finish(station, database, custody, store)
        done = [each.fact for each in disposal_run.finish(station, database, custody, store)]
        due = disposal.count_due(database, station)
    if json:
        answer_json({"completed": [each.model_dump(mode="json") for each in done], "due": due})
    else:
        for each in done:
            answer(t("Disposal {disposal}: {count} originals removed", disposal=each.disposal, count=each.originals))
        answer(t("Due, not yet proposed: {count}", count=due))
