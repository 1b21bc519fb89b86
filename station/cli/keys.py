"""`station key list|rotate|seal`: the keys that the log was signed with, changing to the next, sealing the file."""

import typer

from station.cli.console import (
    HomeOption,
    JsonOption,
    answer,
    answer_json,
    open_database,
    open_home,
    open_station,
    say,
    t,
)

app = typer.Typer(no_args_is_help=True)


@app.command(name="list", help=t("List the log's public keys, newest first, and where the private one is kept"))
def list_all(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each key."""
    from station.actions.keys import list_keys  # here, as below: other commands start sooner
    from station.ledger.sign import Signer

    station = open_home(home)
    with open_database(station) as database:
        kept = Signer(station).describe()
        lines = list_keys(station, database)
    if json:
        found = [{"vkey": each.vkey, "ended_by": each.ended_by} for each in lines]
        answer_json({"store": kept["store"], "keys": found, "second_signatures": kept["seconds"]})
        return
    for each in lines:
        answer(each.vkey if each.ended_by is None else f"{each.vkey}  {t('until entry {seq}', seq=each.ended_by)}")
    seconds = kept["seconds"]
    for second in seconds if isinstance(seconds, list) else ():
        answer(str(second))
    say(t("The private key is kept in: {store}", store=t.code("key_store", kept["store"])))


@app.command(help=t("Hand the log over to a new key; again after a failure ends what was begun"))
def rotate(home: HomeOption = None, json: JsonOption = False) -> None:
    """Change the key, and seal the new one where the one before was sealed."""
    from station.actions.keys import rotate_key
    from station.actions.sealing import seal_key
    from station.ledger.sign import Signer

    with open_station(home) as (station, database, custody):
        was_sealed = Signer(station).describe()["store"] == "sealed"
        key = rotate_key(station, database, custody)
        if was_sealed:
            seal_key(station)
    if json:
        answer_json({"vkey": str(key)})
        return
    answer(str(key))
    say(t("Publish this key where the one before was published; former keys stay below it in log.vkey"))


@app.command(help=t("Seal the key's file with systemd credentials, bound to this machine; root only"))
def seal(home: HomeOption = None) -> None:
    """Seal the key."""
    from station.actions.sealing import seal_key

    path = seal_key(open_home(home))
    say(t("The key lies sealed in {file}; restart station-sign", file=path))
