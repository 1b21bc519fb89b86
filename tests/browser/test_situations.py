"""Seven situations of a working day, played as those in them would, by keyboard or touch, in 中文 or English."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect

from station.actions import amend, bind, dock_entry, targets
from station.actions.targets import NewTarget
from station.catalogue.views import Viewer
from station.records.entries import Proof
from station.records.terms import EnforcementStage, Role, TargetKind
from tests.browser.conftest import chromium
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation, memory_station

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
Sit = Callable[..., Page]


@dataclass
class Town:
    """A served station."""

    station: FakeStation
    address: str

    def case(self, clerk: Viewer, number: str, *handlers: Viewer) -> str:
        wanted = NewTarget(TargetKind.CASE, number, "占道经营", tuple(each.person for each in handlers))
        actor = self.station.session(clerk)[1]
        return targets.open_target(self.station.custody, self.station.home, clerk, actor, wanted)

    def bound(self, clerk: Viewer, case: str, *clips: str) -> None:
        """Bind clips to a case so that no field is missing."""
        actor = self.station.session(clerk)[1]
        wanted = bind.BindRequest(
            clips=clips,
            kind=TargetKind.CASE,
            target=case,
            stage=EnforcementStage.ON_SITE,
            proves=(Proof(text="当事人现场陈述"),),
            place="人民路1号",
        )
        bind.bind(self.station.custody, self.station.database, self.station.home, clerk, actor, wanted)
        for clip in clips:
            given = amend.Amendment("collector", collector_name="张伟")
            amend.amend(self.station.custody, clerk, actor, clip, given)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before the server runs waits
        listen = f"127.0.0.1:{listening.getsockname()[1]}"
        with memory_station(listen=listen) as station:
            config = uvicorn.Config(station.create_app(), log_level="error", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            serving = Thread(target=server.run, kwargs={"sockets": [listening]})
            serving.start()
            try:
                yield Town(station, f"http://{listen}")
            finally:
                server.should_exit = True
                serving.join()


@pytest.fixture
def sit(chromium: Browser, town: Town) -> Iterator[Sit]:
    """Yield what seats somebody at a screen of their own: `touch` is a tablet, else there is a keyboard."""
    contexts: list[BrowserContext] = []

    def sit(viewer: Viewer | None, *, english: bool = False, touch: bool = False) -> Page:
        context = chromium.new_context(
            base_url=town.address,
            locale="en" if english else "zh-CN",
            has_touch=touch,
            viewport={"width": 1024, "height": 768},
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        cookies = {"station_locale": "en" if english else "zh_CN"}
        if viewer is not None:
            cookies["station_session"] = town.station.session(viewer)[0]
        context.add_cookies([{"name": name, "value": cookies[name], "url": town.address} for name in cookies])
        return context.new_page()

    yield sit
    for context in contexts:
        context.close()


def test_the_number_comes_three_days_later(town: Town, sit: Sit) -> None:
    station = town.station
    zhang, chen = station.person("a-zhang", Role.OFFICER), station.person("a-chen", Role.CLERK)
    station.take_in_recorder(zhang)
    clip = station.clip()
    page = sit(zhang)
    page.goto("/today")
    page.locator("#kind-case").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".panel[data-panel=matter] summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("裕华路早市占道经营")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".recording")).to_have_count(0)
    desk = sit(chen)
    desk.goto("/cases?kind=matter")
    desk.locator("a", has_text="待立案").first.click()
    desk.locator("summary", has_text="处理待立案事项").focus()
    desk.keyboard.press("Enter")
    desk.locator("input[name=number]").fill("冀市监处罚〔2026〕201号")
    desk.keyboard.press("Enter")
    expect(desk.locator("h1")).to_have_text("冀市监处罚〔2026〕201号")
    expect(desk.locator(".cards .clip")).to_have_count(1)
    desk.goto(f"/clips/{clip}")
    expect(desk.locator(".one-field", has_text="案件编号")).to_contain_text("201号")
    expect(desk.locator(".history")).to_contain_text("关联到待立案事项")


def test_one_clip_belongs_to_two_cases_and_neither_tells_of_the_other(town: Town, sit: Sit) -> None:
    station = town.station
    chen = station.person("b-chen", Role.CLERK)
    liu, sun = station.person("b-liu", Role.HANDLER), station.person("b-sun", Role.HANDLER)
    town.case(chen, "冀市监处罚〔2026〕301号", liu)
    town.case(chen, "冀市监处罚〔2026〕302号", sun)
    station.take_in_recorder()
    clip = station.clip()
    page = sit(chen, english=True, touch=True)
    for number in ("301", "302"):
        page.goto(f"/bind?clip={clip}")
        page.locator(".panel[data-panel=case] input[type=search]").fill(number)
        page.locator(".found .choice", has_text=f"{number}号").tap()
        page.locator(".stages .chip").first.tap()
        page.locator("footer button.main").tap()
        expect(page.locator("footer button.main")).to_have_count(0)
    page.goto(f"/clips/{clip}")
    expect(page.locator(".binding a", has_text="号")).to_have_count(2)
    for handler, own, other in ((liu, "301号", "302号"), (sun, "302号", "301号")):
        theirs = sit(handler, english=True, touch=True)
        theirs.goto(f"/clips/{clip}")
        expect(theirs.locator(".binding").first).to_contain_text(own)
        assert other not in theirs.content()


def test_two_officers_share_a_recorder_and_only_what_is_certain_is_filled_in(town: Town, sit: Sit) -> None:
    station = town.station
    chen = station.person("c-chen", Role.CLERK)
    wang, zhao = station.person("c-wang", Role.OFFICER), station.person("c-zhao", Role.OFFICER)
    recorder = station.take_in_recorder()
    page = sit(chen)
    for officer, since in ((wang, "2026-11-20T08:00"), (zhao, "2026-11-20T12:00")):
        page.goto("/recorders")
        form = page.locator(f"form[action='/recorders/{recorder}/issue']")
        page.locator("details.fold", has=form).locator("summary").first.click()
        form.locator("select").select_option(officer.person)
        form.locator("input[name=since]").fill(since)
        form.locator("input[name=since]").press("Enter")
        page.wait_for_load_state()
    morning = station.clip(recorded_at="2026-11-20T02:00:00.000000Z")
    afternoon = station.clip(recorded_at="2026-11-20T07:00:00.000000Z")
    page.goto(f"/clips/{morning}")
    expect(page.locator(".one-field", has_text="采集人")).to_contain_text("C-Wang")
    page.goto("/clips?queue=collector")
    expect(page.locator(f".clip a[href*='{afternoon}']").first).to_be_visible()
    page.goto(f"/clips/{afternoon}")
    field = page.locator(".one-field", has_text="采集人")
    expect(field).to_contain_text("领用人不唯一")
    field.locator("summary").focus()
    page.keyboard.press("Enter")
    field.locator("select[name=collector]").select_option(zhao.person)
    field.locator("button.main").press("Enter")
    expect(page.locator(".one-field", has_text="采集人")).to_contain_text("C-Zhao")
    for officer, own, other in ((wang, morning, afternoon), (zhao, afternoon, morning)):
        theirs = sit(officer)
        theirs.goto("/today")
        expect(theirs.locator(f"input[name=clip][value='{own}']")).to_have_count(1)
        expect(theirs.locator(f"input[name=clip][value='{other}']")).to_have_count(0)


def test_a_wrong_badge_opens_nothing_and_a_wrong_number_fills_in_nobody(town: Town, sit: Sit) -> None:
    station = town.station
    chen = station.person("d-chen", Role.CLERK)
    wang = station.person("d-wang", Role.OFFICER, police_number="110301")
    li = station.person("d-li", Role.OFFICER, police_number="110302")
    for officer, badge, pin in ((wang, "110301", "4826"), (li, "110302", "5937")):
        start = dock_entry.issue_start_pin(station.custody, CONSOLE, officer.person)
        given = {"badge": badge, "pin": start, "chosen": pin, "again": pin, "address": "127.0.0.1"}
        dock_entry.enter(station.custody, station.database, **given)
    station.take_in_recorder(wang)
    clip = station.clip(police_number="110302")  # Li wore it: the recorder wrote the number that was set on it
    dock = sit(None, english=True)
    dock.goto("/dock")
    dock.keyboard.type("110302")  # Wang takes the badge beside his own
    dock.keyboard.press("Enter")
    expect(dock.locator("input[name=pin]")).to_be_focused()
    dock.keyboard.type("4826")
    dock.keyboard.press("Enter")
    expect(dock.locator(".notice.bad")).to_be_visible()
    expect(dock.locator(".recording")).to_have_count(0)
    page = sit(chen, english=True)
    page.goto(f"/clips/{clip}")
    field = page.locator(".one-field", has_text="Collector")
    expect(field.locator(".warn-text")).to_be_visible()
    field.locator("summary").click()
    field.locator("select[name=collector]").select_option(li.person)
    field.locator("button.main").click()
    expect(page.locator(".one-field", has_text="Collector")).to_contain_text("D-Li")
    theirs = sit(wang)
    assert theirs.goto(f"/clips/{clip}").status == 404  # type: ignore[union-attr]


def test_a_change_after_submission_voids_the_opinion_until_it_is_submitted_anew(town: Town, sit: Sit) -> None:
    station = town.station
    chen, liu = station.person("e-chen", Role.CLERK), station.person("e-liu", Role.HANDLER)
    zhao, zhou = station.person("e-zhao", Role.REVIEWER), station.person("e-zhou", Role.APPROVER)
    station.with_password(liu)
    case = town.case(chen, "冀市监处罚〔2026〕501号", liu)
    station.take_in_recorder()
    clips = [station.clip() for _ in range(12)]
    town.bound(chen, case, *clips)
    handler, reviewer = sit(liu), sit(zhao)
    submit(handler, case)
    address = handler.url
    station.checked(chen, clips)
    reviewer.goto("/reviews")
    reviewer.locator("a", has_text="501号").click()
    agree(reviewer)
    expect(reviewer.locator("#opinion .badge.good")).to_have_text("同意")
    clerk = sit(chen)
    clerk.goto(f"/cases/{case}/change/{clips[0]}")
    clerk.fill("input[name=place]", "河西路2号")
    clerk.fill("input[name=reason]", "笔误")
    clerk.fill("input[name=second_login]", "e-liu")
    clerk.fill("input[name=second_password]", PASSWORD)
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#changes")).to_be_visible()
    reviewer.goto(address)
    expect(reviewer.locator(".notice.bad").first).to_contain_text("送审后有变更")
    expect(reviewer.locator(".notice.bad").first).to_contain_text("已有的审核意见作废")
    expect(reviewer.locator(".diff .old")).to_have_text("人民路1号")
    expect(reviewer.locator(".diff .new")).to_have_text("河西路2号")
    expect(reviewer.locator("form[action$=opinion]")).to_have_count(0)
    liu_again = sit(liu)  # a password was tried with his name; his own session goes on
    submit(liu_again, case)
    station.checked(chen, clips)
    reviewer.goto(liu_again.url)
    whole_on_paper(reviewer)
    agree(reviewer)
    export(liu_again, sit(zhou), sit(chen), case)


def submit(page: Page, case: str) -> None:
    """Submit a case as its handler."""
    page.goto(f"/cases/{case}/submit?act=penalty_summary")
    page.locator("input[name=confirmed]").press("Space")
    page.locator("form button.main").press("Enter")
    expect(page.locator("#opinion")).to_be_visible()


def agree(page: Page) -> None:
    """Give an opinion that agrees."""
    page.locator("input[name=verdict][value=agree]").check(force=True)
    page.fill("textarea[name=words]", "事实清楚，同意。")
    page.locator("form[action$=opinion] button.main").press("Enter")
    expect(page.locator("#opinion .review-words")).to_have_text("事实清楚，同意。")


def whole_on_paper(page: Page) -> None:
    """Check that a printed submission splits no line, keeps headings with what follows, and cuts nothing off."""
    page.emulate_media(media="print")
    style = "each => { const style = getComputedStyle(each); return [style.breakInside, style.breakAfter] }"
    for line in page.locator(".review-line, .table tr").all():
        assert line.evaluate(style)[0] == "avoid"
    for heading in page.locator("h2").all():
        if heading.is_visible():
            assert heading.evaluate(style)[1] == "avoid", heading.inner_text()
    # A list that may not be split would begin on a page of its own and leave the rest of the first one empty.
    assert page.locator(".review-lines").evaluate(style)[0] == "auto"
    expect(page.locator(".print-signatures")).to_be_visible()
    expect(page.locator("form[action$=opinion]")).to_be_hidden()
    expect(page.locator("#opinion .print-only")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="screen")


def export(handler: Page, approver: Page, clerk: Page, case: str) -> None:
    """Ask for a court package, approve it, and see it with the clerk who makes it."""
    handler.goto(f"/cases/{case}")
    handler.locator("#court-packages details > summary.head").press("Enter")
    handler.locator("#court-packages input[name=reason]").first.check(force=True)
    handler.locator("#court-packages form button.main").press("Enter")
    expect(handler.locator("h1")).to_have_text("冀市监处罚〔2026〕501号")
    handler.wait_for_url("**/exports/*")
    approver.goto("/exports")
    approver.locator("a", has_text="501号").click()
    approver.locator("form[action$=approve] button").press("Enter")
    expect(approver.locator("form[action$=approve]")).to_have_count(0)
    clerk.goto("/exports")
    clerk.locator("a", has_text="501号").click()
    expect(clerk.locator("form[action$=produce] button").first).to_be_enabled()


def test_a_patrol_without_a_case_is_tagged_with_its_reason(town: Town, sit: Sit) -> None:
    station = town.station
    wang = station.person("f-wang", Role.OFFICER)
    station.take_in_recorder(wang)
    clips = [station.clip() for _ in range(3)]
    page = sit(wang, english=True, touch=True)
    page.goto("/today")
    page.locator("label[for=kind-none]").tap()
    page.locator(".panel[data-panel=none] .chip", has_text="Patrol").tap()
    page.locator(".apply button").tap()
    expect(page.locator(".recording")).to_have_count(0)
    expect(page.locator(".badge.good")).to_contain_text("3 tagged today")
    page.goto(f"/clips/{clips[0]}")
    expect(page.locator(".binding")).to_contain_text("patrol", ignore_case=True)


def test_a_suspected_secret_is_seen_by_nobody_until_it_is_lifted_on_purpose(town: Town, sit: Sit) -> None:
    station = town.station
    wang, chen = station.person("g-wang", Role.OFFICER), station.person("g-chen", Role.CLERK)
    zhou, lu = station.person("g-zhou", Role.INSPECTOR), station.person("g-lu", Role.OFFICER)
    station.take_in_recorder(wang)
    clip = station.clip()
    page = sit(wang)
    page.goto(f"/clips/{clip}")
    expect(page.locator("video")).to_have_count(1)
    media = page.locator("video").get_attribute("src") or ""
    page.locator("input[name=value][value=suspected_secret]").focus()
    page.keyboard.press("Space")
    page.locator("#sensitivity").locator("xpath=../..").locator("form button").press("Enter")
    expect(page.locator(".notice.bad").first).to_contain_text("疑似涉密")
    for viewer in (wang, chen, zhou):  # an inspector may see any recording at once, but not this one
        theirs = sit(viewer)
        theirs.goto(f"/clips/{clip}")
        expect(theirs.locator(".steps")).to_be_visible()
        expect(theirs.locator("video, .no-media img")).to_have_count(0)
        assert theirs.request.get(f"{town.address}{media}").status == 403
        assert theirs.request.get(f"{town.address}/clips/{clip}/poster").status in (403, 404)
    assert sit(lu).goto(f"/clips/{clip}").status == 404  # type: ignore[union-attr]
    desk = sit(chen)
    desk.goto(f"/clips/{clip}")
    desk.locator("input[name=value][value=ordinary]").focus()
    desk.keyboard.press("Space")
    desk.locator("form[action$=sensitivity] input[name=reason]").fill("保密部门核定不涉密")
    desk.keyboard.press("Enter")
    expect(desk.locator("video")).to_have_count(1)
    expect(desk.locator(".history")).to_contain_text("保密部门核定不涉密")
