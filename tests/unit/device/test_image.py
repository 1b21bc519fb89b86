"""The card's bytes: what can't be read is never made up."""

import os
from pathlib import Path

import pytest

from station.device import image as images
from station.device.image import Image
from tests.unit.device.images import SECTOR

DATA = os.urandom(300 * SECTOR)


@pytest.fixture
def flawed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    """Return a card of which sector 130 can't be read."""
    path = tmp_path / "card.img"
    path.write_bytes(DATA)
    honest = images.read_into

    def read_into(handle: int, offset: int, target: memoryview) -> int:
        if offset < 131 * SECTOR and offset + len(target) > 130 * SECTOR:
            raise OSError(5, "bad sector")
        return honest(handle, offset, target)

    monkeypatch.setattr(images, "read_into", read_into)
    return Image(os.open(path, os.O_RDONLY))


@pytest.fixture(autouse=True)
def _close(request: pytest.FixtureRequest) -> None:
    if "flawed" in request.fixturenames:
        image = request.getfixturevalue("flawed")
        request.addfinalizer(lambda: os.close(image.handle))


def test_a_bad_sector_costs_its_neighbours_nothing(flawed: Image) -> None:
    assert flawed.read_exact(129 * SECTOR, SECTOR) == DATA[129 * SECTOR : 130 * SECTOR]
    assert flawed.read_exact(131 * SECTOR, SECTOR) == DATA[131 * SECTOR : 132 * SECTOR]


def test_what_we_read_ourselves_is_an_error_where_it_is_bad_every_time(flawed: Image) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="can't be read"):
            flawed.read_exact(130 * SECTOR + 10, 1)


def test_the_parser_gets_zeros_and_we_remember_where(flawed: Image) -> None:
    assert flawed.read(0, 300 * SECTOR) == DATA[: 130 * SECTOR] + bytes(SECTOR) + DATA[131 * SECTOR :]
    assert flawed.bad == [(130 * SECTOR, 131 * SECTOR)]


def test_reading_across_the_end_of_the_card_is_an_error(flawed: Image) -> None:
    with pytest.raises(OSError, match="can't be read"):
        flawed.read_exact(299 * SECTOR, 2 * SECTOR)


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (513, 700), (65535, 2), (65000, 70000), (1, 150_000)])
def test_unaligned_reads_past_the_page_cache_give_the_same_bytes(tmp_path: Path, offset: int, length: int) -> None:
    path = tmp_path / "card.img"
    path.write_bytes(DATA)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        pytest.skip(f"no O_DIRECT here: {error}")
    try:
        target = bytearray(length)
        with memoryview(target) as view:
            count = Image(handle).read_into(offset, view)
        assert bytes(target[:count]) == DATA[offset : offset + length]
    finally:
        os.close(handle)
