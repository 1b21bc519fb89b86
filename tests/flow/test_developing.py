"""What is made of a clip, in its order, and again when it is lost; a real ffmpeg, nothing signed."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.stages.developing import Developing
from station.state import work
from tests.fakes.stations import FakeStation, memory_station

BESIDE = {"filmstrip.webp", "waveform.json", "track.json"}


@pytest.fixture
def station() -> Iterator[FakeStation]:
    with memory_station() as made:
        yield made


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a second of H.264 with sound."""
    target = tmp_path_factory.mktemp("film") / "film.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc=s=160x90:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *inputs, *codecs, str(target)], check=True)
    return target.read_bytes()


def developing(station: FakeStation) -> Developing:
    return Developing(station.home, station.database, station.custody, station.store)


def develop_all(station: FakeStation) -> None:
    develop = developing(station)
    while develop.step(threading.Event()):
        pass


def made(station: FakeStation) -> set[str]:
    return {path.name for path in station.home.derived.glob("??/*/*")}


def test_what_stands_beside_the_player_comes_after_all_posters_and_what_is_played(
    station: FakeStation, film: bytes
) -> None:
    for more in (b"", b"\0\0\0\x08free"):
        station.clip(film + more, probed=False, poster=False)
    develop, order = developing(station), []
    before: set[Path] = set()
    while develop.step(threading.Event()):
        now = set(station.home.derived.glob("??/*/*"))
        order.append({path.name for path in now - before})
        before = now
    assert order[:3] == [{"poster.webp"}, {"frames.json"}, {"frames.json"}]
    assert set.union(*order[3:]) == BESIDE
    assert made(station) == {"poster.webp", "frames.json", *BESIDE}
    assert not develop.step(threading.Event())


def test_what_is_lost_is_made_again_at_the_next_start_and_nothing_else(station: FakeStation, film: bytes) -> None:
    station.clip(film)
    develop_all(station)
    (folder,) = station.home.derived.glob("??/*")
    for name in BESIDE:
        (folder / name).unlink()
    kept = (folder / "frames.json").stat().st_mtime_ns
    develop_all(station)
    assert made(station) == {"poster.webp", "frames.json", *BESIDE}
    assert (folder / "frames.json").stat().st_mtime_ns == kept
    with station.database.read() as session:
        assert work.counts(session).keys() == {"ready"}
