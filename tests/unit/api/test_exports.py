"""Court packages on the pages: who asks, who decides, and who gets to know."""

from collections.abc import Callable

from starlette.testclient import TestClient

from station.records.terms import Role, Sensitivity
from tests.fakes.stations import FakeStation

Browse = Callable[..., TestClient]


def case_with_clip(station: FakeStation, browse: Browse, handler: str) -> tuple[str, str]:
    clerk = browse(station.person("chen", Role.CLERK))
    clip = station.clip()
    opened = clerk.post("/cases", data={"kind": "case", "number": "A-1", "title": "占道", "handlers": [handler]})
    target = opened.headers["location"].rpartition("/")[2]
    clerk.post("/bind", data={"clip": [clip], "kind": "case", "target": target})
    return target, clip


def test_a_handler_asks_another_approves_and_a_clerk_orders_it(station: FakeStation, browse: Browse) -> None:
    han = station.person("han", Role.HANDLER)
    target, clip = case_with_clip(station, browse, han.person)
    handler = browse(han)
    assert "/cases/" + target + "/exports" in handler.get(f"/cases/{target}").text
    form = {"reason": "court", "words": "举证", "clip": [clip], "playable": "yes"}
    page = handler.post(f"/cases/{target}/exports", data=form).headers["location"]
    assert handler.get(page).status_code == 200
    assert handler.post(f"{page}/approve").status_code == 403
    approver = browse(station.person("app", Role.APPROVER))
    assert page in approver.get("/exports").text
    assert approver.post(f"{page}/approve").status_code == 303
    assert approver.post(f"{page}/approve").status_code == 409
    clerk = browse(station.person("cle", Role.CLERK))
    assert clerk.post(f"{page}/produce").status_code == 303
    assert clerk.post(f"{page}/produce").status_code == 409
    assert clerk.get(f"{page}/package").status_code == 409
    assert [entry.TYPE for entry in station.entries() if entry.TYPE.startswith("export.")] == [
        "export.requested",
        "export.approved",
    ]


def test_a_refusal_needs_a_reason(station: FakeStation, browse: Browse) -> None:
    han = station.person("han", Role.HANDLER)
    target, clip = case_with_clip(station, browse, han.person)
    page = browse(han).post(f"/cases/{target}/exports", data={"reason": "court", "clip": [clip]}).headers["location"]
    approver = browse(station.person("app", Role.APPROVER))
    assert approver.post(f"{page}/refuse", data={"words": " "}).status_code == 409
    assert approver.post(f"{page}/refuse", data={"words": "范围过大"}).status_code == 303
    assert browse(station.person("cle", Role.CLERK)).post(f"{page}/produce").status_code == 409


def test_a_suspected_secret_is_not_asked_for(station: FakeStation, browse: Browse) -> None:
    han = station.person("han", Role.HANDLER)
    target, clip = case_with_clip(station, browse, han.person)
    clerk = browse(station.person("cle", Role.CLERK))
    clerk.post(f"/clips/{clip}/sensitivity", data={"sensitivity": Sensitivity.SUSPECTED_SECRET})
    answer = browse(han).post(f"/cases/{target}/exports", data={"reason": "court", "clip": [clip]})
    assert answer.status_code == 409 and not station.entries("export.requested")


def test_a_handler_of_another_case_gets_no_word_of_an_export(station: FakeStation, browse: Browse) -> None:
    han = station.person("han", Role.HANDLER)
    target, clip = case_with_clip(station, browse, han.person)
    page = browse(han).post(f"/cases/{target}/exports", data={"reason": "court", "clip": [clip]}).headers["location"]
    other = browse(station.person("oth", Role.HANDLER))
    assert other.get(page).status_code == 404
    assert page not in other.get("/exports").text
