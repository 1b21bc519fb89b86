"""Backups and drills, for the administrator: how old, where, what came of the last drill; asking for one now."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.actions import backing
from station.actions.backups import age_of, known_backups
from station.actions.problems import ProblemError
from station.api.context import station_of, visit_of
from station.api.render import is_htmx, render
from station.api.station_pages import BackupPage
from station.state import backups as jobs
from station.state.backups import Job, Kind


def backup_page(request: Request) -> Response:
    """Show backups and drills, with what is under way."""
    return _page(request, None)


def _page(request: Request, problem: str | None) -> Response:
    station = station_of(request)
    with station.database.read() as session:
        known = known_backups(session)
        running, last = jobs.current(session), (jobs.last(session, "backup"), jobs.last(session, "drill"))
    whole = [each for each in known if each.completed_at]
    drilled = [each for each in known if each.drilled]
    places = backing.places(station.home, known)
    page = BackupPage(
        age=age_of(station.home, known),
        newest=max(whole, key=lambda each: each.completed_at or "", default=None),
        drilled=max(drilled, key=lambda each: each.drilled.at if each.drilled else "", default=None),
        places=places,
        same_disk=_beside((place.folder for place in places), station.home.vault),
        job=running,
        failed=_failed(last),
        warn_days=station.home.settings.backup_warn_days,
        footage=station.home.settings.backup_footage,
        file=station.home.root / "station.toml",
        problem=problem,
    )
    template = "backup_state.html" if is_htmx(request) else "station_backup.html"
    return render(request, template, page, visit=visit_of(request), status=200 if problem is None else 409)


def _failed(last: Iterable[Job | None]) -> tuple[Job, ...]:
    return tuple(job for job in last if job is not None and job.state == "failed")


def _beside(folders: Iterable[Path], vault: Path) -> frozenset[Path]:
    """Return those of the folders that lie on the vault's file system, as far as can be told."""
    return frozenset(folder for folder in folders if _device(folder) == _device(vault) is not None)


def _device(folder: Path) -> int | None:
    for path in (folder, *folder.parents):
        try:
            return path.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:  # not ours to look into
            return None
    return None


def make_backup(request: Request, folder: Annotated[str, Form()] = "") -> Response:
    """Ask for a backup into one of the places."""
    return _ask(request, "backup", folder)


def make_drill(request: Request, folder: Annotated[str, Form()] = "") -> Response:
    """Ask for a drill with the backup in one of the places."""
    return _ask(request, "drill", folder)


def _ask(request: Request, kind: Kind, folder: str) -> Response:
    station = station_of(request)
    try:
        backing.ask(station.home, station.database, visit_of(request).actor, kind, folder)
    except ProblemError as error:
        return _page(request, error.code)
    return RedirectResponse("/station/backup", 303)


ROUTES = (
    ("GET", "/station/backup", backup_page),
    ("POST", "/station/backup", make_backup),
    ("POST", "/station/backup/drill", make_drill),
)
