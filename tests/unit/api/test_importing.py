"""Lists of people and recorders from a file: looked at first, confirmed once, the same again changes nothing."""

import re
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.actions import importing, targets
from station.actions.problems import ProblemError
from station.actions.targets import NewTarget
from station.catalogue.people import list_people
from station.catalogue.recorders import list_holdings, list_recorders
from station.catalogue.targets import list_targets
from station.catalogue.views import Viewer
from station.i18n import translator
from station.records.terms import Role, TargetKind
from tests.fakes.stations import PASSWORD, FakeStation

Browse = Callable[..., TestClient]
PEOPLE = "姓名,账号,人员类别,单位,执法证号,警号,角色\r\n"
RECORDERS = "序列号,固件配置,单位,领用人,领用时间,归还时间\r\n"


def look(client: TestClient, kind: str, content: bytes) -> tuple[int, str, dict[str, str]]:
    """Upload a file; returns the answer's status, its page and what the confirmation would send."""
    answer = client.post(f"/{kind}/import", files={"file": ("list.csv", content, "text/csv")})
    found = {name: re.search(f'name="{name}" value="([^"]*)"', answer.text) for name in ("text", "digest")}
    return answer.status_code, answer.text, {name: match[1] for name, match in found.items() if match}


def take_in(client: TestClient, kind: str, content: bytes, **second: str) -> int:
    """Look at a file and confirm it; returns the status."""
    _, _, form = look(client, kind, content)
    return client.post(f"/{kind}/import/confirm", data={**form, **second}).status_code


def outcomes(page: str, group: str = "import_outcome") -> list[str]:
    say = translator("zh_CN")
    words = {say.code(group, each): each for each in ("new", "changed", "unchanged", "refused")}
    cells = re.findall(r'<td class="nowrap"><span class="badge[^>]*>.*?</svg>([^<]+)</span>', page, re.DOTALL)
    return [words[cell.strip()] for cell in cells]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_people_come_in_whatever_their_spreadsheet_saved(station: FakeStation, browse: Browse, encoding: str) -> None:
    client = browse(station.person("admin", Role.ADMIN))
    content = (
        PEOPLE + "张伟,ZhangWei,持证执法人员,,,018233,执法人员\r\n陈静,chenjing,staff,二队,,,证据管理员；执法监督员\r\n"
    ).encode(encoding)
    assert outcomes(look(client, "people", content)[1]) == ["new", "new"]
    assert not [each for each in station.read(list_people) if each.login == "zhangwei"]
    assert take_in(client, "people", content) == 200
    people = {each.login: each for each in station.read(list_people)}
    assert (people["zhangwei"].name, people["zhangwei"].police_number) == ("张伟", "018233")
    assert (people["chenjing"].kind, people["chenjing"].roles) == ("staff", ("clerk", "inspector"))
    size = station.size()
    assert outcomes(look(client, "people", content)[1]) == ["unchanged", "unchanged"]
    assert (take_in(client, "people", content), station.size()) == (409, size)


def test_each_line_says_what_becomes_of_it_and_a_bad_one_holds_up_no_other(
    station: FakeStation, browse: Browse
) -> None:
    station.person("wang", Role.OFFICER)
    client = browse(station.person("admin", Role.ADMIN))
    lines = "账号\t姓名\t角色\nwang\t王五\t\nnew.one\t新人\tofficer\n不行\t李四\t\n"
    lines = (lines + "new.one\t又一人\t\nx\t某人\t将军\n").encode()
    _, page, _ = look(client, "people", lines)
    assert outcomes(page) == ["changed", "new", "refused", "refused", "refused"]
    say = translator("zh_CN")
    assert all(say.code("problem", code) in page for code in ("login_invalid", "login_twice", "role_unknown"))
    assert take_in(client, "people", lines) == 200
    people = {each.login: each for each in station.read(list_people)}
    assert (people["wang"].name, people["wang"].roles, people["wang"].unit) == ("王五", ("officer",), "执法一队")
    assert people["new.one"].name == "新人"


def test_an_admins_rights_from_a_file_need_the_second_person_for_the_whole_of_it(
    station: FakeStation, browse: Browse
) -> None:
    first, second = station.person("admin", Role.ADMIN), station.person("other", Role.ADMIN)
    station.with_password(second)
    client = browse(first)
    content = "name,login,roles\n甲,jia,admin\n乙,yi,officer\n".encode()
    size = station.size()
    assert (take_in(client, "people", content), station.size()) == (409, size)
    assert take_in(client, "people", content, second_login="other", second_password=PASSWORD) == 200
    granted = {entry.fact.roles: entry.fact.second for entry in station.entries("person.roles")[-2:]}
    assert granted == {(Role.ADMIN,): second.person, (Role.OFFICER,): None}


