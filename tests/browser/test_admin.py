"""The administrator's desk, walked through in a browser: first run, second factor, sessions, lists, alarms, backups."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from station import clock
from station.actions import backing
from station.actions.login import issue_console_code
from station.catalogue.people import list_people
from station.catalogue.recorders import list_recorders
from station.config import load_home
from station.digest import new_id
from station.ledger import log
from station.ledger.keys import make_key
from station.ledger.note import Checkpoint, checkpoint_text, make_note, parse_checkpoint
from station.records.log_entries import AlarmRaised
from station.records.terms import Role
from tests.browser.conftest import chromium
from tests.browser.desks import PHONE, Desks, choose, press, serve_in_memory, write
from tests.fakes.stations import PASSWORD, FakeStation, UnsignedCustody
from tests.unit.api.test_second_factor import code_of

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
KEY = make_key("evidence-station/test")


@pytest.fixture
def desks(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    """Yield a station that nobody administers yet."""
    with serve_in_memory() as (station, address):
        made = Desks(station, address, chromium, monkeypatch)
        (station.home.root / "log.vkey").write_text(f"{KEY.verifier}\n")
        (station.home.root / "station.toml").write_text("reserve_bytes = 0\n")
        yield made
        made.leave()
        assert made.complaints == []


def sign(station: FakeStation) -> Checkpoint:
    """Sign the log's head as the signer would, by a key of the test's own."""
    with station.database.write() as session:
        head = log.head(session)
        text = checkpoint_text(KEY.verifier.name, head.size, log.root_at(session, head.size))
        note = make_note(text, [KEY.sign(text)])
        log.store_checkpoint(session, note)
    return parse_checkpoint(note)


def submit(page: Page, words: str) -> None:
    press(page.get_by_role("button", name=words, exact=True))


def log_in(page: Page, login: str, code: str = "") -> None:
    write(page.locator("input[name=login]"), login)
    write(page.locator("input[name=password]"), PASSWORD)
    if code:
        write(page.locator("input[name=code]"), code)
    submit(page, "登录")


def csv(name: str, *lines: str) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode("gb18030")}


def look_at(page: Page, file: FilePayload) -> None:
    page.locator("input[type=file]").set_input_files(file)
    submit(page, "先预览")


def claim(desks: Desks, folder: Path) -> tuple[Page, str]:
    """Go through the first run by keyboard; returns the first admin's page, and the second one's link."""
    page = desks.sit(None, "/")
    expect(page.get_by_role("heading", name="设立本采集站")).to_be_visible()
    write(page.locator("input[name=code]"), "AAAA-AAAA-AAAA")
    submit(page, "继续")
    expect(page.get_by_role("alert")).to_contain_text("验证码不正确")
    write(page.locator("input[name=code]"), issue_console_code(desks.station.database, "first_admin"))
    submit(page, "继续")
    expect(page.get_by_text(str(KEY.verifier))).to_be_visible()
    write(page.locator("input[name=unit]"), "城关区市场监督管理局")
    choose(page.get_by_role("radio", name="机关代字"))
    write(page.locator("input[name=backup_folder]"), str(folder))
    people = {"name": "张伟", "login": "zhang", "password": PASSWORD, "again": "four stones in a brook"}
    people |= {"second_name": "陈静", "second_login": "chen"}
    for name, words in people.items():
        write(page.locator(f"input[name={name}]"), words)
    submit(page, "完成设立")
    expect(page.get_by_role("alert")).to_contain_text("两次输入的密码不一致")
    write(page.locator("input[name=password]"), PASSWORD)
    write(page.locator("input[name=again]"), PASSWORD)
    submit(page, "完成设立")
    expect(page.get_by_role("heading", name="采集站已设立")).to_be_visible()
    return page, str(page.locator("#issued").text_content())


def enrol(page: Page, link: str) -> str:
    """Come in by a link on a phone, choose a password and set up a second factor; returns its secret."""
    page.goto(link)
    for name in ("password", "again"):
        page.locator(f"input[name={name}]").fill(PASSWORD)
    page.get_by_role("button", name="设置密码并继续").tap()
    expect(page.get_by_role("heading", name="人员", exact=True)).to_be_visible()
    page.goto("/me")
    factor = page.locator("form[action='/me/factor']")
    factor.locator("input").fill(PASSWORD)
    factor.get_by_role("button").tap()
    secret = str(page.locator("p:has-text('密钥') > code").text_content())
    page.locator("input[name=code]").fill(code_of(secret))
    page.locator("form[action='/me/factor/confirm'] button").tap()
    expect(page.locator(".codes code")).to_have_count(8)
    return secret


def test_from_the_first_run_to_two_who_agree(desks: Desks, tmp_path: Path) -> None:
    """Chinese; the first admin by keyboard, the second one by touch on a phone."""
    start, station = clock.now(), desks.station
    first, link = claim(desks, tmp_path / "backup")
    assert load_home(station.home.root).settings.unit == "城关区市场监督管理局"
    again = desks.sit(None, "/first")
    expect(again.locator("input[name=code]")).to_have_count(0)  # that way is closed
    second = desks.sit(None, "/login", **PHONE)
    secret = enrol(second, link)

    first.goto("/people/import")
    look_at(first, csv("人员.csv", "姓名,账号,警号,角色", "李强,liqiang,018234,执法人员", "赵敏,zhaomin,,系统管理员"))
    expect(first.locator(".import-rows tbody tr")).to_have_count(2)
    write(first.locator("input[name=second_login]"), "chen")
    write(first.locator("input[name=second_password]"), PASSWORD)
    submit(first, "确认导入 2 行")
    expect(first.get_by_role("alert")).to_contain_text("第二人已启用双因素登录")
    desks.at(start + timedelta(minutes=2))  # a code counts once, so the next one has to come
    write(first.locator("input[name=second_login]"), "chen")
    write(first.locator("input[name=second_password]"), PASSWORD)
    write(first.locator("input[name=second_code]"), code_of(secret))
    submit(first, "确认导入 2 行")
    expect(first.get_by_role("note")).to_contain_text("名单已导入")
    agreed = station.entries("person.roles")[-1].fact
    chen = next(each for each in station.read(list_people) if each.login == "chen")
    assert (agreed.roles, agreed.second) == ((Role.ADMIN,), chen.person)

    first.goto("/station/sessions")
    first.locator("select[name=person]").select_option(label="陈静")
    submit(first, "全部结束")
    expect(first.get_by_role("option", name="陈静")).to_have_count(0)
    second.goto("/people")
    expect(second.get_by_role("heading", name="执法记录仪采集站")).to_be_visible()
    log_in(second, "chen")
    expect(second.get_by_role("alert")).to_be_visible()  # the one-time code is needed as well
    desks.at(start + timedelta(minutes=4))
    log_in(second, "chen", code_of(secret))
    expect(second.get_by_role("heading", name="人员", exact=True)).to_be_visible()


def test_recorders_from_a_file_an_alarm_and_a_backup_that_is_tried(desks: Desks, tmp_path: Path) -> None:
    """Chinese, by keyboard."""
    station, folder = desks.station, tmp_path / "backup"
    (station.home.root / "station.toml").write_text(f'reserve_bytes = 0\nbackup_folders = ["{folder}"]\n')
    station.home = load_home(station.home.root)
    desks.serve_again()  # by these settings
    admin, holder = station.person("admin", Role.ADMIN), station.person("liqiang", Role.OFFICER, police_number="018234")
    station.take_in_recorder(holder)
    station.clip()
    page = desks.sit(admin, "/recorders/import")
    look_at(
        page,
        csv(
            "记录仪.csv",
            "序列号,固件配置,单位,领用人,领用时间",
            "T-900,generic-storage,执法一队,018234,2026-11-01 08:00",
        ),
    )
    submit(page, "确认导入 1 行")
    expect(page.get_by_role("note")).to_contain_text("名单已导入")
    assert "T-900" in {each.serial for each in station.read(list_recorders)}

    alarm, detail = AlarmRaised.Fact(alarm=new_id(), kind="bytes_changed"), AlarmRaised.Detail(text="0001.MP4")
    station.custody.append(AlarmRaised(fact=alarm, detail=detail), seal=False)
    page.goto("/alarms")
    write(page.locator("input[name=note]"), "两份都已保留，记录仪已送修")
    submit(page, "已知悉，原因尚未消除")
    expect(page.get_by_role("heading", name="已知悉、原因尚未消除")).to_be_visible()
    assert station.entries("alarm.acknowledged")[-1].actor.person == admin.person

    desks.patch.setattr(UnsignedCustody, "seal", lambda _custody: sign(station))

    def work() -> None:
        backing.run(station.home, station.database, station.custody, station.store)

    page.goto("/station/backup")
    expect(page.get_by_role("alert")).to_contain_text("没有完整的备份")
    submit(page, "立即备份")
    expect(page.get_by_text("备份: 等待开始")).to_be_visible()
    work()
    expect(page.locator(".notice.good")).to_contain_text("最近一次完整备份")  # the page sees it by itself
    submit(page, "开始演练")
    expect(page.get_by_text("恢复演练: 等待开始")).to_be_visible()
    work()
    expect(page.get_by_text("1 个文件中 1 个完好")).to_be_visible()
    expect(page.locator("pre")).to_contain_text(f"station restore {folder}")
    assert station.entries("backup.drilled")[-1].actor.person == admin.person
