"""Cases, matters and tasks: who may open which, how they are found, and what a case page shows."""

import pytest

from station.catalogue.folding import fold_number
from station.catalogue.targets import find_targets, list_targets, recent_targets, target_detail
from station.errors import NotFoundError
from tests.unit.catalogue.rows import NOON, Catalogue, at, viewer


@pytest.fixture
def cases(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue with every way a case may be somebody's."""
    catalogue.person("me", "王一")
    catalogue.person("other", "李二")
    catalogue.target("open", opened_at=at(5))
    catalogue.submitted("submitted", opened_at=at(4), handlers=("other",))
    catalogue.target("foreign", opened_at=at(3), unit="别的大队")
    catalogue.submitted("foreign_submitted", opened_at=at(2), unit="别的大队")
    catalogue.target("mine", opened_at=at(1), unit="别的大队", handlers=("me", "other"))
    catalogue.target("matter", opened_at=at(0), kind="matter", unit="别的大队", submitted_at=NOON)
    return catalogue


EVERYTHING = ["open", "submitted", "foreign", "foreign_submitted", "mine", "matter"]
ROLES = [
    (("officer",), ["open"]),
    (("clerk",), ["open", "submitted"]),
    (("handler",), ["mine"]),
    (("reviewer",), ["submitted", "foreign_submitted"]),
    (("approver",), ["submitted", "foreign_submitted"]),
    (("inspector",), EVERYTHING),
    (("auditor",), []),
    (("admin",), []),
    (("officer", "handler"), ["open", "mine"]),
]


@pytest.mark.parametrize(("roles", "targets"), ROLES)
def test_each_role_lists_and_opens_its_targets_and_no_other(
    cases: Catalogue, roles: tuple[str, ...], targets: list[str]
) -> None:
    with cases.read() as session:
        assert [row.target for row in list_targets(session, viewer(*roles))] == targets
        for target in targets:
            assert target_detail(session, viewer(*roles), target).row.target == target
        for target in set(EVERYTHING) - set(targets):
            with pytest.raises(NotFoundError):
                target_detail(session, viewer(*roles), target)


def test_a_target_that_is_not_there_and_one_that_is_hidden_look_alike(cases: Catalogue) -> None:
    messages = []
    for target in ("foreign", "missing"):
        with cases.read() as session, pytest.raises(NotFoundError) as caught:
            target_detail(session, viewer("officer"), target)
        messages.append(caught.value.message.replace(target, "…"))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("narrowed", "targets"),
    [
        ({"kind": "matter"}, ["matter"]),
        ({"status": "submitted"}, ["submitted", "foreign_submitted"]),
        ({"text": "FOREIGN"}, ["foreign", "foreign_submitted"]),
        ({"text": "_"}, []),
        ({"limit": 2}, ["open", "submitted"]),
    ],
)
def test_a_list_of_targets_is_narrowed(cases: Catalogue, narrowed: dict[str, object], targets: list[str]) -> None:
    with cases.read() as session:
        rows = list_targets(session, viewer("inspector"), **narrowed)  # type: ignore[arg-type]
    assert [row.target for row in rows] == targets


def test_a_row_counts_only_clips_the_viewer_sees_and_hides_handlers_from_an_officer(catalogue: Catalogue) -> None:
    catalogue.person("h", "承办人")
    catalogue.target("t", handlers=("h",))
    catalogue.clip("own", collector="me")
    catalogue.clip("other", collector="somebody")
    for clip in ("own", "other"):
        catalogue.bind(clip, "t")
    with catalogue.read() as session:
        (officers,) = list_targets(session, viewer("officer"))
        (clerks,) = list_targets(session, viewer("clerk"))
    assert (officers.clips, officers.handlers) == (1, ())
    assert (clerks.clips, clerks.handlers) == (2, ("承办人",))


@pytest.mark.parametrize(
    "text",
    [
        "冀石执罚〔2026〕12号",
        "冀石执罚[2026]12",
        "冀石执罚（2026）第12号",
        "冀石执罚【２０２６】１２号",
        " 冀石执罚 2026-12 ",
        "冀石执罚［2026］ 第 12 號",
    ],
)
def test_variants_of_a_number_fold_to_one_form(text: str) -> None:
    assert fold_number(text) == "冀石执罚-2026-12"


@pytest.mark.parametrize(("one", "other"), [("A12", "A-12"), ("2026-12", "202612"), ("罚12", "罚112")])
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert fold_number(one) != fold_number(other)


@pytest.mark.parametrize("text", ["冀石执罚〔2026〕第12号", "ABC/7", "临-2026-0001", "号", "", "〔〕", "Ⅻ ﬁ"])
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold_number(fold_number(text)) == fold_number(text)


