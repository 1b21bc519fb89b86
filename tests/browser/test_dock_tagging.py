"""今日标记 at the dock by keyboard: a badge is read on the board, twenty recordings are tagged, the board is back."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from station.actions import dock_entry
from station.records.terms import Role
from tests.browser.conftest import chromium
from tests.fakes.stations import CONSOLE, FakeStation, memory_station

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
PIN, BADGE, CLIPS = "4826", "110235", 20


@pytest.fixture
def dock() -> Iterator[tuple[FakeStation, str]]:
    """Yield a served station with twenty recordings of an officer who has a PIN, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before the server runs waits
        listen = f"127.0.0.1:{listening.getsockname()[1]}"
        with memory_station(listen=listen) as station:
            officer = station.person("wang", Role.OFFICER, police_number=BADGE)
            station.take_in_recorder(officer)
            for _ in range(CLIPS):
                station.clip(poster=False)
            start = dock_entry.issue_start_pin(station.custody, CONSOLE, officer.person)
            dock_entry.enter(
                station.custody, station.database, badge=BADGE, pin=start, chosen=PIN, again=PIN, address="127.0.0.1"
            )
            config = uvicorn.Config(station.create_app(), log_level="error", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = Thread(target=server.run, kwargs={"sockets": [listening]})
            serving.start()
            try:
                yield station, f"http://{listen}"
            finally:
                server.should_exit = True
                serving.join()


def test_twenty_recordings_are_tagged_from_board_to_board_by_keyboard(
    chromium: Browser, dock: tuple[FakeStation, str]
) -> None:
    station, address = dock
    context = chromium.new_context(base_url=address, locale="zh-CN")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/dock")
    page.keyboard.type(BADGE)
    page.keyboard.press("Enter")
    expect(page.locator("input[name=pin]")).to_be_focused()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator(".recording input:checked")).to_have_count(CLIPS)
    for _ in range(3):  # case, pending matter, inspection task, none
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".recording")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{address}/dock")
    context.close()
    bound = station.entries("clip.bound")
    assert len(bound) == CLIPS
    assert {entry.actor.strength for entry in bound} == {"badge_pin"}
