"""The first run: code, sheet, end. Nothing is kept between them but what the browser holds."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import Response

from station.actions import first as actions
from station.actions import login as ways
from station.actions.problems import ProblemError
from station.actions.settings import changeable
from station.api.auth import address_of, set_cookie
from station.api.context import adopt_home, station_of
from station.api.errors import SlowDownError
from station.api.first_pages import ClaimedPage, FirstPage, SheetPage
from station.api.render import render
from station.config import Home

_ZONES = ("Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau", "UTC")
_LONGEST = 300


def first_page(request: Request) -> Response:
    """Ask for the code, or say that the station is claimed already."""
    exists = ways.admin_exists(station_of(request).database)
    return _code(request, "admin_exists" if exists else None)


def _code(request: Request, problem: str | None) -> Response:
    return render(request, "first.html", FirstPage(problem), status=200 if problem is None else 409)


def first(
    request: Request,
    code: Annotated[str, Form()] = "",
    step: Annotated[str, Form()] = "claim",
    unit: Annotated[str | None, Form()] = None,
    time_zone: Annotated[str | None, Form()] = None,
    case_numbers: Annotated[str, Form()] = "own",
    backup_folder: Annotated[str | None, Form()] = None,
    name: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
    second_name: Annotated[str, Form()] = "",
    second_login: Annotated[str, Form()] = "",
) -> Response:
    """Show the sheet to whoever has the code (`step` code), or claim the station with what the sheet says."""
    station, address = station_of(request), address_of(request)
    if not station.limits.try_code(address):
        raise SlowDownError("Too many codes were tried")
    settings = station.home.settings
    typed = {
        "unit": settings.unit if unit is None else unit[:_LONGEST],
        "time_zone": settings.time_zone if time_zone is None else time_zone[:_LONGEST],
        "case_numbers": case_numbers[:20],
        "backup_folder": ", ".join(settings.backup_folders) if backup_folder is None else backup_folder[:_LONGEST],
        "name": name[:80],
        "login": login[:40],
        "second_name": second_name[:80],
        "second_login": second_login[:40],
    }
    try:
        actions.check_code(station.database, code)
    except ProblemError as error:
        return _code(request, error.code)
    if step == "code":
        return _sheet(request, code, typed | {"case_numbers": actions.case_form(station.home)})
    try:
        if password != again:
            raise ProblemError("password_differs", "The two passwords differ")
        second = actions.Admin(second_name, second_login) if second_name.strip() or second_login.strip() else None
        values = actions.settings_of(
            typed["unit"], typed["time_zone"], typed["case_numbers"], typed["backup_folder"], station.home
        )
        allowed = _changeable(station.home)
        claimed = actions.claim(
            station.custody,
            station.database,
            station.home,
            code=code,
            first=actions.Admin(name, login, password),
            second=second,
            settings={name: value for name, value in values.items() if name in allowed},
            address=address,
        )
    except ProblemError as error:
        return _sheet(request, code, typed, error.code)
    adopt_home(request, claimed.home)
    page = ClaimedPage(
        name=name.strip(),
        found=actions.look(claimed.home),
        head=actions.head(station.database),
        backup_folders=claimed.home.settings.backup_folders,
        second=second.name.strip() if second else "",
        link=f"{request.url.scheme}://{request.url.netloc}/welcome/{claimed.link}" if claimed.link else "",
    )
    response = render(request, "first_done.html", page)
    set_cookie(request, response, claimed.opened)
    return response


def _sheet(request: Request, code: str, values: dict[str, str], problem: str | None = None) -> Response:
    home = station_of(request).home
    page = SheetPage(
        code=code,
        found=actions.look(home),
        values=values,
        changeable=_changeable(home),
        file=str(home.root / "station.toml"),
        zones=tuple(dict.fromkeys((home.settings.time_zone, *_ZONES))),
        own_pattern=home.settings.case_number_pattern if actions.case_form(home) == "own" else "",
        problem=problem,
    )
    return render(request, "first_sheet.html", page, status=200 if problem is None else 409)


def _changeable(home: Home) -> frozenset[str]:
    several = {"backup_folders"} if len(home.settings.backup_folders) > 1 else set[str]()  # the sheet has room for one
    return changeable(home, actions.SETTINGS) - several


ROUTES = (
    ("GET", "/first", first_page),
    ("POST", "/first", first),
)
