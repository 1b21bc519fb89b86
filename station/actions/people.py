"""People, their roles and their accounts: what admins do.

Guarantees: rights of an admin need two people: giving or taking that role, closing or opening an admin's account, and
making a way into it; so do changes to one's own roles. The second is another admin, by password and, if they have one,
by their second factor; while there is no other, a console code stands for them. There is always one admin left, and
nobody is admin and auditor at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from station import clock
from station.actions.login import check_login_free, make_description
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import NotFoundError
from station.records.entries import Actor, Entry
from station.records.people_entries import AccountChanged, PersonDescribed, RolesGranted
from station.records.terms import INCOMPATIBLE_ROLES, Role
from station.state import accounts, factors, secrets, sessions


@dataclass(frozen=True, slots=True)
class Description:
    """What is typed about a person."""

    kind: str
    name: str
    login: str
    unit: str = ""
    certificate_number: str | None = None
    police_number: str | None = None


@dataclass(frozen=True, slots=True)
class Second:
    """What the second person typed: another admin's log-in name and password, or a console code.

    `factor_code` is their one-time or recovery code, needed where they have a second factor.
    """

    login: str = ""
    password: str = ""
    factor_code: str = ""
    console_code: str = ""


NOBODY = Second()


def second_needed(database: Database, person: str) -> Literal["password", "console"]:
    """Return what stands for the second person when `person` is the first."""
    with database.read() as session:
        return "password" if checks.active_admins(session) - {person} else "console"


def add_person(
    custody: Custody,
    database: Database,
    actor: Actor,
    description: Description,
    roles: Sequence[Role] = (),
    second: Second = NOBODY,
) -> tuple[str, str]:
    """Add a person with their roles; returns their id and the token of the single-use link they get in by.

    Raises ProblemError (name_missing, login_invalid, login_taken, kind_unknown, roles_incompatible, second_missing,
    second_wrong, second_factor_needed, second_factor_wrong, code_wrong).
    """
    described = describe(new_id(), description, actor)
    person = described.fact.person
    wanted = check_roles(roles)
    agreeing = verify_second(database, second)
    token = secrets.new_token()

    def compose(session: Session) -> Sequence[Entry]:
        check_login_free(session, described)
        agreed = agree(session, actor, second, agreeing) if Role.ADMIN in wanted else None
        accounts.add_link(session, person, token, clock.now())
        granted = (grant(person, wanted, agreed, actor),) if wanted else ()
        return (described, *granted, _changed(person, "link_issued", actor))

    custody.append_from(compose)
    return person, token


def describe_person(custody: Custody, actor: Actor, person: str, description: Description) -> None:
    """Change a person's description; raises NotFoundError and what `add_person` raises about names."""
    described = describe(person, description, actor)

    def compose(session: Session) -> Sequence[Entry]:
        _require(session, person)
        check_login_free(session, described)
        return (described,)

    custody.append_from(compose)


def set_roles(
    custody: Custody, database: Database, actor: Actor, person: str, roles: Sequence[Role], second: Second = NOBODY
) -> None:
    """Set the complete set of a person's roles; the same set again appends nothing.

    Raises NotFoundError, ProblemError (roles_incompatible, last_admin, those of `add_person` about a second).
    """
    wanted = check_roles(roles)
    agreeing = verify_second(database, second)

    def compose(session: Session) -> Sequence[Entry]:
        state = _require(session, person)
        if state.roles == wanted:
            return ()
        if Role.ADMIN in state.roles - wanted:
            _keep_an_admin(session, person)
        about_admin = Role.ADMIN in state.roles ^ wanted
        two = about_admin or person == actor.person
        agreed = agree(session, actor, second, agreeing) if two else None
        return (grant(person, wanted, agreed, actor),)

    custody.append_from(compose)


def set_disabled(
    custody: Custody, database: Database, actor: Actor, person: str, disabled: bool, second: Second = NOBODY
) -> None:
    """Close a person's account, ending their sessions and links, or open it again; appends nothing if it is so already.

    Raises NotFoundError, ProblemError (last_admin, those of `add_person` about a second).
    """
    agreeing = verify_second(database, second)

    def compose(session: Session) -> Sequence[Entry]:
        state = _require(session, person)
        if state.disabled == disabled:
            return ()
        if Role.ADMIN in state.roles:
            if disabled:
                _keep_an_admin(session, person)
            agree(session, actor, second, agreeing)
        if disabled:
            sessions.end_all_of(session, person)
            accounts.drop_links(session, person)
        return (_changed(person, "disabled" if disabled else "enabled", actor),)

    custody.append_from(compose)


