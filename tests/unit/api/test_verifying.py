"""The pages for verifying: who sees what, and that nothing is said to whoever may not know."""

import hashlib
import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.records.terms import Role
from station.state import checks
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


@pytest.mark.parametrize("role", [Role.CLERK, Role.REVIEWER, Role.AUDITOR, Role.HANDLER])
def test_the_page_shows(station: FakeStation, browse: Browse, role: Role) -> None:
    answer = browse(station.person("somebody", role)).get("/verify")
    assert answer.status_code == 200
    assert ("/verify/all" in answer.text) == (role != Role.HANDLER)
    assert ("/verify/clip" in answer.text) == (role != Role.AUDITOR)


def test_a_file_of_ours_is_named_to_who_may_see_it_and_only_to_them(station: FakeStation, browse: Browse) -> None:
    clip = station.clip(b"film")
    form = {"sha256": hashlib.sha256(b"film").hexdigest()}
    assert clip in browse(station.person("clerk", Role.CLERK)).post("/verify/file", data=form).text
    answer = browse(station.person("auditor", Role.AUDITOR)).post("/verify/file", data=form)
    assert answer.status_code == 200
    assert clip not in answer.text


def test_a_check_of_everything_is_shown_and_can_be_cancelled_by_who_asked(station: FakeStation, browse: Browse) -> None:
    clerk = browse(station.person("clerk", Role.CLERK))
    place = clerk.post("/verify/all").headers["location"]
    assert clerk.get(place).status_code == 200
    assert clerk.post("/verify/all").status_code == 409
    other = browse(station.person("reviewer", Role.REVIEWER))
    other.post(f"{place}/cancel")
    assert f"{place}/cancel" in clerk.get(place).text
    clerk.post(f"{place}/cancel")
    assert f"{place}/cancel" not in clerk.get(place).text


def test_a_check_that_is_not_theirs_does_not_exist_for_a_handler(station: FakeStation, browse: Browse) -> None:
    place = browse(station.person("clerk", Role.CLERK)).post("/verify/all").headers["location"]
    assert browse(station.person("handler", Role.HANDLER)).get(place).status_code == 404


@pytest.mark.parametrize("form", [{"sha256": ""}, {"sha256": "abc"}])
def test_what_is_no_digest_is_refused(station: FakeStation, browse: Browse, form: dict[str, str]) -> None:
    assert browse(station.person("clerk", Role.CLERK)).post("/verify/file", data=form).status_code == 409


def case_with_clips(station: FakeStation, browse: Browse, *clips: str) -> str:
    clerk = browse(station.person("chen", Role.CLERK))
    opened = clerk.post("/cases", data={"kind": "case", "number": "A-1", "title": "占道"})
    target = opened.headers["location"].rpartition("/")[2]
    if clips:
        clerk.post("/bind", data={"clip": clips, "kind": "case", "target": target})
    return target


@pytest.mark.parametrize("role", [Role.CLERK, Role.INSPECTOR])
def test_a_case_is_checked_from_its_page(station: FakeStation, browse: Browse, role: Role) -> None:
    clips = {station.clip(), station.clip()}
    target = case_with_clips(station, browse, *clips)
    somebody = browse(station.person("somebody", role))
    page = somebody.get(f"/cases/{target}").text
    assert 'action="/verify/case"' in page and f'name="target" value="{target}"' in page
    place = somebody.post("/verify/case", data={"target": target}).headers["location"]
    assert "A-1" in somebody.get(place).text
    (job,) = station.read(lambda session: checks.latest(session, limit=5))
    assert set(json.loads(job.clips)) == clips


def test_a_check_of_a_case_is_offered_only_where_there_are_clips_to_see(station: FakeStation, browse: Browse) -> None:
    target = case_with_clips(station, browse, station.clip())
    page = browse(station.person("zhang", Role.OFFICER)).get(f"/cases/{target}")
    assert page.status_code == 200
    assert "/verify/case" not in page.text


def test_a_case_that_a_visitor_does_not_see_is_not_checked(station: FakeStation, browse: Browse) -> None:
    target = case_with_clips(station, browse, station.clip())
    handler = browse(station.person("han", Role.HANDLER))
    assert handler.post("/verify/case", data={"target": target}).status_code == 409
    assert station.read(lambda session: checks.latest(session, limit=5)) == ()
