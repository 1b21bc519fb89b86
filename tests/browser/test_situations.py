"""Seven situations from the field, played through by those concerned: in both languages, by keyboard and by touch."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from station import clock
from station.actions import dock_entry
from station.actions.bind import BindRequest, bind
from station.actions.targets import NewTarget, open_target
from station.board import slot_meter
from station.catalogue.views import Viewer
from station.records.entries import Proof
from station.records.terms import EnforcementStage, Role, TargetKind
from station.state import checks
from tests.browser.conftest import chromium
from tests.browser.desks import PHONE, TABLET, Desks, choose, press, serve_in_memory, write
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
NUMBER, OTHER_NUMBER = "冀石城市监处罚〔2026〕131号", "冀石城市监处罚〔2026〕140号"
PIN, BADGE, OTHER_BADGE = "4826", "018233", "018240"
SERIAL = "T-1"


@pytest.fixture
def desks(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    """Yield a station with desks; nothing is docked yet."""
    with serve_in_memory() as (station, address):
        made = Desks(station, address, chromium, monkeypatch)
        yield made
        made.leave()
        assert made.complaints == []


def open_case(station: FakeStation, number: str, *handlers: Viewer) -> str:
    by = station.person(f"opens{number[-4:-1]}", Role.CLERK)
    wanted = NewTarget(TargetKind.CASE, number, "", tuple(each.person for each in handlers))
    return open_target(station.custody, station.home, by, CONSOLE, wanted)


def give_pin(station: FakeStation, officer: Viewer, badge: str) -> None:
    start = dock_entry.issue_start_pin(station.custody, CONSOLE, officer.person)
    dock_entry.enter(
        station.custody, station.database, badge=badge, pin=start, chosen=PIN, again=PIN, address="127.0.0.1"
    )


def put_in_slot(station: FakeStation, slot: int, recorder: str) -> None:
    with slot_meter(station.home.run, slot, station.home.settings.slots, lambda _line: None) as meter:
        meter.update(state="done", recorder=recorder, recorder_name=SERIAL, force=True)


def test_the_number_comes_three_days_later(desks: Desks) -> None:
    """Chinese, by keyboard."""
    station = desks.station
    officer, clerk = station.person("wang", Role.OFFICER), station.person("chen", Role.CLERK)
    station.take_in_recorder(officer)
    clips = [station.clip(), station.clip()]

    page = desks.sit(officer, "/today")
    choose(page.locator("input[name=kind][value=matter]"))
    panel = page.locator("[data-panel=matter]")
    press(panel.locator("summary"))
    write(panel.locator("input[name=new_title]"), "中山路无证摊点")
    choose(page.locator("input[name=stage][value=on_site]"))
    write(page.locator("input[name=place]"), "中山路 12 号")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("全部标记完毕")).to_be_visible()

    desks.at(clock.now() + timedelta(days=3))
    page = desks.sit(clerk, "/cases")
    press(page.locator(".table a", has_text="待立案"))
    matter = page.locator("h1").inner_text()
    press(page.locator("summary", has_text="处理待立案事项"))
    write(page.locator("input[name=number]"), NUMBER)
    press(page.get_by_role("button", name="确认处理结果"))
    expect(page.locator("h1")).to_have_text(NUMBER)
    expect(page.locator(".cards .clip")).to_have_count(2)
    expect(page.locator(".badge.good", has_text="齐全")).to_be_visible()

    page = desks.sit(officer, f"/clips/{clips[0]}")
    binding = page.locator(".binding")
    expect(binding).to_have_count(1)
    expect(binding).to_contain_text(NUMBER)
    expect(binding).to_contain_text("现场情况")
    expect(page.locator(".history")).to_contain_text(matter)
    expect(page.locator(".history")).to_contain_text(f"转为案件 {NUMBER}")


def test_one_clip_in_two_cases(desks: Desks) -> None:
    """English, by touch."""
    station = desks.station
    handlers = station.person("liu", Role.HANDLER), station.person("sun", Role.HANDLER)
    first, second = (open_case(station, *each) for each in zip((NUMBER, OTHER_NUMBER), handlers, strict=True))
    clip = station.clip()

    page = desks.sit(station.person("chen", Role.CLERK), f"/clips/{clip}", locale="en-US", **TABLET)
    for digits, stage in (("131", "On-site enforcement"), ("140", "Seizure")):
        page.get_by_role("button", name="Bind to case").tap()
        dialog = page.locator("#dialog")
        dialog.locator("[data-panel=case] input[type=search]").tap()
        page.keyboard.type(digits)
        expect(dialog.locator(".found .choice")).to_have_count(1)
        dialog.locator(".found .choice", has_text=digits).tap()
        dialog.locator(".stages .chip", has_text=stage).first.tap()
        dialog.get_by_role("button", name="Bind", exact=True).tap()
        with page.expect_navigation():
            dialog.get_by_role("button", name="Done").tap()
    expect(page.locator(".binding")).to_have_count(2)

    for handler, own, foreign in zip(handlers, (NUMBER, OTHER_NUMBER), (OTHER_NUMBER, NUMBER), strict=True):
        theirs = desks.sit(handler, f"/clips/{clip}", locale="en-US", **PHONE)
        expect(theirs.locator(".binding")).to_have_count(1)
        expect(theirs.locator(".binding")).to_contain_text(own)
        assert foreign not in theirs.content(), "a clip seen through one case tells of no other"

    binding = page.locator(".binding", has_text=NUMBER)
    binding.locator("summary").tap()
    binding.locator("input[name=reason]").tap()
    page.keyboard.type("belongs to the other one only")
    binding.get_by_role("button", name="Unbind").tap()
    expect(page.locator(".binding")).to_have_count(1)
    expect(page.locator(".binding")).to_contain_text(OTHER_NUMBER)
    page.goto(f"/cases/{second}")
    expect(page.locator(".cards .clip")).to_have_count(1)
    theirs = desks.sit(handlers[0], f"/cases/{first}", locale="en-US", **PHONE)
    expect(theirs.get_by_text("No recordings bound yet")).to_be_visible()


def test_two_officers_share_a_recorder(desks: Desks) -> None:
    """Chinese, by touch: one brings it back only after the other has taken it."""
    station = desks.station
    morning = station.person("wang", Role.OFFICER, police_number=BADGE)
    evening = station.person("li", Role.OFFICER, police_number=OTHER_BADGE)
    clerk = station.person("chen", Role.CLERK)
    put_in_slot(station, 1, station.recorder)  # somebody else's
    recorder = station.take_in_recorder()
    put_in_slot(station, 2, recorder)
    day = datetime(2026, 11, 20, tzinfo=UTC)  # midnight is eight in the morning here
    page = desks.sit(None, "/dock", **TABLET)
    for hours, badge, button, answer in (
        (0.0, BADGE, "领用", "已登记领用"),
        (4.0, OTHER_BADGE, "领用", "已登记领用"),
        (4.5, BADGE, "归还", "已登记归还"),
    ):
        desks.at(day + timedelta(hours=hours))
        page.locator(".hand-over input[name=badge]").tap()
        page.keyboard.type(badge)
        page.keyboard.press("Enter")  # as a reader ends: what is meant is still to be said
        expect(page.locator(".hand-over .notice")).to_have_count(0)
        expect(page.locator("select[name=slot]")).to_have_value("")
        page.locator("select[name=slot]").select_option("2")
        page.locator(".hand-over").get_by_role("button", name=button).tap()
        expect(page.locator(".hand-over .notice.good")).to_contain_text(answer)
        page.goto("/dock")
    desks.at(day + timedelta(hours=10))
    own, doubtful, others = (
        station.clip(recorded_at=clock.format_time(day + timedelta(hours=each))) for each in (1.5, 4.2, 6)
    )

    def sees(viewer: Viewer) -> set[str | None]:
        recordings = desks.sit(viewer, "/today", **PHONE).locator(".recording input")
        return {each.get_attribute("value") for each in recordings.all()}

    assert sees(morning) == {own, doubtful}
    assert sees(evening) == {others, doubtful}
    page = desks.sit(clerk, "/clips", **TABLET)
    page.locator(".queue", has_text="采集人存疑").tap()
    expect(page.locator(".cards .clip")).to_have_count(1)
    page.locator(".cards .clip a.look").tap()
    collector = page.locator(".one-field", has_text="采集人")
    collector.locator("summary").tap()
    collector.locator("select[name=collector]").select_option(label=f"Li · {OTHER_BADGE}")
    collector.get_by_role("button", name="确认更正").tap()
    expect(page.locator(".one-field", has_text="采集人").locator("dd strong")).to_have_text("Li")
    assert sees(morning) == {own}
    assert sees(evening) == {others, doubtful}
    page.goto("/clips")
    expect(page.locator(".queue", has_text="采集人存疑")).to_have_count(0)


def test_the_wrong_badge(desks: Desks) -> None:
    """English, by keyboard: one opens nothing by a colleague's badge; one took a recorder with it."""
    station = desks.station
    officer = station.person("wang", Role.OFFICER, police_number=BADGE)
    colleague = station.person("li", Role.OFFICER, police_number=OTHER_BADGE)
    clerk = station.person("chen", Role.CLERK)
    give_pin(station, officer, BADGE)
    start = dock_entry.issue_start_pin(station.custody, CONSOLE, colleague.person)
    recorder = station.take_in_recorder()
    put_in_slot(station, 1, recorder)

    page = desks.sit(None, "/dock", locale="en-US")
    write(page.locator(".hand-over input[name=badge]"), OTHER_BADGE)
    press(page.get_by_role("button", name="Take it"))
    expect(page.locator(".hand-over .notice.good")).to_be_visible()
    clip = station.clip(recorded_at=clock.timestamp(), police_number=BADGE)

    page.goto("/dock")
    page.keyboard.type(OTHER_BADGE)
    page.keyboard.press("Enter")
    expect(page.locator("input[name=pin]")).to_be_focused()
    page.keyboard.type(PIN)
    assert start != PIN
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_be_visible()
    press(page.get_by_role("link", name="Dock board").last)
    expect(page).to_have_url(f"{desks.address}/dock")
    page.keyboard.type(BADGE)
    page.keyboard.press("Enter")
    expect(page.locator("input[name=pin]")).to_be_focused()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator(".dock-session .who")).to_have_text("Wang")
    expect(page.locator(".recording")).to_have_count(0)

    page = desks.sit(clerk, "/clips", locale="en-US")
    press(page.locator(".queue", has_text="Collector in doubt"))
    press(page.locator(".cards .clip a.look"))
    collector = page.locator(".one-field", has_text="Collector")
    press(collector.locator("summary"))
    chosen = collector.locator("select[name=collector]")
    press(chosen, "W")
    expect(chosen).to_have_value(officer.person)
    press(collector.get_by_role("button", name="Seal the amendment"))
    expect(page.locator(".one-field", has_text="Collector").locator("dd strong")).to_have_text("Wang")
    page.goto("/recorders")
    held = page.locator(".people li", has=page.get_by_text("Li", exact=True))
    press(held.locator("summary"))
    press(held.get_by_role("button", name="Returned"))
    expect(page.locator(".people .badge.warn", has_text="No holder").first).to_be_visible()

    expect(desks.sit(officer, "/today", locale="en-US").locator(".recording")).to_have_count(1)
    page = desks.sit(colleague, "/today", locale="en-US")
    expect(page.locator(".recording")).to_have_count(0)
    assert page.request.get(f"/clips/{clip}").status == 404


