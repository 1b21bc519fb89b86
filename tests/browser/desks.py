"""Desks to sit at: a station served from memory, and people with a browser each who use it by keyboard or by touch."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from station import clock
from station.catalogue.views import Viewer
from tests.fakes.stations import FakeStation, memory_station

TABLET = {"viewport": {"width": 1280, "height": 800}, "has_touch": True}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
_STEPS = 120
_WHERE = """(wanted) => {
  const at = document.activeElement;
  if (at === wanted) return "there";
  if (wanted.type === "radio" && at.name === wanted.name && at.form === wanted.form) return "beside";
  return at === document.body && !location.hash && wanted.closest("main") ? "top" : "on the way";
}"""
_REFUSED = re.compile(r"status of 40[139]")  # the browser reports every refusal


@cache
def _application() -> FastAPI:
    """Make the application once: its routes are the same for every station."""
    with memory_station() as station:
        return station.create_app()


@contextmanager
def serve_in_memory() -> Iterator[tuple[FakeStation, str]]:
    """Yield a station that is served by this process, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before the server runs waits
        listen = f"127.0.0.1:{listening.getsockname()[1]}"
        with memory_station(listen=listen) as station:
            application = _application()
            station.attach_to(application)
            config = uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = Thread(target=server.run, kwargs={"sockets": [listening]})
            serving.start()
            try:
                yield station, f"http://{listen}"
            finally:
                server.should_exit = True
                serving.join()


@dataclass
class Desks:
    """A served station and whoever sits at it; `complaints` are what pages wrote to their consoles of errors."""

    station: FakeStation
    address: str
    chromium: Browser
    patch: pytest.MonkeyPatch
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def sit(self, viewer: Viewer | None, path: str, *, locale: str = "zh-CN", **options: object) -> Page:
        """Open a page in a browser of somebody's own; of nobody's, as at the dock, without a viewer."""
        context = self.chromium.new_context(base_url=self.address, locale=locale, **options)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        cookies = {"station_locale": "zh_CN" if locale == "zh-CN" else "en"}
        if viewer is not None:
            cookies["station_session"], _ = self.station.session(viewer)
        context.add_cookies([{"name": name, "value": value, "url": self.address} for name, value in cookies.items()])
        page = context.new_page()
        page.on("console", lambda line: self._complain(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.goto(path)
        return page

    def _complain(self, line: str) -> None:
        if not _REFUSED.search(line):
            self.complaints.append(line)

    def serve_again(self) -> None:
        """Serve the station as it is now, by settings that were changed."""
        self.station.attach_to(_application())

    def at(self, moment: datetime) -> None:
        """Let it be that time at the station."""
        self.patch.setattr(clock, "now", lambda: moment)

    def leave(self) -> None:
        """Close the browsers."""
        for context in self.contexts:
            context.close()


def reach(wanted: Locator) -> None:
    """Go to a control as the keyboard does, by Tab; for one of several radio buttons then by the arrows.

    From the top of a page the way is by its first link, which skips to the content.
    """
    page = wanted.page
    for _ in range(_STEPS):
        at = wanted.evaluate(_WHERE)
        if at == "there":
            return
        page.keyboard.press("ArrowRight" if at == "beside" else "Tab")
        if at == "top":
            page.keyboard.press("Enter")
    pytest.fail(f"the keyboard does not reach {wanted}")


def choose(wanted: Locator) -> None:
    """Choose a radio button or check box by the keyboard."""
    reach(wanted)
    if not wanted.is_checked():
        wanted.page.keyboard.press("Space")
    assert wanted.is_checked()


def write(wanted: Locator, words: str) -> None:
    """Replace what a field says, by the keyboard."""
    reach(wanted)
    wanted.page.keyboard.press("Control+a")
    wanted.page.keyboard.insert_text(words)


def press(wanted: Locator, key: str = "Enter") -> None:
    """Press a button or follow a link by the keyboard."""
    reach(wanted)
    wanted.page.keyboard.press(key)
