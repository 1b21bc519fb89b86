"""`station verify`: a clip, a case, everything, or a file that somebody brings.

Guarantee: the first line is a sentence that can be quoted as it stands, and it claims no more than was checked: nothing
of the time before a recording was taken in. Digests and tree follow it.
"""

import getpass
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from station.cli.console import (
    HomeOption,
    JsonOption,
    answer,
    answer_json,
    messages,
    open_custody,
    open_database,
    open_home,
    say,
    t,
)
from station.digest import CHUNK_BYTES
from station.errors import LedgerError, NotFoundError, RequestError, SourceError
from station.evidence.opening import open_store
from station.i18n import translator
from station.records.entries import Actor

if TYPE_CHECKING:
    from station.actions.recognise import Recognised
    from station.actions.shown_proof import ShownProof
    from station.actions.verify import CheckResult
    from station.config import Home
    from station.database import Database
    from station.i18n import Translator


def add_commands(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command(name="verify", help=t("Check originals, ledger and catalogue; exit 0 sound, 1 damaged, 2 not checked"))(
        _verify
    )


def _verify(
    clip: Annotated[str | None, typer.Option("--clip", help=t("One clip, by its id"))] = None,
    case: Annotated[str | None, typer.Option("--case", help=t("The clips of a case, by its number"))] = None,
    everything: Annotated[bool, typer.Option("--all", help=t("The ledger, every original and the catalogue"))] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help=t("Is this file ours? Exit 0 it is known, 2 it is not"))
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    if sum((clip is not None, case is not None, everything, file is not None)) != 1:
        raise RequestError("Say what to check", hint="One of --clip ID, --case NUMBER, --all or --file PATH")
    station = open_home(home)
    actor = Actor(via="console", strength="console", os_user=getpass.getuser())
    if file is not None:
        _compare(station, file, actor, json=json)
    else:
        _check(station, clip, case, actor, json=json)


def _bar(json: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn())
    return Progress(*columns, console=messages, disable=json or not messages.is_terminal)


def _check(station: "Home", clip: str | None, case: str | None, actor: Actor, *, json: bool) -> None:
    from station.actions.verify import check_all, check_clips  # here, as below: other commands start sooner
    from station.custody import Custody

    with open_database(station) as database:
        with _bar(json) as progress:
            custody, store = Custody(station, database), open_store(station)
            task = progress.add_task(t("Reading originals"), total=None)

            def show(done: int, total: int) -> None:
                progress.update(task, completed=done, total=max(total, done))

            if clip is not None:
                result = check_clips(station, database, custody, store, (clip,), actor, show=show)
            elif case is not None:
                clips = _clips_of(database, case)
                result = check_clips(station, database, custody, store, clips, actor, scope="case", show=show)
            else:
                result = check_all(station, database, custody, store, actor, show=show)
        if json:
            answer_json(result.document())
        else:
            _tell(result, translator(t.locale, station.zone), _proof(database, result))
    raise typer.Exit(result.exit_code)


def _clips_of(database: "Database", number: str) -> tuple[str, ...]:
    from station.catalogue.checks import clips_of_number

    with database.read() as session:
        clips = clips_of_number(session, number)
    if not clips:
        raise NotFoundError(f"The case {number!r} has no clips that could be checked")
    return clips


def _proof(database: "Database", result: "CheckResult") -> "ShownProof | None":
    """Return how the entry of the one clip that was checked leads to the root; None where that can't be shown."""
    from station.actions.shown_proof import shown_proof

    if result.scope != "clip" or result.seq is None:
        return None
    try:
        with database.read() as session:
            return shown_proof(session, result.seq)
    except (LedgerError, NotFoundError):
        return None  # that it can't be proven is among the problems


def _tell(result: "CheckResult", local: "Translator", proof: "ShownProof | None") -> None:
    """Print the sentence, then what was found, then digests and tree."""
    answer(_sentence(result, local))
    answer(t.code("check", result.outcome, originals=t.number(result.originals), size=t.size(result.size_bytes)))
    for problem in (*result.damage, *result.unchecked):
        answer(problem.message)
    for note in result.notes:
        say(note.message)
    if result.scope == "case":
        for clip, found in result.seen.items():
            answer(
                f"{clip}  {found['sha256']}  {local.moment(found['taken_in_at'])}  {_state(found['state'])}".rstrip()
            )
    if result.scope == "clip" and result.sha256:
        answer(f"{t('SHA-256 when taken in')}: {result.sha256}")
        if result.found_sha256:
            answer(f"{t('SHA-256 found now')}: {result.found_sha256}")
        for found in result.seen.values():
            if "sm3" in found:
                answer(f"{t('SM3 when taken in')}: {found['sm3']}")
    answer(f"{t('Read back')}: {t.code('readback', result.readback)}")
    answer(f"{t('Entries of the ledger')}: {t.number(result.log_size)}")
    if proof is not None:
        answer(f"{t('Ledger entry')}: {proof.seq}")
        answer(f"{t('Leaf hash')}: {proof.leaf}")
        answer(f"{t('Path in the tree')}: {', '.join(proof.path) or t('The leaf is the root')}")
        answer(f"{t('Root hash')}: {proof.root}")
        answer(f"{t('Checkpoint')}:\n{proof.checkpoint.rstrip()}")


def _sentence(result: "CheckResult", local: "Translator") -> str:
    """Return the sentence for a lawyer: what this check shows, and of what it says nothing."""
    one = result.scope == "clip"
    if result.outcome == "damaged":
        return t("Damaged: it is not what was taken in.") if one else t("Not everything is what was taken in.")
    if result.outcome == "not_checked":
        return t("Could not be checked.") if one else t("Not everything could be checked.")
    if result.scope == "all":
        return t("All that was checked is unaltered since it was taken in; this says nothing of the time before")
    there = [found for found in result.seen.values() if found["state"] != "disposed"]
    if not there:
        return t("Disposed of by rule: there is no original to check any more")
    times = [local.moment(each) for each in sorted(found["taken_in_at"] for found in there)]
    if len({found["state"] for found in there}) == 1 and times[0] == times[-1]:
        return t.code("package", f"sentence_{there[0]['state']}", time=times[0])
    return t(
        "Unaltered since each was taken in, from {first} to {last}; this says nothing of the time before",
        first=times[0],
        last=times[-1],
    )


def _state(state: str) -> str:
    return "" if state == "whole" else t.code("clip_stage", state)


def _compare(station: "Home", path: Path, actor: Actor, *, json: bool) -> None:
    """Hash a file here and say what the station knows of it; the file itself goes nowhere."""
    from station.actions.recognise import recognise

    with _bar(json) as progress:
        task = progress.add_task(t("Reading the file"), total=None)
        sha256 = _hash(path, lambda done, total: progress.update(task, completed=done, total=total))
    with open_custody(station) as (database, custody):
        found = recognise(custody, database, sha256, actor)
    if json:
        answer_json(
            {
                "scope": "file",
                "answer": found.answer,
                "sha256": found.sha256,
                "clip": found.clip,
                "file_name": found.file_name,
                "taken_in_at": found.taken_in_at,
                "compared_at": found.compared_at,
            }
        )
    else:
        _tell_file(found, translator(t.locale, station.zone))
    raise typer.Exit(2 if found.answer == "unknown" else 0)


def _hash(path: Path, show: Callable[[int, int], None]) -> str:
    hasher, done = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            total = path.stat().st_size
            while chunk := stream.read(CHUNK_BYTES):
                hasher.update(chunk)
                done += len(chunk)
                show(done, max(total, done))
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}") from error
    return hasher.hexdigest()


def _tell_file(found: "Recognised", local: "Translator") -> None:
    answer(t.code("file_answer", found.answer))
    answer(t.code("file_help", found.answer))
    if found.taken_in_at:
        answer(t("Its recording was taken in on {time}.", time=local.moment(found.taken_in_at)))
    if found.clip:
        answer(f"{t('Clip number')}: {found.clip}" + (f" ({found.file_name})" if found.file_name else ""))
    answer(f"{t('SHA-256 of the file')}: {found.sha256}")
    answer(f"{t('Compared')}: {local.moment(found.compared_at)}")