def submit(page: Page) -> None:
    choose(page.get_by_label("我确认此清单"))
    press(page.get_by_role("button", name="送审"))
    expect(page).to_have_url(re.compile("/submissions/"))


def verify(desks: Desks, page: Page) -> None:
    """Have all verified by the button, then see the result come in by itself."""
    press(page.locator("#check button"))
    expect(page.locator("#check progress")).to_be_visible()
    station = desks.station
    (job,) = station.read(lambda session: checks.latest(session, limit=1))
    station.checked(Viewer(str(job.person), frozenset(), ""), json.loads(job.clips))
    with station.database.write() as session:
        checks.end(session, job.check, "done")
    expect(page.locator(".review-verdict .good-text")).to_be_visible()  # it is looked after every two seconds
    page.reload()


def test_a_tag_changed_after_submission(desks: Desks) -> None:
    """By keyboard; handler and clerk in Chinese, the reviewer in English."""
    station = desks.station
    handler, clerk = station.person("liu", Role.HANDLER), station.person("chen", Role.CLERK)
    reviewer, officer = station.person("zhao", Role.REVIEWER), station.person("wang", Role.OFFICER)
    station.with_password(handler)
    target = open_case(station, NUMBER, handler)
    station.take_in_recorder(officer)
    clips = [station.clip(), station.clip()]
    tagged = BindRequest(
        clips=tuple(clips),
        kind=TargetKind.CASE,
        target=target,
        stage=EnforcementStage.ON_SITE,
        proves=(Proof(text="现场情况"),),
        place="人民路 1 号",
    )
    bind(station.custody, station.database, station.home, clerk, CONSOLE, tagged)

    handling = desks.sit(handler, f"/cases/{target}")
    press(handling.get_by_role("link", name="送审"))
    press(handling.get_by_role("link", name="行政处罚（简易程序）"))
    submit(handling)
    expect(handling.locator(".review-lines > li")).to_have_count(2)

    reviewing = desks.sit(reviewer, "/reviews", locale="en-US")
    press(reviewing.get_by_role("link", name=NUMBER))
    verify(desks, reviewing)
    expect(reviewing.locator(".review-line .badge.good")).to_have_count(2)
    choose(reviewing.locator("input[name=verdict][value=agree]"))
    write(reviewing.locator("textarea[name=words]"), "Facts clear, evidence sufficient.")
    press(reviewing.get_by_role("button", name="Seal the opinion"))
    expect(reviewing.locator("#opinion .badge.good")).to_be_visible()
    first = reviewing.url.partition("#")[0]

    page = desks.sit(clerk, first)
    press(page.locator(f"#clip-{clips[0]}").get_by_role("link", name="修改"))
    write(page.locator("input[name=place]"), "河西路 2 号")
    write(page.locator("input[name=reason]"), "笔误")
    write(page.locator("input[name=second_login]"), "liu")
    write(page.locator("input[name=second_password]"), PASSWORD)
    press(page.get_by_role("button", name="确认更正"))
    expect(page.locator(".notice.bad")).to_contain_text("送审后有变更")
    expect(page.locator(".diff .old")).to_have_text("人民路 1 号")
    expect(page.locator(".diff .new")).to_have_text("河西路 2 号")

    reviewing.goto("/reviews")
    press(reviewing.locator(".table").get_by_role("link", name=NUMBER))
    expect(reviewing.locator("#opinion .badge.bad")).to_have_text("void")
    expect(reviewing.locator("textarea[name=words]")).to_have_count(0)
    handling.goto(f"/cases/{target}")
    press(handling.get_by_role("link", name="重新送审"))
    submit(handling)
    reviewing.goto("/reviews")
    press(reviewing.locator(".table").get_by_role("link", name=NUMBER))
    expect(reviewing.locator("#opinion textarea")).to_be_visible()
    expect(reviewing.locator(".diff")).to_have_count(0)
    station.checked(reviewer, clips)
    reviewing.reload()
    choose(reviewing.locator("input[name=verdict][value=agree]"))
    write(reviewing.locator("textarea[name=words]"), "Agreed as changed.")
    press(reviewing.get_by_role("button", name="Seal the opinion"))
    expect(reviewing.locator("#opinion .badge.good")).to_be_visible()

    handling.goto(f"/cases/{target}")
    press(handling.locator("summary", has_text="申请导出电子证据包"))
    choose(handling.locator("input[name=reason][value=court]"))
    press(handling.get_by_role("button", name="提交申请"))
    expect(handling).to_have_url(re.compile("/exports/"))
    (asked,) = station.entries("export.requested")
    assert set(asked.fact.clips) == set(clips)