def test_the_last_admin_stays_one(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("admin", Role.ADMIN))
    assert outcomes(look(client, "people", b"name,login,roles\nAdmin,admin,clerk\n")[1]) == ["refused"]


def test_what_changed_between_looking_and_confirming_is_looked_at_again(station: FakeStation, browse: Browse) -> None:
    client = browse(station.person("admin", Role.ADMIN))
    content = "name,login\n王五,wang\n".encode()
    _, _, form = look(client, "people", content)
    station.person("wang", Role.OFFICER)
    size = station.size()
    answer = client.post("/people/import/confirm", data=form)
    assert (answer.status_code, outcomes(answer.text), station.size()) == (409, ["changed"], size)


def test_recorders_and_their_holders_come_in_and_come_back(station: FakeStation, browse: Browse) -> None:
    station.person("wang", Role.OFFICER, police_number="018233")
    client = browse(station.person("admin", Role.ADMIN))
    profile = "ga-t-947-named"
    content = (
        RECORDERS
        + f"A1,{profile},,018233,2026/1/5 8:00,\nA1,{profile},,wang,2025-01-01,2025-06-30 18:00\nA2,{profile},二队,,,\n"
    )
    assert outcomes(look(client, "recorders", content.encode())[1]) == ["new", "changed", "new"]
    assert take_in(client, "recorders", content.encode("gb18030")) == 200
    known = {each.serial: each for each in station.read(list_recorders)}
    assert known["A1"].enrolled and known["A2"].unit == "二队"
    held = station.read(lambda session: list_holdings(session, recorder=known["A1"].recorder))
    assert [(each.since, each.until) for each in held] == [
        ("2024-12-31T16:00:00.000000Z", "2025-06-30T10:00:00.000000Z"),
        ("2026-01-05T00:00:00.000000Z", None),
    ]
    assert outcomes(look(client, "recorders", content.encode())[1]) == ["unchanged"] * 3
    back = RECORDERS + f"A1,{profile},,wang,2026-01-05 08:00,2026-02-01 08:00\n"
    assert take_in(client, "recorders", back.encode()) == 200
    assert not station.read(lambda session: list_holdings(session, present=True))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",ga-t-947-named,,,,", "serial_missing"),
        ("A1,nothing,,,,", "profile_unknown"),
        ("T-1,ga-t-947-named,,nobody,,", "holder_unknown"),
        ("A1,ga-t-947-named,,,2026-01-01,", "holder_missing"),
        ("A1,ga-t-947-named,,wang,2026-13-01,", "time_invalid"),
        ("A1,ga-t-947-named,,wang,2999-01-01,", "time_invalid"),
        ("A1,ga-t-947-named,,wang,2026-01-02,2026-01-01", "time_invalid"),
    ],
)
def test_a_line_about_a_recorder_that_makes_no_sense_says_why(
    station: FakeStation, browse: Browse, line: str, code: str
) -> None:
    station.person("wang", Role.OFFICER)
    client = browse(station.person("admin", Role.ADMIN))
    status, page, _ = look(client, "recorders", f"{RECORDERS}{line}\n".encode())
    assert (status, outcomes(page)) == (200, ["refused"])
    assert translator("zh_CN").code("problem", code) in page


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe\x00n", "csv_encoding"),
        (b"", "csv_empty"),
        (b"name,login\n", "csv_empty"),
        (b"name,login,shoe size\na,b,44\n", "csv_header"),
        (b"name,name\na,b\n", "csv_header"),
        (b"name,unit\na,b\n", "csv_header"),
        (b'name,login\n"a,b\n', "csv_broken"),
        (b"x" * (importing.TEXT_BYTES + 1), "csv_large"),
        (b"name,login\n" + b"a,b\n" * (importing.ROWS_MOST + 1), "csv_rows"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_the_reason(content: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as refused:
        importing.read_lines(importing.decode(content), ("name", "login", "unit"), ("name", "login"))
    assert refused.value.code == code


@pytest.mark.parametrize("kind", ["people", "recorders"])
@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_the_sample_is_a_list_that_can_be_taken_in(
    station: FakeStation, browse: Browse, kind: str, locale: str
) -> None:
    station.person("wang", Role.OFFICER, police_number="018233")
    client = browse(station.person("admin", Role.ADMIN))
    client.post("/language", data={"locale": locale})
    sample = client.get(f"/{kind}/import/sample.csv")
    client.post("/language", data={"locale": "zh_CN"})
    assert outcomes(look(client, kind, sample.content)[1]) == ["new", "new"]


CASES = "待立案事项编号,警情编号,案件编号,案件名称,执法事项\r\n"


@pytest.fixture
def chen(station: FakeStation) -> Viewer:
    return station.person("chen", Role.CLERK)


def open_matter(station: FakeStation, viewer: Viewer, title: str, kind: TargetKind = TargetKind.MATTER) -> str:
    """Open a matter and return its number."""
    _, actor = station.session(viewer)
    target = targets.open_target(station.custody, station.home, viewer, actor, NewTarget(kind, title=title))
    return next(row.number for row in station.read(lambda s: list_targets(s, viewer)) if row.target == target)


def numbering(page: str) -> list[str]:
    return outcomes(page, "numbering_outcome")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_case_numbers_from_a_file_resolve_matters_once(
    station: FakeStation, browse: Browse, chen: Viewer, encoding: str
) -> None:
    client = browse(chen)
    first, task = open_matter(station, chen, "东门市场"), open_matter(station, chen, "节前检查", TargetKind.TASK)
    open_matter(station, chen, "夜间施工 警情J20260105123")
    content = (
        CASES
        + f"{first},,冀市监罚〔2026〕12号,占道经营案,行政处罚（普通程序）\r\n,J20260105123,冀市监罚[2026]12号,,\r\n"
        + f"{task},,冀市监罚〔2026〕13号,,inspection\r\n"
    ).encode(encoding)
    assert numbering(look(client, "cases", content)[1]) == ["new", "changed", "new"]
    assert station.entries("target.resolved") == []
    assert take_in(client, "cases", content) == 200
    cases = {row.number: row for row in station.read(lambda s: list_targets(s, chen, kind="case"))}
    assert {number: row.title for number, row in cases.items()} == {
        "冀市监罚〔2026〕12号": "占道经营案",
        "冀市监罚〔2026〕13号": "",
    }
    into = [entry.fact.into for entry in station.entries("target.resolved")]
    assert into == [cases["冀市监罚〔2026〕12号"].target] * 2 + [cases["冀市监罚〔2026〕13号"].target]
    assert [entry.fact.act for entry in station.entries("target.opened")[-2:]] == ["penalty_ordinary", "inspection"]
    size = station.size()
    assert numbering(look(client, "cases", content)[1]) == ["unchanged"] * 3
    assert (take_in(client, "cases", content), station.size()) == (409, size)


def test_a_line_about_a_case_number_says_what_is_unknown_and_what_conflicts(
    station: FakeStation, browse: Browse, chen: Viewer
) -> None:
    client = browse(chen)
    known, other = open_matter(station, chen, "甲 J1001"), open_matter(station, chen, "乙 J1001")
    assert take_in(client, "cases", f"{CASES}{known},,冀罚〔2026〕1号,甲案,\n".encode()) == 200
    lines = {
        f"{known},,冀罚〔2026〕2号,,": "matter_elsewhere",
        "待立案-19990101-001,,冀罚〔2026〕3号,,": "matter_unknown",
        ",,冀罚〔2026〕3号,,": "matter_missing",
        ",J1001,冀罚〔2026〕3号,,": "call_ambiguous",
        ",J100,冀罚〔2026〕3号,,": "call_unknown",
        f"{other},,冀罚〔2026〕1号,乙案,": "case_differs",
        f"{other},,,,": "matter_twice",
    }
    _, page, _ = look(client, "cases", (CASES + "\n".join(lines)).encode())
    assert numbering(page) == ["refused"] * len(lines)
    say = translator("zh_CN")
    rows = re.findall(r'<td class="figure">(\d+)</td>.*?<span class="bad-text">([^<]+)</span>', page, re.DOTALL)
    assert rows == [(str(at), say.code("problem", code)) for at, code in enumerate(lines.values(), 2)]


def test_a_clerk_of_another_unit_finds_no_matter_of_ours(station: FakeStation, browse: Browse, chen: Viewer) -> None:
    number = open_matter(station, chen, "东门市场 J1001")
    client = browse(station.person("elsewhere", Role.CLERK, unit="another unit"))
    content = f"{CASES}{number},,冀罚〔2026〕2号,,\n,J1001,冀罚〔2026〕2号,,\n".encode()
    _, page, _ = look(client, "cases", content)
    assert numbering(page) == ["refused", "refused"]


def test_the_sample_of_case_numbers_names_all_columns(station: FakeStation, browse: Browse, chen: Viewer) -> None:
    open_matter(station, chen, "J1301002026010500123")
    client = browse(chen)
    _, page, _ = look(client, "cases", client.get("/cases/import/sample.csv").content)
    assert numbering(page) == ["refused", "new"]
