"""Documents of a case: who is sent one, how it is sent, and that the look is entered first."""

import hashlib
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from station.digest import new_id
from station.records.document_entries import DocumentAdded, DocumentKind, DocumentOpened
from station.records.terms import Role, TargetKind
from tests.fakes.stations import FakeStation
from tests.unit.api.test_uploads import create

Browse = Callable[..., TestClient]
HTML = b"%PDF-1.7 <script>alert(1)</script>"


@pytest.fixture
def clerk(station: FakeStation, browse: Browse) -> TestClient:
    return browse(station.person("chen", Role.CLERK))


@pytest.fixture
def case(clerk: TestClient) -> str:
    opened = clerk.post("/cases", data={"kind": "case", "number": "A-1", "title": "占道"})
    return opened.headers["location"].rpartition("/")[2]


def add(station: FakeStation, target: str, kind: DocumentKind = "pdf", name: str = "笔录.pdf") -> str:
    document = new_id()
    fact = DocumentAdded.Fact(
        document=document,
        target=target,
        target_kind=TargetKind.CASE,
        digest={"sha256": station.store.put_bytes(HTML)},
        size_bytes=len(HTML),
        kind=kind,
        readback="direct",
    )
    station.custody.append(DocumentAdded(fact=fact, text=DocumentAdded.Text(file_name=name)), seal=False)
    return document


def test_a_document_is_listed_with_its_digest_and_sent_after_the_look_is_entered(
    station: FakeStation, clerk: TestClient, case: str
) -> None:
    document = add(station, case)
    page = clerk.get(f"/cases/{case}").text
    assert hashlib.sha256(HTML).hexdigest() in page and "笔录.pdf" in page
    for _ in range(2):
        answer = clerk.get(f"/cases/{case}/documents/{document}")
        assert (answer.status_code, answer.content) == (200, HTML)
    (look,) = [each for each in station.entries() if isinstance(each, DocumentOpened)]
    assert look.look is not None and look.look.document == document


@pytest.mark.parametrize(
    ("kind", "name", "media_type", "disposition"),
    [
        ("pdf", "a.html", "application/pdf", 'attachment; filename="a.html.pdf"'),
        ("jpeg", "a.JPG", "image/jpeg", 'inline; filename="a.JPG"'),
        ("png", "a.svg", "image/png", 'inline; filename="a.svg.png"'),
    ],
)
def test_a_document_is_sent_as_what_it_is_and_can_do_nothing(
    station: FakeStation,
    clerk: TestClient,
    case: str,
    kind: DocumentKind,
    name: str,
    media_type: str,
    disposition: str,
) -> None:
    headers = clerk.get(f"/cases/{case}/documents/{add(station, case, kind, name)}").headers
    assert (headers["content-type"], headers["content-disposition"]) == (media_type, disposition)
    assert "sandbox" in headers["content-security-policy"] and "script-src" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_an_inspector_states_a_purpose_first(station: FakeStation, browse: Browse, case: str) -> None:
    place = f"/cases/{case}/documents/{add(station, case)}"
    inspector = browse(station.person("li", Role.INSPECTOR))
    assert inspector.get(place).status_code == 409
    assert 'name="purpose"' in inspector.get(f"/cases/{case}").text
    assert inspector.get(place, params={"purpose": "投诉核查"}).content == HTML
    (look,) = [each for each in station.entries() if isinstance(each, DocumentOpened)]
    assert look.look is not None and look.look.purpose == "投诉核查"


def test_a_document_of_another_case_or_unit_does_not_exist(
    station: FakeStation, browse: Browse, clerk: TestClient, case: str
) -> None:
    document = add(station, case)
    other = clerk.post("/cases", data={"kind": "case", "number": "A-2"}).headers["location"]
    assert clerk.get(f"{other}/documents/{document}").status_code == 404
    stranger = browse(station.person("far", Role.CLERK, unit="别的大队"))
    assert stranger.get(f"/cases/{case}/documents/{document}").status_code == 404
    assert create(stranger, target=case) == (400, "target_unknown")


def test_only_a_clerk_is_offered_to_add_one(station: FakeStation, browse: Browse, clerk: TestClient, case: str) -> None:
    assert "<file-upload" in clerk.get(f"/cases/{case}").text
    assert "<file-upload" not in browse(station.person("li", Role.INSPECTOR)).get(f"/cases/{case}").text
    assert create(clerk, target=case, origin="")[0] == 201
    assert clerk.get(f"/cases/{case}/documents").text.count("data-half") == 1
    assert clerk.get("/uploads/rows").text.count("data-half") == 0
