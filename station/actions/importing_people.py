"""People from a CSV file: one line a person, found again by the log-in name.

A column that is not in the file, or an empty cell of the roles, changes nothing; an empty unit or number is emptied.
Who is added gets in by a log-in link or start PIN, made afterwards and handed over one by one, as ever.
"""

from collections.abc import Sequence

from station.actions.importing import Change, Line, Outcome, Planned, choose_word
from station.actions.people import Description, check_roles, describe, grant
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.people import list_people
from station.catalogue.views import PersonView
from station.database import Session
from station.digest import new_id
from station.records.entries import Actor, Entry
from station.records.terms import Role

COLUMNS = ("name", "login", "kind", "unit", "certificate_number", "police_number", "roles")
REQUIRED = ("name", "login")
_KINDS = ("officer", "auxiliary", "staff")
_DESCRIBED = ("name", "kind", "unit", "certificate_number", "police_number")
_ROLE_SEPARATORS = str.maketrans("\N{IDEOGRAPHIC COMMA}\N{FULLWIDTH COMMA}\N{FULLWIDTH SEMICOLON};,/|", " " * 7)


def plan_people(
    lines: Sequence[Line], session: Session, actor: Actor, second: str | None, *, unit: str = ""
) -> tuple[Planned, ...]:
    """Return what becomes of each line; `unit` is where a new person belongs whose line names none."""
    known = {each.login: each for each in list_people(session)}
    admins = set(checks.active_admins(session))
    seen: set[str] = set()
    rows = []
    for line in lines:
        login = line.cells.get("login", "").lower()
        try:
            if login in seen:
                raise ProblemError("login_twice", "That log-in name is in the file twice")
            seen.add(login)
            rows.append(_judge(line, known.get(login), admins, actor, second, unit))
        except ProblemError as error:
            rows.append(Planned(line.number, "refused", _title(line), problem=error.code))
    return tuple(rows)


def _title(line: Line) -> str:
    return " · ".join(text for text in (line.cells.get("name", ""), line.cells.get("login", "")) if text)


def _judge(
    line: Line, former: PersonView | None, admins: set[str], actor: Actor, second: str | None, unit: str
) -> Planned:
    person = former.person if former else new_id()
    before = _former(former)
    wanted = before | {key: text for key, text in line.cells.items() if key in _DESCRIBED}
    wanted["kind"] = _kind(line, before["kind"])
    if former is None and "unit" not in line.cells:
        wanted["unit"] = unit
    described = describe(
        person,
        Description(
            wanted["kind"],
            wanted["name"],
            line.cells.get("login", ""),
            wanted["unit"],
            wanted["certificate_number"],
            wanted["police_number"],
        ),
        actor,
    )
    roles = _roles(line)
    present = frozenset(Role(role) for role in former.roles) if former else frozenset()
    entries: list[Entry] = []
    changes = [Change(key, before[key], wanted[key]) for key in _DESCRIBED if before[key] != wanted[key]]
    if former is None or changes:
        entries.append(described)
    two = False
    if roles is not None and roles != present:
        two = Role.ADMIN in roles ^ present or person == actor.person
        _keep_an_admin(person, admins, roles)
        changes.append(Change("roles", " ".join(sorted(present)), " ".join(sorted(roles))))
        entries.append(grant(person, roles, second if two else None, actor))
    outcome: Outcome = "new" if former is None else "changed" if entries else "unchanged"
    return Planned(line.number, outcome, _title(line), tuple(changes), two=two, entries=tuple(entries))


def _former(former: PersonView | None) -> dict[str, str]:
    if former is None:
        return dict.fromkeys(_DESCRIBED, "")
    return {key: getattr(former, key) or "" for key in _DESCRIBED}


def _kind(line: Line, before: str) -> str:
    text = line.cells.get("kind", "")
    if not text:
        return before or "officer"
    kind = choose_word(text, "person_kind", _KINDS)
    if kind is None:
        raise ProblemError("kind_unknown", f"There is no kind {text!r}")
    return kind


def _roles(line: Line) -> frozenset[Role] | None:
    """Return the roles a line names; None where it leaves them as they are."""
    words = line.cells.get("roles", "").translate(_ROLE_SEPARATORS).split()
    if not words:
        return None
    found = []
    # Words of a role may hold a blank themselves, so the longest run of words that names one is taken.
    while words:
        for count in range(min(3, len(words)), 0, -1):
            role = choose_word(" ".join(words[:count]), "role", [role.value for role in Role])
            if role is not None:
                found.append(Role(role))
                words = words[count:]
                break
        else:
            raise ProblemError("role_unknown", f"There is no role {words[0]!r}")
    return check_roles(found)


def _keep_an_admin(person: str, admins: set[str], roles: frozenset[Role]) -> None:
    """Take a line's effect on who is admin into account; raises ProblemError last_admin."""
    if Role.ADMIN in roles:
        admins.add(person)
    elif admins - {person}:
        admins.discard(person)
    else:
        raise ProblemError("last_admin", "There must be one admin at least")
