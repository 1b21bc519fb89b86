"""Entries about people, their roles and their sessions. Secrets are local state and never entries."""

from typing import ClassVar, Literal

from pydantic import Field

from station.records.entries import Actor, Entry, Part
from station.records.terms import Role


class PersonDescribed(Entry):
    """A person was added or their description changed."""

    TYPE: ClassVar[str] = "person.described"

    class Fact(Part):
        """`kind`: officer (certified), auxiliary (行政执法辅助人员) or staff."""

        person: str
        kind: Literal["officer", "auxiliary", "staff"]

    class Names(Part):
        """What they are called and known by."""

        name: str = Field(min_length=1, max_length=80)
        login: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")
        unit: str = ""
        certificate_number: str | None = None
        police_number: str | None = None

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the person."""
        return (f"person:{self.fact.person}",)


class RolesGranted(Entry):
    """The complete set of a person's roles from now on; empty: none."""

    TYPE: ClassVar[str] = "person.roles"

    class Fact(Part):
        """`second` is the other person who agreed, "console" when the console code stood for them."""

        person: str
        roles: tuple[Role, ...]
        second: str | None = None

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the person."""
        return (f"person:{self.fact.person}",)


AccountChange = Literal[
    "link_issued",
    "password_set",
    "disabled",
    "enabled",
    "pin_set",
    "pin_issued",
    "pin_locked",
    "card_given",
    "card_taken",
    "factor_set",
    "factor_removed",
]


class AccountChanged(Entry):
    """A person's way in changed: a link was issued, a password chosen, the account closed or opened again.

    A second factor was set up, or taken away. At the dock: a PIN was chosen (`pin_set`), issued for one use, or locked
    by wrong tries; a card was given or taken.
    """

    TYPE: ClassVar[str] = "account.changed"

    class Fact(Part):
        """What changed."""

        person: str
        change: AccountChange

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the person."""
        return (f"person:{self.fact.person}",)


class TokenIssued(Entry):
    """A program may act in a person's name from now on, within scopes and until a day (`/api/v1`)."""

    TYPE: ClassVar[str] = "token.issued"

    class Fact(Part):
        """The token's public id (not its secret); `second` as with roles: who agreed."""

        token: str
        person: str
        scopes: tuple[str, ...]
        expires_at: str
        second: str | None = None

    class Names(Part):
        """What the program is called, and so what the token is for."""

        name: str = Field(min_length=1, max_length=80)

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the token and whose name it acts in."""
        return (f"token:{self.fact.token}", f"person:{self.fact.person}")


class TokenRevoked(Entry):
    """A program may no longer act in a person's name."""

    TYPE: ClassVar[str] = "token.revoked"

    class Fact(Part):
        """The token's public id."""

        token: str
        person: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the token and whose name it acted in."""
        return (f"token:{self.fact.token}", f"person:{self.fact.person}")


class HookAdded(Entry):
    """A system is told of events from now on, in a person's name (webhook)."""

    TYPE: ClassVar[str] = "hook.added"

    class Fact(Part):
        """The hook's public id, whose sight it has, which events; `token` made it, None at the console."""

        hook: str
        person: str
        events: tuple[str, ...]
        token: str | None = None

    class Names(Part):
        """What the system is called, and the address that is told."""

        name: str = Field(min_length=1, max_length=80)
        url: str = Field(min_length=1, max_length=500)

    fact: Fact
    names: Names | None = None
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the hook and whose name it acts in."""
        return (f"hook:{self.fact.hook}", f"person:{self.fact.person}")


class HookRemoved(Entry):
    """A system is told no more."""

    TYPE: ClassVar[str] = "hook.removed"

    class Fact(Part):
        """The hook's public id."""

        hook: str
        person: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the hook and whose name it acted in."""
        return (f"hook:{self.fact.hook}", f"person:{self.fact.person}")


class SessionOpened(Entry):
    """Somebody logged in."""

    TYPE: ClassVar[str] = "session.opened"

    class Fact(Part):
        """The session's public id (not its secret)."""

        session: str

    fact: Fact
    actor: Actor | None = None

    def subjects(self) -> tuple[str, ...]:
        """Return the session."""
        return (f"session:{self.fact.session}",)
