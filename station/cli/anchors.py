"""`station anchor …`, `station witness …`: holding this log to what others saw of it, and others to what we saw."""

import getpass
from typing import Annotated

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

anchor_app = typer.Typer(no_args_is_help=True)
witness_app = typer.Typer(no_args_is_help=True)


@anchor_app.command(help=t("Ask the witnesses and the time stamping authority now"))
def now(home: HomeOption = None, json: JsonOption = False) -> None:
    """Ask, and say what each answered; exit 1 if one gave no anchor."""
    from station.actions.anchors import gather_anchors  # here, as below: other commands start sooner

    with open_station(home) as (station, database, custody):
        done = gather_anchors(station, database, custody)
    if json:
        attempts = [
            {"kind": each.kind, "key": each.key, "problem": each.problem or None, "kept": each.anchor is not None}
            for each in done.attempts
        ]
        answer_json({"size": done.checkpoint.size, "attempts": attempts})
    else:
        answer(t("The checkpoint of {size} entries:", size=done.checkpoint.size))
        for each in done.attempts:
            outcome = each.problem or t("anchored") if each.anchor or each.problem else t("anchored before")
            answer(f"  {t.code('anchor_kind', each.kind)}  {_name(each.key)}  {outcome}")
        if not done.attempts:
            say(t("No witness and no time stamping authority is set up: see `witnesses` in station.toml"))
    raise typer.Exit(1 if done.failed or not done.attempts else 0)


@anchor_app.command(name="list", help=t("List the outside anchors, newest first"))
def list_kept(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=t("How many at most"))] = 20,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Print a line for each."""
    from station.actions.anchors import list_anchors

    with open_database(open_home(home)) as database, database.read() as session:
        kept = list_anchors(session, limit)
    if json:
        answer_json([{"number": a.number, "size": a.size, "kind": a.kind, "key": a.key, "time": a.time} for a in kept])
        return
    for each in kept:
        answer(f"{t.moment(each.time)}  {each.size:>8}  {t.code('anchor_kind', each.kind)}  {_name(each.key)}")


@anchor_app.command(help=t("Sign again after a witness told of another log, because the witness was wrong"))
def resume(
    reason: Annotated[str, typer.Option("--reason", help=t("Why; it becomes an entry"))],
    home: HomeOption = None,
) -> None:
    """Lift the halt."""
    from station.actions.anchors import resume as lift
    from station.records.entries import Actor

    actor = Actor(via="console", strength="console", os_user=getpass.getuser())
    with open_station(home) as (station, database, custody):
        lift(station, database, custody, actor, reason)
    answer(t("Signing goes on"))


@witness_app.command(help=t("Make this station's key as a witness, or show it"))
def key(
    name: Annotated[str, typer.Option("--name", help=t("What the key is called, like an address without scheme"))] = "",
    home: HomeOption = None,
) -> None:
    """Print the public key; others put it into their `witnesses`."""
    from station.actions.witness import has_own_log, witness_folder
    from station.errors import RequestError
    from station.ledger.sign import home_verifier
    from station.ledger.witness_state import KEY_FILE, default_name

    station = open_home(home)
    folder = witness_folder(station)
    if not (folder.path / KEY_FILE).exists():
        if not name and not has_own_log(station):
            raise RequestError("This home has no log to name the key after", hint="--name witness.example/w1")
        folder.create_key(name or default_name(home_verifier(station).name))
        say(t("A key was made. Whoever loses {folder} must make a new one", folder=folder.path))
    elif name and name != folder.verifier().name:
        raise RequestError(f"The key is called {folder.verifier().name}", kept="It was not touched")
    answer(str(folder.verifier()))


@witness_app.command(help=t("Cosign the checkpoints of the log with this public key (its log.vkey) from now on"))
def trust(
    vkey: Annotated[str, typer.Argument(help=t("The log's public key as text"), show_default=False)],
    origin: Annotated[str, typer.Option("--origin", help=t("The log's name, where it is not the key's"))] = "",
    home: HomeOption = None,
) -> None:
    """Add a log, or another key of a known one."""
    from station.actions.witness import witness_folder
    from station.ledger.note import VerifierKey

    verifier = VerifierKey.parse(vkey.strip())
    added = witness_folder(open_home(home)).trust(verifier, origin)
    text = t("Its checkpoints are cosigned") if added else t("It was trusted already")
    answer(f"{origin or verifier.name}: {text}")


@witness_app.command(help=t("Cosign no more checkpoints of a log; what was kept of it stays"))
def forget(
    origin: Annotated[
        str, typer.Argument(help=t("The log's name, as `station witness list` has it"), show_default=False)
    ],
    home: HomeOption = None,
) -> None:
    """Stop trusting all keys of a log; one of them can be trusted again afterwards."""
    from station.actions.witness import witness_folder

    forgotten = witness_folder(open_home(home)).forget(origin)
    answer(f"{origin}: {t('Its checkpoints are cosigned no more')}")
    answer(t("Its keys are kept in {path}", path=forgotten.keys))
    if forgotten.checkpoint:
        kept = forgotten.checkpoint
        answer(t("The checkpoint cosigned last is kept, and holds if the log is trusted again: {path}", path=kept))
    for path in forgotten.evidence:
        answer(t("Evidence against it is kept in {path}", path=path))


@witness_app.command(name="list", help=t("List the logs that are cosigned, and the evidence against them"))
def list_logs(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each log; exit 1 if there is evidence."""
    from station.actions.witness import witness_folder

    folder = witness_folder(open_home(home))
    logs, evidence = folder.logs(), folder.evidence()
    if json:
        answer_json(
            {
                "logs": [
                    {
                        "origin": each.origin,
                        "keys": [str(key) for key in each.keys],
                        "size": each.checkpoint.size if each.checkpoint else None,
                        "checkpoint": each.checkpoint.note if each.checkpoint else None,
                    }
                    for each in logs
                ],
                "evidence": [
                    {"alarm": each.alarm, "kind": each.kind, "origin": each.origin, "seen_at": each.seen_at}
                    for each in evidence
                ],
            }
        )
    else:
        for each in logs:
            answer(f"{each.checkpoint.size if each.checkpoint else '-':>8}  {each.origin}")
        for item in evidence:
            answer(f"{t.moment(item.seen_at)}  {t.code('alarm', f'witness_{item.kind}')}  {item.origin}  {item.alarm}")
    raise typer.Exit(1 if evidence else 0)


@witness_app.command(help=t("Answer other stations' requests to cosign, until stopped"))
def serve(home: HomeOption = None) -> None:
    """Serve on the address of the setting `witness_listen`."""
    from station.api.witness_server import serve_witness

    station = open_home(home)
    serve_witness(station, lambda address: say(t("The witness is served at http://{address}", address=address)))


def _name(key: str) -> str:
    """Return a witness's name out of its key, or an authority's address as it is."""
    return key if "://" in key else key.partition("+")[0]
