"""One's own second factor: setting it up, taking it away; and who must have one.

Guarantees: setting up and taking away need the present password and are entries; the secret is shown while it waits for
its first code and never again; recovery codes are shown once. Whoever holds a role that needs one and has none gets no
further than setting it up.
"""

from collections.abc import Collection, Sequence

from station import clock
from station.actions.login import prove_password
from station.actions.problems import ProblemError
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.records.entries import Actor, Entry
from station.records.people_entries import AccountChanged
from station.state import factors, sessions


def is_required(home: Home, roles: Collection[str]) -> bool:
    """Tell whether one of these roles needs a second factor at this station."""
    return bool(set(home.settings.second_factor_roles) & set(roles))


def begin(database: Database, person: str, password: str) -> str:
    """Make a new secret, to be confirmed by its first code; raises ProblemError (password_wrong, factor_there)."""
    proven = prove_password(database, person, password)
    with database.write() as session:
        proven.check(session)
        if factors.has_factor(session, person):
            raise ProblemError("factor_there", "There is a second factor already")
        return factors.begin(session, person)


def confirm(custody: Custody, actor: Actor, person: str, code: str) -> list[str]:
    """Let the secret count by its first code; returns the recovery codes, to be shown once.

    The person's other sessions end. Raises ProblemError factor_wrong.
    """
    codes: list[str] = []

    def compose(session: Session) -> Sequence[Entry]:
        made = factors.confirm(session, person, code, clock.now())
        if made is None:
            raise ProblemError("factor_wrong", "The one-time code is wrong, or was used before")
        codes[:] = made
        sessions.end_all_of(session, person, but=actor.session)
        return (AccountChanged(fact=AccountChanged.Fact(person=person, change="factor_set"), actor=actor),)

    custody.append_from(compose)
    return codes


def remove(custody: Custody, database: Database, actor: Actor, person: str, password: str) -> None:
    """Take one's second factor away; raises ProblemError (password_wrong, factor_none)."""
    proven = prove_password(database, person, password)

    def compose(session: Session) -> Sequence[Entry]:
        proven.check(session)
        if not factors.drop(session, person):
            raise ProblemError("factor_none", "There is no second factor")
        return (AccountChanged(fact=AccountChanged.Fact(person=person, change="factor_removed"), actor=actor),)

    custody.append_from(compose)
