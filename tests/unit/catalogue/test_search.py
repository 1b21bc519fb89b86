"""Search by text: what is found whatever the way, what is not found any more, and what never is by whom."""

import pytest
from sqlalchemy import text

from station.catalogue.clips import list_clips
from station.catalogue.grams import grams_of, searched_text
from station.catalogue.project import renew
from station.catalogue.views import ClipFilter, Viewer
from station.records.case_entries import ClipAmended, ClipBound, ClipUnbound, TargetOpened, TargetResolved
from station.records.docking_entries import ClipIncomplete, ClipProbed
from station.records.entries import Actor, Place
from station.records.terms import NoneReason, Source, TargetKind
from tests.unit.catalogue.rows import Catalogue, viewer
from tests.unit.catalogue.test_project import Log, clip, fact, names, recorder

INSPECTOR = viewer("inspector")


@pytest.fixture(params=[2000, 0], ids=["by name", "by passing over the list"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.catalogue.search._FEW", request.param)


@pytest.fixture
def log(catalogue: Catalogue) -> Log:
    return Log(catalogue)


def found(catalogue: Catalogue, wanted: str, eyes: Viewer = INSPECTOR) -> list[str]:
    with catalogue.read() as session:
        page = list_clips(session, eyes, ClipFilter(text=wanted))
    assert page.total == len(page.rows)
    return sorted(row.clip for row in page.rows)


def found_in(log: Log, wanted: str) -> list[str]:
    with log.database.read() as session:
        return sorted(row.clip for row in list_clips(session, INSPECTOR, ClipFilter(text=wanted)).rows)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    ("wanted", "clips"),
    [
        ("市场", ["place"]),
        ("路", ["other", "place"]),
        ("场东", ["place"]),
        ("市东", []),
        ("中山路市场东门", ["place"]),
        ("A座", ["other"]),
        ("ａ座", ["other"]),
        ("路3号A", ["other"]),
        ("路3号B", []),
        ("路３号", ["other"]),
        ("号楼〔西〕", ["other"]),
        ("号楼[西]", ["other"]),
        ("(西)", ["other"]),
        ("DSJ", ["file"]),
        ("ｄｓｊ０", ["file"]),
        ("王五_2026", ["file"]),
        ("五-20260804", ["file"]),
        ("赵六", ["collected"]),
        ("赵", ["collected"]),
        ("ZHAO", ["collected"]),
        ("协管", ["named"]),
        ("备用机", ["recorded"]),
        ("超限", ["bound", "twice"]),
        ("限运", ["bound", "twice"]),
        ("占道", ["twice"]),
        ("2026)第7", ["bound", "twice"]),
        ("冀石执罚[2026]7", ["bound", "twice"]),
        ("%", []),
        ("_", ["bound", "collected", "file", "named", "other", "place", "recorded", "twice"]),
        ("\0", ["bound", "collected", "file", "named", "other", "place", "recorded", "twice"]),
        ("没有这样的地方", []),
        ("没", []),
    ],
)
def test_a_search_finds_every_clip_that_says_it_and_no_other(
    catalogue: Catalogue, wanted: str, clips: list[str]
) -> None:
    catalogue.person("p", "赵六 Zhao")
    catalogue.recorder("r1", serial="X1")
    catalogue.recorder("r2", serial="X2", label="备用机")
    catalogue.clip("place", place="中山路市场东门")
    catalogue.clip("other", place="建设路3号A座2号楼（西）")
    catalogue.clip("file", file_name="DSJ0_王五_20260804.MP4")
    catalogue.clip("collected", collector="p")
    catalogue.clip("named", collector_name="协管员")
    catalogue.clip("recorded", recorder="r2")
    catalogue.clip("bound")
    catalogue.clip("twice")
    catalogue.target("t", "冀石执罚〔2026〕第7号", title="超限运输")
    catalogue.target("u", "冀石执罚〔2025〕第8号", title="占道经营")
    catalogue.bind("bound", "t")
    catalogue.bind("twice", "u")
    catalogue.bind("twice", "t")
    assert found(catalogue, wanted) == clips


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("wanted", ["机密", "密", "secret", "秘9"])
@pytest.mark.parametrize("role", ["clerk", "officer", "handler", "reviewer", "officer clerk handler reviewer"])
def test_the_text_of_a_case_the_viewer_may_not_know_leads_nowhere(catalogue: Catalogue, role: str, wanted: str) -> None:
    catalogue.clip("a", collector="me")
    catalogue.clip("b", collector="me")
    catalogue.target("mine", "公开1号", title="公开", handlers=("me",))
    catalogue.submitted("review", title="公开")
    catalogue.target("hidden", "绝秘9号", title="机密 secret", unit="别的大队")
    for name in ("a", "b"):
        catalogue.bind(name, "mine")
        catalogue.bind(name, "review")
        catalogue.bind(name, "hidden", by="other")
    assert found(catalogue, "公开", viewer(*role.split())) == ["a", "b"]
    assert found(catalogue, wanted, viewer(*role.split())) == []
    assert found(catalogue, wanted) == ["a", "b"]


@pytest.mark.usefixtures("_way")
def test_who_bound_a_clip_to_a_case_finds_it_by_the_case_and_nobody_elses(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.clip("b")
    catalogue.target("hidden", "机密1号", unit="别的大队")
    catalogue.bind("a", "hidden", by="me")
    catalogue.bind("b", "hidden", by="other")
    assert found(catalogue, "机密", viewer("clerk")) == ["a"]


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("wanted", ["市场", "张三", "王五", "协管"])
def test_text_of_a_clip_out_of_sight_is_not_found(catalogue: Catalogue, wanted: str) -> None:
    catalogue.person("p", "张三")
    there = {"place": "市场", "collector": "p", "file_name": "王五.MP4", "collector_name": "协管员"}
    catalogue.clip("a", unit="别的大队", **there)
    for role in ("clerk", "officer", "handler", "reviewer", "auditor", "admin"):
        assert found(catalogue, wanted, viewer(role)) == []
    assert found(catalogue, wanted) == ["a"]


def test_more_bindings_than_are_looked_up_by_name_hide_no_clip(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.catalogue.search._FEW", 3)
    catalogue.target("t1", title="超限运输")
    catalogue.target("t2", title="超限运输")
    for number in range(3):
        catalogue.clip(f"c{number}", number)
        catalogue.bind(f"c{number}", "t1")
        catalogue.bind(f"c{number}", "t2")
    assert found(catalogue, "超限") == ["c0", "c1", "c2"]


def test_a_word_in_the_fewest_clips_leads_though_its_other_pairs_are_common(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.catalogue.search._FEW", 1)
    for number in range(4):
        catalogue.clip(f"c{number}", number, place="中山路市场")
    catalogue.clip("rare", place="中山路货场")
    assert found(catalogue, "中山路货") == ["rare"]
    assert found(catalogue, "中山") == ["c0", "c1", "c2", "c3", "rare"]


def amended(place: str | None, name: str = "c1") -> ClipAmended:
    about = ClipAmended.Fact(clip=name, field="place", source=Source.OFFICER)
    return ClipAmended(fact=about, place=Place(text=place) if place else None)


def collected_by(name: str | None) -> ClipAmended:
    about = ClipAmended.Fact(clip="c1", field="collector", source=Source.CLERK)
    return ClipAmended(fact=about, people=ClipAmended.People(collector_name=name) if name else None)


def grams(log: Log) -> list[str]:
    return [gram for (gram,) in log.rows("SELECT gram FROM catalogue_gram ORDER BY gram")]


def test_a_place_that_was_amended_is_not_found_any_more(log: Log) -> None:
    log.add(recorder(), clip(), amended("中山路市场"))
    assert (found_in(log, "中山"), found_in(log, "市场")) == (["c1"], ["c1"])
    log.add(amended("建设路市场"))
    assert (found_in(log, "中山"), found_in(log, "建设"), found_in(log, "市场")) == ([], ["c1"], ["c1"])
    assert set(grams(log)) == {"建设", "设路", "路市", "市场"}


def test_erased_text_leaves_no_pair_behind(log: Log) -> None:
    log.add(recorder(), clip(), amended("中山路市场"), collected_by("协管员"))
    assert found_in(log, "协管") == ["c1"]
    log.add(amended(None), collected_by(None))
    assert (found_in(log, "协管"), found_in(log, "市场"), grams(log)) == ([], [], [])


def test_a_pair_that_two_texts_of_a_clip_hold_stays_until_both_are_gone(log: Log) -> None:
    log.add(recorder(), clip(), amended("市场"), collected_by("市场员"), amended(None))
    assert (found_in(log, "市场"), set(grams(log))) == (["c1"], {"市场", "场员"})
    log.add(collected_by(None))
    assert (found_in(log, "市场"), grams(log)) == ([], [])


def test_a_place_found_by_a_tool_and_a_file_read_whole_at_last_are_found(log: Log) -> None:
    probe = ClipProbed.Fact(clip="c1", tool="ffprobe", tool_version="5", ok=True, playable="original")
    log.add(recorder(), ClipIncomplete(fact=fact(), names=names("半截.mp4")))
    log.add(ClipProbed(fact=probe, place=Place(text="石家庄北")))
    assert (found_in(log, "半截"), found_in(log, "家庄")) == (["c1"], ["c1"])
    log.add(clip())
    assert (found_in(log, "半截"), found_in(log, "家庄")) == ([], ["c1"])


def opened(target: str, kind: TargetKind, title: str) -> TargetOpened:
    about = TargetOpened.Fact(target=target, kind=kind, number_source=Source.CLERK)
    return TargetOpened(fact=about, names=TargetOpened.Names(number=target, title=title))


def bound(binding: str, target: str, kind: TargetKind) -> ClipBound:
    about = ClipBound.Fact(binding=binding, action="a", clip="c1", kind=kind, target=target, source=Source.OFFICER)
    return ClipBound(fact=about, actor=Actor(person="p", via="web", session="s", strength="password"))


@pytest.mark.usefixtures("_way")
def test_a_clip_is_found_by_the_targets_it_is_bound_to_now(log: Log) -> None:
    log.add(recorder(), clip(), opened("t1", TargetKind.CASE, "超限"), opened("t2", TargetKind.CASE, "占道"))
    log.add(opened("m1", TargetKind.MATTER, "待定"))
    log.add(bound("b1", "m1", TargetKind.MATTER), bound("b2", "t2", TargetKind.CASE))
    assert [found_in(log, word) for word in ("超限", "占道", "待定")] == [[], ["c1"], ["c1"]]
    assert log.clip("target, several_targets") == ("m1", True)
    resolved = TargetResolved.Fact(target="m1", kind=TargetKind.MATTER, outcome="numbered", into="t1")
    log.add(TargetResolved(fact=resolved))
    assert [found_in(log, word) for word in ("超限", "占道", "待定")] == [["c1"], ["c1"], []]
    log.add(ClipUnbound(fact=ClipUnbound.Fact(binding="b1", clip="c1", kind=TargetKind.CASE)))
    assert [found_in(log, word) for word in ("超限", "占道", "待定")] == [[], ["c1"], []]
    assert log.clip("target, several_targets") == ("t2", False)
    none = ClipBound.Fact(
        binding="b3", action="a", clip="c1", kind=TargetKind.NONE, none_reason=NoneReason.PATROL, source=Source.OFFICER
    )
    log.add(ClipUnbound(fact=ClipUnbound.Fact(binding="b2", clip="c1", kind=TargetKind.CASE)), ClipBound(fact=none))
    assert log.clip("target, several_targets, tagged") == (None, False, True)


def test_a_rebuild_makes_the_same_index_and_finds_the_same(log: Log) -> None:
    log.add(recorder(), clip(), clip("c2"), amended("中山路市场"), amended("市场", "c2"), amended("货场"))
    before = log.content()
    assert len(before["catalogue_gram"]) == 2
    with log.database.write() as session:
        session.connection().execute(text("DELETE FROM catalogue_gram"))
        session.connection().execute(text("UPDATE catalogue_clip SET searched = ''"))
    assert log.content() != before
    log.rebuild()
    assert log.content() == before
    assert (found_in(log, "市场"), found_in(log, "货场")) == (["c2"], ["c1"])


def test_a_renewed_catalogue_has_no_pair_of_the_former_one(log: Log) -> None:
    log.add(recorder(), clip(), amended("中山路"))
    with log.database.write() as session:
        renew(session)
    assert grams(log) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("市场",), {"市场"}),
        (("市场", "东门"), {"市场", "东门"}),
        (("DSJ0001_000123.MP4",), set()),
        (("Ａ座3号",), {"a座", "座3", "3号"}),
        (("张三_李四",), {"张三", "李四"}),
        ((None, ""), set()),
    ],
)
def test_the_pairs_of_a_text_are_folded_and_none_spans_a_mark_or_two_texts(
    words: tuple[str | None, ...], expected: set[str]
) -> None:
    assert grams_of(searched_text(words)) == expected
