"""A look at every template with believable values, without a station: `python -m tests.browser.preview [PORT]`.

For people who work on the front end. It sends the same strict Content-Security-Policy as the station.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment

from station.api.render import load_templates
from station.i18n import translator
from tests.browser import samples

WEB = Path(__file__).resolve().parents[2] / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'"
)


@dataclass(frozen=True)
class _Badges:
    untagged: int = 14
    alarms: int = 1
    total: int = 1286
    today: int = 42
    damaged: int = 2
    reviews: int = 3


def assets() -> dict[str, str]:
    names: dict[str, str] = json.loads((WEB / "dist" / "manifest.json").read_text(encoding="utf-8"))
    return names


@cache
def templates() -> Environment:
    return load_templates()


def render(name: str, page: Any, *, locale: str = "zh_CN", me: Any = None, path: str = "/", demo: bool = True) -> str:
    zone = ZoneInfo("Asia/Shanghai")
    say = translator(locale, zone)
    return (
        load_templates()
        .get_template(name)
        .render(
            page=page,
            me=me,
            locale=locale,
            zone=zone,
            t=say,
            _=say,
            demo=demo,
            assets=assets(),
            path=path,
            at_dock=getattr(page, "at_dock", False),
            counts=_Badges() if me else None,
        )
    )


app = FastAPI()
app.mount("/assets", StaticFiles(directory=WEB / "dist"))


@app.get("/frames.json")
def frames() -> dict[str, Any]:
    """Send the times of a quarter of an hour's frames."""
    return {"base": [1, 25], "first": 0, "runs": [[1, 20_000], [2, 1_250]]}


@app.get("/clips/{clip}/poster")
def poster(clip: str) -> Response:
    return Response(samples.poster(clip), media_type="image/svg+xml")


@app.get("/clips/{clip}/filmstrip")
def filmstrip(clip: str) -> Response:
    return Response(samples.filmstrip(clip), media_type="image/svg+xml")


@app.get("/dock/events")
def events() -> StreamingResponse:
    async def quiet() -> AsyncIterator[str]:
        yield ": connected\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(quiet(), media_type="text/event-stream")


@app.get("/{path:path}")
def page(request: Request, path: str) -> HTMLResponse:
    if request.headers.get("hx-request") and "cursor" in request.query_params:
        path = "clips-more-table" if request.query_params.get("view") == "table" else "clips-more"
    shown = samples.PAGES.get("clips/c01/preview" if path.endswith("/preview") else path)
    if shown is None:
        return HTMLResponse("\n".join(f'<p><a href="/{each}">{each}</a></p>' for each in samples.PAGES))
    locale = "en" if request.query_params.get("lang") == "en" else "zh_CN"
    text = render(shown.template, shown.page, locale=locale, me=shown.me, path=shown.path)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]) if len(sys.argv) > 1 else 8471, log_level="warning")
