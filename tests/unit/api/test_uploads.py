"""Uploads in pieces, as tus 1.0.0 has them: begun, gone on with, proven, given up; and only by whom they are."""

import base64
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from station.actions import uploads as actions
from station.actions.uploads import Receiving, safe_name
from station.errors import NotFoundError
from station.records.terms import Role
from station.state import uploads
from station.state.uploads import UploadView
from tests.fakes.stations import FakeStation, memory_station

Browse = Callable[..., TestClient]
TUS = {"tus-resumable": "1.0.0", "accept": "application/json"}
PIECE = "application/offset+octet-stream"


@pytest.fixture
def station() -> Iterator[FakeStation]:
    """Yield a station that takes small files, on a disk that may be small."""
    with memory_station(reserve_bytes=0, upload_bytes=1000) as made:
        yield made


@pytest.fixture
def client(station: FakeStation, browse: Browse) -> TestClient:
    return browse(station.person("chen", Role.CLERK))


def metadata(**said: str) -> str:
    said = {"filename": "手机 视频.mp4", "origin": "phone"} | said
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())


def create(client: TestClient, size: int = 10, **said: str) -> tuple[int, str]:
    headers = TUS | {"upload-length": str(size), "upload-metadata": metadata(**said)}
    answer = client.post("/uploads", headers=headers)
    if answer.status_code != 201:
        return answer.status_code, answer.json()["code"]
    return 201, answer.headers["location"]


def piece(client: TestClient, place: str, offset: int, data: bytes) -> tuple[int, str | None]:
    headers = TUS | {"content-type": PIECE, "upload-offset": str(offset)}
    answer = client.patch(place, headers=headers, content=data)
    return answer.status_code, answer.headers.get("upload-offset")


def offset_of(client: TestClient, place: str) -> str | None:
    return client.head(place, headers=TUS).headers.get("upload-offset")


def only(station: FakeStation) -> UploadView:
    (found,) = station.read(lambda session: uploads.list_in(session, (*uploads.UNFINISHED, "taken")))
    return found


def test_an_upload_comes_in_pieces_and_is_whole_at_the_last_byte(station: FakeStation, client: TestClient) -> None:
    status, place = create(client, collector_name="王某", from_whom=" 店主  王某 ", recorded_at="2026-11-20T10:00")
    assert status == 201
    assert (offset_of(client, place), piece(client, place, 0, b"01234")) == ("0", (204, "5"))
    assert (offset_of(client, place), only(station).state) == ("5", "receiving")
    assert piece(client, place, 5, b"56789") == (204, "10")
    upload = only(station)
    assert (upload.state, upload.name, upload.from_whom) == ("arrived", "手机 视频.mp4", "店主 王某")
    assert (upload.collector_name, upload.recorded_at) == ("王某", "2026-11-20T02:00:00.000000Z")
    assert actions.path_of(station.home, upload).read_bytes() == b"0123456789"
    assert offset_of(client, place) == "10"


def test_what_is_spoken_is_said_and_another_version_is_refused(client: TestClient) -> None:
    told = client.options("/uploads").headers
    assert (told["tus-version"], told["tus-max-size"]) == ("1.0.0", "1000")
    assert told["tus-extension"] == "creation,expiration,termination"
    assert client.post("/uploads", headers=TUS | {"tus-resumable": "0.2.2"}).status_code == 412


def test_a_piece_that_begins_elsewhere_or_is_too_long_adds_nothing(station: FakeStation, client: TestClient) -> None:
    _, place = create(client)
    assert piece(client, place, 3, b"345")[0] == 409
    assert piece(client, place, 0, b"01234567890")[0] == 400
    assert int(offset_of(client, place) or "") <= 10 and only(station).state == "receiving"
    answer = client.patch(place, headers=TUS | {"upload-offset": "0", "content-type": "text/plain"}, content=b"0")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("size", "said", "expected"),
    [
        (0, {}, (400, "upload_empty")),
        (1001, {}, (413, "upload_large")),
        (10, {"origin": ""}, (400, "origin_missing")),
        (10, {"origin": "inbox"}, (400, "origin_missing")),
        (10, {"sha256": "abc"}, (400, "digest_wrong")),
        (10, {"recorded_at": "2999-01-01T00:00"}, (400, "time_invalid")),
        (10, {"device": "x" * 201}, (400, "line_long")),
        (10, {"collector": "nobody"}, (400, "person_unknown")),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_byte_is_sent(
    station: FakeStation, client: TestClient, size: int, said: dict[str, str], expected: tuple[int, str]
) -> None:
    assert create(client, size, **said) == expected
    assert not station.home.uploads.exists() or list(station.home.uploads.iterdir()) == []


def test_room_is_kept_for_what_others_have_announced(
    station: FakeStation, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_free", lambda _folder: 2500)
    assert create(client, 1000)[0] == 201
    assert create(client, 1000) == (507, "upload_no_space")
    assert create(client, 200)[0] == 201


def test_an_upload_is_its_senders_alone(station: FakeStation, browse: Browse, client: TestClient) -> None:
    _, place = create(client)
    other = browse(station.person("li", Role.CLERK))
    assert other.head(place, headers=TUS).status_code == 404
    assert piece(other, place, 0, b"0")[0] == 404
    assert other.delete(place, headers=TUS).status_code == 404
    assert client.get("/uploads/rows").text.count("data-half") == 1
    assert other.get("/uploads/rows").text.count("data-half") == 0


def test_a_half_upload_can_be_given_up_and_one_that_arrived_can_not(station: FakeStation, client: TestClient) -> None:
    _, place = create(client)
    piece(client, place, 0, b"012")
    assert client.delete(place, headers=TUS).status_code == 204
    assert (client.head(place, headers=TUS).status_code, list(station.home.uploads.iterdir())) == (404, [])
    _, place = create(client)
    piece(client, place, 0, b"0123456789")
    assert client.delete(place, headers=TUS).status_code == 409
    assert only(station).state == "arrived"


def test_a_station_that_stopped_after_the_last_byte_notes_it_when_asked(
    station: FakeStation, client: TestClient
) -> None:
    _, place = create(client, 3)
    with Receiving(station.home, only(station), 0) as receiving:
        receiving.write(b"012")
        receiving.finish()
    assert (offset_of(client, place), only(station).state) == ("3", "arrived")


def test_one_writer_at_a_time(station: FakeStation, client: TestClient) -> None:
    _, place = create(client)
    with Receiving(station.home, only(station), 0):
        assert piece(client, place, 0, b"0")[0] == 423


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("C:\\fakepath\\a.mp4", "a.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..", "recording"),
        ("a\x00b\n.mp4", "ab.mp4"),
        ("", "recording"),
        ("长" * 100 + ".mp4", "长" * 65 + ".mp4"),
    ],
)
def test_a_file_is_called_what_a_file_can_be_called(told: str, kept: str) -> None:
    assert safe_name(told) == kept


def test_what_was_removed_meanwhile_takes_no_piece(station: FakeStation, client: TestClient) -> None:
    create(client)
    upload = only(station)
    actions.remove_bytes(station.home, upload.upload)
    with pytest.raises(NotFoundError), Receiving(station.home, upload, 0):
        pass
