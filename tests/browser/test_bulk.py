"""Five hundred recordings chosen by the keyboard, bound to a case in one go, and taken back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from station.actions.targets import NewTarget, open_target
from station.records.terms import Role, TargetKind
from tests.browser.conftest import chromium
from tests.browser.desks import Desks, serve_in_memory
from tests.fakes.stations import CONSOLE

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
CLIPS, NUMBER = 500, "冀石城市监处罚〔2026〕131号"


@pytest.fixture
def desks(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    """Yield a station with five hundred recordings and a case."""
    with serve_in_memory() as (station, address):
        made = Desks(station, address, chromium, monkeypatch)
        clerk = station.person("chen", Role.CLERK)
        for _ in range(CLIPS):
            station.clip()
        open_target(station.custody, station.home, clerk, CONSOLE, NewTarget(TargetKind.CASE, NUMBER, "", ()))
        yield made
        made.leave()
        assert made.complaints == []


def test_five_hundred_recordings_are_bound_and_taken_back(desks: Desks) -> None:
    page = desks.sit(desks.station.person("li", Role.CLERK), "/clips?view=table")
    rows = page.locator("tbody tr.clip")
    further = page.locator("tbody .more")
    while further.count():  # the next page comes by itself when its place is seen
        shown = rows.count()
        further.scroll_into_view_if_needed()
        page.wait_for_function("shown => document.querySelectorAll('tbody tr.clip').length > shown", arg=shown)
    expect(rows).to_have_count(CLIPS)
    page.keyboard.press("Home")
    page.locator("[data-all]").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-count]")).to_have_text(f"已选 {CLIPS} 件")
    page.locator(".action-bar button.main").click()
    dialog = page.locator("dialog[open]")
    dialog.locator("[data-panel=case] input[type=search]").fill("131")
    dialog.locator(".found .choice", has_text=NUMBER).click()
    dialog.locator(".stages .chip", has_text="现场").first.click()
    dialog.locator("button.main").click()
    expect(dialog.locator("[data-bound] h2")).to_contain_text(f"已关联 {CLIPS} 件", timeout=60_000)
    assert len(desks.station.entries("clip.bound")) == CLIPS
    dialog.locator("button", has_text="撤销").click()
    expect(dialog.locator("h2")).to_have_text(f"{CLIPS} 件音像记录已恢复原状", timeout=60_000)
    assert len(desks.station.entries("clip.unbound")) == CLIPS
