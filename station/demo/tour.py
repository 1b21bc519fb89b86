"""The product's own first-run tour: a station of its own, loopback only, with sample recorders, people and cases.

Guarantees: everything in it is marked as a demonstration (the log's name, every page); the recorders' cards are real
disk images with real footage and go through the same docking as any other; a second start goes on with the same home.
"""

import shutil
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from rich.console import Console

from station import clock, durable
from station.actions.bind import BindRequest, bind
from station.actions.holders import issue_recorder
from station.actions.login import issue_console_code
from station.actions.people import Description, Second, add_person, issue_link
from station.actions.review import submit_case
from station.actions.setup import make_home
from station.actions.targets import NewTarget, open_target
from station.board import SlotBoard
from station.catalogue import checks, intake
from station.catalogue.clips import list_clips
from station.catalogue.views import ClipFilter, Viewer
from station.config import Home, load_home
from station.custody import Custody, keep_projection
from station.database import Database
from station.demo.cards import make_card, tool_path
from station.demo.footage import make_footage
from station.digest import new_id
from station.errors import ConfigError
from station.i18n import Translator
from station.pipeline import dock
from station.records.docking_entries import RecorderKnown
from station.records.entries import Actor, Proof
from station.records.terms import EnforcementStage, FileResult, Role, TargetKind, TimeTrust
from station.stages.opening import Request

_ACTOR = Actor(via="console", strength="console", os_user="demo")
_LISTEN = "127.0.0.1:8470"
_HELD_SINCE = timedelta(days=30)
_RESERVE_BYTES = 64 * 1024 * 1024
_TOOLS = ("ffmpeg", "mcopy", "mkfs.fat", "sfdisk")


@dataclass(frozen=True, slots=True)
class _Tour:
    """An opened demonstration station and what it is to show."""

    home: Home
    database: Database
    custody: Custody
    plan: dict[str, Any]
    console: Console
    t: Translator


def prepare_tour(root: Path, listen: str | None, console: Console, t: Translator) -> tuple[Home, list[str]]:
    """Prepare the demonstration in `root`, telling `console` how it goes.

    Returns its home and what to say when it is served: fresh single-use log-in links for each sample person. Raises
    ConfigError when `root` is a station in service, the address is not loopback, or a program is missing.
    """
    plan = tomllib.loads((Path(__file__).parent / "tour.toml").read_text(encoding="utf-8"))
    _check_tools()
    home = _open_home(root, listen or _LISTEN, plan["unit"])
    database = Database(home.database_url)
    keep_projection(database)
    tour = _Tour(home, database, Custody(home, database), plan, console, t)
    console.print(t("This is a demonstration: nothing in it is evidence."), style="bold yellow")
    people = _add_people(tour)
    _add_recorders(tour, people)
    _dock_cards(tour)
    _open_cases(tour, people)
    links = _issue_links(tour, people)
    database.dispose()
    return home, [t("Log in by one of these links; each works once, and asks for a password first:"), *links]


def _check_tools() -> None:
    missing = [name for name in _TOOLS if shutil.which(name, path=tool_path()) is None]
    if missing:
        raise ConfigError(
            f"The demonstration needs programs that are not installed: {', '.join(missing)}", hint="Run `make install`"
        )


def _open_home(root: Path, listen: str, unit: str) -> Home:
    host = listen.rpartition(":")[0].strip("[]")
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ConfigError(f"The demonstration is served on this machine only, not at {listen}")
    settings = (
        "# A demonstration station; delete this folder to start afresh.\n"
        f'demo = true\nlisten = "{listen}"\nunit = "{unit}"\nreserve_bytes = {_RESERVE_BYTES}\n'
    )
    if not (root / "station.toml").exists():
        return make_home(root, settings=settings, demo=True)
    home = load_home(root)
    if not home.settings.demo:
        raise ConfigError(f"{root} is a station in service, not a demonstration", kept="It was not touched")
    durable.replace_file(root / "station.toml", settings.encode())
    return load_home(root)


def _add_people(tour: _Tour) -> dict[str, str]:
    """Add the sample people that are not there yet; returns ids by key."""
    found = {}
    for sample in tour.plan["people"]:
        with tour.database.read() as session:
            known = checks.person_of_login(session, sample["login"])
        if known is not None:
            found[sample["key"]] = known.person
            continue
        roles = [Role(role) for role in sample["roles"]]
        second = Second()
        if Role.ADMIN in roles:
            second = Second(console_code=issue_console_code(tour.database, "second_admin"))
        described = Description(
            kind=sample["kind"],
            name=sample["name"],
            login=sample["login"],
            unit=tour.plan["unit"],
            certificate_number=sample.get("certificate_number"),
            police_number=sample.get("police_number"),
        )
        found[sample["key"]], _ = add_person(tour.custody, tour.database, _ACTOR, described, roles, second)
    return found


