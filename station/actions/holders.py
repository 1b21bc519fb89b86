"""领用登记: who holds which recorder, from when to when; several people may hold one at a time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from station import clock
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import NotFoundError
from station.records.docking_entries import HolderIssued, HolderReturned
from station.records.entries import Actor, Entry

_GRACE = timedelta(minutes=5)


def issue_recorder(custody: Custody, actor: Actor, recorder: str, person: str, since: str | None = None) -> str:
    """Enter that a person holds a recorder from `since` (UTC text, default now) on; returns the line's id.

    Raises NotFoundError, ProblemError (person_unknown, time_invalid, holds_already).
    """
    moment = register_moment(since)
    holding = new_id()

    def compose(session: Session) -> Sequence[Entry]:
        if not checks.recorder_exists(session, recorder):
            raise NotFoundError(f"There is no recorder {recorder}")
        state = checks.person_state(session, person)
        if state is None or state.disabled:
            raise ProblemError("person_unknown", f"There is no open account of the person {person!r}")
        if checks.holds(session, recorder, person):
            raise ProblemError("holds_already", "They hold that recorder already")
        fact = HolderIssued.Fact(holding=holding, recorder=recorder, person=person, since=moment)
        return (HolderIssued(fact=fact, actor=actor),)

    custody.append_from(compose)
    return holding


def return_recorder(custody: Custody, actor: Actor, holding: str, until: str | None = None) -> None:
    """Enter that a recorder came back at `until` (UTC text, default now); raises NotFoundError, ProblemError."""
    moment = register_moment(until)

    def compose(session: Session) -> Sequence[Entry]:
        line = checks.open_holding(session, holding)
        if line is None:
            raise NotFoundError(f"There is no open line {holding} in the register")
        recorder, person, since = line
        if moment < since:
            raise ProblemError("time_invalid", "Nothing is returned before it was issued")
        fact = HolderReturned.Fact(holding=holding, recorder=recorder, person=person, until=moment)
        return (HolderReturned(fact=fact, actor=actor),)

    custody.append_from(compose)


def hand_over_by_badge(
    custody: Custody, database: Database, badge: str, recorder: str, change: Literal["issue", "return"]
) -> None:
    """Enter, at the dock itself, that whoever shows the badge takes the recorder or brings it back, now.

    A badge is no password: the entry says that it was one. Raises ProblemError (badge_unknown, not_held, and those of
    `issue_recorder`), NotFoundError.
    """
    with database.read() as session:
        persons = checks.persons_of_badge(session, badge.strip()) if badge.strip() else []
        if len(persons) != 1:
            raise ProblemError("badge_unknown", "No person, or more than one, has that number")
        (person,) = persons
        holding = checks.open_holding_of(session, recorder, person)
    actor = Actor(person=person, via="web", strength="badge")
    if change == "issue":
        issue_recorder(custody, actor, recorder, person)
    elif holding is None:
        raise ProblemError("not_held", "They do not hold that recorder")
    else:
        return_recorder(custody, actor, holding)


def register_moment(text: str | None) -> str:
    """Return a time for the register (UTC text, None: now); raises ProblemError time_invalid, also for the future."""
    if text is None:
        return clock.timestamp()
    try:
        moment = clock.parse_time(text)
    except ValueError as error:
        raise ProblemError("time_invalid", f"{text!r} is no time") from error
    if moment > clock.now() + _GRACE:
        raise ProblemError("time_invalid", "The register tells what was, not what will be")
    return text
