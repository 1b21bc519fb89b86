"""Which two listings show the same file."""

from dataclasses import dataclass, replace

import pytest

from station.records.reading import RawName, RawTimes
from station.records.sighting import sighting_key

TIMES = RawTimes(modified="2026-08-04T10:00:02", created="2026-08-04T10:00:00", zone_offset_minutes=0)


@dataclass(frozen=True)
class Seen:
    recorder: str = "r1"
    volume: int = 0
    raw: tuple[str, ...] = ("6162", "63")
    address: int = 7
    size: int = 100
    times: RawTimes = TIMES

    def key(self, text: str = "x") -> str:
        path = tuple(RawName(raw=raw, encoding="utf-8", text=text) for raw in self.raw)
        return sighting_key(self.recorder, self.volume, path, self.address, self.size, self.times)


@pytest.mark.parametrize(
    "other",
    [
        Seen(recorder="r2"),
        Seen(volume=1),
        Seen(raw=("61", "6263")),
        Seen(raw=("616263",)),
        Seen(address=8),
        Seen(size=101),
        Seen(times=RawTimes(modified="2026-08-04T10:00:04", created="2026-08-04T10:00:00", zone_offset_minutes=0)),
        Seen(times=RawTimes(modified="2026-08-04T10:00:02", zone_offset_minutes=0)),
        Seen(times=RawTimes(modified="2026-08-04T10:00:02", created="2026-08-04T10:00:00")),
    ],
)
def test_whatever_the_directory_says_otherwise_makes_another_sighting(other: Seen) -> None:
    assert other.key() != Seen().key()


def test_neither_the_display_text_nor_the_last_access_makes_another_sighting() -> None:
    assert Seen().key("shown otherwise") == Seen().key()
    accessed = replace(Seen(), times=Seen().times.model_copy(update={"accessed": "2026-09-01T00:00:00"}))
    assert accessed.key() == Seen().key()


def test_numbers_beyond_what_json_carries_have_a_key() -> None:
    assert Seen(address=2**63, size=2**62).key() != Seen(address=2**63 + 1, size=2**62).key()
