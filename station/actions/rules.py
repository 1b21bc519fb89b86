"""The rules in force at this station, for looking at: what is set, where, and what is fixed in the program."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from station.config import Home, SettingSource, setting_sources
from station.state import accounts, pins, secrets, sessions

# By what they are about; what holds secrets, or says only how programs find each other, is not among them.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "station": ("unit", "locale", "time_zone", "slots", "listen", "kiosk_addresses", "map_tiles"),
    "access": ("second_factor_roles", "session_minutes"),
    "records": ("case_number_pattern", "recording_list", "further_digests"),
    "sources": ("upload_bytes", "upload_days", "inbox", "inbox_settle_seconds", "inbox_delete"),
    "keeping": (
        "retention",
        "scrub_days",
        "reserve_bytes",
        "backup_folders",
        "backup_footage",
        "backup_warn_days",
        "backup_bad_days",
    ),
    "erasing": ("erase_recorders", "erase_minimum_age_hours", "erase_copies", "erase_cosignatures"),
    "proof": (
        "key_store",
        "second_signatures",
        "witnesses",
        "timestamp_authority",
        "anchor_minutes",
        "anchor_warn_hours",
        "anchor_bad_hours",
    ),
}
# What no setting changes, in seconds but for figures that count.
FIXED: Mapping[str, int] = {
    "session_longest": int(sessions.LONGEST.total_seconds()),
    "dock_idle": int(sessions.DOCK_IDLE.total_seconds()),
    "link_life": int(accounts.LINK_LIFE.total_seconds()),
    "code_life": int(accounts.CODE_LIFE.total_seconds()),
    "pin_locked": int(pins.LOCKED.total_seconds()),
    "pin_tries": pins.TRIES,
    "password_characters": secrets.PASSWORD_CHARACTERS,
}
FIXED_FIGURES = frozenset({"pin_tries", "password_characters"})


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting: its value as text ("" for none, yes/no for a switch), and where it comes from."""

    name: str
    value: str
    source: SettingSource


@dataclass(frozen=True, slots=True)
class SettingsInForce:
    """All that is shown, by what it is about, and the file in which it is set."""

    groups: Mapping[str, tuple[SettingInForce, ...]]
    file: Path


def settings_in_force(home: Home) -> SettingsInForce:
    """Return the settings this process runs by; raises HomeError, ConfigError when the file can't be read."""
    sources = setting_sources(home)
    groups = {
        group: tuple(SettingInForce(name, _text(getattr(home.settings, name)), sources[name]) for name in names)
        for group, names in SHOWN.items()
    }
    return SettingsInForce(groups, home.root / "station.toml")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(getattr(each, "url", "") or str(getattr(each, "vkey", each)) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
