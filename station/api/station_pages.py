"""What the pages about the station itself are given: rules, slots, profiles, tokens, sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from station.actions.rules import SettingsInForce
from station.board import SlotBoard
from station.records.retention import Rule


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