def issue_link(custody: Custody, database: Database, actor: Actor, person: str, second: Second = NOBODY) -> str:
    """Make a single-use log-in link for a person and return its token: good for 24 hours, shown once, stored nowhere.

    Raises NotFoundError, ProblemError (account_closed, those of `add_person` about a second).
    """
    token = secrets.new_token()
    agreeing = verify_second(database, second)

    def compose(session: Session) -> Sequence[Entry]:
        state = _require(session, person)
        if state.disabled:
            raise ProblemError("account_closed", "The account is closed")
        if Role.ADMIN in state.roles:
            agree(session, actor, second, agreeing)
        accounts.add_link(session, person, token, clock.now())
        return (_changed(person, "link_issued", actor),)

    custody.append_from(compose)
    return token


def describe(person: str, description: Description, actor: Actor) -> PersonDescribed:
    """Return the entry of a person's description; raises ProblemError (name_missing, login_invalid, kind_unknown)."""
    described = make_description(
        person,
        description.kind,
        description.name,
        description.login,
        description.unit,
        description.certificate_number,
        description.police_number,
    )
    return described.model_copy(update={"actor": actor})


def check_roles(roles: Sequence[Role]) -> frozenset[Role]:
    """Return the roles as a set; raises ProblemError roles_incompatible."""
    wanted = frozenset(roles)
    if any(pair <= wanted for pair in INCOMPATIBLE_ROLES):
        raise ProblemError("roles_incompatible", "Nobody is admin and auditor at once")
    return wanted


def _require(session: Session, person: str) -> checks.PersonState:
    state = checks.person_state(session, person)
    if state is None:
        raise NotFoundError(f"There is no person {person}")
    return state


def _keep_an_admin(session: Session, person: str) -> None:
    if not checks.active_admins(session) - {person}:
        raise ProblemError("last_admin", "There must be one admin at least")


def verify_second(database: Database, second: Second) -> str | None:
    """Return the person whose log-in name and password were typed; hashing takes no lock of the database."""
    if not second.login:
        return None
    with database.read() as session:
        state = checks.person_of_login(session, second.login.strip().lower())
        stored = accounts.password_hash(session, state.person) if state else None
    matches = secrets.password_matches(second.password, stored)
    if state is None or state.disabled or not matches:
        raise ProblemError("second_wrong", "The second person's log-in name or password is wrong")
    return state.person


def agree(session: Session, actor: Actor, second: Second, agreeing: str | None) -> str:
    """Return who agreed, for the ledger; raises ProblemError when nobody did."""
    if actor.via == "console":
        return "console"  # whoever sits at the machine can print a console code
    others = checks.active_admins(session) - {actor.person}
    if others:
        if agreeing is None:
            raise ProblemError("second_missing", "A second admin must agree")
        if agreeing not in others:
            raise ProblemError("second_wrong", "The second person must be another admin")
        use_second_factor(session, second, agreeing)
        return agreeing
    if not second.console_code:
        raise ProblemError("second_missing", "A console code must stand for the second admin")
    if not accounts.use_code(session, "second_admin", second.console_code, clock.now()):
        raise ProblemError("code_wrong", "The console code is wrong, used or expired")
    return "console"


def use_second_factor(session: Session, second: Second, agreeing: str) -> bool:
    """Use the second person's one-time code up, and tell whether they have a second factor at all.

    Raises ProblemError (second_factor_needed, second_factor_wrong); then the caller's transaction must not go through.
    """
    if not factors.has_factor(session, agreeing):
        return False
    if not second.factor_code.strip():
        raise ProblemError("second_factor_needed", "The second person's one-time code is needed as well")
    if not factors.use(session, agreeing, second.factor_code, clock.now()):
        raise ProblemError("second_factor_wrong", "The second person's one-time code is wrong, or was used before")
    return True


def grant(person: str, roles: frozenset[Role], second: str | None, actor: Actor) -> RolesGranted:
    """Return the entry of a person's complete set of roles, agreed to by `second` where that is needed."""
    return RolesGranted(fact=RolesGranted.Fact(person=person, roles=tuple(sorted(roles)), second=second), actor=actor)


def _changed(person: str, change: Literal["link_issued", "disabled", "enabled"], actor: Actor) -> AccountChanged:
    return AccountChanged(fact=AccountChanged.Fact(person=person, change=change), actor=actor)
