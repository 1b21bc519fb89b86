"""Webhooks (事件推送) for programs: which systems are told of events, in the name of the token's person."""

from typing import Annotated

from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from station.actions import hooks as actions
from station.api.auth import RefusedError
from station.api.context import station_of, visit_of
from station.api.v1.enforcing import token_of
from station.api.v1.models import Given, Id, Line, Told
from station.api.v1.once import Key, once
from station.api.v1.routing import Route
from station.digest import is_id
from station.errors import NotFoundError
from station.state import hooks
from station.state.hooks import Event, HookView

_TAG = "Webhooks"


class HookGiven(Given):
    """A system that wants to be told."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=actions.NAME_CHARACTERS)] = Field(
        description="what the system is called"
    )
    url: Annotated[Line, StringConstraints(min_length=1, max_length=500)] = Field(
        description="where messages are sent; its host is named in the station's setting hook_hosts",
        examples=["https://cases.example/evidence"],
    )
    events: list[Event] = Field(min_length=1, max_length=len(Event), description="what it is told of")


class Hook(Told):
    """A hook, and how it fares."""

    hook: Id
    name: str
    url: str
    events: list[str]
    state: str = Field(description="ok, failing (tried again by itself) or dead (an administrator has to test it)")
    position: int = Field(description="number of the next entry of the log to look at; all before it was told")
    failures: int = Field(description="in a row")
    next_try_at: str | None
    problem: str | None = Field(description="why the last try failed, as a code")
    delivered_at: str | None = Field(description="when a message was last taken")
    created_at: str


class HookMade(Hook):
    """A hook just made."""

    secret: str = Field(
        description="key of the signatures (Standard Webhooks); not told again", examples=["whsec_MfK…"]
    )


class HookList(Told):
    """All hooks in the name of the token's person."""

    items: list[Hook]


class RemovalGiven(Given):
    """Nothing more is needed."""


class HookRemoved(Told):
    """The hook that is no more."""

    hook: Id


def list_hooks(request: Request) -> HookList:
    """Return the hooks in the name of the token's person, the oldest first."""
    with station_of(request).database.read() as session:
        found = hooks.list_all(session, visit_of(request).person.person)
    return HookList(items=[Hook.model_validate(_common(each)) for each in found])


def add_hook(request: Request, given: HookGiven, key: Key) -> Response:
    """Have a system told of events from now on: clip.sealed needs clips:read as well, case.bound cases:read."""
    station, visit, token = station_of(request), visit_of(request), token_of(request)
    for event in given.events:
        if actions.NEEDED[event] not in token.scopes:
            raise RefusedError("hook", "scope")

    def run() -> tuple[int, HookMade]:
        events = tuple(event.value for event in given.events)
        wanted = actions.NewHook(given.name, given.url, events, visit.person.person, token.token)
        made = actions.add_hook(station.custody, station.home, visit.actor, wanted)
        return 201, HookMade.model_validate(_common(made) | {"secret": made.secret})

    return once(request, key, given, run)


def remove_hook(request: Request, hook: str, given: RemovalGiven, key: Key) -> Response:
    """Tell a system no more."""
    station, visit = station_of(request), visit_of(request)
    if not is_id(hook):
        raise NotFoundError("There is no such hook")

    def run() -> tuple[int, HookRemoved]:
        actions.remove_hook(station.custody, visit.actor, hook, visit.person.person)
        return 200, HookRemoved(hook=hook)

    return once(request, key, given, run)


def _common(hook: HookView) -> dict[str, object]:
    return {
        "hook": hook.hook,
        "name": hook.name,
        "url": hook.url,
        "events": list(hook.events),
        "state": hook.state,
        "position": hook.position,
        "failures": hook.failures,
        "next_try_at": hook.due_at,
        "problem": hook.problem,
        "delivered_at": hook.delivered_at,
        "created_at": hook.created_at,
    }


ROUTES = (
    Route("GET", "/hooks", list_hooks, "Systems that are told of events", _TAG, HookList),
    Route("POST", "/hooks", add_hook, "Have a system told of events", _TAG, HookMade, 201),
    Route("POST", "/hooks/{hook}/removal", remove_hook, "Tell a system no more", _TAG, HookRemoved),
)
