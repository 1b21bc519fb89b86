"""The drawn way: in the box, true to scale, north up, with tiles beneath only where they belong."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from station.api.maps import HEIGHT, WIDTH, MapView, draw_place, draw_track, tile_path
from station.derive.track import Track


def track(*places: tuple[float, float]) -> Track:
    fixes = tuple((n * 1000, round(north * 1e6), round(east * 1e6)) for n, (north, east) in enumerate(places))
    return Track(timed="sample", fixes=fixes)


def drawn(view: MapView) -> list[tuple[float, float]]:
    return [(x, y) for _, x, y in json.loads(view.follow)]


def test_north_is_up_and_east_is_right() -> None:
    view = draw_track(track((31.24, 121.47), (31.25, 121.48)), None)
    (x0, y0), (x1, y1) = drawn(view)
    assert x1 > x0 and y1 < y0
    assert (view.start, view.end, view.fixes, view.datum) == (
        "31.240000, 121.470000",
        "31.250000, 121.480000",
        2,
        "WGS-84",
    )
    assert view.path.startswith("M") and view.tiles == ()


def test_the_scale_is_that_of_the_ground() -> None:
    # Along the meridian, where a degree has 111.3 km on the sphere of EPSG:3857.
    view = draw_track(track((31.24, 121.47), (31.25, 121.47)), None)
    (_, y0), (_, y1) = drawn(view)
    metres = (y0 - y1) / view.scale * view.scale_metres
    assert metres == pytest.approx(0.01 * math.pi / 180 * 6_378_137, rel=0.005)
    assert view.scale_metres in (200, 500)
    assert 45 <= view.scale <= 120


def test_where_it_went_without_a_fix_is_not_drawn() -> None:
    fixes = ((0, 31240000, 121470000), (1000, 31241000, 121470000), (90_000, 31245000, 121470000))
    path = draw_track(Track(timed="sample", fixes=fixes), None).path
    assert (path.count("M"), path.count("L")) == (2, 1)


def test_a_track_without_fixes_is_not_shown() -> None:
    assert draw_track(track(), None) == MapView("none")


def test_a_way_across_the_180th_meridian_stays_in_one_piece() -> None:
    view = draw_track(track((-16.5, 179.999), (-16.5, -179.999)), None)
    (x0, _), (x1, _) = drawn(view)
    assert 0 < x0 < x1 < WIDTH and view.scale_metres <= 100


@given(some.lists(some.tuples(some.floats(-90, 90), some.floats(-180, 180)), min_size=1, max_size=700))
def test_every_way_is_drawn_within_the_box(places: list[tuple[float, float]]) -> None:
    view = draw_track(track(*places), None)
    points = drawn(view)
    assert len(points) <= 601
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert points[-1] == view.end_at
    assert view.scale > 0 and view.scale_metres >= 1


def put_tile(folder: Path, zoom: int, x: int, y: int) -> None:
    place = folder / str(zoom) / str(x) / f"{y}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"\x89PNG")


def tile_of(latitude: float, longitude: float, zoom: int) -> tuple[int, int]:
    """The usual formula for tile numbers, written apart from the one that is tested."""
    angle = math.radians(latitude)
    y = (1 - math.asinh(math.tan(angle)) / math.pi) / 2
    return int((longitude + 180) / 360 * 2**zoom), int(y * 2**zoom)


def test_tiles_lie_beneath_where_there_are_some_at_the_nearest_zoom_that_has_any(tmp_path: Path) -> None:
    x, y = tile_of(31.2304, 121.4737, 15)
    put_tile(tmp_path, 15, x, y)
    put_tile(tmp_path, 15, x + 1, y)
    put_tile(tmp_path, 14, x // 2, y // 2)
    view = draw_place("31.2304", "121.4737", "WGS-84", tmp_path)
    assert {tile.address for tile in view.tiles} >= {f"/map/15/{x}/{y}"}
    (under,) = (tile for tile in view.tiles if tile.address == f"/map/15/{x}/{y}")
    # Where the place lies in its tile is a fact of its coordinates.
    share = (121.4737 + 180) / 360 * 2**15 - x
    assert view.start_at[0] - under.x == pytest.approx(256 * share, abs=0.2)
    assert 0 <= view.start_at[1] - under.y <= 256


def test_a_place_in_another_datum_is_drawn_without_tiles_and_as_it_is(tmp_path: Path) -> None:
    put_tile(tmp_path, 0, 0, 0)
    view = draw_place("31.2304", "121.4737", "GCJ-02", tmp_path)
    assert (view.tiles, view.datum, view.start) == ((), "GCJ-02", "31.230400, 121.473700")
    assert view.path == view.follow == ""


def test_only_a_tile_that_could_be_is_looked_for(tmp_path: Path) -> None:
    put_tile(tmp_path, 1, 0, 0)
    assert tile_path(tmp_path, 1, 0, 0)
    for number in ((1, 0, 1), (1, 2, 0), (-1, 0, 0), (40, 0, 0), (1, -1, 0)):
        assert tile_path(tmp_path, *number) is None