def _add_recorders(tour: _Tour, people: dict[str, str]) -> None:
    """Enter each sample recorder and who holds it, as a clerk does when recorders are handed out."""
    since = clock.format_time(clock.now() - _HELD_SINCE)
    for sample in tour.plan["recorders"]:
        identity = f"serial:{sample['serial']}"
        with tour.database.read() as session:
            if intake.recorder_by_identity(session, identity) is not None:
                continue
        recorder = new_id()
        fact = RecorderKnown.Fact(recorder=recorder, profile="ga-t-947-named", identified_by="serial")
        names = RecorderKnown.Names(
            identity=identity, serial=sample["serial"], label=sample["label"], unit=tour.plan["unit"]
        )
        tour.custody.append(RecorderKnown(fact=fact, names=names, actor=_ACTOR))
        for holder in sample["holders"]:
            issue_recorder(tour.custody, _ACTOR, recorder, people[holder], since)


def _dock_cards(tour: _Tour) -> None:
    """Make the recorders' cards, once, and dock them like any other."""
    cards = tour.home.root / "cards"
    images = [(sample, cards / f"{sample['card']}.img") for sample in tour.plan["recorders"]]
    if not all(image.exists() for _, image in images):
        tour.console.print(tour.t("Making sample footage (about a minute, once) …"))
        files = make_footage(cards / "footage", today=clock.now().astimezone(tour.home.zone).date())
        for sample, image in images:
            card = make_card(
                image,
                [each for each in files if each.card == sample["card"]],
                label=sample["label"],
                serial=sample["volume"],
                file_system=sample["file_system"],
            )
            if card.file_system != sample["file_system"]:
                tour.console.print(tour.t("exFAT can't be made here (it needs root and FUSE): FAT32 was used"))
    for slot, (_, image) in enumerate(images, start=1):
        request = Request(image, slot=slot, actor=_ACTOR)
        account = dock(tour.home, tour.database, tour.custody, request, _ignore)
        counts = ", ".join(
            f"{tour.t.code('result', result)} {count}" for result, count in account.counts.items() if count
        )
        tour.console.print(tour.t("Recorder {name} docked: {counts}", name=image.stem, counts=counts), markup=False)
        if account.counts[FileResult.NEW] == 0 and account.whole:
            tour.console.print(tour.t("Nothing was copied: everything on it is held already"))


def _ignore(_line: SlotBoard) -> None:
    """Show nothing here: the dock board does."""


def _open_cases(tour: _Tour, people: dict[str, str]) -> None:
    """Open the sample cases, and submit one of them with its clips, once."""
    with tour.database.read() as session:
        if checks.any_target(session):
            return
    clerk = next(sample["key"] for sample in tour.plan["people"] if "clerk" in sample["roles"])
    viewer, actor = _as(tour, people[clerk], Role.CLERK)
    targets = {}
    for sample in tour.plan["cases"]:
        handlers = tuple(people[key] for key in sample["handlers"])
        wanted = NewTarget(TargetKind(sample["kind"]), sample.get("number", ""), sample["title"], handlers)
        targets[sample.get("number", "")] = open_target(tour.custody, tour.home, viewer, actor, wanted)
    submitted = tour.plan["submitted"]
    _tag(tour, people[submitted["officer"]], targets[submitted["case"]], submitted)
    viewer, actor = _as(tour, people[submitted["handler"]], Role.HANDLER)
    submit_case(tour.custody, viewer, actor, targets[submitted["case"]])


def _tag(tour: _Tour, officer: str, target: str, submitted: dict[str, str]) -> None:
    """Bind an officer's videos to a case, with their place, as that officer would."""
    viewer, actor = _as(tour, officer, Role.OFFICER)
    with tour.database.read() as session:
        rows = list_clips(session, viewer, ClipFilter(collector=officer)).rows
    clips = tuple(row.clip for row in rows if row.media == "video" and row.time_trust == TimeTrust.PLAIN)
    request = BindRequest(
        clips=clips,
        kind=TargetKind.CASE,
        target=target,
        stage=EnforcementStage(submitted["stage"]),
        proves=(Proof(text=submitted["proves"]),),
        place=submitted["place"],
    )
    bind(tour.custody, tour.database, tour.home, viewer, actor, request)


def _as(tour: _Tour, person: str, role: Role) -> tuple[Viewer, Actor]:
    viewer = Viewer(person, frozenset({role.value}), tour.plan["unit"])
    return viewer, Actor(person=person, via="console", strength="console", os_user="demo")


def _issue_links(tour: _Tour, people: dict[str, str]) -> list[str]:
    lines = []
    for sample in tour.plan["people"]:
        second = Second()
        if "admin" in sample["roles"]:
            second = Second(console_code=issue_console_code(tour.database, "second_admin"))
        token = issue_link(tour.custody, tour.database, _ACTOR, people[sample["key"]], second)
        roles = ", ".join(tour.t.code("role", role) for role in sample["roles"])
        lines.append(f"  {sample['name']} ({roles})\n    http://{tour.home.settings.listen}/welcome/{token}")
    return lines
