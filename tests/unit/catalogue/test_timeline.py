"""The strip of a day: a bar a recording, a line a recorder, nothing that the viewer does not see or can't rely on."""

from station.catalogue.timeline import LANES, day_lanes
from station.catalogue.views import ClipFilter
from tests.unit.catalogue.rows import Catalogue, at, viewer

DAY = ClipFilter(time_from=at(0), time_to="2026-08-05T00:00:00.000000Z")


def test_segments_are_one_bar_from_the_first_ones_begin_to_the_last_ones_end(catalogue: Catalogue) -> None:
    catalogue.recorder("r1", serial="DSJ0001")
    catalogue.recorder("r2", serial="DSJ0002")
    catalogue.clip("a", 60, recording="a", duration_ms=600_000, tagged=True)
    catalogue.clip("b", 70, recording="a", duration_ms=300_000)
    catalogue.clip("c", 90, recorder="r2", tagged=True)
    catalogue.clip("wrong", 100, time_trust="suspicious")
    catalogue.clip("foreign", 110, unit="别的大队")
    with catalogue.read() as session:
        lanes, more = day_lanes(session, viewer("clerk"), DAY)
        others, _more = day_lanes(session, viewer("clerk"), ClipFilter(time_to=at(0)))
    assert [(lane.name, len(lane.spans)) for lane in lanes] == [("DSJ0001", 1), ("DSJ0002", 1)]
    (span,) = lanes[0].spans
    assert (span.clip, span.segments, span.tagged) == ("a", 2, False)
    assert (span.end - span.start).total_seconds() == 15 * 60
    assert (others, more) == ((), 0)


def test_of_many_recorders_those_that_recorded_last_are_shown_and_the_others_counted(catalogue: Catalogue) -> None:
    for number in range(LANES + 3):
        catalogue.recorder(f"r{number:02}", serial=f"S{number:02}")
        catalogue.clip(f"c{number:02}", number, recorder=f"r{number:02}")
    with catalogue.read() as session:
        lanes, more = day_lanes(session, viewer("clerk"), DAY)
    assert [lane.name for lane in lanes] == [f"S{number:02}" for number in range(3, LANES + 3)]
    assert more == 3
