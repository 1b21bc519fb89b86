"""Ways in: password, single-use link, console code; every session opened is in the ledger.

Guarantees: a failed log-in tells nothing about why, and takes as long whether the person exists or not; a link or code
counts once, in the transaction that uses it; there is no default password, and how the first admin comes in is in
`first`. Secrets are returned once and stored only as digests. How often somebody may try is the caller's to limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from station import clock
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.records.entries import Actor, Entry
from station.records.people_entries import AccountChanged, PersonDescribed, SessionOpened
from station.state import accounts, factors, secrets, sessions

Strength = Literal["password", "two_factors", "link", "console", "badge_pin"]


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session just opened; `token` is its secret and goes into the cookie, nowhere else."""

    session: str
    token: str
    person: str


def log_in(
    custody: Custody, database: Database, login: str, password: str, address: str, code: str = ""
) -> OpenedSession:
    """Open a session by password, and by a one-time code where the person has a second factor.

    Raises ProblemError: login_wrong, whatever was wrong of name and password; after these are right, factor_needed
    without a code and factor_wrong for one that does not count.
    """
    with database.read() as session:
        person = checks.person_of_login(session, login.strip().lower())
        stored = accounts.password_hash(session, person.person) if person else None
    matches = secrets.password_matches(password, stored)
    if person is None or person.disabled or not matches:
        raise _login_wrong()

    def still_so(session: Session) -> Sequence[Entry]:
        now = checks.person_state(session, person.person)
        if now is None or now.disabled or accounts.password_hash(session, person.person) != stored:
            raise _login_wrong()
        if factors.has_factor(session, person.person) != two:
            raise _login_wrong()
        if two and not factors.use(session, person.person, code, clock.now()):
            raise ProblemError("factor_wrong", "The one-time code is wrong, or was used before")
        return ()

    with database.read() as session:
        two = factors.has_factor(session, person.person)
    if two and not code.strip():
        raise ProblemError("factor_needed", "The one-time code is needed as well")
    return open_session(custody, person.person, "two_factors" if two else "password", address, still_so)


def _login_wrong() -> ProblemError:
    return ProblemError("login_wrong", "The log-in name or the password is wrong")


def log_out(database: Database, public_id: str) -> None:
    """End a session."""
    with database.write() as session:
        sessions.end(session, public_id)


def link_person(database: Database, token: str) -> str | None:
    """Return whose single-use link this is, None when it does not count (any more) or the account is closed."""
    with database.read() as session:
        person = accounts.link_person(session, token, clock.now())
        state = checks.person_state(session, person) if person else None
    return state.person if state is not None and not state.disabled else None


def enter_by_link(custody: Custody, database: Database, token: str, password: str, address: str) -> OpenedSession:
    """Use a link up: set the password chosen, end the person's other sessions and second factor, open a session.

    Raises ProblemError (link_invalid and those of a password); the link stays good when only the password was refused.
    """
    person = link_person(database, token)
    if person is None:
        raise _link_invalid()
    with database.read() as session:
        state = checks.person_state(session, person)
    check_password(password, state.login if state else "")
    stored = secrets.hash_password(password)

    def use(session: Session) -> Sequence[Entry]:
        now = checks.person_state(session, person)
        if now is None or now.disabled or not accounts.use_link(session, token, clock.now()):
            raise _link_invalid()
        accounts.set_password_hash(session, person, stored)
        sessions.end_all_of(session, person)
        removed = AccountChanged.Fact(person=person, change="factor_removed")
        return (AccountChanged(fact=removed),) if factors.drop(session, person) else ()

    return open_session(custody, person, "link", address, use, password_set=True)


def _link_invalid() -> ProblemError:
    return ProblemError("link_invalid", "The link was used, has expired or never was")


@dataclass(frozen=True, slots=True)
class ProvenPassword:
    """Somebody has just typed their own password; `stored` is what it was compared with."""

    person: str
    stored: str | None

    def check(self, session: Session) -> None:
        """Raise ProblemError password_wrong when the password has been changed since."""
        if accounts.password_hash(session, self.person) != self.stored:
            raise ProblemError("password_wrong", "The password was changed meanwhile")


def prove_password(database: Database, person: str, current: str) -> ProvenPassword:
    """Compare what was typed with a person's password; raises ProblemError password_wrong."""
    with database.read() as session:
        stored = accounts.password_hash(session, person)
    if not secrets.password_matches(current, stored):
        raise ProblemError("password_wrong", "The current password is wrong")
    return ProvenPassword(person, stored)


