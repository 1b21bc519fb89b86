"""What the pages about the station itself are given: rules, slots, profiles, tokens, sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from station.actions.backing import Place
from station.actions.backups import Age, KnownBackup
from station.actions.rules import SettingsInForce
from station.board import SlotBoard
from station.catalogue.views import PersonView
from station.records.retention import Rule
from station.state.backups import Job
from station.state.sessions import SessionView
from station.state.tokens import TokenView


@dataclass(frozen=True, slots=True)
class RulesPage:
    """station_rules.html. `fixed` are times in seconds, or figures for those in `figures`."""

    settings: SettingsInForce
    retention: tuple[Rule, ...]
    fixed: Mapping[str, int]
    figures: frozenset[str]


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A slot: the port that was learned for it, None where it takes what comes; what the board shows, None: empty."""

    number: int
    port: str | None
    board: SlotBoard | None


@dataclass(frozen=True, slots=True)
class SlotsPage:
    """station_slots.html. `problem`: slots.toml can't be read, in the program's own words."""

    slots: tuple[SlotLine, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """A firmware profile: `own` is the unit's, not one shipped; `name` in the reader's language."""

    id: str
    version: str
    name: str
    tier: Literal["emulated", "reported", "verified"]
    transport: str
    erasing: bool
    clock: bool
    own: bool
    recorders: int


@dataclass(frozen=True, slots=True)
class ProfilesPage:
    """station_profiles.html."""

    profiles: tuple[ProfileLine, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BackupPage:
    """station_backup.html and its part backup_state.html. `same_disk`: places on the disk that holds the originals.

    `job` waits or runs, `failed` are the last of a kind where these failed; `warn_days`: from then on it is old.
    """

    age: Age
    newest: KnownBackup | None
    drilled: KnownBackup | None
    places: tuple[Place, ...]
    same_disk: frozenset[Path]
    job: Job | None
    failed: tuple[Job, ...]
    warn_days: int
    footage: bool
    file: Path
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """station_sessions.html. `names` by person; `session` is the reader's own."""

    sessions: tuple[SessionView, ...]
    names: Mapping[str, str]
    session: str

    @property
    def logged_in(self) -> frozenset[str]:
        """The persons who have a session."""
        return frozenset(each.person for each in self.sessions)


@dataclass(frozen=True, slots=True)
class TokensPage:
    """station_tokens.html. `secret` is shown once, right after the token named `issued` was made; `now` in UTC text."""

    tokens: tuple[TokenView, ...]
    people: tuple[PersonView, ...]
    scopes: tuple[str, ...]
    days_most: int
    second_needed: Literal["password", "console"]
    now: str
    secret: str = ""
    issued: str = ""
    problem: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> Mapping[str, str]:
        """The people's names by their ids."""
        return {each.person: each.name for each in self.people}
