"""The paper file: a submission printed on A4 has no recording torn over two sheets and no heading left behind."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from station.actions import review
from station.actions.bind import BindRequest, bind
from station.actions.targets import NewTarget, open_target
from station.records.entries import Proof
from station.records.terms import EnforcementStage, Role, TargetKind
from tests.browser.conftest import chromium
from tests.browser.desks import Desks, serve_in_memory
from tests.fakes.stations import CONSOLE, FakeStation

pytestmark = pytest.mark.browser
__all__ = ["chromium"]
NUMBER, CLIPS = "冀石城市监处罚〔2026〕131号", 14
HEADINGS = {"各环节的音像记录", "送审时的清单", "完整性校验", "审核意见", "调阅情况", "送审以来"}


def submit(station: FakeStation) -> str:
    """Submit a case with recordings for some sheets; returns the address of its page."""
    officer, clerk = station.person("wang", Role.OFFICER), station.person("chen", Role.CLERK)
    handler = station.person("liu", Role.HANDLER)
    station.take_in_recorder(officer)
    wanted = NewTarget(TargetKind.CASE, NUMBER, "某商贸公司案", (handler.person,))
    target = open_target(station.custody, station.home, clerk, CONSOLE, wanted)
    request = BindRequest(
        clips=tuple(station.clip() for _ in range(CLIPS)),
        kind=TargetKind.CASE,
        target=target,
        stage=EnforcementStage.ON_SITE,
        proves=(Proof(text="现场情况"), Proof(text="告知当事人权利义务")),
        place="中山路 12 号",
    )
    bind(station.custody, station.database, station.home, clerk, CONSOLE, request)
    gaps = {"inspection": "未进行现场检查", "inquiry": "见询问笔录"}
    declaration = review.Declaration("penalty_ordinary", gaps=gaps)
    submission = review.submit_case(station.custody, handler, CONSOLE, target, declaration)
    return f"/cases/{target}/submissions/{submission}"


def test_a_submission_is_printed_whole(chromium: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve_in_memory() as (station, address):
        desks = Desks(station, address, chromium, monkeypatch)
        page = desks.sit(station.person("zhao", Role.REVIEWER), submit(station), color_scheme="dark")
        page.pdf(path=tmp_path / "paper.pdf", format="A4", print_background=True)
        desks.leave()
        digests = {entry.names.path[0].text: entry.fact.digest["sha256"] for entry in station.entries("clip.ingested")}
    told = subprocess.run(["pdftotext", tmp_path / "paper.pdf", "-"], capture_output=True, text=True, check=True)
    sheets = [sheet.split() for sheet in told.stdout.split("\f")[:-1]]
    for name, sha256 in digests.items():
        (on,) = (sheet for sheet in sheets if name in sheet)
        assert sha256 in on, f"{name} is torn"
    assert len(digests) == CLIPS
    for number, sheet in enumerate(sheets, 1):
        sheet.remove(f"{number}/{len(sheets)}")
        assert sheet[-1] not in HEADINGS, "a heading stays behind"
    assert any(word.endswith(".MP4") for word in sheets[0]), "the list begins below what stands before it"
    assert {"送审以来", "审核人（签名）"} <= set(sheets[-1]), "nobody signs an empty sheet"
