"""What other recorders recorded at the same time: overlap to the millisecond, and nothing that is not to be seen."""

import pytest

from station.catalogue import meanwhile as module
from station.catalogue.meanwhile import meanwhile
from tests.unit.catalogue.rows import Catalogue, viewer

MINUTE = 60_000


def found(catalogue: Catalogue, clip: str, *roles: str) -> list[tuple[str, int, int, int]]:
    with catalogue.read() as session:
        others, more = meanwhile(session, viewer(*roles), clip)
    assert more == 0
    return [(each.row.clip, each.offset_ms, each.start_ms, each.end_ms) for each in others]


def test_what_overlaps_is_told_with_its_offset_and_the_shared_stretch(catalogue: Catalogue) -> None:
    catalogue.clip("a", 60, duration_ms=10 * MINUTE)
    catalogue.clip("same recorder", 61, duration_ms=MINUTE)
    catalogue.clip("before", 50, recorder="r2", duration_ms=10 * MINUTE)
    catalogue.clip("from before", 55, recorder="r2", duration_ms=6 * MINUTE)
    catalogue.clip("within", 62, recorder="r3", duration_ms=MINUTE)
    catalogue.clip("beyond", 69, recorder="r4", duration_ms=5 * MINUTE)
    catalogue.clip("after", 70, recorder="r4", duration_ms=MINUTE)
    assert found(catalogue, "a", "clerk") == [
        ("from before", -5 * MINUTE, 5 * MINUTE, 6 * MINUTE),
        ("within", 2 * MINUTE, 0, MINUTE),
        ("beyond", 9 * MINUTE, 0, MINUTE),
    ]
    assert next(line[:2] for line in found(catalogue, "within", "clerk")) == ("a", -2 * MINUTE)


@pytest.mark.parametrize(
    "other",
    [
        {"unit": "别的大队"},
        {"time_trust": "suspicious"},
        {"recorded_at": None, "time_trust": "unknown"},
        {"duration_ms": None},
        {"sensitivity": "suspected_secret"},
    ],
)
def test_what_is_not_to_be_seen_or_relied_on_is_not_told(catalogue: Catalogue, other: dict[str, object]) -> None:
    catalogue.clip("a", 60, duration_ms=MINUTE)
    catalogue.clip("other", 60, **({"recorder": "r2", "duration_ms": MINUTE} | other))
    assert found(catalogue, "a", "clerk") == []


def test_beside_a_clip_without_a_time_there_is_nothing(catalogue: Catalogue) -> None:
    catalogue.clip("a", 60, duration_ms=MINUTE, time_trust="suspicious")
    catalogue.clip("other", 60, recorder="r2", duration_ms=MINUTE)
    assert found(catalogue, "a", "clerk") == []


def test_of_many_the_first_are_shown_and_the_others_counted(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_MOST", 2)
    catalogue.clip("a", 60, duration_ms=MINUTE)
    for number in range(3):
        catalogue.clip(f"o{number}", 60, recorder=f"r{number + 2}", duration_ms=MINUTE)
    with catalogue.read() as session:
        others, more = meanwhile(session, viewer("clerk"), "a")
    assert ([each.row.clip for each in others], more) == (["o0", "o1"], 1)
