"""A frame taken along: made of the original, told where it is from, and in the ledger before it leaves."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session
from starlette.testclient import TestClient

from station.derive.frames import make_frames
from station.derive.layout import frames_path
from station.ledger import log
from station.records.export_entries import FrameExported
from station.records.registry import read_entry
from station.records.terms import Role
from station.sandbox.program import work_folder
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds of pictures that differ, 25 a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=160x90:r=25:d=2"]
    subprocess.run([*argv, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path)], check=True)
    return path.read_bytes()


@pytest.fixture
def clip(station: FakeStation, film: bytes, tmp_path: Path) -> str:
    """The film, taken in, with its frames listed."""
    clip = station.clip(film)
    target = frames_path(station.home.derived, hashlib.sha256(film).hexdigest())
    source = tmp_path / "film.mp4"
    source.write_bytes(film)
    with work_folder(station.home.derived, "nobody") as work:
        make_frames(source, "mov", target, work=work, user="nobody")
    return clip


def exported(station: FakeStation, clip: str) -> list[FrameExported]:
    with station.database.read() as session:
        return _exported(session, clip)


def _exported(session: Session, clip: str) -> list[FrameExported]:
    stored = log.subject_entries(session, f"clip:{clip}", types=(FrameExported.TYPE,))
    entries = [read_entry(each.seq, each.type, each.values()) for each in stored]
    return [entry for entry in entries if isinstance(entry, FrameExported)]


def test_a_frame_leaves_with_its_provenance_and_an_entry_of_its_digest(
    station: FakeStation, browse: Browse, clip: str, film: bytes
) -> None:
    chen = station.person("chen", Role.CLERK)
    client = browse(chen)
    assert f'action="/clips/{clip}/frame"' in client.get(f"/clips/{clip}").text
    answer = client.post(f"/clips/{clip}/frame", data={"at": "0:00:01.245", "reason": "附卷照片"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-disposition"] == f'attachment; filename="frame-{clip}-1240ms.png"'
    (entry,) = exported(station, clip)
    assert entry.fact.digest == {"sha256": hashlib.sha256(answer.content).hexdigest()}
    assert (entry.fact.number, entry.fact.time_ms, entry.fact.made_of) == (31, 1240, "original")
    assert entry.actor is not None
    assert (entry.text.reason if entry.text else None, entry.actor.person) == ("附卷照片", chen.person)
    start = answer.content.index(b"{", answer.content.index(b"iTXtevidence-frame"))
    told, _end = json.JSONDecoder().raw_decode(answer.content[start:].decode("utf-8", "replace"))
    with station.database.read() as session:
        ingested = next(log.subject_entries(session, f"clip:{clip}", types=("clip.ingested",)))
    expected = {
        "frame_export": entry.fact.frame,
        "clip": clip,
        "clip_sha256": hashlib.sha256(film).hexdigest(),
        "frame_number_from_0": 31,
        "frame_time_ms": 1240,
        "exported_by": chen.person,
        "log_origin": station.custody.origin,
        "clip_ledger_index": ingested.seq,
    }
    assert told | expected == told
    page = client.get(f"/clips/{clip}").text
    assert "导出 0:00:01.240 处的画面（取自原件）" in page
    assert entry.fact.digest["sha256"] in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"at": "0:00:01", "reason": " "}, "请说明原因"),
        ({"at": "soon", "reason": "附卷"}, "时间"),
    ],
)
def test_without_a_reason_or_a_time_nothing_leaves(
    station: FakeStation, browse: Browse, clip: str, form: dict[str, str], words: str
) -> None:
    answer = browse(station.person("chen", Role.CLERK)).post(f"/clips/{clip}/frame", data=form)
    assert answer.status_code == 409
    assert words in answer.text
    assert exported(station, clip) == []


def test_nothing_of_a_suspected_secret_or_of_anothers_clip_leaves(
    station: FakeStation, browse: Browse, clip: str
) -> None:
    form = {"at": "1", "reason": "附卷"}
    stranger = browse(station.person("wang", Role.OFFICER))
    assert stranger.post(f"/clips/{clip}/frame", data=form).status_code == 404
    client = browse(station.person("chen", Role.CLERK))
    assert client.post(f"/clips/{clip}/sensitivity", data={"value": "suspected_secret"}).status_code == 303
    assert client.post(f"/clips/{clip}/frame", data=form).status_code == 403
    assert exported(station, clip) == []


def test_an_inspector_states_a_purpose_first(station: FakeStation, browse: Browse, clip: str) -> None:
    client = browse(station.person("zhao", Role.INSPECTOR))
    form = {"at": "1", "reason": "督察"}
    assert client.post(f"/clips/{clip}/frame", data=form).status_code == 409
    assert exported(station, clip) == []
    client.post(f"/clips/{clip}/open", data={"purpose": "督察"})
    assert client.post(f"/clips/{clip}/frame", data=form).status_code == 200


def test_a_film_that_does_not_decode_gives_no_picture(station: FakeStation, browse: Browse) -> None:
    content = b"no film at all" * 100
    clip = station.clip(content)
    target = frames_path(station.home.derived, hashlib.sha256(content).hexdigest())
    target.write_text('{"base":[1,25],"first":0,"runs":[[1,9]]}')
    answer = browse(station.person("chen", Role.CLERK)).post(f"/clips/{clip}/frame", data={"at": "0", "reason": "附卷"})
    assert answer.status_code == 409
    assert "无法解码这一帧" in answer.text
    assert exported(station, clip) == []
