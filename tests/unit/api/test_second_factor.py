"""A second factor: set up by its first code, asked for ever after, each code once; roles that need it."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from starlette.testclient import TestClient

from station import clock
from station.actions import people
from station.actions.people import issue_link
from station.catalogue.views import Viewer
from station.records.terms import Role
from station.state import factors
from station.state.tables import Factor
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation, memory_station

Browse = Callable[..., TestClient]
LOGIN = {"login": "wang", "password": PASSWORD}


def code_of(secret: str, moment: datetime | None = None) -> str:
    """Compute a code as an app does."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)  # noqa: S303
    return totp.generate(int((moment or clock.now()).timestamp())).decode()


def set_up(station: FakeStation, browse: Browse, *roles: Role) -> tuple[Viewer, str, list[str], TestClient]:
    """Set a second factor up by the pages; returns the person, the secret and the recovery codes."""
    viewer = station.person("wang", *(roles or (Role.OFFICER,)))
    station.with_password(viewer)
    client = browse(viewer)
    page = client.post("/me/factor", data={"present": PASSWORD}).text
    secret = re.findall(r"<code[^>]*>([A-Z2-7]{32})</code>", page)[0]
    answer = client.post("/me/factor/confirm", data={"code": code_of(secret)})
    assert answer.status_code == 200
    return viewer, secret, re.findall(r"<code>(\w{4}-\w{4}-\w{4})</code>", answer.text), client


