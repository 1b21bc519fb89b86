"""Tokens of programs (访问令牌): what a case system acts with under /api/v1, in a person's name.

Guarantees: making one takes two people like an admin's rights, since it lets a program read footage with nobody in
front of it; it can do nothing that its person can't, and nothing outside its scopes; it ends by itself within a year.
The secret is returned once and stored only as a digest; issuing and revoking are in the ledger with the token's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from station import clock
from station.actions.people import NOBODY, Second, agree, verify_second
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import NotFoundError
from station.records.entries import Actor, Entry
from station.records.people_entries import TokenIssued, TokenRevoked
from station.state import tokens
from station.state.tokens import Scope, TokenView

NAME_CHARACTERS = 80
DAYS_MOST = 366
DAYS_USUAL = 90


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token somebody wants: what it is called, whose name it acts in, what it may do, for how many days."""

    name: str
    person: str
    scopes: tuple[str, ...]
    days: int = DAYS_USUAL


def issue_token(
    custody: Custody, database: Database, actor: Actor, wanted: Wanted, second: Second = NOBODY
) -> tuple[TokenView, str]:
    """Make a token; returns it and its secret, which nobody can be told again.

    Raises ProblemError (token_name, token_days, scope_missing, scope_unknown, person_unknown, second_missing,
    second_wrong, code_wrong).
    """
    name = " ".join(wanted.name.split())
    if not name or len(name) > NAME_CHARACTERS:
        raise ProblemError("token_name", f"A token has a name of {NAME_CHARACTERS} characters at most")
    if not 1 <= wanted.days <= DAYS_MOST:
        raise ProblemError("token_days", f"A token lasts from 1 to {DAYS_MOST} days")
    scopes = _scopes(wanted.scopes)
    agreeing = verify_second(database, second)
    secret, public_id = tokens.new_secret(), new_id()
    made: list[TokenView] = []

    def compose(session: Session) -> Sequence[Entry]:
        person = checks.person_state(session, wanted.person)
        if person is None or person.disabled:
            raise ProblemError("person_unknown", f"There is no open account of the person {wanted.person!r}")
        agreed = agree(session, actor, second, agreeing)
        now = clock.now()
        expires_at = clock.format_time(now + timedelta(days=wanted.days))
        tokens.add(
            session,
            public_id=public_id,
            secret=secret,
            name=name,
            person=person.person,
            scopes=scopes,
            created_by=actor.person,
            now=now,
            expires_at=expires_at,
        )
        fact = TokenIssued.Fact(
            token=public_id, person=person.person, scopes=scopes, expires_at=expires_at, second=agreed
        )
        session.flush()
        stored = tokens.get(session, public_id)
        assert stored is not None  # noqa: S101  it was added above
        made.append(stored)
        return (TokenIssued(fact=fact, names=TokenIssued.Names(name=name), actor=actor),)

    custody.append_from(compose)
    return made[-1], secret


def _scopes(wanted: Sequence[str]) -> tuple[str, ...]:
    known = [scope.value for scope in Scope]
    for scope in wanted:
        if scope not in known:
            raise ProblemError("scope_unknown", f"There is no scope {scope!r}", hint=" ".join(known))
    if not wanted:
        raise ProblemError("scope_missing", "A token needs a scope at least", hint=" ".join(known))
    return tuple(scope for scope in known if scope in wanted)


def revoke_token(custody: Custody, actor: Actor, token: str) -> None:
    """End a token at once; raises NotFoundError when there is none of that id in force."""

    def compose(session: Session) -> Sequence[Entry]:
        stored = tokens.get(session, token)
        if stored is None or not tokens.revoke(session, token, clock.now()):
            raise NotFoundError(f"There is no token {token} in force")
        return (TokenRevoked(fact=TokenRevoked.Fact(token=token, person=stored.person), actor=actor),)

    custody.append_from(compose)
