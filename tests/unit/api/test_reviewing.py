"""送审 and 审核: what is submitted is sealed as it was, answered by somebody else, and void by any later change."""

import re
from collections.abc import Callable

import pytest
from httpx import Response
from starlette.testclient import TestClient

from station.catalogue.project import read_tables
from station.catalogue.reviews import count_waiting
from station.catalogue.reviews import desk as submissions
from station.custody import rebuild
from station.records.terms import Role
from tests.fakes.stations import PASSWORD, FakeStation

Browse = Callable[..., TestClient]
NUMBER = "冀市监处罚〔2026〕9号"


class Desk:
    """A case with two recordings, and browsers of those who have to do with it."""

    def __init__(self, station: FakeStation, browse: Browse) -> None:
        self.station = station
        self.people = {
            "clerk": station.person("chen", Role.CLERK),
            "handler": station.person("liu", Role.HANDLER),
            "reviewer": station.person("zhao", Role.REVIEWER),
        }
        station.with_password(self.people["handler"])  # ends their sessions: before the first one
        self.clerk, self.handler, self.reviewer = (browse(person) for person in self.people.values())
        self.clips = [station.clip(), station.clip()]
        form = {"kind": "case", "number": NUMBER, "handlers": [self.people["handler"].person]}
        self.target = self.clerk.post("/cases", data=form).headers["location"].removeprefix("/cases/")
        self.bind(*self.clips)

    def bind(self, *clips: str) -> None:
        bound = {"clip": clips, "kind": "case", "target": self.target, "proves": ["现场"], "place": "人民路1号"}
        assert self.clerk.post("/bind", data=bound | {"stage": "on_site"}).status_code == 303
        for clip in clips:
            self.amend(clip, field="collector", collector_name="张伟")

    def amend(self, clip: str, **form: str) -> int:
        return self.clerk.post(f"/clips/{clip}/amend", data=form).status_code

    def submit(self, **form: str) -> str:
        page = self.handler.get(f"/cases/{self.target}/submit?act=penalty_summary").text
        shown = re.findall(r'name="shown" value="(\w+)"', page)[0]
        answer = self.handler.post(
            f"/cases/{self.target}/submit", data={"act": "penalty_summary", "shown": shown, "confirmed": "yes", **form}
        )
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def check(self) -> None:
        """Enter that both recordings were found sound, as a check of the case does at its end."""
        self.station.checked(self.people["clerk"], self.clips)

    def answer(self, page: str, verdict: str = "agree", words: str = "同意。", by: TestClient | None = None) -> int:
        form = {"verdict": verdict, "words": words, "point": ["evidence"]}
        return (by or self.reviewer).post(f"{page}/opinion", data=form).status_code

    def change(self, clip: str, second: str = "liu", **form: str) -> Response:
        data = {"field": "place", "place": "河西路2号", "reason": "笔误", "second_login": second}
        return self.clerk.post(
            f"/cases/{self.target}/change/{clip}", data={**data, "second_password": PASSWORD, **form}
        )


@pytest.fixture
def desk(station: FakeStation, browse: Browse) -> Desk:
    return Desk(station, browse)


def test_what_is_submitted_is_sealed_clip_by_clip_and_waits_for_the_reviewer(desk: Desk) -> None:
    page = desk.submit(note="请审核")
    assert {entry.fact.clip for entry in desk.station.entries("clip.submitted")} == set(desk.clips)
    (submitted,) = desk.station.entries("target.submitted")
    assert (submitted.fact.version, submitted.text.note) == (1, "请审核")
    waiting = desk.reviewer.get("/reviews").text
    assert NUMBER in waiting and "待审核" in waiting
    shown = desk.reviewer.get(page).text
    assert shown.count("人民路1号") >= 2 and "请审核" in shown and 'name="verdict"' in shown


def test_only_the_handler_submits_and_only_what_was_shown(desk: Desk) -> None:
    assert desk.clerk.post(f"/cases/{desk.target}/submit", data={"act": "penalty_summary"}).status_code == 403
    form = {"act": "penalty_summary", "shown": "0" * 64, "confirmed": "yes"}
    refused = desk.handler.post(f"/cases/{desk.target}/submit", data=form)
    assert refused.status_code == 409 and "案件已有变更" in refused.text
    for lacking in ({"act": "", "shown": "0" * 64}, {"confirmed": ""}, {"shown": ""}):
        assert desk.handler.post(f"/cases/{desk.target}/submit", data=form | lacking).status_code == 409
    assert desk.station.entries("target.submitted") == []


def test_the_badge_counts_what_waits_and_not_what_was_changed_since(desk: Desk) -> None:
    def waiting() -> int:
        return desk.station.read(lambda session: count_waiting(session, desk.people["reviewer"]))

    assert waiting() == 0
    desk.submit()
    assert waiting() == 1
    assert desk.change(desk.clips[0]).status_code == 303
    assert waiting() == 0


