"""Notes on a clip and transcripts: sealed, shown in time, put right by their author, erased by law."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from station.actions import erasure
from station.actions.notes import read_captions
from station.actions.problems import ProblemError
from station.records.disposal_entries import Ground
from station.records.note_entries import NoteLine
from station.records.terms import Role
from tests.fakes.stations import CONSOLE, FakeStation

Browse = Callable[..., TestClient]

SRT = """1
00:00:01,000 --> 00:00:03,000
<i>请出示</i>
营业执照

2
00:00:04,500 --> 00:00:05,000 X1:40
好的
"""
VTT = "WEBVTT\n\nNOTE mine\n\nfirst\n00:01.250 --> 00:02.000 align:start\nGood morning\n\n00:03.000 --> 00:03.500\n\n"


@pytest.fixture
def clip(station: FakeStation) -> str:
    return station.clip()


def test_a_note_is_sealed_shown_and_told_in_the_history(station: FakeStation, browse: Browse, clip: str) -> None:
    client = browse(station.person("chen", Role.CLERK))
    answer = client.post(f"/clips/{clip}/notes", data={"words": " 当事人出示执照 ", "at": "0:01.5"})
    assert answer.status_code == 303
    (noted,) = station.entries("clip.noted")
    assert (noted.text.lines, noted.fact.replaces) == ((NoteLine(at_ms=1500, words="当事人出示执照"),), None)
    page = client.get(f"/clips/{clip}").text
    assert "当事人出示执照" in page and 'data-play="1500,' in page and "添加笔记（1 条）" in page


def test_who_wrote_a_note_or_a_clerk_puts_another_in_its_place(station: FakeStation, browse: Browse, clip: str) -> None:
    wang, chen = station.person("wang", Role.OFFICER), station.person("chen", Role.CLERK)
    station.take_in_recorder(wang)
    clip = station.clip()
    officer, clerk = browse(wang), browse(chen)
    assert clerk.post(f"/clips/{clip}/notes", data={"words": "首次"}).status_code == 303
    (first,) = station.entries("clip.noted")
    again = {"words": "改过", "replaces": first.fact.note}
    refused = officer.post(f"/clips/{clip}/notes", data=again)
    assert refused.status_code == 409 and "只有笔记作者本人或证据管理员可以更正" in refused.text
    assert clerk.post(f"/clips/{clip}/notes", data=again).status_code == 303
    page = officer.get(f"/clips/{clip}").text
    assert "改过" in page and "首次" not in page
    assert clerk.post(f"/clips/{clip}/notes", data=again).status_code == 404, "another stands in its place already"
    assert len(station.entries("clip.noted")) == 2


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"words": "  "}, "请填写笔记内容"),
        ({"words": "字" * 2001}, "笔记过长"),
        ({"words": "好", "at": "99:00:00"}, "超出该音像记录的时长"),
        ({"words": "好", "at": "soon"}, ""),
    ],
)
def test_what_is_no_note_is_refused_with_words(
    station: FakeStation, browse: Browse, clip: str, form: dict[str, str], told: str
) -> None:
    answer = browse(station.person("chen", Role.CLERK)).post(f"/clips/{clip}/notes", data=form)
    assert answer.status_code == 409 and told in answer.text
    assert station.entries("clip.noted") == []


def test_a_transcript_comes_from_a_file_of_captions(station: FakeStation, browse: Browse, clip: str) -> None:
    client = browse(station.person("chen", Role.CLERK))
    address = f"/clips/{clip}/transcript"
    assert client.post(address, files={"file": ("a.srt", SRT.encode("gb18030"))}).status_code == 303
    (noted,) = station.entries("clip.noted")
    assert [(line.at_ms, line.words) for line in noted.text.lines] == [(1000, "请出示 营业执照"), (4500, "好的")]
    refused = client.post(address, files={"file": ("a.srt", b"\xff\xd8 no captions")})
    assert refused.status_code == 409
    assert "没有找到字幕" in client.post(address, files={"file": ("a.srt", b"nothing")}).text
    assert len(station.entries("clip.noted")) == 1


def test_a_long_transcript_takes_several_entries(station: FakeStation, browse: Browse, clip: str) -> None:
    lines = [f"{n}\n00:00:00,{n % 1000:03} --> 00:00:00,999\n{'字' * 200}\n" for n in range(100)]
    client = browse(station.person("chen", Role.CLERK))
    answer = client.post(f"/clips/{clip}/transcript", files={"file": ("a.srt", "\n".join(lines).encode())})
    assert answer.status_code == 303
    noted = station.entries("clip.noted")
    assert len(noted) > 1 and sum(each.fact.lines for each in noted) == 100
    assert all(len(each.text.model_dump_json().encode()) < 65_536 for each in noted)


def test_captions_in_webvtt_are_read_without_their_settings() -> None:
    assert read_captions(VTT) == (NoteLine(at_ms=1250, words="Good morning"),)
    with pytest.raises(ProblemError):
        read_captions("WEBVTT\n\n")


def test_erased_words_are_gone_and_that_is_said(station: FakeStation, browse: Browse, clip: str) -> None:
    client = browse(station.person("chen", Role.CLERK))
    client.post(f"/clips/{clip}/notes", data={"words": "身份证号"})
    seq = station.size() - 1
    while station.entries()[seq].TYPE != "clip.noted":
        seq -= 1
    parts = [erasure.Part(seq, "text")]
    erasure.erase(station.home, station.database, station.custody, station.store, CONSOLE, parts, Ground.COURT_ORDER)
    page = client.get(f"/clips/{clip}").text
    assert "身份证号" not in page and "内容已依法删除" in page
