"""People and their roles: two for the rights of an admin, never none, never an admin who audits."""

import pytest

from station.actions import login, people
from station.actions.people import Description, Second
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.views import Viewer
from station.errors import NotFoundError
from station.records.terms import Role
from tests.fakes.stations import CONSOLE, PASSWORD, FakeStation


@pytest.fixture
def admin(station: FakeStation) -> Viewer:
    return station.person("first", Role.ADMIN)


def code_of(action: object, *args: object) -> str:
    with pytest.raises(ProblemError) as refused:
        action(*args)  # type: ignore[operator]
    return refused.value.code


def test_an_ordinary_role_needs_no_second_person(station: FakeStation, admin: Viewer) -> None:
    person, actor = station.person("wang"), station.session(admin)[1]
    people.set_roles(station.custody, station.database, actor, person.person, [Role.OFFICER])
    granted = station.entries("person.roles")[-1]
    assert (granted.fact.roles, granted.fact.second, granted.actor.person) == ((Role.OFFICER,), None, admin.person)


def test_the_same_roles_again_append_nothing(station: FakeStation, admin: Viewer) -> None:
    person, actor = station.person("wang", Role.OFFICER), station.session(admin)[1]
    size = station.size()
    people.set_roles(station.custody, station.database, actor, person.person, [Role.OFFICER])
    assert station.size() == size


@pytest.mark.parametrize("roles", [[Role.ADMIN], []])
def test_giving_and_taking_admin_rights_needs_a_second_person(
    station: FakeStation, admin: Viewer, roles: list[Role]
) -> None:
    other, actor = station.person("other", *([] if roles else [Role.ADMIN])), station.session(admin)[1]
    args = (station.custody, station.database, actor, other.person, roles)
    assert code_of(people.set_roles, *args) == "second_missing"


def test_one_cannot_be_ones_own_second(station: FakeStation, admin: Viewer) -> None:
    station.person("other", Role.ADMIN)
    station.with_password(admin)
    person, actor = station.person("wang"), station.session(admin)[1]
    args = (station.custody, station.database, actor, person.person, [Role.ADMIN], Second("first", PASSWORD))
    assert code_of(people.set_roles, *args) == "second_wrong"


def test_somebody_who_is_no_admin_is_no_second(station: FakeStation, admin: Viewer) -> None:
    station.person("other", Role.ADMIN)
    clerk = station.person("chen", Role.CLERK)
    station.with_password(clerk)
    person, actor = station.person("wang"), station.session(admin)[1]
    args = (station.custody, station.database, actor, person.person, [Role.ADMIN], Second("chen", PASSWORD))
    assert code_of(people.set_roles, *args) == "second_wrong"


def test_the_console_code_does_not_stand_for_an_admin_who_is_there(station: FakeStation, admin: Viewer) -> None:
    station.person("other", Role.ADMIN)
    person, actor = station.person("wang"), station.session(admin)[1]
    code = login.issue_console_code(station.database, "second_admin")
    args = (station.custody, station.database, actor, person.person, [Role.ADMIN], Second(console_code=code))
    assert code_of(people.set_roles, *args) == "second_missing"


def test_a_console_code_is_used_up_with_the_grant_it_stood_for(station: FakeStation, admin: Viewer) -> None:
    person, actor = station.person("wang"), station.session(admin)[1]
    code = login.issue_console_code(station.database, "second_admin")
    people.set_roles(station.custody, station.database, actor, person.person, [Role.ADMIN], Second(console_code=code))
    assert station.entries("person.roles")[-1].fact.second == "console"
    people.set_roles(station.custody, station.database, CONSOLE, person.person, [])
    args = (station.custody, station.database, actor, person.person, [Role.ADMIN], Second(console_code=code))
    assert code_of(people.set_roles, *args) == "code_wrong"


def test_nobody_changes_their_own_roles_alone(station: FakeStation, admin: Viewer) -> None:
    station.person("other", Role.ADMIN)
    actor = station.session(admin)[1]
    args = (station.custody, station.database, actor, admin.person, [Role.ADMIN, Role.INSPECTOR])
    assert code_of(people.set_roles, *args) == "second_missing"


def test_nobody_is_admin_and_auditor_at_once(station: FakeStation) -> None:
    args = (station.custody, station.database, CONSOLE, Description("staff", "X", "x"), [Role.ADMIN, Role.AUDITOR])
    assert code_of(people.add_person, *args) == "roles_incompatible"


def test_the_last_admin_stays(station: FakeStation, admin: Viewer) -> None:
    args = (station.custody, station.database, CONSOLE, admin.person)
    assert code_of(people.set_roles, *args, []) == "last_admin"
    assert code_of(people.set_disabled, *args, True) == "last_admin"


def test_a_closed_admin_does_not_count_as_one(station: FakeStation, admin: Viewer) -> None:
    other = station.person("other", Role.ADMIN)
    people.set_disabled(station.custody, station.database, CONSOLE, other.person, True)
    assert station.read(checks.active_admins) == {admin.person}
    assert people.second_needed(station.database, admin.person) == "console"


def test_a_way_into_an_admins_account_needs_a_second_person(station: FakeStation, admin: Viewer) -> None:
    other, actor = station.person("other", Role.ADMIN), station.session(admin)[1]
    args = (station.custody, station.database, actor, other.person)
    assert code_of(people.issue_link, *args) == "second_missing"
    assert code_of(people.set_disabled, *args, True) == "second_missing"


def test_a_closed_account_gets_no_link(station: FakeStation) -> None:
    person = station.person("wang")
    people.set_disabled(station.custody, station.database, CONSOLE, person.person, True)
    assert code_of(people.issue_link, station.custody, station.database, CONSOLE, person.person) == "account_closed"


def test_closing_an_account_ends_the_link_issued_before(station: FakeStation) -> None:
    person = station.person("wang")
    token = people.issue_link(station.custody, station.database, CONSOLE, person.person)
    people.set_disabled(station.custody, station.database, CONSOLE, person.person, True)
    people.set_disabled(station.custody, station.database, CONSOLE, person.person, False)
    assert login.link_person(station.database, token) is None


@pytest.mark.parametrize(
    ("description", "code"),
    [
        (Description("officer", "  ", "x"), "name_missing"),
        (Description("officer", "X", "王"), "login_invalid"),
        (Description("officer", "X", "-x"), "login_invalid"),
        (Description("robot", "X", "x"), "kind_unknown"),
    ],
)
def test_a_description_that_can_not_be_used_says_why(station: FakeStation, description: Description, code: str) -> None:
    assert code_of(people.add_person, station.custody, station.database, CONSOLE, description) == code
    assert station.entries("person.described") == []


def test_a_login_name_belongs_to_one_person_whatever_its_case(station: FakeStation) -> None:
    station.person("wang")
    again = Description("officer", "Other", "WANG ")
    assert code_of(people.add_person, station.custody, station.database, CONSOLE, again) == "login_taken"


def test_a_description_is_changed_by_a_new_entry(station: FakeStation) -> None:
    person = station.person("wang", Role.OFFICER)
    people.describe_person(station.custody, CONSOLE, person.person, Description("officer", "王小明", "wang", "二队"))
    state = station.read(lambda session: checks.person_state(session, person.person))
    assert state is not None and state.roles == {Role.OFFICER}
    with pytest.raises(NotFoundError):
        people.describe_person(station.custody, CONSOLE, "nobody", Description("officer", "X", "x"))


def test_no_code_for_a_first_admin_once_there_is_one(station: FakeStation, admin: Viewer) -> None:
    assert code_of(login.issue_console_code, station.database, "first_admin") == "admin_exists"