def test_the_desk_counts_all_and_shows_first_what_waits_longest(desk: Desk) -> None:
    def standing(limit: int) -> dict[str, tuple[int, list[str]]]:
        found = desk.station.read(lambda session: submissions(session, desk.people["reviewer"], limit=limit))
        return {state: (each.count, [view.target for view in each.shown]) for state, each in found.items()}

    def another_case(number: str) -> str:
        form = {"kind": "case", "number": number, "handlers": [desk.people["handler"].person]}
        desk.target = desk.clerk.post("/cases", data=form).headers["location"].removeprefix("/cases/")
        desk.clips = [desk.station.clip()]
        desk.bind(*desk.clips)
        return desk.target

    first = desk.target
    desk.submit()
    second = another_case("B-1")
    desk.submit()
    assert standing(1) == {"waiting": (2, [first]), "changed": (0, []), "returned": (0, []), "agreed": (0, [])}
    assert standing(2)["waiting"] == (2, [first, second])
    third = another_case("B-2")
    answered = desk.submit()
    desk.check()
    assert desk.answer(answered) == 303
    assert desk.change(desk.clips[0]).status_code == 303
    assert standing(1) == {"waiting": (2, [first]), "changed": (1, [third]), "returned": (0, []), "agreed": (0, [])}
    page = desk.reviewer.get("/reviews").text
    assert "B-1" in page and "B-2" in page and NUMBER in page


def test_a_stage_without_recording_needs_a_reason(desk: Desk) -> None:
    shown = re.findall(r'name="shown" value="(\w+)"', desk.handler.get(f"/cases/{desk.target}/submit").text)[0]
    form = {"act": "penalty_hearing", "confirmed": "yes", "shown": shown}
    refused = desk.handler.post(f"/cases/{desk.target}/submit", data=form)
    assert refused.status_code == 409 and "未说明理由" in refused.text
    reasons = {f"gap_{stage}": "未举行" for stage in ("inspection", "inquiry", "hearing")}
    assert desk.handler.post(f"/cases/{desk.target}/submit", data=form | reasons).status_code == 303
    (entry,) = desk.station.entries("target.submitted")
    assert {(gap.stage, gap.reason) for gap in entry.text.gaps} == {
        (stage, "未举行") for stage in ("inspection", "inquiry", "hearing")
    }


def test_agreeing_takes_that_every_recording_was_checked_since(desk: Desk) -> None:
    page = desk.submit()
    assert desk.answer(page) == 409 and desk.station.entries("opinion.given") == []
    desk.check()
    assert desk.answer(page) == 303
    (entry,) = desk.station.entries("opinion.given")
    assert (entry.fact.verdict, entry.fact.sound, entry.fact.points) == ("agree", 2, ())
    assert desk.answer(page) == 409, "it has its opinion"
    assert "同意。" in desk.handler.get(page).text


def test_who_handles_the_case_does_not_review_it(desk: Desk, station: FakeStation, browse: Browse) -> None:
    both = station.person("sun", Role.HANDLER, Role.REVIEWER)
    form = {"kind": "case", "number": "B-1", "handlers": [both.person]}
    desk.target = desk.clerk.post("/cases", data=form).headers["location"].removeprefix("/cases/")
    desk.bind(*desk.clips)
    desk.handler = browse(both)
    page = desk.submit()
    assert desk.answer(page, "problems", "不足", by=desk.handler) == 409
    assert "应由其他审核人员审核" in desk.handler.get(page).text


def test_sent_back_it_is_amended_by_its_clerk_and_submitted_as_the_next_version(desk: Desk) -> None:
    first = desk.submit()
    assert desk.amend(desk.clips[0], field="place", value="河西路2号") == 409, "under review it takes two"
    assert desk.answer(first, "problems", "证据不足") == 303
    assert "证据不足" in desk.handler.get(f"/cases/{desk.target}/submit").text
    assert desk.amend(desk.clips[0], field="place", value="河西路2号") == 303
    second = desk.submit()
    assert second != first
    assert [entry.fact.version for entry in desk.station.entries("target.submitted")] == [1, 2]
    assert desk.answer(first, "problems", "旧版") == 409, "the first version is outdated"
    assert "已有更新的版本" in desk.reviewer.get(first).text


def test_a_change_after_submission_takes_two_voids_the_opinion_and_shows_what_changed(desk: Desk) -> None:
    page = desk.submit()
    desk.check()
    assert desk.answer(page) == 303
    assert desk.change(desk.clips[0], second_password="wrong").status_code == 409
    assert desk.station.entries("submission.change_agreed") == []
    assert desk.change(desk.clips[0]).status_code == 303
    shown = desk.reviewer.get(page).text
    assert "送审后有变更" in shown and "人民路1号" in shown and "河西路2号" in shown and "作废" in shown
    assert 'name="verdict"' not in shown
    assert "送审后有变更" in desk.reviewer.get("/reviews").text
    desk.submit()
    assert desk.station.entries("target.submitted")[-1].fact.version == 2


def test_another_reviewer_and_a_foreign_case_stay_apart(desk: Desk, station: FakeStation, browse: Browse) -> None:
    page = desk.submit()
    stranger = browse(station.person("qian", Role.HANDLER, unit="别的大队"))
    officer = browse(station.person("wu", Role.OFFICER))
    assert stranger.get(page).status_code == 404
    assert officer.get(page).status_code in (403, 404)
    elsewhere = page.replace(desk.target, "a" * 26)
    assert desk.reviewer.get(elsewhere).status_code == 404


def test_a_rebuild_makes_the_same_of_submissions_and_opinions(desk: Desk) -> None:
    page = desk.submit()
    desk.check()
    desk.answer(page, "problems", "不足")
    before = desk.station.read(read_tables)
    rebuild(desk.station.database)
    assert desk.station.read(read_tables) == before
