"""Holds on the pages: who may place and lift one, where the forms stand, and where they lead back to."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.actions.review import submit_case
from station.records.terms import Role
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]
FORM = 'action="/holds"'


def submitted_case(station: FakeStation, browse: Browse) -> tuple[str, str]:
    """Return a case that everybody who may place holds sees, and its clip. Its handler's log-in is `handler`."""
    clerk, handler = browse(station.person("chen", Role.CLERK)), station.person("handler", Role.HANDLER)
    clip = station.clip()
    form = {"kind": "case", "number": "A-1", "title": "占道", "handlers": [handler.person]}
    target = clerk.post("/cases", data=form).headers["location"].rpartition("/")[2]
    clerk.post("/bind", data={"clip": [clip], "kind": "case", "target": target, "stage": "on_site", "proves": ["占道"]})
    clerk.post(f"/clips/{clip}/amend", data={"field": "place", "value": "建设南大街 128 号"})
    clerk.post(f"/clips/{clip}/amend", data={"field": "collector", "collector_name": "张伟"})
    submit_case(station.custody, handler, station.session(handler)[1], target)
    return target, clip


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.APPROVER, Role.INSPECTOR, Role.CLERK])
def test_a_hold_is_placed_where_its_form_stands_and_leads_back_there(
    station: FakeStation, browse: Browse, role: Role
) -> None:
    target, clip = submitted_case(station, browse)
    somebody = browse(station.person("somebody", role))
    for page, about in ((f"/cases/{target}", f"case:{target}"), (f"/clips/{clip}", f"clip:{clip}")):
        shown = somebody.get(page).text
        assert FORM in shown and f'value="{about}"' in shown
        answer = somebody.post("/holds", data={"about": about, "reason": "行政复议"})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        shown = somebody.get(page).text
        assert FORM not in shown and "行政复议" in shown
    assert [entry.fact.about for entry in station.entries("hold.placed")] == [f"case:{target}", f"clip:{clip}"]


def test_an_officer_is_offered_no_form(station: FakeStation, browse: Browse) -> None:
    officer = station.person("zhang", Role.OFFICER, police_number="018233")
    station.take_in_recorder(officer)
    clip = station.clip()
    page = browse(officer).get(f"/clips/{clip}")
    assert page.status_code == 200
    assert FORM not in page.text


def test_a_hold_without_reason_or_a_second_one_is_told_on_the_same_page(station: FakeStation, browse: Browse) -> None:
    target, clip = submitted_case(station, browse)
    reviewer = browse(station.person("somebody", Role.REVIEWER))
    for page, about in ((f"/cases/{target}", f"case:{target}"), (f"/clips/{clip}", f"clip:{clip}")):
        answer = reviewer.post("/holds", data={"about": about, "reason": " "})
        assert answer.status_code == 409 and FORM in answer.text
        assert reviewer.post("/holds", data={"about": about, "reason": "复议"}).headers["location"] == page
        assert reviewer.post("/holds", data={"about": about, "reason": "复议"}).status_code == 409


def test_only_an_approver_is_offered_the_form_that_lifts_a_hold(station: FakeStation, browse: Browse) -> None:
    target, _ = submitted_case(station, browse)
    reviewer = browse(station.person("somebody", Role.REVIEWER))
    reviewer.post("/holds", data={"about": f"case:{target}", "reason": "行政复议"})
    (placed,) = station.entries("hold.placed")
    lifting = f"/holds/{placed.fact.hold}/lift"
    assert lifting not in reviewer.get(f"/cases/{target}").text
    approver = browse(station.person("approver", Role.APPROVER))
    assert lifting in approver.get(f"/cases/{target}").text
    assert approver.post(lifting, data={"reason": " "}).status_code == 409
    answer = approver.post(lifting, data={"reason": "已结"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{target}")
    assert lifting not in approver.get(f"/cases/{target}").text


def test_a_clip_held_through_its_case_says_so_and_is_lifted_there(station: FakeStation, browse: Browse) -> None:
    target, clip = submitted_case(station, browse)
    approver = browse(station.person("approver", Role.APPROVER))
    approver.post("/holds", data={"about": f"case:{target}", "reason": "行政复议"})
    page = approver.get(f"/clips/{clip}").text
    assert "行政复议" in page and "/lift" not in page
    assert FORM in page


def test_the_page_of_disposals_is_led_back_to_from_its_own_form(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    approver = browse(station.person("approver", Role.APPROVER))
    form = {"about": f"clip:{clip}", "back": "disposal"}
    assert approver.post("/holds", data=form | {"reason": " "}).status_code == 409
    answer = approver.post("/holds", data=form | {"reason": "复议"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/disposal")
    (placed,) = station.entries("hold.placed")
    assert f"/holds/{placed.fact.hold}/lift" in approver.get("/disposal").text
    # The approver does not see this clip, so that its page is nowhere to return to.
    answer = approver.post(f"/holds/{placed.fact.hold}/lift", data={"reason": "已结"})
    assert answer.headers["location"] == "/disposal"


def test_nothing_is_told_of_what_a_visitor_may_not_see(station: FakeStation, browse: Browse) -> None:
    clip = station.clip()
    handler = browse(station.person("han", Role.HANDLER))
    for reason in ("", "复议"):
        assert handler.post("/holds", data={"about": f"clip:{clip}", "reason": reason}).status_code == 404
    assert station.entries("hold.placed") == []


def test_a_held_matter_takes_its_hold_along_into_the_case_and_is_not_dropped(
    station: FakeStation, browse: Browse
) -> None:
    clerk = browse(station.person("chen", Role.CLERK))
    matter = clerk.post("/cases", data={"kind": "matter", "title": "占道"}).headers["location"]
    clerk.post("/bind", data={"clip": [station.clip()], "kind": "matter", "target": matter.rpartition("/")[2]})
    clerk.post("/holds", data={"about": f"matter:{matter.rpartition('/')[2]}", "reason": "投诉未结"})
    assert clerk.post(f"{matter}/resolve", data={"outcome": "dropped"}).status_code == 409
    answer = clerk.post(f"{matter}/resolve", data={"outcome": "numbered", "number": "A-7", "title": "占道"})
    assert answer.status_code == 303
    case = answer.headers["location"]
    assert station.entries("hold.placed")[-1].fact.about == f"case:{case.rpartition('/')[2]}"
    assert "投诉未结" in clerk.get(case).text and FORM not in clerk.get(case).text
