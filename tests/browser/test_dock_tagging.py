"""今日标记 at the dock by keyboard: a badge is read on the board, twenty recordings are tagged, the board is back."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from station.actions import dock_entry
from station.records.case_entries import ClipAmended
from station.records.entries import Place
from station.records.terms import Role, Source
from tests.browser.conftest import chromium
from tests.browser.light import serving
from tests.fakes.stations import CONSOLE, FakeStation

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
PIN, BADGE, CLIPS = "4826", "110235", 20


@pytest.fixture
def dock() -> Iterator[tuple[FakeStation, str]]:
    """Yield a served station with twenty recordings of an officer who has a PIN, and its address."""
    with served(CLIPS) as made:
        yield made


@contextmanager
def served(clips: int) -> Iterator[tuple[FakeStation, str]]:
    """Serve a station with so many recordings of an officer who has a PIN."""
    with serving() as (station, address):
        officer = station.person("wang", Role.OFFICER, police_number=BADGE)
        station.take_in_recorder(officer)
        for _ in range(clips):
            station.clip(poster=False)
        start = dock_entry.issue_start_pin(station.custody, CONSOLE, officer.person)
        dock_entry.enter(
            station.custody, station.database, badge=BADGE, pin=start, chosen=PIN, again=PIN, address="127.0.0.1"
        )
        yield station, address


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


def enter_by_badge(chromium: Browser, address: str, **options: object) -> Page:
    """Open 今日标记 at the dock."""
    context = chromium.new_context(base_url=address, locale="zh-CN", **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/dock/pin")
    page.locator("input[name=badge]").fill(BADGE)
    page.locator("input[name=pin]").fill(PIN)
    page.locator("form[action='/dock/session'] button.main").click()
    return page


def test_by_touch_a_recording_is_previewed_muted_and_another_is_handed_to_the_clerk(
    chromium: Browser, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=4", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, film], check=True)
    with served(1) as (station, address):
        seen = station.clip(film.read_bytes())
        page = enter_by_badge(chromium, address, has_touch=True, viewport={"width": 360, "height": 740})
        card = page.locator(f".recordings > li:has(input[value='{seen}'])")
        card.locator(".play-here").tap()
        video = card.locator("video")
        expect(video).to_have_js_property("muted", True)
        expect(video).not_to_have_js_property("currentTime", 0)
        expect(card.locator("input[name=clip]")).to_be_checked()  # a look is no choice
        card.locator(".play-here").tap()
        expect(video).to_have_count(0)
        assert [entry.look.clip for entry in station.entries("access.opened")] == [seen]

        words = page.locator("[data-apply]")
        expect(words).to_have_text(re.compile("2"))
        card.locator("summary").tap()
        card.get_by_role("button", name="确认，交管理员核实").tap()
        expect(page.locator(".disclaimed")).to_have_text("已交证据管理员核实采集人")
        expect(words).to_have_text(re.compile("1"))
        expect(page.locator("input[name=clip]")).to_have_count(1)
        (said,) = station.entries("clip.disclaimed")
        assert (said.fact.clip, said.actor.strength) == (seen, "badge_pin")
        page.context.close()


def test_a_place_lately_visited_is_filled_in_by_a_tap(chromium: Browser) -> None:
    with served(1) as (station, address):
        fact = ClipAmended.Fact(clip=station.clip(poster=False), field="place", source=Source.OFFICER)
        station.custody.append(ClipAmended(fact=fact, place=Place(text="中山路市场东门")), seal=False)
        page = enter_by_badge(chromium, address, has_touch=True)
        page.get_by_role("button", name="中山路市场东门").tap()
        expect(page.locator("input[name=place]")).to_have_value("中山路市场东门")
        page.context.close()


def test_by_keyboard_a_recording_is_handed_to_the_clerk(chromium: Browser) -> None:
    with served(2) as (station, address):
        page = enter_by_badge(chromium, address)
        summary = page.locator(".not-mine summary").first
        summary.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".disclaimed")).to_be_visible()
        expect(page.locator("input[name=clip]")).to_have_count(1)
        assert len(station.entries("clip.disclaimed")) == 1
        page.context.close()
