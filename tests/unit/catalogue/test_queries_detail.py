"""One clip's page: the five fields with their provenance and doubts, companions, segments."""

from typing import Any

import pytest

from station.catalogue.clip_detail import FIELDS, clip_detail
from station.catalogue.doubts import settle_collector
from station.catalogue.tables import Clip, Companion, Docking
from station.catalogue.views import ClipDetail, FieldView, Viewer
from station.errors import NotFoundError
from tests.unit.catalogue.rows import NOON, Catalogue, viewer


def detail(catalogue: Catalogue, clip: str = "a", eyes: Viewer | None = None) -> ClipDetail:
    with catalogue.read() as session:
        return clip_detail(session, eyes or viewer("clerk"), clip, leaf_of=lambda seq: f"leaf of {seq}")


def field(catalogue: Catalogue, name: str) -> FieldView:
    return {each.field: each for each in detail(catalogue).fields}[name]


@pytest.fixture
def holders(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue with two people who carry numbers."""
    catalogue.person("p1", "王一", police_number="031001")
    catalogue.person("p2", "李二", police_number="031002")
    return catalogue


def test_a_clip_that_is_hidden_and_one_that_is_not_there_look_alike(catalogue: Catalogue) -> None:
    catalogue.clip("a", unit="别的大队")
    for clip in ("a", "b"):
        with pytest.raises(NotFoundError, match=f"There is no clip {clip}, or"):
            detail(catalogue, clip)


def test_the_page_tells_where_the_clip_came_from_and_its_entry(catalogue: Catalogue) -> None:
    catalogue.add(
        Docking(docking="d1", recorder="r1", profile="p", slot=3, source_kind="device", source=None, started_at=NOON)
    )
    catalogue.clip("a", seq=42, sha256="f" * 64, device_time="2026-08-04T12:00:00", zone="Asia/Shanghai")
    page = detail(catalogue)
    assert (page.seq, page.leaf, page.docked_at, page.sha256) == (42, "leaf of 42", NOON, "f" * 64)
    assert (page.device_time, page.zone) == ("2026-08-04T12:00:00", "Asia/Shanghai")


def test_the_five_fields_stand_in_the_order_of_the_rules(catalogue: Catalogue) -> None:
    catalogue.clip("a", recorded_at=None, time_source=None, time_trust="unknown")
    fields = detail(catalogue).fields
    assert tuple(each.field for each in fields) == FIELDS
    assert [each.value for each in fields] == [None] * 5


def test_the_case_number_comes_from_cases_and_not_from_matters(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.target("m", "临-1", kind="matter")
    catalogue.bind("a", "m", kind="matter")
    assert field(catalogue, "case_number") == FieldView("case_number", None, None)
    catalogue.target("t", "罚〔2026〕1号", number_source="case_system")
    catalogue.bind("a", "t")
    assert field(catalogue, "case_number") == FieldView("case_number", "罚〔2026〕1号", "case_system")


def test_what_it_proves_is_told_once_with_who_said_so(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.target("t")
    catalogue.target("u")
    catalogue.bind("a", "t", proves=("甲", "乙"), source="officer")
    catalogue.bind("a", "u", proves=("乙", "丙"), source="clerk", bound_at="2026-08-05T00:00:00.000000Z")
    assert field(catalogue, "proves") == FieldView("proves", "甲 · 乙 · 丙", "officer")


def test_neither_number_nor_proof_of_a_case_the_viewer_may_not_know_is_shown(catalogue: Catalogue) -> None:
    catalogue.clip("a")
    catalogue.target("t", "秘密1号", unit="别的大队")
    catalogue.bind("a", "t", proves=("秘密",))
    page = detail(catalogue)
    assert "秘密" not in repr(page)
    assert page.row.tagged
    assert "秘密" in repr(detail(catalogue, eyes=viewer("inspector")))


@pytest.mark.parametrize(
    ("trust", "doubt"), [("plain", None), ("suspicious", "clock_suspicious"), ("unknown", "clock_unknown")]
)
def test_a_time_says_how_far_the_clock_is_trusted(catalogue: Catalogue, trust: str, doubt: str | None) -> None:
    catalogue.clip("a", 5, time_trust=trust, time_source="file_name")
    assert field(catalogue, "time") == FieldView("time", "2026-08-04T00:05:00.000000Z", "file_name", doubt)


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ({"place": "中山路", "latitude": "38.04", "longitude": "114.51"}, "中山路"),
        ({"latitude": "38.04", "longitude": "114.51", "datum": "WGS-84"}, "38.04, 114.51 (WGS-84)"),
        ({"latitude": "38.04", "longitude": "114.51"}, "38.04, 114.51 (unknown)"),
        ({"latitude": "38.04"}, None),
    ],
)
def test_a_place_is_its_text_else_its_coordinates_with_the_datum(
    catalogue: Catalogue, stored: dict[str, str], value: str | None
) -> None:
    catalogue.clip("a", place_source="gps", **stored)
    assert field(catalogue, "place") == FieldView("place", value, "gps")


@pytest.mark.parametrize(
    ("stored", "held_by", "value", "doubt"),
    [
        ({"collector": "p1", "police_number": "031001"}, (), "王一", None),
        ({"collector": "p1", "police_number": "031002"}, (), "王一", "number_disagrees"),
        ({"collector": "p1"}, ("p1", "p2"), "王一", None),
        ({"collector_name": "协管员", "police_number": "9"}, ("p1", "p2"), "协管员", None),
        ({}, (), None, None),
        ({}, ("p1",), None, None),
        ({"police_number": "031001"}, ("p1",), None, None),
        ({"police_number": "031002"}, ("p1",), None, "number_disagrees"),
        ({"police_number": "031001"}, ("p1", "p2"), None, "holder_ambiguous"),
    ],
)
def test_a_collector_is_doubted_where_register_and_file_do_not_settle_it(
    holders: Catalogue, stored: dict[str, Any], held_by: tuple[str, ...], value: str | None, doubt: str | None
) -> None:
    holders.clip("a", holders=held_by, collector_source="holder_register", **stored)
    holders.store()
    with holders.database.write() as session:
        settle_collector(session, session.get_one(Clip, "a"))
    assert field(holders, "collector") == FieldView("collector", value, "holder_register", doubt)


def test_companions_are_named(holders: Catalogue) -> None:
    holders.clip("a")
    holders.add(Companion(clip="a", person="p2"), Companion(clip="a", person="p1"))
    assert set(detail(holders).companions) == {"王一", "李二"}


def test_segments_of_the_recording_come_in_order_and_only_visible_ones(catalogue: Catalogue) -> None:
    for number, unit in ((2, "第一大队"), (1, "第一大队"), (3, "别的大队")):
        catalogue.clip(f"s{number}", recording="s1", sequence=number, unit=unit)
    assert [row.clip for row in detail(catalogue, "s2").segments] == ["s1", "s2"]
