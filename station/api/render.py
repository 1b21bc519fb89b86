"""Pages from templates: what every template gets beside its `page`, and the languages.

Guarantees: everything a template writes is escaped; a name that is not there is an error, never an empty place; 中文
unless the reader chose otherwise.
"""

import json
from functools import cache
from pathlib import Path

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from station import i18n
from station.api.context import Station, Visit, current_counts, station_of
from station.errors import HomeError
from station.i18n import Translator

WEB_FOLDER = Path(__file__).resolve().parents[2] / "web"
LOCALE_COOKIE = "station_locale"


@cache
def load_templates(folder: Path = WEB_FOLDER / "templates") -> jinja2.Environment:
    """Return the environment of the pages' templates: one for the process, so that each is compiled once."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def load_assets(folder: Path = WEB_FOLDER / "dist") -> dict[str, str]:
    """Return the built file of each asset's name; raises HomeError when the front end was not built."""
    try:
        assets: dict[str, str] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HomeError("The pages' scripts and styles were not built", hint="Run `make install`") from error
    return assets


def locale_of(request: Request, station: Station) -> str:
    """Return the reader's language: as chosen, else the station's."""
    chosen = request.cookies.get(LOCALE_COOKIE)
    return chosen if chosen in i18n.LOCALES else station.home.settings.locale


def translator_of(request: Request) -> Translator:
    """Return what speaks the reader's language."""
    station = station_of(request)
    return i18n.translator(locale_of(request, station), station.home.zone)


def path_of(request: Request) -> str:
    """Return the request's path and query, as links of the page itself write it."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def render(
    request: Request, template: str, page: object, *, visit: Visit | None = None, status: int = 200
) -> HTMLResponse:
    """Return the page made of `template` and `page`."""
    station = station_of(request)
    translate = translator_of(request)
    text = station.templates.get_template(template).render(
        page=page,
        me=visit.person if visit else None,
        locale=translate.locale,
        zone=station.home.zone,
        t=translate,
        _=translate,
        demo=station.home.settings.demo,
        assets=station.assets,
        path=path_of(request),
        at_dock=visit is not None and visit.at_dock,
        counts=current_counts(station, visit),
    )
    return HTMLResponse(text, status)


def is_htmx(request: Request) -> bool:
    """Tell whether a script on our page asks for a piece of it."""
    return request.headers.get("hx-request") == "true"