def change_password(
    custody: Custody, database: Database, actor: Actor, person: str, current: str, password: str
) -> None:
    """Set a new password by the current one; the person's other sessions end.

    Raises ProblemError (password_wrong and those of a password).
    """
    proven = prove_password(database, person, current)
    with database.read() as session:
        state = checks.person_state(session, person)
    check_password(password, state.login if state else "")
    fresh = secrets.hash_password(password)

    def compose(session: Session) -> Sequence[Entry]:
        proven.check(session)
        accounts.set_password_hash(session, person, fresh)
        accounts.drop_links(session, person)
        sessions.end_all_of(session, person, but=actor.session)
        return (password_set_entry(person, actor),)

    custody.append_from(compose)


def issue_console_code(database: Database, purpose: Literal["first_admin", "second_admin"]) -> str:
    """Make a one-time code to print at the machine itself; former codes of the same purpose end.

    Raises ProblemError admin_exists when the first admin is there already.
    """
    code = secrets.new_code()
    with database.write() as session:
        if purpose == "first_admin" and checks.active_admins(session):
            raise admin_exists_error()
        accounts.add_code(session, purpose, code, clock.now())
    return code


def admin_exists(database: Database) -> bool:
    """Tell whether there is an admin whose account is open."""
    with database.read() as session:
        return bool(checks.active_admins(session))


def admin_exists_error() -> ProblemError:
    """Return what is raised where the first admin is to be made and is there already."""
    return ProblemError("admin_exists", "There is an admin already")


def make_description(
    person: str,
    kind: str,
    name: str,
    login: str,
    unit: str,
    certificate_number: str | None = None,
    police_number: str | None = None,
) -> PersonDescribed:
    """Build a person's description from what was typed; raises ProblemError (name_missing, login_invalid)."""
    names = {
        "name": " ".join(name.split()),
        "login": login.strip().lower(),
        "unit": " ".join(unit.split()),
        "certificate_number": (certificate_number or "").strip() or None,
        "police_number": (police_number or "").strip() or None,
    }
    try:
        return PersonDescribed.model_validate({"fact": {"person": person, "kind": kind}, "names": names})
    except ValidationError as error:
        field = error.errors()[0]["loc"][-1]
        codes = {"name": "name_missing", "login": "login_invalid"}
        raise ProblemError(codes.get(str(field), "kind_unknown"), f"The {field} can't be used") from error


def check_login_free(session: Session, described: PersonDescribed) -> None:
    """Raise ProblemError login_taken when somebody else logs in by that name."""
    login = described.names.login if described.names else ""
    holder = checks.person_of_login(session, login)
    if holder is not None and holder.person != described.fact.person:
        raise ProblemError("login_taken", f"Somebody logs in as {login!r} already")


def check_password(password: str, login: str) -> None:
    """Raise ProblemError (password_short, password_long, password_common, password_like_login) for an easy one."""
    problem = secrets.password_problem(password, login)
    if problem is not None:
        raise ProblemError(problem, "The password is too easy to guess")


def password_set_entry(person: str, actor: Actor) -> AccountChanged:
    """Return the entry that a person has a new password."""
    return AccountChanged(fact=AccountChanged.Fact(person=person, change="password_set"), actor=actor)


class Opening:
    """A session about to be opened: its secret, its entry and its row belong together."""

    def __init__(self, person: str, strength: Strength, address: str) -> None:
        """Choose the session's id and secret; nothing is stored before `keep`."""
        self.opened = OpenedSession(session=new_id(), token=secrets.new_token(), person=person)
        self.actor = Actor(person=person, via="web", session=self.opened.session, strength=strength)
        self._address = address

    def keep(self, session: Session) -> SessionOpened:
        """Store the session and return its entry."""
        sessions.add(
            session,
            public_id=self.opened.session,
            token=self.opened.token,
            person=self.opened.person,
            strength=self.actor.strength,
            address=self._address,
            now=clock.now(),
        )
        return SessionOpened(fact=SessionOpened.Fact(session=self.opened.session), actor=self.actor)


def open_session(
    custody: Custody,
    person: str,
    strength: Strength,
    address: str,
    check: Callable[[Session], Sequence[Entry]],
    *,
    password_set: bool = False,
) -> OpenedSession:
    """Open a session if `check`, called in the same transaction, raises nothing; what it returns is entered before."""
    opening = Opening(person, strength, address)

    def compose(session: Session) -> Sequence[Entry]:
        before = check(session)
        chosen = (password_set_entry(person, opening.actor),) if password_set else ()
        return (*before, *chosen, opening.keep(session))

    custody.append_from(compose)
    return opening.opened