@pytest.fixture
def minutes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what moves the clock on."""
    real, passed = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=passed[0]))

    def move(count: float) -> None:
        passed[0] += count

    return move


def test_codes_are_those_of_the_standard(station: FakeStation) -> None:
    # RFC 6238 appendix B, SHA-1, the last six of its eight digits.
    secret = base64.b32encode(b"12345678901234567890").decode()
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        with station.database.write() as session:
            session.merge(Factor(person="p", secret=secret, confirmed=True, step=0, changed_at=clock.timestamp()))
            assert factors.use(session, "p", code, datetime.fromtimestamp(seconds, UTC))


def test_after_setting_it_up_the_password_alone_opens_nothing(
    station: FakeStation, browse: Browse, minutes: Callable[[float], None]
) -> None:
    viewer, secret, recovery, _ = set_up(station, browse)
    assert len(set(recovery)) == factors.RECOVERY_CODES
    minutes(2)
    assert browse().post("/login", data=LOGIN).status_code == 401
    assert browse().post("/login", data={**LOGIN, "code": "000000"}).status_code == 401
    code = code_of(secret)
    assert browse().post("/login", data={**LOGIN, "code": f"{code[:3]} {code[3:]}"}).status_code == 303
    opened = station.entries("session.opened")[-1]
    assert (opened.actor.person, opened.actor.strength) == (viewer.person, "two_factors")
    changes = [entry.fact.change for entry in station.entries("account.changed")]
    assert changes[-1] == "factor_set" and secret not in station.database.engine.url.database


def test_a_code_counts_once_and_an_older_one_never_after(
    station: FakeStation, browse: Browse, minutes: Callable[[float], None]
) -> None:
    _, secret, _, _ = set_up(station, browse)
    minutes(5)
    code, before = code_of(secret), code_of(secret, clock.now() - timedelta(seconds=30))
    answers = [browse().post("/login", data={**LOGIN, "code": each}).status_code for each in (code, code, before)]
    assert answers == [303, 401, 401]
    minutes(1)
    late = code_of(secret, clock.now() - timedelta(seconds=90))
    assert browse().post("/login", data={**LOGIN, "code": late}).status_code == 401


def test_a_recovery_code_counts_once_and_only_for_its_person(station: FakeStation, browse: Browse) -> None:
    _, _, recovery, _ = set_up(station, browse)
    other = station.person("zhou", Role.OFFICER)
    station.with_password(other)
    with station.database.write() as session:
        factors.begin(session, other.person)
        session.merge(Factor(person=other.person, secret="A" * 32, confirmed=True, changed_at=clock.timestamp()))
    foreign = {"login": "zhou", "password": PASSWORD, "code": recovery[0]}
    assert browse().post("/login", data=foreign).status_code == 401
    codes = [browse().post("/login", data={**LOGIN, "code": recovery[0].lower()}).status_code for _ in range(2)]
    assert codes == [303, 401]


def test_setting_it_up_needs_the_password_and_a_right_first_code(station: FakeStation, browse: Browse) -> None:
    viewer = station.person("wang", Role.OFFICER)
    station.with_password(viewer)
    client = browse(viewer)
    assert client.post("/me/factor", data={"present": "wrong password"}).status_code == 409
    client.post("/me/factor", data={"present": PASSWORD})
    assert client.post("/me/factor/confirm", data={"code": "12345"}).status_code == 409
    assert browse().post("/login", data=LOGIN).status_code == 303  # it does not count before its first code


def test_it_is_taken_away_by_the_password_and_by_a_new_link(station: FakeStation, browse: Browse) -> None:
    viewer, _, _, client = set_up(station, browse)
    assert client.post("/me/factor/remove", data={"present": "wrong password"}).status_code == 409
    assert client.post("/me/factor/remove", data={"present": PASSWORD}).status_code == 200
    assert browse().post("/login", data=LOGIN).status_code == 303
    with station.database.write() as session:
        session.merge(Factor(person=viewer.person, secret="A" * 32, confirmed=True, changed_at=clock.timestamp()))
    token = issue_link(station.custody, station.database, CONSOLE, viewer.person)
    browse().post(f"/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert browse().post("/login", data=LOGIN).status_code == 303
    changes = [entry.fact.change for entry in station.entries("account.changed")]
    assert changes.count("factor_removed") == 2


def test_a_role_that_needs_it_gets_no_further_than_setting_it_up(application: object) -> None:
    with memory_station(second_factor_roles=["admin"]) as station:
        station.attach_to(application)  # type: ignore[arg-type]

        def browse(viewer: Viewer | None = None) -> TestClient:
            headers = {"origin": "http://127.0.0.1:8470", "accept": "text/html"}
            client = TestClient(application, "http://127.0.0.1:8470", headers=headers, follow_redirects=False)  # type: ignore[arg-type]
            if viewer is not None:
                client.cookies.set("station_session", station.session(viewer)[0])
            return client

        officer = browse(station.person("zhou", Role.OFFICER))
        assert officer.get("/today").status_code == 200
        with_role = browse(station.person("boss", Role.ADMIN))
        assert with_role.get("/people").headers["location"] == "/me"
        assert with_role.post("/people", data={"name": "x", "login": "y"}).headers["location"] == "/me"
        assert with_role.get("/me").status_code == 200
        _, _, _, client = set_up(station, browse, Role.ADMIN)
        assert client.get("/people").status_code == 200


def test_a_second_person_with_a_second_factor_agrees_by_it(
    station: FakeStation, browse: Browse, minutes: Callable[[float], None]
) -> None:
    _, secret, recovery, _ = set_up(station, browse, Role.ADMIN)
    first, third = station.person("first", Role.ADMIN), station.person("third")
    client = browse(first)
    form = {"roles": "admin", "second_login": "wang", "second_password": PASSWORD}

    def grant(code: str | None) -> tuple[int, int]:
        typed = form if code is None else {**form, "second_code": code}
        answer = client.post(f"/people/{third.person}/roles", data=typed)
        return answer.status_code, sum(entry.fact.person == third.person for entry in station.entries("person.roles"))

    assert grant(None) == (409, 0)
    assert grant(code_of(secret)) == (409, 0)  # used up by setting it up
    minutes(1)
    assert grant("000000" if code_of(secret) != "000000" else "111111") == (409, 0)
    code = code_of(secret)
    assert grant(code) == (303, 1)
    people.set_roles(station.custody, station.database, CONSOLE, third.person, [])
    assert grant(code) == (409, 2)  # a code agrees once
    assert grant(recovery[0]) == (303, 3)


def test_a_refused_form_does_not_use_the_code_up(
    station: FakeStation, browse: Browse, minutes: Callable[[float], None]
) -> None:
    _, secret, _, _ = set_up(station, browse, Role.ADMIN)
    client = browse(station.person("first", Role.ADMIN))
    minutes(1)
    typed = {"second_login": "wang", "second_password": PASSWORD, "second_code": code_of(secret)}
    person = {"name": "李四", "login": "wang", "kind": "staff", "roles": "admin"}
    assert client.post("/people", data={**typed, **person}).status_code == 409  # the log-in name is taken
    assert client.post("/people", data={**typed, **person, "login": "lisi"}).status_code == 200
