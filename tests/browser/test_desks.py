"""What people do, in a real Chromium against a real station: log in, tag, filter, watch, verify, switch language."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, StorageState, expect

from tests.browser.conftest import CASE_NUMBER, PASSWORD, Served

pytestmark = pytest.mark.browser
# The visits of each person: they come in by link, then by password, then with the session they have, since a station
# takes few attempts to log in a minute.
_visits: dict[str, int] = {}
_sessions: dict[str, StorageState] = {}


def enter(page: Page, served: Served, login: str) -> None:
    """Come in by the link the first time, by password the second, in the open session afterwards."""
    _visits[login] = _visits.get(login, 0) + 1
    if _visits[login] > 2:
        page.context.add_cookies(_sessions[login]["cookies"])  # type: ignore[arg-type]
        page.goto("/")
    elif _visits[login] == 2:
        page.goto("/login")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", PASSWORD)
        page.click(".gate button.main")
    else:
        page.goto(served.links[login])
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=again]", PASSWORD)
        page.click(".gate button.main")
    expect(page.locator("details.menu .person")).to_be_visible()
    _sessions[login] = page.context.storage_state()


def test_an_officer_comes_in_by_link_and_tags_all_recordings_in_one_go(
    browse: Callable[..., Page], served: Served
) -> None:
    page = browse()
    enter(page, served, "zhang")
    expect(page).to_have_url(f"{served.address}/today")
    recordings = page.locator(".recording")
    expect(recordings).not_to_have_count(0)
    waiting = recordings.count()
    page.locator(".recording input").first.uncheck()
    page.fill(".panel[data-panel=case] input[type=search]", "128")
    page.locator(".found .choice", has_text=CASE_NUMBER).click()
    expect(page.locator(".kept .choice", has_text=CASE_NUMBER).locator("input")).to_be_checked()
    page.locator(".stages .chip", has_text="调查询问").click()
    expect(page.locator(".phrases:not([hidden]) input:checked")).to_have_count(1)
    page.keyboard.press("Control+Enter")
    expect(recordings).to_have_count(1)
    assert waiting > 1
    expect(page.locator(".badge.good", has_text="今日已标记")).to_be_visible()


def test_a_clerk_filters_selects_by_keyboard_and_binds_in_a_dialog(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips")
    cards = page.locator(".cards .clip")
    expect(cards).to_have_count(4)
    page.locator(".chip", has_text="重点").click()
    expect(cards).to_have_count(1)
    assert "important=yes" in page.url
    assert "q=" not in page.url
    page.locator(".filters a", has_text="清除筛选").click()
    expect(cards).to_have_count(4)
    page.keyboard.press("?")
    expect(page.locator("#keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Shift+j")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[data-count]")).to_have_text("已选 4 件")  # the last is a recording of two segments
    page.keyboard.press("Shift+k")
    expect(page.locator("[data-count]")).to_have_text("已选 2 件")
    page.keyboard.press("e")
    amending = page.locator("dialog[open]")
    amending.locator("input[name=place]").fill("中山路市场东门")
    amending.locator("button.main").click()
    amending.locator("button.main", has_text="更正 2 件").click()
    expect(amending.locator("h2")).to_have_text("已更正 2 件音像记录")
    amending.locator("button", has_text="撤销").click()
    expect(amending.locator("h2")).to_have_text("2 件音像记录已恢复原状")
    with page.expect_navigation():
        amending.locator("button.main").click()
    page.keyboard.press("j")
    page.keyboard.press("Shift+j")
    expect(page.locator("[data-count]")).to_have_text("已选 2 件")
    page.locator(".action-bar button.main").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("h1")).to_have_text("关联案件")
    dialog.locator("button.main").click()
    expect(dialog.locator(".notice.bad")).to_be_visible()
    dialog.locator("label", has_text="检查任务").first.click()
    dialog.locator(".panel[data-panel=task] summary").click()
    dialog.locator(".panel[data-panel=task] input[name=new_title]").fill("冬季用气安全检查")
    dialog.locator("button.main").click()
    expect(dialog.locator("[data-bound] h2")).to_contain_text("已关联")
    dialog.locator("button.main").click()
    expect(page.locator(".badge", has_text="检查任务-")).not_to_have_count(0)


def test_segments_of_a_recording_are_one_card_that_unfolds_and_is_chosen_whole(
    browse: Callable[..., Page], served: Served
) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips")
    shown = page.locator(".cards .clip:visible")
    expect(shown).to_have_count(3)
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-count]")).to_have_text("已选 2 件")
    page.keyboard.press("o")
    expect(shown).to_have_count(4)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-count]")).to_have_text("已选 1 件")
    page.keyboard.press("o")
    expect(shown).to_have_count(3)
    # A further page begins with a segment of a recording that stands here already.
    page.evaluate("""() => {
      const cards = document.querySelector(".cards");
      cards.append(cards.querySelector(".clip").cloneNode(true));
      document.dispatchEvent(new Event("htmx:after:swap"));
    }""")
    expect(shown).to_have_count(3)
    expect(shown.first.locator(".unfold")).to_have_text("2 个分段")

    phone = browse(viewport={"width": 360, "height": 740}, has_touch=True)
    enter(phone, served, "chen")
    phone.goto("/clips?view=table")
    phone.locator(".unfold").tap()
    expect(phone.locator(".table .clip:visible")).to_have_count(4)


def test_the_timeline_of_a_day_leads_to_the_recording(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips")
    bars = page.locator(".strip .lane a")
    expect(bars).to_have_count(3)
    bars.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".clip.is-stack a.look")).to_be_focused()
    assert "recorder" not in page.url  # it stands on this page already
    page.locator(".strip .lane-name").click()
    page.wait_for_url(lambda url: "recorder=" in url and "from=2026-11-20" in url)
    page.locator(".strip [aria-label=前一天]").click()
    expect(page.locator(".empty")).to_be_visible()


def test_queues_and_kept_searches_take_one_row_on_a_phone(browse: Callable[..., Page], served: Served) -> None:
    page = browse(viewport={"width": 360, "height": 740}, has_touch=True)
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    row = page.locator(".queues").bounding_box()
    assert row is not None and row["height"] < 60
    page.locator(".keep summary").tap()
    page.locator(".keep input[name=name]").fill("重点")
    page.locator(".keep button").tap()
    expect(page.locator(".queue.kept")).to_have_text("重点")
    page.locator(".queue.kept button").tap()
    expect(page.locator(".queue.kept")).to_have_count(0)


def test_a_clip_is_previewed_beside_the_list_by_keyboard_and_by_touch(
    browse: Callable[..., Page], served: Served
) -> None:
    page = browse(viewport={"width": 1366, "height": 768})
    enter(page, served, "chen")
    page.goto("/clips")
    panel = page.locator("clip-preview")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(panel.locator("dt")).to_have_count(5)
    beside, panel_box = page.locator("clip-grid").bounding_box(), panel.bounding_box()
    assert beside is not None and panel_box is not None and beside["x"] + beside["width"] < panel_box["x"]
    video = panel.locator("video")
    expect(video).to_have_js_property("muted", True)
    page.keyboard.press("Space")
    expect(video).to_have_js_property("paused", False)
    shown = panel.locator("input[name=clip]").input_value()
    page.keyboard.press("j")
    expect(panel.locator("input[name=clip]")).not_to_have_value(shown)
    page.keyboard.press("b")
    expect(page.locator("dialog[open] h1")).to_have_text("关联案件")
    page.keyboard.press("Escape")
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".cards .clip a.look:focus")).to_have_count(1)

    tablet = browse(viewport={"width": 820, "height": 1180}, has_touch=True)
    enter(tablet, served, "chen")
    tablet.goto("/clips")
    tablet.locator(".cards .clip .peek").first.tap()
    panel = tablet.locator("clip-preview")
    expect(panel.locator("dt")).to_have_count(5)
    panel.locator("[data-close]").tap()
    expect(panel).to_be_hidden()


def test_a_refused_dialog_says_why_and_stays(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator("#selection button.main").click()
    dialog = page.locator("#dialog")
    dialog.locator("footer button.main").click()
    expect(dialog.locator(".notice.bad")).to_be_visible()
    expect(dialog.locator("input[name=kind]")).to_have_count(4)


def test_a_clip_plays_and_is_verified_in_words(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    video = page.locator("evidence-player video")
    page.locator("[data-speed='4']").click()
    expect(page.locator("[data-speed='4']")).to_have_attribute("aria-pressed", "true")
    page.locator("h1").click()
    page.keyboard.press("k")
    expect(video).to_have_js_property("ended", True)
    assert video.evaluate("video => video.videoWidth") == 640
    page.locator("#integrity + form button").click()
    result = page.locator("#verify-result .notice.good")
    expect(result).to_contain_text("入库起未改动")
    expect(result).to_contain_text("入库以前的情况本校验不能证明")
    page.reload()
    expect(page.locator(".history")).to_contain_text("完整性校验：完好")


def test_a_poster_is_scrubbed_by_mouse_finger_and_keys(browse: Callable[..., Page], served: Served) -> None:
    page = browse(has_touch=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "filmstrip" in request.url else None)
    enter(page, served, "chen")
    page.goto("/clips")
    poster = page.locator(".clip:not(.is-folded) .poster[data-filmstrip]").first
    place = poster.bounding_box()
    assert place and not asked
    middle = place["y"] + place["height"] / 2

    def picture() -> int:
        """Return which of the ten pictures is in the poster's place."""
        strip = poster.locator(".scrub img")
        expect(strip).to_be_visible()
        found: int = strip.evaluate(
            "strip => Math.round((strip.parentElement.getBoundingClientRect().x - strip.getBoundingClientRect().x)"
            " / strip.parentElement.clientWidth)"
        )
        return found

    page.mouse.move(place["x"] + place["width"] * 0.75, middle)
    assert picture() == 7
    page.mouse.move(place["x"] + place["width"] * 0.25, middle)
    assert picture() == 2
    assert poster.bounding_box() == place
    page.mouse.move(0, 0)
    expect(page.locator(".scrub")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press(".")
    assert picture() == 0
    page.keyboard.press(".")
    assert picture() == 1
    page.keyboard.press("j")
    expect(page.locator(".scrub")).to_have_count(0)
    assert len(asked) == 1  # one clip's, once
    place = poster.bounding_box()  # the list may have moved to show what has the focus
    assert place
    middle = place["y"] + place["height"] / 2
    finger = page.context.new_cdp_session(page)
    for kind, share in (("Start", 0.2), ("Move", 0.4), ("Move", 0.95)):
        at = [{"x": place["x"] + place["width"] * share, "y": middle}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})
    assert picture() == 9
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".scrub")).to_have_count(0)
    expect(page).to_have_url(f"{served.address}/clips")


