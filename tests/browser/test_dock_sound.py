"""The dock board heard: silent until somebody turns the sound on, then one tune for what ended, another for trouble."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from station.board import slot_meter
from tests.browser.conftest import chromium
from tests.browser.desks import Desks, serve_in_memory

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
RISING, LOW = [659, 880], [311, 311, 311]
_LISTEN = """
globalThis.heard = [];
globalThis.OscillatorNode = class extends OscillatorNode {
  constructor(context, options) {
    super(context, options);
    heard.push(options.frequency);
  }
};
"""


@pytest.fixture
def desks(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    """Yield a station with an empty dock; its screen counts as the dock's own."""
    with serve_in_memory() as (station, address):
        made = Desks(station, address, chromium, monkeypatch)
        yield made
        made.leave()
        assert made.complaints == []


def heard(page: Page, notes: list[int]) -> None:
    """Wait until these notes and no others have been played; then forget them."""
    page.wait_for_function("(wanted) => heard.length >= wanted", arg=len(notes))
    assert page.evaluate("heard.splice(0)") == notes


def put(desks: Desks, page: Page, slot: int, state: str) -> None:
    """Bring a slot into a state, and wait until the board shows it."""
    station = desks.station
    with slot_meter(station.home.run, slot, station.home.settings.slots, lambda _line: None) as meter:
        meter.update(state=state, recorder_name="T-1", force=True)
    expect(page.locator(f".slot[data-slot='{slot}'][data-state={state}]")).to_be_visible()


def test_the_board_is_heard_when_somebody_wants_that_and_keeps_the_choice(desks: Desks) -> None:
    page = desks.sit(None, "/dock", has_touch=True)
    page.add_init_script(_LISTEN)
    page.reload()
    sound = page.get_by_role("button", name="声音")
    expect(sound).to_have_attribute("aria-pressed", "false")
    put(desks, page, 1, "done")
    assert page.evaluate("heard") == [], "nobody asked for it"

    sound.tap()
    expect(sound).to_have_text("声音已开")
    expect(sound).to_have_attribute("aria-pressed", "true")
    heard(page, RISING)  # what was chosen is shown by being heard
    put(desks, page, 2, "copying")
    assert page.evaluate("heard") == []
    put(desks, page, 2, "done")
    heard(page, RISING)
    put(desks, page, 1, "failed")
    heard(page, LOW)

    page.reload()
    expect(sound).to_have_attribute("aria-pressed", "true")
    page.touchscreen.tap(5, 5)  # a browser plays nothing before its page was touched
    expect(sound).to_have_text("声音已开")
    put(desks, page, 3, "quarantined")
    heard(page, LOW)
    sound.tap()
    expect(sound).to_have_text("声音已关")
    put(desks, page, 3, "failed")
    assert page.evaluate("heard") == []
