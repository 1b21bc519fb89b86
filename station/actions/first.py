"""The first run: a station that nobody has claimed gets its settings, its first admin, and the second one.

Guarantees: only whoever holds the one-time code printed at the machine itself claims it; settings and people come about
together at the last step or not at all, so that leaving off in the middle leaves nothing; once there is an admin this
way is closed for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from station import clock
from station.actions.login import (
    OpenedSession,
    Opening,
    admin_exists_error,
    check_login_free,
    check_password,
    make_description,
    password_set_entry,
)
from station.actions.problems import ProblemError
from station.actions.settings import SettingsChange, Value
from station.board import read_slots
from station.catalogue import checks
from station.clock import KernelClock
from station.config import Home, Settings, read_text
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id, sha256_hex
from station.ledger import log
from station.records.entries import Actor, Entry
from station.records.people_entries import AccountChanged, PersonDescribed, RolesGranted
from station.records.terms import Role
from station.slots import read_slots_map
from station.state import accounts, secrets

SETTINGS = ("unit", "time_zone", "case_number_pattern", "backup_folders")
"""What the first run may set."""
CaseForm = Literal["any", "bracketed", "own"]
CASE_FORMS: Mapping[str, str] = {
    "any": Settings.model_fields["case_number_pattern"].default,
    # Issuing body, year in brackets, running number (GB/T 9704-2012, 7.2.5), with the brackets people type for those.
    "bracketed": r".{1,60}[〔\[(（【]\d{4}[〕\])）】].{0,10}\d{1,8}.?",
}


@dataclass(frozen=True, slots=True)
class Admin:
    """Who is to administer; the second one has no `password` yet and comes in by a link."""

    name: str
    login: str
    password: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the station finds out about itself: slots and their named ports, recorders in them, the clock, its key.

    `key` is the text of log.vkey, `fingerprint` its hex SHA-256 as `sha256sum log.vkey` tells it.
    """

    slots: int
    named: int
    occupied: int
    clock: KernelClock
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A station just claimed: the admin's session, the second one's link (None: there is none), and its home now."""

    opened: OpenedSession
    link: str | None
    home: Home
    changed: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The last signed checkpoint: how many entries it covers, and their root as base64; None before the first."""

    size: int
    root: str


def look(home: Home) -> Found:
    """Return what the station finds; raises ConfigError for a wrong slots.toml, HomeError without log.vkey."""
    key = read_text(home.root / "log.vkey")
    boards = read_slots(home.run)
    return Found(
        slots=home.settings.slots,
        named=len(read_slots_map(home)),
        occupied=len(boards),
        clock=clock.kernel_clock(),
        key=key,
        fingerprint=sha256_hex(key.encode()),
    )


def head(database: Database) -> Head | None:
    """Return the last signed checkpoint."""
    with database.read() as session:
        stored = log.latest_checkpoint(session)
    return Head(stored.size, stored.note.splitlines()[2]) if stored else None


def case_form(home: Home) -> CaseForm:
    """Return which form of case numbers is in force."""
    pattern = home.settings.case_number_pattern
    return "any" if pattern == CASE_FORMS["any"] else "bracketed" if pattern == CASE_FORMS["bracketed"] else "own"


def check_code(database: Database, code: str) -> None:
    """Raise ProblemError unless the code counts and there is no admin yet (code_wrong, admin_exists)."""
    with database.read() as session:
        _check(session, code)


def _check(session: Session, code: str) -> None:
    if checks.active_admins(session):
        raise admin_exists_error()
    if not accounts.code_counts(session, "first_admin", code, clock.now()):
        raise _code_wrong()


def _code_wrong() -> ProblemError:
    return ProblemError("code_wrong", "The console code is wrong, used or expired")


def settings_of(unit: str, time_zone: str, case_numbers: str, backup_folder: str, home: Home) -> dict[str, Value]:
    """Return the settings that were typed; raises ProblemError (backup_folder_invalid, backup_inside_home)."""
    values: dict[str, Value] = {"unit": " ".join(unit.split()), "time_zone": time_zone.strip()}
    if case_numbers in CASE_FORMS:
        values["case_number_pattern"] = CASE_FORMS[case_numbers]
    folder = backup_folder.strip()
    if folder and (not folder.isprintable() or not PurePosixPath(folder).is_absolute() or ".." in folder.split("/")):
        raise ProblemError("backup_folder_invalid", "A place of backups is a whole path")
    if folder and PurePosixPath(folder).is_relative_to(home.root):
        raise ProblemError("backup_inside_home", "A backup inside of the home would go down with it")
    values["backup_folders"] = (folder,) if folder else ()
    return values


def claim(
    custody: Custody,
    database: Database,
    home: Home,
    *,
    code: str,
    first: Admin,
    second: Admin | None,
    settings: Mapping[str, Value],
    address: str,
) -> Claimed:
    """Make the admins and write the settings, all at once, and open the first admin's session.

    `settings` are by name, those of `SETTINGS`; what is left out stays. Raises ProblemError (code_wrong, admin_exists,
    name_missing, login_invalid, login_taken, settings_kept, setting_invalid and those of a password).
    """
    check_code(database, code)  # before hashing: nobody makes us work without a code
    change = SettingsChange(home, settings)
    unit = change.home.settings.unit
    opening = Opening(new_id(), "console", address)
    described = make_description(opening.opened.person, "staff", first.name, first.login, unit)
    assert described.names is not None  # noqa: S101  just made
    check_password(first.password, described.names.login)
    link = secrets.new_token() if second else None
    other = make_description(new_id(), "staff", second.name, second.login, unit) if second else None
    if other is not None and other.names is not None and other.names.login == described.names.login:
        raise ProblemError("login_taken", "The two administrators need a log-in name each")
    stored = secrets.hash_password(first.password)
    written = False

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal written
        _check(session, code)
        accounts.use_code(session, "first_admin", code, clock.now())
        check_login_free(session, described)
        accounts.set_password_hash(session, opening.opened.person, stored)
        entries = [*_grant(described, opening.actor), password_set_entry(opening.opened.person, opening.actor)]
        if other is not None and link is not None:
            check_login_free(session, other)
            accounts.add_link(session, other.fact.person, link, clock.now())
            issued = AccountChanged.Fact(person=other.fact.person, change="link_issued")
            entries += [*_grant(other, opening.actor), AccountChanged(fact=issued, actor=opening.actor)]
        entries.append(opening.keep(session))
        written = True  # before the commit: an admin without these settings could not come back here
        change.write()
        return entries

    try:
        custody.append_from(compose)
    except BaseException:
        if written:
            change.take_back()
        raise
    change.tell_changed()
    return Claimed(opening.opened, link, change.home, change.is_one)


def _grant(described: PersonDescribed, actor: Actor) -> tuple[Entry, Entry]:
    """Return the entries of an admin, to whom the console's code agreed."""
    roles = RolesGranted.Fact(person=described.fact.person, roles=(Role.ADMIN,), second="console")
    return described.model_copy(update={"actor": actor}), RolesGranted(fact=roles, actor=actor)