def test_the_picker_finds_by_the_end_of_the_number_the_best_match_first(catalogue: Catalogue) -> None:
    catalogue.target("longer", "罚〔2026〕112号", opened_at=at(9))
    catalogue.target("inside", "罚〔2026〕121号", opened_at=at(8))
    catalogue.target("titled", "罚〔2026〕3号", title="12路公交", opened_at=at(7))
    catalogue.target("padded", "罚〔2026〕0012号", opened_at=at(6))
    catalogue.target("meant", "罚〔2026〕12号", opened_at=at(5))
    catalogue.target("whole", "12", opened_at=at(4))
    catalogue.target("unlike", "罚〔2026〕4号", opened_at=at(3))
    with catalogue.read() as session:
        found = find_targets(session, viewer("officer"), "１２")
        assert [row.target for row in found] == ["whole", "meant", "longer", "padded", "inside", "titled"]
        assert [row.target for row in find_targets(session, viewer("officer"), "12号", limit=2)] == ["whole", "meant"]
        assert [row.target for row in find_targets(session, viewer("officer"), "罚(2026)12")] == ["meant", "inside"]


def test_the_picker_offers_only_what_can_be_bound_to(cases: Catalogue) -> None:
    with cases.read() as session:
        assert [row.target for row in find_targets(session, viewer("officer"), "")] == ["open"]
        assert [row.target for row in find_targets(session, viewer("clerk"), "submitted")] == []
        assert [row.target for row in find_targets(session, viewer("officer"), "foreign")] == []


@pytest.mark.parametrize("text", ["%", "_", "号", "〔〕"])
def test_wildcards_and_bare_punctuation_find_nothing(cases: Catalogue, text: str) -> None:
    cases.target("t", "a!b")
    with cases.read() as session:
        assert [row.target for row in find_targets(session, viewer("officer"), text)] == []
        assert [row.target for row in find_targets(session, viewer("officer"), "!")] == ["t"]


def test_a_nul_in_the_text_searched_for_is_passed_over(cases: Catalogue) -> None:
    with cases.read() as session:
        assert [row.target for row in find_targets(session, viewer("officer"), "\0open")] == ["open"]


def test_targets_bound_to_lately_come_latest_first_while_they_are_open(cases: Catalogue) -> None:
    cases.target("second")
    for number, (target, by) in enumerate(
        [("second", "me"), ("open", "me"), ("submitted", "me"), ("foreign", "other"), ("open", "me")]
    ):
        cases.clip(f"c{number}")
        cases.bind(f"c{number}", target, by=by, bound_at=at(number))
    with cases.read() as session:
        assert [row.target for row in recent_targets(session, viewer("officer", "clerk"))] == ["open", "second"]


def test_a_case_page_tells_which_of_the_five_fields_each_clip_lacks(catalogue: Catalogue) -> None:
    catalogue.target("t")
    catalogue.target("m", kind="matter")
    catalogue.clip("whole", 1, collector_name="王", place="某地")
    catalogue.clip("located", 2, collector_name="王", latitude="38.0", longitude="114.5")
    catalogue.clip("bare", 3, recorded_at=None)
    for clip in ("whole", "located", "bare"):
        catalogue.bind(clip, "t", proves=("甲",) if clip == "whole" else ())
        catalogue.bind(clip, "m", proves=("乙",))
    with catalogue.read() as session:
        case = target_detail(session, viewer("clerk"), "t")
        matter = target_detail(session, viewer("clerk"), "m")
    assert [row.clip for row in case.clips] == ["whole", "located", "bare"]
    assert case.missing_fields == {"located": ("proves",), "bare": ("time", "place", "collector", "proves")}
    assert matter.missing_fields["whole"] == ("case_number",)


def test_an_officer_finds_only_their_own_clips_on_a_case_page(catalogue: Catalogue) -> None:
    catalogue.target("t")
    catalogue.clip("own", collector="me")
    catalogue.clip("other", collector="somebody")
    for clip in ("own", "other"):
        catalogue.bind(clip, "t")
    with catalogue.read() as session:
        assert [row.clip for row in target_detail(session, viewer("officer"), "t").clips] == ["own"]


def test_lists_of_targets_take_the_same_statements_however_long(catalogue: Catalogue) -> None:
    def statements() -> int:
        with catalogue.read() as session, catalogue.statements() as seen:
            list_targets(session, viewer("clerk"))
        return len(seen)

    catalogue.target("t0", handlers=("h",))
    one = statements()
    for number in range(1, 6):
        catalogue.target(f"t{number}", handlers=("h",))
    assert statements() == one


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("zs", ["zhang"]),  # 张三
        ("ZSsx", ["zhang"]),
        ("sxx", ["shan"]),  # 单雄信 is read shan, which is not the usual reading
        ("xc", ["zhang"]),  # inside a title: 嫌超
        ("z", []),  # one letter is no initials
        ("zx", []),
        ("z1", []),
    ],
)
def test_the_picker_finds_a_party_by_the_initials_of_its_pinyin(
    catalogue: Catalogue, typed: str, found: list[str]
) -> None:
    catalogue.target("shan", "1", title="单雄信占道经营", opened_at=at(1))
    catalogue.target("zhang", "2", title="张三涉嫌超限运输", opened_at=at(2))
    catalogue.target("foreign", "3", title="张三涉嫌超限运输", unit="别的大队")
    catalogue.target("blank", "4", opened_at=at(3))
    with catalogue.read() as session:
        assert [row.target for row in find_targets(session, viewer("officer"), typed)] == found
        assert [row.target for row in list_targets(session, viewer("clerk"), text=typed)] == found
