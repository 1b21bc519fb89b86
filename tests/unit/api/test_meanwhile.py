"""A clip's page leads to the same moment of other recorders' clips, and tells of none that is not to be seen."""

from collections.abc import Callable

from starlette.testclient import TestClient

from station.records.terms import Role
from tests.fakes.stations import FakeStation

FIRST, LATER = "2026-11-20T08:00:00.000000Z", "2026-11-20T08:00:02.500000Z"


def test_another_recorder_s_clip_is_linked_at_the_same_instant_with_its_poster(
    station: FakeStation, browse: Callable[..., TestClient]
) -> None:
    own = station.clip(recorded_at=FIRST)
    station.take_in_recorder()
    other = station.clip(recorded_at=LATER)
    station.take_in_recorder(unit="别的大队")
    foreign = station.clip(recorded_at=LATER)
    client = browse(station.person("chen", Role.CLERK))
    page = client.get(f"/clips/{own}").text
    assert "同一时间的其他记录仪" in page
    assert f'href="/clips/{other}#t=0.0" data-offset="2500" data-start="0" data-end="6500"' in page
    assert "晚 2.5 秒开始" in page
    assert client.get(f"/clips/{other}/poster").status_code == 200
    assert foreign not in page
    back = client.get(f"/clips/{other}").text
    assert f'href="/clips/{own}#t=2.5" data-offset="-2500"' in back
    assert "早 2.5 秒开始" in back


def test_an_inspector_without_a_purpose_is_told_of_none(
    station: FakeStation, browse: Callable[..., TestClient]
) -> None:
    own = station.clip(recorded_at=FIRST)
    station.take_in_recorder()
    other = station.clip(recorded_at=LATER)
    client = browse(station.person("zhao", Role.INSPECTOR))
    assert other not in client.get(f"/clips/{own}").text
    client.post(f"/clips/{own}/open", data={"purpose": "督察"})
    page = client.get(f"/clips/{own}").text
    assert f"/clips/{other}#t=" in page
    assert f"/clips/{other}/poster" not in page  # its pictures wait for a purpose of their own
