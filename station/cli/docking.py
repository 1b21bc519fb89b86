"""`station dock`."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from station.acquire.account import Account
from station.board import SlotBoard, slot_meter
from station.cli.console import HomeOption, JsonOption, answer, answer_json, messages, open_custody, open_home, say, t
from station.records.entries import Actor
from station.records.terms import FileResult
from station.stages.opening import Request, open_card


class _Bar:
    """The progress bar of one docking; only on a terminal."""

    def __init__(self, quiet: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[eta]}"),
        )
        self._progress = Progress(*columns, console=messages, disable=quiet or not messages.is_terminal)
        self._task = self._progress.add_task("", total=None, rate="", eta="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, line: SlotBoard) -> None:
        """Show a slot's line."""
        self._progress.update(
            self._task,
            description=f"{t.code('slot_state', line.state)} {line.recorder_name or ''}",
            total=line.bytes_total or None,
            completed=line.bytes_done,
            rate=f"{t.size(line.rate)}/s" if line.rate else "",
            eta=t.wait(line.eta_seconds) if line.eta_seconds is not None else "",
        )


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="dock", help=t("Take in a block device, disk image or folder now"))(_dock)


def _dock(
    source: Annotated[Path, typer.Argument(help=t("A block device, a disk image or a folder; it is only read"))],
    profile: Annotated[str | None, typer.Option(help=t("Firmware profile, instead of the one that fits"))] = None,
    slot: Annotated[int | None, typer.Option(min=1, max=64, help=t("Slot to show it at (default: a free one)"))] = None,
    recorder: Annotated[str | None, typer.Option(help=t("Name of the recorder, where nothing else tells it"))] = None,
    rehash: Annotated[bool, typer.Option("--rehash", help=t("Read files again that are held already"))] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    actor = Actor(via="console", strength="console", os_user=getpass.getuser())
    request, station = Request(source, profile, slot, recorder, rehash, actor), open_home(home)
    with (
        _Bar(json) as bar,
        slot_meter(station.run, slot, station.settings.slots, bar.show) as meter,
        open_card(station, request, meter) as card,
    ):
        from station.pipeline import take_in  # here: loaded while the reader starts and lists
        from station.stages.docking import show_end

        with open_custody(station) as (database, custody):
            account = take_in(database, custody, card)
        show_end(meter, (account,))
    if json:
        answer_json(account.document())
    else:
        _tell(account)
    raise typer.Exit(0 if account.whole else 1)


def _tell(account: Account) -> None:
    for line in account.files:
        if line.result in (FileResult.CHANGED, FileResult.INCOMPLETE, FileResult.FAILED):
            reason = t.code("reason", line.reason) if line.reason else ""
            answer(f"{t.code('result', line.result)}: {line.path}{f' — {reason}' if reason else ''}")
    for fault in account.faults:
        say(fault)
    if account.problem:
        say(account.problem)
    counted = [f"{t.code('result', result)} {count}" for result, count in account.counts.items() if count]
    answer(t("Docking {docking}: {counts}", docking=account.docking, counts=", ".join(counted) or t("no recordings")))
    if account.whole and not account.counts[FileResult.NEW]:
        answer(t("Nothing was copied: everything on it is held already"))
    elif account.whole:
        answer(t("Everything on it is kept: {size} newly taken in", size=t.size(account.size_bytes)))
    else:
        answer(t("Not everything is kept whole: do not erase this recorder"))