def test_the_timeline_below_the_player_seeks_by_click_and_keys(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    timeline, video = page.locator("clip-timeline"), page.locator("evidence-player video")
    expect(timeline.locator(".at")).to_be_visible()
    strokes = timeline.locator(".wave path").get_attribute("d") or ""
    assert strokes.count("M") > 100
    width = timeline.evaluate("each => each.clientWidth")
    timeline.click(position={"x": width * 0.8, "y": 10})
    assert video.evaluate("video => video.currentTime / video.duration") == pytest.approx(0.8, abs=0.01)
    line = timeline.evaluate("each => parseFloat(each.querySelector('.at').style.insetInlineStart)")
    assert line == pytest.approx(80, abs=1)
    timeline.focus()
    page.keyboard.press("Home")
    expect(timeline).to_have_attribute("aria-valuetext", "0:00:00.000")
    page.keyboard.press("PageUp")
    assert video.evaluate("video => video.currentTime / video.duration") == pytest.approx(0.1, abs=0.01)


def test_the_way_of_the_recorder_is_drawn_and_goes_with_the_player(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    way, video = page.locator("track-map"), page.locator("evidence-player video")
    expect(way.locator("path.way")).to_have_count(1)
    expect(page.locator("section", has=way)).to_contain_text("38.042100, 114.514900")
    mark = way.locator(".now")
    expect(mark).to_be_visible()
    follow = way.evaluate("each => JSON.parse(each.dataset.follow)")
    assert [ms for ms, _, _ in follow] == [0, 1000, 2000, 3000, 4000]
    video.evaluate("video => { video.currentTime = 2.5; }")
    expect(mark).to_have_attribute("cx", f"{follow[2][1]:g}")
    box = way.get_by_role("img").bounding_box() or pytest.fail("there is no drawing")
    x, y = follow[3][1] / 480 * box["width"], follow[3][2] / 300 * box["height"]
    way.get_by_role("img").click(position={"x": x, "y": y})
    expect(mark).to_have_attribute("cx", f"{follow[3][1]:g}")
    assert video.evaluate("video => video.currentTime") == pytest.approx(3, abs=0.05)


def test_a_clip_of_varying_rate_is_stepped_by_its_real_frames(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    shown, number = page.locator("[data-time]"), page.locator("[data-number]")
    expect(page.locator("[data-frame='1']")).to_be_enabled()
    page.locator("h1").click()
    # Four frames a 25th of a second apart, then three that the recorder left out: see FOOTAGE.
    for count, time in enumerate(("0.040", "0.080", "0.120", "0.280", "0.320"), start=2):
        on_screen = page.locator("video").evaluate_handle(
            "video => ({ frame: new Promise((done) =>"
            " video.requestVideoFrameCallback((now, at) => done(at.mediaTime))) })"
        )
        page.keyboard.press(".")
        expect(shown).to_have_text(f"0:00:0{time}")
        expect(number).to_contain_text(f"第 {count} 帧")
        assert on_screen.evaluate("waiting => waiting.frame") == pytest.approx(float(time), abs=0.001)
    page.keyboard.press(",")
    expect(shown).to_have_text("0:00:00.280")
    page.goto("/clips?q=0004")  # played from a copy, which has times of its own
    page.locator(".clip a.look").first.click()
    expect(page.locator("[data-frame='1']")).to_be_enabled()
    page.locator("[data-frame='1']").click()
    expect(number).to_contain_text("第 2 帧")


def test_the_frame_shown_is_taken_along_as_a_picture(
    browse: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    expect(page.locator("[data-frame='1']")).to_be_enabled()
    form = page.locator("frame-export")
    form.locator("summary").click()
    page.locator("h1").click()
    for _ in range(4):
        page.keyboard.press(".")
    expect(form.locator("[name=at]")).to_have_value("0:00:00.280")  # see FOOTAGE
    form.locator("[name=reason]").fill("附卷照片")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith("-280ms.png")
    waiting.value.save_as(tmp_path / "frame.png")
    digest = hashlib.sha256((tmp_path / "frame.png").read_bytes()).hexdigest()
    page.reload()
    expect(page.locator(".history li").first).to_contain_text(digest)


def test_marks_in_the_player_become_a_range_that_plays(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    expect(page.locator("[data-frame='1']")).to_be_enabled()
    page.locator("h1").click()
    page.keyboard.press(".")
    expect(page.locator("[data-time]")).to_have_text("0:00:00.040")
    page.keyboard.press("i")
    for time in ("0.080", "0.120"):
        page.keyboard.press(".")
        expect(page.locator("[data-time]")).to_have_text(f"0:00:0{time}")
    page.keyboard.press("o")  # to the end of the picture shown, which lasts until the next: see FOOTAGE
    marks = page.locator("time-marks")
    expect(marks.locator("[name=range_start]")).to_have_value("0:00:00.040")
    expect(marks.locator("[name=range_end]")).to_have_value("0:00:00.280")
    page.keyboard.type("当事人签收")
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    expect(dialog.locator("[name=range_proves]").first).to_have_value("当事人签收")
    dialog.locator("label", has_text="检查任务").first.click()
    dialog.locator(".panel[data-panel=task] summary").click()
    dialog.locator(".panel[data-panel=task] input[name=new_title]").fill("签收核对")
    dialog.locator("button.main").click()
    expect(dialog.locator("[data-bound] h2")).to_contain_text("已关联")
    page.reload()
    link = page.locator("[data-play='40,280']")
    expect(link).to_have_text("0:00:00.040–0:00:00.280")
    video = page.locator("evidence-player video")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('evidence-player').end === undefined")
    expect(video).to_have_js_property("paused", True)
    assert 0.2 < video.evaluate("video => video.currentTime") < 1


def test_a_clip_is_amended_in_place_and_its_history_tells_it(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips?important=yes")
    page.locator(".clip a.look").first.click()
    place = page.locator(".one-field", has_text="采集地点")
    place.locator("summary").click()
    place.locator("input[name=value]").fill("建设南大街 128 号")
    place.locator("input[name=reason]").fill("记录仪未开启定位")
    place.locator("button").click()
    expect(page.locator(".one-field", has_text="采集地点").locator("dd")).to_contain_text("建设南大街 128 号")
    expect(page.locator(".history")).to_contain_text("记录仪未开启定位")


def test_an_inspector_states_a_purpose_before_the_first_picture(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "zhou")
    page.goto("/clips?important=yes")
    expect(page.locator(".clip .no-poster")).to_have_text("须先说明事由")
    expect(page.locator(".clip img")).to_have_count(0)
    page.locator(".clip a.look").first.click()
    expect(page.locator("video")).to_have_count(0)
    page.fill("input[name=purpose]", "投诉 2026-118 核查")
    page.locator(".purpose button").click()
    expect(page.locator("video")).to_be_visible()
    page.locator("h1").click()
    page.goto("/clips?important=yes")
    expect(page.locator(".clip img")).to_have_js_property("complete", True)


def test_the_language_is_switched_and_kept(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    page.goto("/login")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator("button.language").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Evidence station")
    page.goto("/dock")
    expect(page.locator("h1")).to_have_text("Dock board")


def test_the_board_is_live_and_says_who_may_go(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    page.goto("/dock")
    expect(page.locator("[data-online]")).to_be_visible()
    expect(page.locator(".slot[data-slot='1'] .slot-advice")).to_have_text("可以取下")
    expect(page.locator(".slot[data-slot='2'] .slot-state")).to_contain_text("空闲")


def test_the_theme_is_switched_and_kept(browse: Callable[..., Page], served: Served) -> None:
    page = browse(color_scheme="light")
    page.goto("/login")
    light = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    page.locator("[data-act=theme]").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != light


def test_no_page_is_wider_than_its_window(browse: Callable[..., Page], served: Served) -> None:
    page = browse()
    enter(page, served, "chen")
    for path in ("/clips", "/clips?view=table", "/cases", "/recorders", "/alarms", "/dock", "/me"):
        page.goto(path)
        for width in (360, 390, 768, 1366, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"


def test_a_clerk_opens_a_receipt_from_the_dock_board_and_its_code_is_the_checkpoint(
    browse: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    program = shutil.which("zbarimg")
    assert program, "zbarimg is missing: `make test` installs Debian's package zbar-tools"
    page = browse()
    enter(page, served, "chen")
    page.goto("/dock")
    page.locator("a", has_text="回执").first.click()
    expect(page.locator("h1")).to_have_text("接入回执")
    code = page.locator(".receipt-code svg.qr")
    code.screenshot(path=tmp_path / "code.png")
    shown = page.locator(".receipt-checkpoint").text_content()
    assert shown is not None
    done = subprocess.run(
        [program, "--quiet", "--raw", "-Sbinary", str(tmp_path / "code.png")], capture_output=True, check=True
    )
    assert done.stdout == shown.encode()
    assert shown.count("\n") == 5
    page.emulate_media(media="print")
    expect(code).to_be_visible()
    expect(page.locator(".topbar")).to_be_hidden()


def film(path: Path, size: int) -> Path:
    """Make a film of a given size: what players pass over (a `free` box, ISO/IEC 14496-12, 8.1.2) follows it."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-pix_fmt", "yuv420p", path], check=True)
    rest = size - path.stat().st_size
    with path.open("ab") as file:
        file.write(rest.to_bytes(4, "big") + b"free" + bytes(rest - 8))
    return path


def test_a_clerk_adds_a_document_to_a_case_and_it_comes_back_as_it_was(
    browse: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    sending = tmp_path / "现场检查笔录.pdf"
    sending.write_bytes(b"%PDF-1.7\n" + bytes(100_000))
    page = browse()
    enter(page, served, "chen")
    page.goto("/cases")
    page.locator("main a", has_text=CASE_NUMBER).first.click()
    box = page.locator("section[aria-labelledby=documents]")
    box.locator("summary").click()
    box.locator("input[name=note]").fill("当事人已签字")
    box.locator("[data-files]").set_input_files(sending)
    link = box.get_by_role("link", name=sending.name)
    expect(link).to_be_visible(timeout=20_000)
    expect(box).to_contain_text("当事人已签字")
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes() == sending.read_bytes()
    page.reload()
    expect(page.locator(".history")).to_contain_text("添加案卷材料：现场检查笔录.pdf")


def test_an_upload_goes_on_after_a_broken_line_and_after_a_reload(
    browse: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    piece = 4 * 1024 * 1024
    sending = film(tmp_path / "询问室.mp4", piece + 100_000)
    page = browse()
    enter(page, served, "chen")
    page.goto("/clips")
    page.locator("a", has_text="其他来源").click()
    page.locator("label.chip", has_text="场所监控").click()
    page.fill("input[name=from_whom]", "店主 王某")
    page.fill("input[name=collector_name]", "王某")
    sent: list[int] = []
    broken = True

    def pass_on(route: Route) -> None:
        """Let the first piece through, and none after it as long as the line is broken."""
        offset = int(route.request.headers.get("upload-offset", "0"))
        if offset > 0 and broken:
            route.abort("connectionreset")
            return
        if route.request.method == "PATCH":
            sent.append(offset)
        route.continue_()

    page.route("**/uploads/*", pass_on)
    page.on("dialog", lambda dialog: dialog.accept())  # the page asks before it is left
    page.locator("[data-files]").set_input_files(sending)
    expect(page.locator(".sending [data-words]")).to_contain_text("秒后自动续传", timeout=20_000)
    page.reload()
    half = page.locator("[data-half]")
    expect(half).to_contain_text("已收到 4.19 MB / 4.29 MB")
    broken = False
    page.locator("[data-files]").set_input_files(sending)
    row = page.locator("#upload-rows tbody tr", has_text=sending.name)
    expect(row).to_contain_text("已入库", timeout=20_000)
    assert sent == [0, piece], "what had come was not sent again"
    expect(page.locator(".sending li")).to_have_count(0)
    row.locator("a").click()
    expect(page.locator(".history")).to_contain_text("场所监控，提供人：店主 王某")
    expect(page.locator(".badge", has_text="送交人陈述").first).to_be_visible()
