"""A recorder's way as a drawing that needs no network: track, start and end, a scale; map tiles where the unit has any.

Guarantees: the projection is spherical Mercator (EPSG:3857), north is up, nothing is moved to another datum; only tiles
that exist are asked for, and only beneath coordinates in their datum, WGS 84.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from station.derive.track import Track

WIDTH: Final = 480
HEIGHT: Final = 300
_MARGIN = 36
_TILE = 256
_DEEPEST, _DEEPEST_ALONE = 18, 17  # a single place is shown with the streets around it
_MOST_DRAWN = 600
_EARTH_METRES = 2 * math.pi * 6_378_137  # EPSG:3857
_LONGEST_SCALE = 120
_LEAST_GAP_MS = 60_000
WGS_84: Final = "WGS-84"


@dataclass(frozen=True, slots=True)
class TileView:
    """A map tile: its address and where its upper left corner lies."""

    address: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class MapView:
    """What is drawn, in a box of `WIDTH` by `HEIGHT`; `state` other than `shown` says why nothing is.

    `path` is empty for a single place, `follow` is JSON for the script: [[milliseconds, x, y], …]. `start` and `end`
    are degrees north and east as text; `timed` as in `station.derive.track`. `scale` is a length in the box,
    `scale_metres` what it stands for.
    """

    state: Literal["shown", "none", "waiting", "failed"]
    path: str = ""
    follow: str = ""
    start: str = ""
    end: str = ""
    start_at: tuple[float, float] = (0, 0)
    end_at: tuple[float, float] = (0, 0)
    fixes: int = 0
    timed: str = ""
    datum: str = WGS_84
    scale: float = 0
    scale_metres: int = 0
    tiles: tuple[TileView, ...] = ()


def draw_track(track: Track, folder: Path | None) -> MapView:
    """Draw a track over the tiles in `folder` (None: without); one without fixes is not shown."""
    fixes = track.fixes[:: -(-len(track.fixes) // _MOST_DRAWN) or 1]
    if not fixes:
        return MapView("none")
    if fixes[-1] != track.fixes[-1]:
        fixes = (*fixes, track.fixes[-1])
    places = [(latitude / 1e6, longitude / 1e6) for _, latitude, longitude in fixes]
    frame = _Frame(places, folder)
    points = [frame.place(each) for each in places]
    return MapView(
        state="shown",
        path=_path([ms for ms, _, _ in fixes], points) if len(points) > 1 else "",
        follow=json.dumps(
            [[ms, x, y] for (ms, _, _), (x, y) in zip(fixes, points, strict=True)], separators=(",", ":")
        ),
        start=_degrees(places[0]),
        end=_degrees(places[-1]),
        start_at=points[0],
        end_at=points[-1],
        fixes=len(track.fixes),
        timed=track.timed,
        scale=frame.scale,
        scale_metres=frame.scale_metres,
        tiles=frame.tiles,
    )


def draw_place(latitude: str, longitude: str, datum: str, folder: Path | None) -> MapView:
    """Draw a single place, given in decimal degrees of any datum: as it is, with tiles only where they would fit."""
    place = (float(latitude), float(longitude))
    frame = _Frame([place], folder if datum == WGS_84 else None)
    at = frame.place(place)
    return MapView(
        state="shown",
        start=_degrees(place),
        end=_degrees(place),
        start_at=at,
        end_at=at,
        fixes=1,
        datum=datum,
        scale=frame.scale,
        scale_metres=frame.scale_metres,
        tiles=frame.tiles,
    )


def tile_path(folder: Path, zoom: int, x: int, y: int) -> Path | None:
    """Return the file of a tile in `folder` (z/x/y.png), None when there is none or could be none."""
    if not (0 <= zoom <= _DEEPEST + 4 and 0 <= x < 2**zoom and 0 <= y < 2**zoom):
        return None
    path = folder / str(zoom) / str(x) / f"{y}.png"
    return path if path.is_file() else None


def _path(times: Sequence[int], points: Sequence[tuple[float, float]]) -> str:
    """Join the points by lines, but not across a time without any fix: where the way led then is not known."""
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    gap = max(_LEAST_GAP_MS, 4 * steps[(len(steps) - 1) // 2])
    begun = ["M", *("L" if later - earlier <= gap else "M" for earlier, later in pairwise(times))]
    return "".join(f"{letter}{x:g} {y:g}" for letter, (x, y) in zip(begun, points, strict=True))


class _Frame:
    """The part of the world that is shown: as near as all places fit."""

    def __init__(self, places: Sequence[tuple[float, float]], folder: Path | None) -> None:
        # Around the first place, so that a way across the 180th meridian stays in one piece.
        self._around = _world(*places[0])[0]
        points = [self._unit(place) for place in places]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        self._centre = ((left + right) / 2, (top + bottom) / 2)
        deepest = _DEEPEST if right > left or bottom > top else _DEEPEST_ALONE
        self._zoom = min(deepest, _fitting_zoom(right - left, WIDTH), _fitting_zoom(bottom - top, HEIGHT))
        self.tiles: tuple[TileView, ...] = ()
        if folder is not None:
            self._lay_tiles(folder)
        metres = _EARTH_METRES * _shrinking(self._centre[1]) / self._pixels
        self.scale_metres = _round_length(metres * _LONGEST_SCALE)
        self.scale = round(self.scale_metres / metres, 1)

    def place(self, place: tuple[float, float]) -> tuple[float, float]:
        """Return where a place lies in the box."""
        x, y = self._unit(place)
        return round(self._left + x * self._pixels, 1), round(self._top + y * self._pixels, 1)

    @property
    def _pixels(self) -> float:
        return float(_TILE * 2**self._zoom)

    @property
    def _left(self) -> float:
        return WIDTH / 2 - self._centre[0] * self._pixels

    @property
    def _top(self) -> float:
        return HEIGHT / 2 - self._centre[1] * self._pixels

    def _unit(self, place: tuple[float, float]) -> tuple[float, float]:
        x, y = _world(*place)
        return x + round(self._around - x), y

    def _lay_tiles(self, folder: Path) -> None:
        """Step back to the nearest zoom that has a tile in the middle, and take all of it that exist."""
        for zoom in range(math.floor(self._zoom), -1, -1):
            if tile_path(folder, zoom, *(int(each * 2**zoom) % 2**zoom for each in self._centre)):
                self._zoom = zoom
                break
        else:
            return
        count = 2**zoom
        columns = range(math.floor(-self._left / _TILE), math.floor((WIDTH - self._left) / _TILE) + 1)
        rows = range(math.floor(-self._top / _TILE), math.floor((HEIGHT - self._top) / _TILE) + 1)
        self.tiles = tuple(
            TileView(f"/map/{zoom}/{x % count}/{y}", round(self._left + x * _TILE, 1), round(self._top + y * _TILE, 1))
            for x in columns
            for y in rows
            if tile_path(folder, zoom, x % count, y)
        )


def _world(latitude: float, longitude: float) -> tuple[float, float]:
    """Project to the unit square of spherical Mercator, x from 180° west, y from 85.0511° north."""
    sine = math.sin(math.radians(max(-85.0511, min(85.0511, latitude))))
    return longitude / 360 + 0.5, 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)


def _shrinking(y: float) -> float:
    """Return the cosine of the latitude at height `y` of the unit square: by that much lengths are drawn too large."""
    return 1 / math.cosh(2 * math.pi * (0.5 - y))


def _fitting_zoom(share: float, box: int) -> float:
    return math.log2((box - 2 * _MARGIN) / (_TILE * share)) if share > 0 else math.inf


def _round_length(metres: float) -> int:
    """Return the longest of 1, 2, 5, 10 … metres that is not longer."""
    power = int(10 ** math.floor(math.log10(max(metres, 1))))
    return max(step * power for step in (1, 2, 5) if step * power <= max(metres, 1))


def _degrees(place: tuple[float, float]) -> str:
    return f"{place[0]:.6f}, {place[1]:.6f}"
