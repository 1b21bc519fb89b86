"""Webhooks (事件推送) as people and programs arrange them: adding, removing, trying one out.

Guarantees: a hook tells only what its person may see at that moment, and nothing once that person's account is closed
or the token that made it is over; it begins with what is entered after it was made; adding and removing are entries.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from station import clock
from station.actions.hook_post import Message, Outcome, allowed_place, new_secret, post
from station.actions.problems import ProblemError
from station.catalogue.people import person
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.errors import NotFoundError
from station.ledger import log
from station.records.entries import Actor, Entry
from station.records.people_entries import HookAdded, HookRemoved
from station.state import hooks, tokens
from station.state.hooks import Event, HookView
from station.state.tokens import Scope

NAME_CHARACTERS = 80
HOOKS_MOST = 20
# What a token has to be good for before a hook of its may tell this.
NEEDED = {Event.CLIP_SEALED: Scope.CLIPS_READ, Event.CASE_BOUND: Scope.CASES_READ}


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook somebody wants: what the system is called, its address, which events, in whose name."""

    name: str
    url: str
    events: tuple[str, ...]
    person: str
    token: str | None = None


def add_hook(custody: Custody, home: Home, actor: Actor, wanted: NewHook) -> HookView:
    """Make a hook; its secret is in the answer and is told nowhere else.

    Raises ProblemError (hook_name, hook_events, hook_url, hook_http, hook_host, hooks_many, person_unknown).
    """
    name = " ".join(wanted.name.split())
    if not name or len(name) > NAME_CHARACTERS:
        raise ProblemError("hook_name", f"A hook has a name of {NAME_CHARACTERS} characters at most")
    events = tuple(event.value for event in Event if event in wanted.events)
    if not events or set(wanted.events) - set(events):
        raise ProblemError("hook_events", "A hook tells of an event at least", hint=" ".join(Event))
    place = allowed_place(home.settings, wanted.url)
    made: list[HookView] = []

    def compose(session: Session) -> Sequence[Entry]:
        who = person(session, wanted.person)
        if who is None or who.disabled:
            raise ProblemError("person_unknown", f"There is no open account of the person {wanted.person!r}")
        if len(hooks.list_all(session, who.person)) >= HOOKS_MOST:
            raise ProblemError("hooks_many", f"There are {HOOKS_MOST} hooks in that name already")
        public_id, now = new_id(), clock.timestamp()
        # Its own entry comes to lie at this position; before it, nothing is told.
        new = HookView(
            hook=public_id,
            person=who.person,
            token=wanted.token,
            name=name,
            url=place.url,
            events=events,
            secret=new_secret(),
            created_at=now,
            position=log.size(session),
        )
        hooks.add(session, new)
        made.append(new)
        fact = HookAdded.Fact(hook=public_id, person=who.person, events=events, token=wanted.token)
        return (HookAdded(fact=fact, names=HookAdded.Names(name=name, url=place.url), actor=actor),)

    custody.append_from(compose)
    return made[-1]


def remove_hook(custody: Custody, actor: Actor, hook: str, person_id: str | None = None) -> None:
    """Tell a system no more; with `person_id` only one in that name. Raises NotFoundError when there is none."""

    def compose(session: Session) -> Sequence[Entry]:
        found = hooks.get(session, hook)
        if found is None or person_id not in (None, found.person) or not hooks.remove(session, hook):
            raise NotFoundError(f"There is no hook {hook}")
        return (HookRemoved(fact=HookRemoved.Fact(hook=hook, person=found.person), actor=actor),)

    custody.append_from(compose)


def test_hook(home: Home, database: Database, hook: str) -> Outcome:
    """Send a hook's system a test message now; if it takes it, a dead hook goes on from where it stopped.

    Raises NotFoundError, ConfigError.
    """
    with database.read() as session:
        found = hooks.get(session, hook)
    if found is None:
        raise NotFoundError(f"There is no hook {hook}")
    body = {"type": "test", "timestamp": clock.timestamp(), "data": {"hook": hook}}
    outcome = post(home.settings, found.url, found.secret, Message(f"test_{new_id()}", encode(body)))
    if outcome.problem is None:
        with database.write() as session:
            hooks.note_alive(session, hook)
    return outcome


def viewer_of(session: Session, hook: HookView) -> Viewer | None:
    """Return whose sight a hook has, None when its person or its token may see nothing any more."""
    who = person(session, hook.person)
    if who is None or who.disabled:
        return None
    if hook.token is not None and not tokens.in_force(session, hook.token, clock.now()):
        return None
    return Viewer(person=who.person, roles=frozenset(who.roles), unit=who.unit)


def encode(document: object) -> bytes:
    """Return a message's body."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