def test_a_patrol_with_no_case(desks: Desks) -> None:
    """Chinese, by touch, at the dock: badge by the reader, PIN on the screen."""
    station = desks.station
    officer = station.person("wang", Role.OFFICER, police_number=BADGE)
    give_pin(station, officer, BADGE)
    station.take_in_recorder(officer)
    clips = {station.clip() for _ in range(3)}
    page = desks.sit(None, "/dock", **TABLET)
    page.keyboard.type(BADGE)
    page.keyboard.press("Enter")
    for digit in PIN:
        page.locator("pin-pad").get_by_role("button", name=digit, exact=True).tap()
    page.locator(".pin-page button.main").tap()
    expect(page.locator(".recording")).to_have_count(3)
    page.locator(".kinds label", has_text="不属于案件").tap()
    expect(page.locator(".stages")).to_be_hidden()
    page.locator("[data-panel=none] .chip", has_text="日常巡查").tap()
    page.locator(".apply button").tap()
    expect(page.get_by_text("全部标记完毕")).to_be_visible()
    page.get_by_role("button", name="完成").tap()
    expect(page).to_have_url(f"{desks.address}/dock")
    bound = station.entries("clip.bound")
    assert {entry.fact.clip for entry in bound} == clips
    assert {entry.fact.none_reason for entry in bound} == {"patrol"}

    page = desks.sit(station.person("chen", Role.CLERK), "/clips?tagged=no", **TABLET)
    expect(page.locator(".clip")).to_have_count(0)
    page.locator(".chip", has_text="已标记").tap()
    expect(page.locator(".clip", has_text="日常巡查")).to_have_count(3)
    expect(page.locator(".queue", has_text="要素不全")).to_have_count(0)


