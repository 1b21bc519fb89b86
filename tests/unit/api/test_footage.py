"""Footage by ranges: exactly the bytes asked for, from the vault itself, as the type of our own sniff."""

import hashlib
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.derive.layout import frames_path, proxy_path, waveform_path
from station.records.terms import Role
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]
FILM = bytes(range(256)) * 1000


@pytest.fixture
def client(station: FakeStation, browse: Browse) -> TestClient:
    return browse(station.person("chen", Role.CLERK))


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-", 0, 256000),
        ("bytes=0-0", 0, 1),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=-500", 255500, 256000),
        ("bytes=255999-999999", 255999, 256000),
    ],
)
def test_a_range_is_exactly_the_bytes_asked_for(
    station: FakeStation, client: TestClient, asked: str, first: int, end: int
) -> None:
    clip = station.clip(FILM)
    answer = client.get(f"/clips/{clip}/media", headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == FILM[first:end]
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/256000"
    assert answer.headers["content-length"] == str(end - first)


def test_the_whole_is_the_original_with_its_digest_as_validator(station: FakeStation, client: TestClient) -> None:
    answer = client.get(f"/clips/{station.clip(FILM)}/media")
    assert (answer.status_code, answer.content) == (200, FILM)
    assert answer.headers["etag"] == f'"{hashlib.sha256(FILM).hexdigest()}"'
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"


def test_a_range_beyond_the_end_can_not_be_had(station: FakeStation, client: TestClient) -> None:
    answer = client.get(f"/clips/{station.clip(FILM)}/media", headers={"range": "bytes=256000-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */256000")


def test_a_range_of_other_content_than_before_gives_the_whole(station: FakeStation, client: TestClient) -> None:
    clip = station.clip(FILM)
    headers = {"range": "bytes=0-9", "if-range": '"somethingelse"'}
    assert client.get(f"/clips/{clip}/media", headers=headers).status_code == 200
    headers["if-range"] = f'"{hashlib.sha256(FILM).hexdigest()}"'
    assert client.get(f"/clips/{clip}/media", headers=headers).status_code == 206


def test_what_a_browser_can_not_play_is_not_sent_until_its_copy_is_there(
    station: FakeStation, client: TestClient
) -> None:
    clip = station.clip(FILM, playable="proxy")
    assert client.get(f"/clips/{clip}/media").status_code == 404
    assert f"/clips/{clip}/media" not in client.get(f"/clips/{clip}").text
    copy = proxy_path(station.home.derived, hashlib.sha256(FILM).hexdigest())
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(b"a playable copy")
    answer = client.get(f"/clips/{clip}/media")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (
        200,
        b"a playable copy",
        "video/mp4",
    )


def put_frames(station: FakeStation) -> None:
    times = frames_path(station.home.derived, hashlib.sha256(FILM).hexdigest())
    times.parent.mkdir(parents=True, exist_ok=True)
    times.write_bytes(b'{"base":[1,25],"first":0,"runs":[[1,9]]}')


def test_frame_times_are_sent_once_they_are_there_and_the_page_says_so(
    station: FakeStation, client: TestClient
) -> None:
    clip = station.clip(FILM)
    assert client.get(f"/clips/{clip}/frames").status_code == 404
    assert f"/clips/{clip}/frames" not in client.get(f"/clips/{clip}").text
    put_frames(station)
    answer = client.get(f"/clips/{clip}/frames")
    assert (answer.status_code, answer.json()["runs"], answer.headers["cache-control"]) == (200, [[1, 9]], "no-store")
    assert f'data-frames="/clips/{clip}/frames"' in client.get(f"/clips/{clip}").text


def test_how_loud_it_is_is_drawn_or_told_in_words(station: FakeStation, client: TestClient) -> None:
    clip = station.clip(FILM)
    place = waveform_path(station.home.derived, hashlib.sha256(FILM).hexdigest())

    def shown(content: str | None) -> str:
        if content is not None:
            place.write_text(content)
        return client.get(f"/clips/{clip}").text

    assert "声音波形正在生成" in shown(None)
    assert 'd="M55.6 25V75' in shown('{"bucket": 8000, "low": [-8192, 0], "high": [8192, 0]}')
    assert "全程无声" in shown('{"bucket": 8000, "low": [-32, 0], "high": [32, 0]}')
    assert "没有声音" in shown('{"bucket": 0, "low": [], "high": []}')
    assert "声音波形正在生成" in shown("{")  # not ours: passed over


def test_a_suspected_secret_has_no_frame_times(station: FakeStation, client: TestClient) -> None:
    clip = station.clip(FILM)
    put_frames(station)
    assert client.get(f"/clips/{clip}/frames").status_code == 200
    assert client.post(f"/clips/{clip}/sensitivity", data={"value": "suspected_secret"}).status_code in (200, 303)
    assert client.get(f"/clips/{clip}/frames").status_code == client.get(f"/clips/{clip}/media").status_code != 200


def test_an_incomplete_clip_is_not_played(station: FakeStation, client: TestClient) -> None:
    clip = station.clip(FILM, whole=False)
    assert client.get(f"/clips/{clip}").status_code == 200
    assert client.get(f"/clips/{clip}/media").status_code == 404


def test_the_vault_is_not_reached_by_other_names(client: TestClient) -> None:
    for name in ("../../station.toml", "..%2f..%2fstation.toml", "A" * 26, "a" * 25, "a" * 27):
        assert client.get(f"/clips/{name}/media").status_code == 404
