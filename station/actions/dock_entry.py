"""Entering at the dock by badge or card and PIN; and how people get a PIN and a card.

Guarantees: a PIN is stored as a password is, and never told but once, to the admin who issues a start PIN; a start PIN
opens nothing until its person has chosen another; wrong tries are counted before the next one is looked at, and the
one that locks a PIN is in the ledger. The session opened tags and does nothing else (`station.api.policies`).
"""

import secrets as random
from collections.abc import Sequence
from itertools import pairwise

import structlog

from station import clock
from station.actions.login import OpenedSession, open_session, prove_password
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.custody import Custody
from station.database import Database, Session
from station.errors import NotFoundError
from station.records.entries import Actor, Entry
from station.records.people_entries import AccountChange, AccountChanged
from station.records.terms import Role
from station.state import pins, secrets

PIN_SHORTEST, PIN_LONGEST = 4, 8
_START_DIGITS = 6
_CARD_CHARACTERS = 64
_logger = structlog.get_logger(__name__)


def set_pin(custody: Custody, database: Database, actor: Actor, person: str, password: str, pin: str) -> None:
    """Choose one's PIN by the present password; raises ProblemError (password_wrong, pin_unfit, pin_easy)."""
    proven = prove_password(database, person, password)
    hashed = _hash_chosen(pin)

    def compose(session: Session) -> Sequence[Entry]:
        proven.check(session)
        pins.keep(session, person, hashed, single_use=False)
        return (_changed(person, "pin_set", actor),)

    custody.append_from(compose)


def issue_start_pin(custody: Custody, actor: Actor, person: str) -> str:
    """Make a start PIN and return it: shown once, good for choosing one's own at the dock.

    Raises NotFoundError, ProblemError account_closed.
    """
    pin = _random_pin()
    hashed = secrets.hash_password(pin)

    def compose(session: Session) -> Sequence[Entry]:
        _require_open(session, person)
        pins.keep(session, person, hashed, single_use=True)
        return (_changed(person, "pin_issued", actor),)

    custody.append_from(compose)
    return pin


def give_card(custody: Custody, actor: Actor, person: str, number: str) -> None:
    """Let a card stand for a person, in place of their former one; an empty number takes it away.

    Raises NotFoundError, ProblemError (account_closed, card_unfit, card_taken).
    """
    number = number.strip()
    if number and (len(number) > _CARD_CHARACTERS or not number.isascii() or not number.isalnum()):
        raise ProblemError("card_unfit", "A card's number has letters and digits only, 64 at most")

    def compose(session: Session) -> Sequence[Entry]:
        if not number:
            taken = pins.drop_card(session, person)
            return (_changed(person, "card_taken", actor),) if taken else ()
        _require_open(session, person)
        others = {pins.card_person(session, number), *checks.persons_of_badge(session, number)}
        if others - {None, person}:
            raise ProblemError("card_taken", "That number stands for somebody else")
        pins.keep_card(session, person, number)
        return (_changed(person, "card_given", actor),)

    custody.append_from(compose)


def enter(
    custody: Custody, database: Database, *, badge: str, pin: str, chosen: str, again: str, address: str
) -> OpenedSession:
    """Open a session that tags, by badge or card and PIN; with a start PIN the one `chosen` replaces it.

    Raises ProblemError (badge_unknown, pin_missing, pin_wrong, pin_locked, pin_choose, pin_differs, pin_unfit,
    pin_easy, not_officer).
    """
    now = clock.now()
    with database.read() as session:
        person = _person_of(session, badge.strip())
        stored = pins.find(session, person, now)
    if stored is None:
        raise ProblemError("pin_missing", "They have no PIN")
    if stored.locked:
        _logger.warning("pin_refused", person=person, address=address, reason="locked")
        raise _locked()
    if not secrets.password_matches(pin, stored.stored):
        raise _wrong(custody, person, stored.stored, address)
    fresh = _fresh_pin(stored, pin, chosen, again)

    def check(session: Session) -> Sequence[Entry]:
        state = checks.person_state(session, person)
        if state is None or state.disabled or Role.OFFICER not in state.roles:
            raise ProblemError("not_officer", "Only officers tag at the dock")
        present = pins.find(session, person, now)
        if present is None or present.stored != stored.stored:
            raise ProblemError("pin_wrong", "The PIN was changed meanwhile")
        if present.locked:
            raise _locked()
        if fresh is None:
            pins.note_right(session, person)
            return ()
        pins.keep(session, person, fresh, single_use=False)
        return (_changed(person, "pin_set", Actor(person=person, via="web", strength="badge_pin")),)

    return open_session(custody, person, "badge_pin", address, check)


def _person_of(session: Session, badge: str) -> str:
    """Return who shows a badge or card; raises ProblemError badge_unknown."""
    found = {pins.card_person(session, badge), *checks.persons_of_badge(session, badge)} if badge else set()
    persons = [person for person in found if person is not None]
    if len(persons) == 1:
        state = checks.person_state(session, persons[0])
        if state is not None and not state.disabled:
            return state.person
    raise ProblemError("badge_unknown", "No person, or more than one, has that number")


def _wrong(custody: Custody, person: str, stored: str, address: str) -> ProblemError:
    """Count a wrong PIN and return what to say; the try that locks it goes to the ledger."""
    locks: list[bool] = []

    def compose(session: Session) -> Sequence[Entry]:
        now = clock.now()
        present = pins.find(session, person, now)
        if present is None or present.stored != stored:
            return ()
        if present.locked or pins.note_wrong(session, person, now):
            locks.append(True)
        return (_changed(person, "pin_locked", Actor(via="station")),) if locks and not present.locked else ()

    custody.append_from(compose)
    _logger.warning("pin_refused", person=person, address=address, reason="locked" if locks else "wrong")
    return _locked() if locks else ProblemError("pin_wrong", "The PIN is wrong")


def _locked() -> ProblemError:
    return ProblemError("pin_locked", "Too many wrong PINs")


def _fresh_pin(stored: pins.StoredPin, pin: str, chosen: str, again: str) -> str | None:
    if not stored.single_use:
        return None
    if not chosen:
        raise ProblemError("pin_choose", "A start PIN is good for choosing one's own")
    if chosen != again:
        raise ProblemError("pin_differs", "The two PINs differ")
    if chosen == pin:
        raise ProblemError("pin_easy", "The start PIN is known to somebody else")
    return _hash_chosen(chosen)


def _hash_chosen(pin: str) -> str:
    if not (PIN_SHORTEST <= len(pin) <= PIN_LONGEST and pin.isascii() and pin.isdigit()):
        raise ProblemError("pin_unfit", "A PIN has 4 to 8 digits")
    if _is_easy(pin):
        raise ProblemError("pin_easy", "The PIN is too easy to guess")
    return secrets.hash_password(pin)


def _is_easy(pin: str) -> bool:
    """Tell whether all digits are the same, or each follows the one before (1234, 8765)."""
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    return len(steps) == 1 and steps <= {0, 1, -1}


def _random_pin() -> str:
    while True:
        pin = "".join(random.choice("0123456789") for _ in range(_START_DIGITS))
        if not _is_easy(pin):
            return pin


def _require_open(session: Session, person: str) -> None:
    state = checks.person_state(session, person)
    if state is None:
        raise NotFoundError(f"There is no person {person}")
    if state.disabled:
        raise ProblemError("account_closed", "The account is closed")


def _changed(person: str, change: AccountChange, actor: Actor) -> AccountChanged:
    return AccountChanged(fact=AccountChanged.Fact(person=person, change=change), actor=actor)