def test_a_suspected_secret(desks: Desks) -> None:
    """The officer in English by touch, the others in Chinese: who may see it then, and who lifts it."""
    station = desks.station
    officer, handler = station.person("wang", Role.OFFICER), station.person("liu", Role.HANDLER)
    inspector, clerk = station.person("zhou", Role.INSPECTOR), station.person("chen", Role.CLERK)
    target = open_case(station, NUMBER, handler)
    station.take_in_recorder(officer)
    clip, ordinary = station.clip(), station.clip()
    page = desks.sit(officer, f"/clips/{clip}", locale="en-US", **PHONE)
    expect(page.locator("video")).to_have_count(1)
    page.goto("/today")
    page.locator(".found .choice", has_text=NUMBER).tap()
    page.locator(".stages .chip", has_text="On-site enforcement").tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 390  # with long phrases, too
    page.locator("button.main", has_text="Apply").tap()
    expect(page.get_by_text("All tagged")).to_be_visible()
    page.goto(f"/clips/{clip}")
    page.locator(".chip.danger").tap()
    page.locator("form[action$='/sensitivity'] button").tap()
    expect(page.locator(".picture .notice.bad")).to_contain_text("playback, copies and export are stopped")

    for viewer in (officer, clerk, handler, inspector):
        page = desks.sit(viewer, f"/clips/{clip}")
        expect(page.locator(".picture .notice.bad")).to_contain_text("停止播放、复制和导出")
        expect(page.locator(".picture .steps li")).to_have_count(3)
        expect(page.locator("video, .picture img, input[name=purpose]")).to_have_count(0)
        for part in ("media", "poster", "frames"):
            assert page.request.get(f"/clips/{clip}/{part}").status in (403, 404, 409), part
        page.goto(f"/cases/{target}")
        expect(page.locator(f"[data-clip='{clip}'] img")).to_have_count(0)
    page = desks.sit(handler, f"/cases/{target}")
    press(page.locator("summary", has_text="申请导出电子证据包"))
    choose(page.locator("input[name=reason][value=court]"))
    press(page.get_by_role("button", name="提交申请"))
    expect(page.locator("#court-packages .notice.bad")).to_contain_text("疑似涉密")
    assert station.entries("export.requested") == []

    page = desks.sit(clerk, f"/clips/{clip}")
    choose(page.locator("input[name=value][value=ordinary]"))
    press(page.locator("form[action$='/sensitivity'] button"))
    expect(page.locator("main .notice.bad").first).to_contain_text("原因")
    choose(page.locator("input[name=value][value=ordinary]"))
    write(page.locator("form[action$='/sensitivity'] input[name=reason]"), "保密员已确认不涉密")
    press(page.locator("form[action$='/sensitivity'] button"))
    expect(page.locator("video")).to_have_count(1)
    expect(page.locator(".history")).to_contain_text("保密员已确认不涉密")
    page = desks.sit(handler, f"/clips/{ordinary}")
    expect(page.locator("video")).to_have_count(1)
